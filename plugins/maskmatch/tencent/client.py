"""The vendor's client, of which only the building and sending of a request is replaced.

Models, checks of the answer, error types and settings stay the vendor's. What is replaced costs it four
times the processor time: requests, `json.dumps` over megabytes, and a debug text of every request. Building a
request and taking its answer through the vendor's checks are two steps: who sends it comes between.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest, CompareMaskFaceResponse

from maskmatch.core.codes import rule_for
from maskmatch.core.endpoints import read_endpoint
from maskmatch.core.errors import StopRun
from maskmatch.tencent.account import Account
from maskmatch.tencent.answers import Response
from maskmatch.tencent.connections import Place
from maskmatch.tencent.proxies import proxy_for
from maskmatch.tencent.request import Signer, body_of, fixed_head, head_of
from maskmatch.tencent.stages import ExchangeBroken, Stage
from maskmatch.tencent.trust import authorities_of
from maskmatch.tencent.values import message_of, refuse_repeated

log = logging.getLogger(__name__)

_LANGUAGE = "en-US"
SIGNATURE_EXPIRED = "AuthFailure.SignatureExpire"
_SENT = SimpleNamespace(_serialize=dict, headers=None)
"""Stands for a request that the SDK is not to send."""
_MAY_BE_MORE_THAN_SCORE = re.compile(rb"Error|Deprecated|\\")
"""What is looked for in an answer, parsing it once more for that; it might be written in escapes."""


class LeanClient(IaiClient):  # type: ignore[misc]  # the SDK has no types
    """A client for many threads; bytes in a request are sent as base64 text."""

    def __init__(self, account: Account, *, now: Callable[[], float] = time.time) -> None:
        # At level DEBUG the SDK would log answers and, where we do not replace it, whole requests.
        logging.getLogger("tencentcloud_sdk_common").setLevel(logging.WARNING)
        super().__init__(_credential(account), account.region, _profile(account))
        host = account.endpoint
        trusted = authorities_of(os.environ, otherwise=self.request.conn.certification)
        self.place = place = Place(
            endpoint=host,
            authorities=trusted if account.protocol == "https" else None,
            proxy=proxy_for(read_endpoint(host), protocol=account.protocol),
        )
        self._fixed_head = fixed_head(
            {
                "Host": host,
                "X-TC-Action": "CompareMaskFace",
                "X-TC-RequestClient": self.request_client,
                "X-TC-Version": self._apiVersion,
                **({"X-TC-Region": account.region} if account.region else {}),
                "X-TC-Language": _LANGUAGE,
                **place.proxy_headers,
            },
            target=place.target,
        )
        self._now = now
        self._ahead = 0.0
        self._told_deprecation = False
        self._of_thread = threading.local()
        self.sign_as(account)

    def sign_as(self, account: Account) -> None:
        """Sign the calls from now on with the credential of an account; raise StopRun for a malformed one."""
        _credential(account)
        self.signer = Signer(account.secret_id, account.secret_key, account.session_token)

    def sealed(self, request: CompareMaskFaceRequest) -> tuple[bytes, ...]:
        """Return a signed request as it is sent: its head and the blocks of its body."""
        body, signer, timestamp = (
            body_of(request._serialize()),  # noqa: SLF001  as the SDK's own methods do
            self.signer,
            int(self._now() + self._ahead),
        )
        authorization = signer.authorization(
            host=self._get_endpoint(), service=self._service, digest=body.digest, timestamp=timestamp
        )
        head = head_of(
            self._fixed_head,
            body,
            timestamp=timestamp,
            authorization=authorization,
            session_token=signer.session_token,
        )
        return (head + body.blocks[0],) if len(body.blocks) == 1 else (head, *body.blocks)

    def opened(self, ended: Response | ExchangeBroken) -> CompareMaskFaceResponse:
        """Return what the answer says; raise what the SDK raises for it."""
        self._of_thread.ended = ended
        return self.CompareMaskFace(_SENT)

    def _call(self, *_: object) -> Response:
        """Return the answer to the request, as the method of this name in the SDK does."""
        ended: Response | ExchangeBroken = self._of_thread.ended
        if isinstance(ended, ExchangeBroken):
            raise TencentCloudSDKException(_code(ended), str(ended)) from ended
        return ended

    def _check_error(self, resp: Response) -> None:
        refuse_repeated(resp.content)
        if not _MAY_BE_MORE_THAN_SCORE.search(resp.content):
            return
        answer = json.loads(resp.content)["Response"]
        if "Error" not in answer:
            self._tell_deprecation(answer)
            return
        try:
            super()._check_error(resp)
        except TencentCloudSDKException as error:
            if error.get_code() == SIGNATURE_EXPIRED:
                self._learn_time(resp)
            raise

    def _tell_deprecation(self, answer: object) -> None:
        """Log once that the call is to end; the SDK would change the warnings of the whole process each time.

        Only the thread that takes in answers comes here.
        """
        if self._told_deprecation or not isinstance(answer, dict) or "DeprecatedWarning" not in answer:
            return
        self._told_deprecation = True
        said = message_of(answer["DeprecatedWarning"])
        log.warning(
            "%s says that CompareMaskFace is deprecated; scores go on until it ends: %s",
            self.place.endpoint,
            said,
        )

    def behind(self, response: Response | None) -> float | None:
        """Return how many seconds this host's clock is behind the time of an answer; None without one."""
        with suppress(TypeError, ValueError, OverflowError):
            told = response.headers.get("Date") if response else None
            return parsedate_to_datetime(told or "").replace(tzinfo=UTC).timestamp() - self._now()
        return None

    def _learn_time(self, response: Response) -> None:
        """Sign with the vendor's time from now on, if it told any."""
        if (behind := self.behind(response)) is not None:
            self._ahead = behind
            log.warning("this host's clock is %.0f s behind the vendor's: set it (NTP)", behind)


def _credential(account: Account) -> Credential:
    try:
        return Credential(account.secret_id, account.secret_key, account.session_token)
    except TencentCloudSDKException as error:
        raise StopRun(f"{rule_for('InvalidCredential').meaning} ({error.get_message()})") from error


def _profile(account: Account) -> ClientProfile:
    return ClientProfile(
        httpProfile=HttpProfile(protocol=account.protocol, endpoint=account.endpoint),
        language=_LANGUAGE,
        retryer=None,  # the SDK's retryer throws away successes that were paid
        disable_region_breaker=True,  # switched on, it hides refused connections
    )


def _code(broken: ExchangeBroken) -> str:
    """Return the code under which the SDK would report the same."""
    if broken.stage is not Stage.READ:
        return "ClientNetworkError"
    return "ConnectionError" if broken.timed_out else "ChunkedEncodingError"

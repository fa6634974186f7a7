"""CompareMaskFace through the vendor's own SDK, set up so that nothing is retried or lost behind our back."""

import base64
import logging
import math
import re
from dataclasses import dataclass, field, replace

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303 import models
from tencentcloud.iai.v20200303.iai_client import IaiClient

from maskmatch.core.codes import Action, Billed, rule_for
from maskmatch.core.engine import Answer
from maskmatch.core.errors import CallFailed, InputError, StopRun, Unavailable
from maskmatch.core.images import Picture
from maskmatch.core.outcomes import FailureClass

DEFAULT_ENDPOINT = "iai.tencentcloudapi.com"
DEFAULT_REGION = "ap-guangzhou"
DEFAULT_CALLS_PER_SECOND = 50.0
"""Rate limit of pay-per-call accounts: https://cloud.tencent.com/document/product/867/50269"""
MODEL_VERSION = "3.0"
"""The only face model CompareMaskFace serves: https://cloud.tencent.com/document/product/867/50425"""

_TIMEOUTS = (3, 10)  # connect, read: the backend gives up after 5 s
_LONGEST_MESSAGE = 300
_HANDSHAKE = ("WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED", "HANDSHAKE_FAILURE", "HOSTNAME_MISMATCH")
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to reach the vendor as one account, and how many calls a second it allows."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    protocol: str = "https"
    region: str = DEFAULT_REGION
    calls_per_second: float = DEFAULT_CALLS_PER_SECOND
    broker: str | None = None

    def __post_init__(self) -> None:
        """Raise InputError for a rate that is none."""
        if not 0 < self.calls_per_second < math.inf:
            raise InputError(f"calls_per_second must be a number above 0, not {self.calls_per_second}")


class TencentComparer:
    """One SDK client with a connection for each call in flight; may be used by many threads."""

    def __init__(self, account: Account, *, connections: int) -> None:
        self._place = f"{account.protocol}://{account.endpoint}"
        self._client = _client(account, connections)

    def compare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Answer:
        """Make one call; raise CallFailed for every answer that is not a score."""
        request = models.CompareMaskFaceRequest()
        request.UrlA, request.ImageA = _side(reference)
        request.UrlB, request.ImageB = _side(probe)
        request.FaceModelVersion = MODEL_VERSION
        request.QualityControl = quality_control
        return self._call(request)

    def check(self) -> None:
        """Make one call without images, which the vendor refuses free of charge.

        Raise StopRun when account or settings are wrong, Unavailable when the service cannot be reached.
        """
        try:
            self._call(models.CompareMaskFaceRequest())
        except CallFailed as failure:
            rule, text = failure.rule, f"{failure.rule.meaning} The vendor said: {failure}"
            if rule.failure_class is FailureClass.POLICY and rule.code != "MissingParameter":
                raise StopRun(text) from failure
            if rule.failure_class is FailureClass.INFRASTRUCTURE and rule.action is not Action.THROTTLE:
                raise Unavailable(text) from failure

    def close(self) -> None:
        """Close the connections."""
        self._client.request.conn._session.close()  # noqa: SLF001  the SDK offers no other way

    def _call(self, request: models.CompareMaskFaceRequest) -> Answer:
        try:
            response = self._client.CompareMaskFace(request)
        except TencentCloudSDKException as error:
            raise self._failure(error) from error.__context__
        score = _score(response.Score)
        if score is None:  # also an error that came with a content type at which the SDK does not look
            message = "the answer holds no score from 0 to 100"
            raise CallFailed(rule_for("JSONDecodeError"), message, request_id=response.RequestId)
        return Answer(score, response.FaceModelVersion, response.RequestId)

    def _failure(self, error: TencentCloudSDKException) -> CallFailed:
        rule = rule_for(error.get_code() or "FailedOperation")
        if not rule.known and error.__context__:  # an answer came and the SDK broke on it
            rule = rule_for("JSONDecodeError")
        never_sent = rule.code == "ClientNetworkError" and _was_never_sent(error.__context__)
        if never_sent:
            meaning = f"{self._place} cannot be reached: check protocol, endpoint and network."
            rule = replace(rule, billed=Billed.NO, meaning=meaning)
        request_id = error.get_request_id() or None
        return CallFailed(rule, _clean(error.get_message()), request_id=request_id, never_sent=never_sent)


def _client(account: Account, connections: int) -> IaiClient:
    # At level DEBUG the SDK would log whole requests: images, signed URLs and the Authorization header.
    logging.getLogger("tencentcloud_sdk_common").setLevel(logging.WARNING)
    profile = ClientProfile(
        httpProfile=HttpProfile(protocol=account.protocol, endpoint=account.endpoint, reqTimeout=_TIMEOUTS),
        language="en-US",
        retryer=None,  # the SDK's retryer throws away successes that were paid
        disable_region_breaker=True,  # switched on, it hides refused connections
    )
    try:
        credential = Credential(account.secret_id, account.secret_key, account.session_token)
    except TencentCloudSDKException as error:
        raise StopRun(f"{rule_for('InvalidCredential').meaning} ({error.get_message()})") from error
    client = IaiClient(credential, account.region, profile)
    session = client.request.conn._session  # noqa: SLF001  the SDK offers no other way to size its pool
    session.trust_env = False  # or ~/.netrc would overwrite Authorization
    session.mount(
        f"{account.protocol}://", HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    )
    return client


def _score(value: object) -> float | None:
    try:
        score = float(value)  # type: ignore[arg-type]  # whatever the answer held
    except (TypeError, ValueError):
        return None
    return score if 0 <= score <= 100 else None


def _side(picture: Picture) -> tuple[str | None, str | None]:
    if picture.url is not None:
        return picture.url, None
    return None, base64.b64encode(picture.data or b"").decode("ascii")


def _was_never_sent(error: BaseException | None) -> bool:
    """Say whether a network error is from before the request left: such a call cannot be billed."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError) or not error.args:
        return False
    reason = getattr(error.args[0], "reason", error.args[0])
    if isinstance(reason, urllib3.exceptions.SSLError):
        return any(word in str(reason) for word in _HANDSHAKE)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _clean(message: object) -> str:
    """Return a message fit for logs and tables: short, without the query of any address."""
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    text = _QUERY.sub(r"\1?...", " ".join(text.split()))
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."

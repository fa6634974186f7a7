"""One paid call, and what each answer that is no score means."""

import math
import re
import threading
from collections.abc import Callable
from dataclasses import replace

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.iai.v20200303 import models

from maskmatch.adapters.tencent.account import Account
from maskmatch.adapters.tencent.client import SIGNATURE_EXPIRED, LeanClient
from maskmatch.adapters.tencent.connections import ExchangeBroken, Stage
from maskmatch.core.codes import Action, Billed, rule_for
from maskmatch.core.engine import Answer
from maskmatch.core.errors import CallFailed, SlotMissed, StopRun, Unavailable
from maskmatch.core.images import Picture
from maskmatch.core.outcomes import FailureClass

MODEL_VERSION = "3.0"
"""The only face model CompareMaskFace serves: https://cloud.tencent.com/document/product/867/50425"""

_MEANINGS = {
    Stage.CONNECT: "{} cannot be reached: check protocol, endpoint and network.",
    Stage.SEND: "{} hung up before it had the whole request: check the network, and the sizes of the images.",
}
_LONGEST_MESSAGE = 300
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")


class TencentComparer:
    """One client with a connection for each call in flight; may be used by many threads.

    `renew` fetches the account anew when the vendor refuses its temporary credential.
    """

    def __init__(
        self, account: Account, *, connections: int, renew: Callable[[], Account] | None = None
    ) -> None:
        self._place = f"{account.protocol}://{account.endpoint}"
        self._client = LeanClient(account, connections=connections)
        self._account = account
        self._renew = renew
        self._renewing = threading.Lock()
        self._used = threading.local()

    def compare(
        self, reference: Picture, probe: Picture, *, quality_control: int, send_by: float = math.inf
    ) -> Answer:
        """Make one call; raise CallFailed for any answer but a score, SlotMissed when it is late."""
        request = models.CompareMaskFaceRequest()
        request.UrlA, request.ImageA = _side(reference)
        request.UrlB, request.ImageB = _side(probe)
        request.FaceModelVersion = MODEL_VERSION
        request.QualityControl = quality_control
        return self._call(request, send_by=send_by)

    def check(self) -> None:
        """Make one call without images, which the vendor refuses free of charge.

        Raise StopRun when account or settings are wrong, Unavailable when the service cannot be reached.
        """
        failure = self._refusal()
        if failure and self._may_be_mended(failure):
            failure = self._refusal()
        if failure is None:
            return
        rule, text = failure.rule, f"{failure.rule.meaning} The vendor said: {failure}"
        if rule.failure_class is FailureClass.POLICY and rule.code != "MissingParameter":
            raise StopRun(text) from failure
        if rule.failure_class is FailureClass.INFRASTRUCTURE and rule.action is not Action.THROTTLE:
            raise Unavailable(text) from failure

    def refresh(self) -> bool:
        """Say whether there is a newer credential than that of this thread's last call, and use it."""
        with self._renewing:
            used: Account = getattr(self._used, "account", self._account)
            if self._renew and used is self._account:
                self._take(self._renew())
            return used is not self._account

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _take(self, account: Account) -> None:
        if _credential(account) != _credential(self._account):
            self._client.sign_as(account)
            self._account = account

    def _refusal(self) -> CallFailed | None:
        try:
            self._call(models.CompareMaskFaceRequest())
        except CallFailed as failure:
            return failure
        return None

    def _may_be_mended(self, failure: CallFailed) -> bool:
        if failure.rule.code == SIGNATURE_EXPIRED:
            return True  # the client has learnt the vendor's time
        return failure.rule.action is Action.REFRESH_CREDENTIAL and self.refresh()

    def _call(self, request: models.CompareMaskFaceRequest, *, send_by: float = math.inf) -> Answer:
        self._used.account = self._account
        self._client.of_thread.send_by = send_by
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
        rule, cause = rule_for(error.get_code() or "FailedOperation"), error.__context__
        if not rule.known and cause:  # an answer came and the SDK broke on it
            rule = rule_for("JSONDecodeError")
        stage = cause.stage if isinstance(cause, ExchangeBroken) else None
        if stage is Stage.LATE:
            raise SlotMissed("the time of the permit had passed before the call was sent")
        if stage in (Stage.CONNECT, Stage.SEND):
            rule = replace(rule, billed=Billed.NO, meaning=_MEANINGS[stage].format(self._place))
        request_id = error.get_request_id() or None
        never_sent = stage is Stage.CONNECT
        return CallFailed(rule, _clean(error.get_message()), request_id=request_id, never_sent=never_sent)


def _credential(account: Account) -> tuple[str, str, str | None]:
    return account.secret_id, account.secret_key, account.session_token


def _side(picture: Picture) -> tuple[str | None, bytes | None]:
    if picture.url is not None:
        return picture.url, None
    return None, picture.data or b""


def _score(value: object) -> float | None:
    try:
        score = float(value)  # type: ignore[arg-type]  # whatever the answer held
    except (TypeError, ValueError):
        return None
    return score if 0 <= score <= 100 else None


def _clean(message: object) -> str:
    """Return a message fit for logs and tables: short, without the query of any address."""
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    text = _QUERY.sub(r"\1?...", " ".join(text.split()))
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."

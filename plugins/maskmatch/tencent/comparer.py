"""Paid calls, and what each answer that is no score means."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.iai.v20200303 import models

from maskmatch.core.account_rules import ANSWER_SECONDS
from maskmatch.core.codes import Action, Billed, rule_for
from maskmatch.core.errors import CallFailed, SlotMissed, StopRun, Unavailable
from maskmatch.core.image_rules import Picture
from maskmatch.core.outcomes import Answer, FailureClass
from maskmatch.tencent.account import Account
from maskmatch.tencent.answers import Response
from maskmatch.tencent.client import SIGNATURE_EXPIRED, LeanClient
from maskmatch.tencent.connections import Connections
from maskmatch.tencent.exchanges import Exchange, Exchanges, is_stale
from maskmatch.tencent.stages import ExchangeBroken, Stage
from maskmatch.tencent.values import message_of, score_of, text_of

MODEL_VERSION = "3.0"
"""The only face model CompareMaskFace serves: https://cloud.tencent.com/document/product/867/50425"""

ANSWERED_BY = "X-Answered-By"
"""A header of a service that names itself; the vendor sends none, and its name is that of the account."""

_MEANINGS = {
    Stage.CONNECT: "{} cannot be reached: check protocol, endpoint and network.",
    Stage.SEND: "{} hung up before it had the whole request: check the network, and the sizes of the images.",
}


class Checked(NamedTuple):
    """What the opening call told: who answered, and how many seconds this host's clock is behind theirs.

    None where they told no time.
    """

    behind: float | None
    answered_by: str


class TencentComparer:
    """Prepares calls, in many threads; sends them and takes in their answers, in one or on an event loop.

    `renew` fetches the account anew when the vendor refuses its temporary credential; `now` is the clock of
    who says by when a call is to be sent.
    """

    def __init__(
        self,
        account: Account,
        *,
        connections: int,
        call_timeout: float = ANSWER_SECONDS,
        renew: Callable[[], Account] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = f"{account.protocol}://{account.endpoint}"
        self._client = LeanClient(account)
        self._connections = Connections(self._client.place, keep=connections)
        self._exchanges = Exchanges(self._connections, answer_seconds=call_timeout, now=now)
        self._account = account
        self._renew = renew
        self._checked = Checked(None, account.answered_by)

    def attach(self) -> None:
        """Send calls on the running event loop from now on, which tells when they have ended."""
        self._exchanges.attach(asyncio.get_running_loop())
        self.watch, self.take_in = self._exchanges.watch, self._exchanges.take_in

    def prepare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Exchange:
        """Return a call that is signed and has a connection; raise CallFailed or StopRun if there is none."""
        request = models.CompareMaskFaceRequest()
        request.UrlA, request.ImageA = _side(reference)
        request.UrlB, request.ImageB = _side(probe)
        request.FaceModelVersion = MODEL_VERSION
        request.QualityControl = quality_control
        return self._prepared(request)

    def start(
        self, call: Exchange, *, send_by: float = math.inf, on_end: Callable[[Exchange], None] | None = None
    ) -> None:
        """Begin to send a call; raise SlotMissed, and send nothing, when it is late or rested too long.

        `on_end` is called on the event loop when it has ended; without one, `wait` returns it.
        """
        try:
            self._exchanges.start(call, send_by=send_by, on_end=on_end)
        except ExchangeBroken as broken:
            raise SlotMissed("the time of the permit had passed before the call was sent") from broken

    def is_stale(self, call: Exchange) -> bool:
        """Return True if a call has waited too long for its start, or its connection has ended meanwhile."""
        return is_stale(call)

    def give_up(self, call: Exchange) -> None:
        """Let go of a call that was not started."""
        if is_stale(call):
            call.sock.close()
        else:
            self._connections.keep(call.sock)

    def wait(self, seconds: float) -> list[Exchange]:
        """Return the calls that have ended, after so many seconds at most."""
        return self._exchanges.wait(seconds)

    def answer(self, call: Exchange) -> Answer:
        """Return the score that an ended call brought; raise CallFailed for anything else."""
        response = self._opened(call.response or call.broken)
        score, request_id = score_of(response.Score), text_of(response.RequestId)
        if score is None:  # also an error that came with a content type at which the SDK does not look
            message = "the answer holds no score from 0 to 100"
            raise CallFailed(rule_for("JSONDecodeError"), message, request_id=request_id)
        return Answer(score, text_of(response.FaceModelVersion), request_id)

    def answered_by(self, call: Exchange) -> str | None:
        """Return who answered an ended call: a service that is not the vendor's says so in a header."""
        if call.response is None:
            return None
        return text_of(call.response.headers.get(ANSWERED_BY)) or self._account.answered_by

    def compare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Answer:
        """Make one call and wait for it; only for who makes one at a time."""
        return self.answer(self._ended(self.prepare(reference, probe, quality_control=quality_control)))

    def check(self) -> Checked:
        """Make one call without images, which the vendor refuses free of charge.

        Raise StopRun when account or settings are wrong, Unavailable when the service cannot be reached.
        """
        failure = self._refusal()
        if failure and self._may_be_mended(failure):
            failure = self._refusal()
        if failure is None:
            return self._checked
        rule, text = failure.rule, f"{failure.rule.meaning} The vendor said: {failure}"
        if rule.billed is Billed.UNKNOWN:
            text = (
                f"{self._name} did not answer the opening call, which holds no image and is free: {failure}"
            )
        if rule.failure_class is FailureClass.POLICY and rule.code != "MissingParameter":
            raise StopRun(text) from failure
        if rule.failure_class is FailureClass.INFRASTRUCTURE and rule.action is not Action.THROTTLE:
            raise Unavailable(text) from failure
        return self._checked

    def refresh(self) -> bool:
        """Return True if there is a newer credential, and use it from now on."""
        account = self._renew() if self._renew else self._account
        if _credential(account) == _credential(self._account):
            return False
        self._client.sign_as(account)
        self._account = account
        return True

    def close(self) -> None:
        """Close the connections, also those of calls in flight."""
        self._exchanges.close()
        self._connections.close()

    def _refusal(self) -> CallFailed | None:
        try:
            call = self._ended(self._prepared(models.CompareMaskFaceRequest()))
            self._checked = Checked(
                self._client.behind(call.response), self.answered_by(call) or self._account.answered_by
            )
            self.answer(call)
        except CallFailed as failure:
            return failure
        return None

    def _may_be_mended(self, failure: CallFailed) -> bool:
        if failure.rule.code == SIGNATURE_EXPIRED:
            return True  # the client has learnt the vendor's time
        return failure.rule.action is Action.REFRESH_CREDENTIAL and self.refresh()

    def _ended(self, call: Exchange) -> Exchange:
        self.start(call)
        while not self.wait(1.0):
            pass
        return call

    def _prepared(self, request: models.CompareMaskFaceRequest) -> Exchange:
        blocks = self._client.sealed(request)
        try:
            return Exchange(self._connections.take(), blocks)
        except ExchangeBroken as broken:
            self._opened(broken)
            raise

    def _opened(self, ended: Response | ExchangeBroken | None) -> models.CompareMaskFaceResponse:
        if ended is None:
            raise ValueError("the call has not ended")
        try:
            return self._client.opened(ended)
        except TencentCloudSDKException as error:
            raise self._failure(error) from error.__cause__ or error.__context__

    def _failure(self, error: TencentCloudSDKException) -> CallFailed:
        code, cause = text_of(error.get_code()), error.__cause__ or error.__context__
        rule = rule_for(code or "FailedOperation")
        if (not rule.known and cause) or code is None:  # an answer came and the SDK broke on it
            rule = rule_for("JSONDecodeError")
        stage = cause.stage if isinstance(cause, ExchangeBroken) else None
        if stage in (Stage.CONNECT, Stage.SEND):
            rule = replace(rule, billed=Billed.NO, meaning=_MEANINGS[stage].format(self._name))
        request_id = text_of(error.get_request_id()) or None
        never_sent = stage is Stage.CONNECT
        return CallFailed(rule, message_of(error.get_message()), request_id=request_id, never_sent=never_sent)


def _credential(account: Account) -> tuple[str, str, str | None]:
    return account.secret_id, account.secret_key, account.session_token


def _side(picture: Picture) -> tuple[str | None, bytes | None]:
    if picture.url is not None:
        return picture.url, None
    return None, picture.data or b""

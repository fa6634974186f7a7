"""One request from its first byte to its answer, in the vendor's order of checks.

protocol -> size -> caller -> target -> rate limit | -> content -> score
              refused, or throttled                | accepted, perhaps billed
"""

import asyncio
import hashlib
import logging
import time
import traceback
import uuid
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from maskmatch.server import replies
from maskmatch.server.admission import LARGEST_REQUEST, check_caller, check_protocol, check_target
from maskmatch.server.comparison import Comparison, read_comparison
from maskmatch.server.errors import Language, Mistake, ServiceError
from maskmatch.server.meter import SCORED, Call, Meter
from maskmatch.server.quota import Clock, Quota
from maskmatch.server.scorers import Scorer
from maskmatch.server.settings import Settings

access_log = logging.getLogger("maskmatch.server.access")
log = logging.getLogger(__name__)

_LONGEST_INLINE_WORK = 64 * 1024
"""Bytes of a body; hashing and parsing more than this would hold up the other calls, so a thread does it."""

Result = TypeVar("Result")


class Gateway:
    """Answer CompareMaskFace at `/`: an ASGI application."""

    def __init__(self, settings: Settings, *, scorer: Scorer, meter: Meter, clock: Clock) -> None:
        self._settings = settings
        self._scorer = scorer
        self._meter = meter
        self._clock = clock
        self._quota = Quota(settings.calls_per_second, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log one line about it: never its headers or its body."""
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        request = Request(scope, receive)
        try:
            outcome, reply = await self._answer(request, request_id)
        except ClientDisconnect:
            outcome, reply = "ClientDisconnected", None
        milliseconds = (time.perf_counter() - started) * 1000
        access_log.info("request_id=%s code=%s ms=%.1f", request_id, outcome, milliseconds)
        if reply is not None:
            await reply(scope, receive, send)

    async def _answer(self, request: Request, request_id: str) -> tuple[str, Response]:
        try:
            score = await self._score(request, request_id)
        except ServiceError as error:
            return error.code, replies.failure(error, request_id, _language(request))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the vendor answers its own faults too
            _report_fault(error, request_id)
            fault = ServiceError(Mistake.INTERNAL)
            return fault.code, replies.failure(fault, request_id, _language(request))
        return SCORED, replies.success(score, request_id)

    async def _score(self, request: Request, request_id: str) -> float:
        try:
            body, accepted_at = await self._admit(request)
        except ServiceError as error:
            self._meter.refuse(error.mistake)
            raise
        self._meter.accept(accepted_at)
        return await self._serve(body, accepted_at=accepted_at, request_id=request_id)

    async def _admit(self, request: Request) -> tuple[bytes, float]:
        """Return the body of a request that may take a slot, and when it took it."""
        check_protocol(request.method, request.headers)
        body = await _read_body(request)
        payload_sha256 = await _without_blocking(_sha256, body)
        claim = check_caller(
            request.headers, payload_sha256=payload_sha256, now=self._clock(), settings=self._settings
        )
        check_target(request.headers)
        return body, self._quota.admit(claim.secret_id)

    async def _serve(self, body: bytes, *, accepted_at: float, request_id: str) -> float:
        """Score an accepted call, and settle it on the meter whatever becomes of it."""
        comparison: Comparison | None = None
        outcome = Mistake.INTERNAL.code
        try:
            await asyncio.sleep(self._settings.latency.total_seconds())
            comparison = await _without_blocking(read_comparison, body)
            score = await self._scorer.score(comparison)
            outcome = SCORED
        except ServiceError as error:
            outcome = error.code
            raise
        finally:
            pair = comparison.pair if comparison else None
            self._meter.settle(Call(at=accepted_at, request_id=request_id, pair=pair, outcome=outcome))
        return score


async def _read_body(request: Request) -> bytes:
    """Collect the body, never more than the limit of it."""
    too_large = ServiceError(Mistake.REQUEST_TOO_LARGE, limit=LARGEST_REQUEST)
    if int(request.headers.get("content-length", 0)) > LARGEST_REQUEST:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_REQUEST:
            raise too_large
    return bytes(body)


async def _without_blocking(work: Callable[[bytes], Result], body: bytes) -> Result:
    if len(body) <= _LONGEST_INLINE_WORK:
        return work(body)
    return await asyncio.to_thread(work, body)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _language(request: Request) -> Language:
    is_chinese = request.headers.get("x-tc-language") == Language.CHINESE
    return Language.CHINESE if is_chinese else Language.ENGLISH


def _report_fault(error: Exception, request_id: str) -> None:
    # The place and the class, not the message: it may quote what the caller sent.
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "request_id=%s fault=%s at %s:%s", request_id, type(error).__name__, place.filename, place.lineno
    )

"""One request from its first byte to its answer, in the vendor's order of checks.

pipeline: form, size, caller, target, rate limit | -> fault -> content -> score | -> fault -> answer
                       refused, or throttled     | accepted, perhaps billed    | perhaps lost
"""

import asyncio
import logging
import os
import time
import traceback

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from comparemaskface.accounts.meter import SCORED, Call, Meter
from comparemaskface.faults.capacity import Workload
from comparemaskface.faults.decisions import NO_FAULT, Faults
from comparemaskface.faults.transport import CallAborted, apply_fault, deliver
from comparemaskface.settings import Settings
from comparemaskface.vision.scorers import Scorer, scorer_name
from comparemaskface.web.access_log import AccessLog
from comparemaskface.web.body_memory import BodyMemoryLimiter
from comparemaskface.web.request_pipeline import Admitted, RequestContext, RequestPipeline
from comparemaskface.wire import replies
from comparemaskface.wire.comparison import Comparison
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

log = logging.getLogger(__name__)


class Gateway:
    """Answer CompareMaskFace at `/`: an ASGI application."""

    def __init__(
        self,
        settings: Settings,
        *,
        scorer: Scorer,
        meter: Meter,
        faults: Faults,
        workload: Workload,
        body_memory: BodyMemoryLimiter,
    ) -> None:
        self._log = AccessLog()
        self._latency = settings.latency.total_seconds()
        self._scorer = scorer
        self._name = scorer_name(settings)
        self._meter = meter
        self._workload = workload
        self._pipeline = RequestPipeline(
            settings, meter=meter, faults=faults, workload=workload, body_memory=body_memory
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log one line about it: never its headers or its body."""
        started = time.perf_counter()
        context = RequestContext(request_id=_request_id())
        try:
            outcome, reply = await self._answer(Request(scope, receive), context)
        except ClientDisconnect:
            outcome, reply = "ClientDisconnected", None
        except CallAborted as end:
            outcome, reply = end.outcome, end.reply
        finally:
            self._pipeline.release(context)
        milliseconds = (time.perf_counter() - started) * 1000
        self._log.write(
            context.request_id,
            account=context.account,
            code=outcome,
            ms=milliseconds,
            fault=context.fault_decision,
        )
        if reply is not None:
            await reply(scope, receive, send)

    async def _answer(self, request: Request, context: RequestContext) -> tuple[str, ASGIApp]:
        outcome, answer = await self._outcome(request, context)
        answer.headers["X-Answered-By"] = self._name
        return outcome, deliver(context.fault_decision, answer)

    async def _outcome(self, request: Request, context: RequestContext) -> tuple[str, Response]:
        try:
            admitted = await self._pipeline.admit(request, context)
            score = await self._serve(admitted, request, context)
        except ServiceError as error:
            return error.code, replies.failure(error, context.request_id, context.language)
        except (ClientDisconnect, CallAborted):
            raise
        except Exception as error:  # noqa: BLE001 - the vendor answers its own faults too
            _report_fault(error, context.request_id)
            fault = ServiceError(VendorError.INTERNAL)
            return fault.code, replies.failure(fault, context.request_id, context.language)
        return SCORED, replies.success(
            score, context.request_id, model_version=context.fault_decision.model_version
        )

    async def _serve(self, admitted: Admitted, request: Request, context: RequestContext) -> float:
        """Score an accepted call, and settle it on the meter however it ends."""
        comparison: Comparison | None = None
        outcome = VendorError.INTERNAL.code
        try:
            await self._workload.do()
            if self._latency:
                await asyncio.sleep(self._latency)
            if context.fault_decision is not NO_FAULT:
                await apply_fault(context.fault_decision, request)
            self._pipeline.check_standing(admitted.account)
            comparison = await admitted.comparison()
            score = await self._scorer.score(comparison)
            outcome = SCORED
        except ServiceError as error:
            outcome = error.code
            raise
        except CallAborted as end:
            outcome = end.outcome
            raise
        finally:
            self._meter.settle(
                Call(
                    at=admitted.accepted_at,
                    request_id=context.request_id,
                    pair=comparison.pair if comparison and self._meter.enabled else None,
                    outcome=outcome,
                    account=admitted.account.name,
                )
            )
        return score


def _request_id() -> str:
    """Return a random UUID; the class for them takes five times as long."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _report_fault(error: Exception, request_id: str) -> None:
    # The place and the class, not the message: it may quote what the caller sent.
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "request_id=%s fault=%s at %s:%s", request_id, type(error).__name__, place.filename, place.lineno
    )

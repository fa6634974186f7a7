"""Everything between a request's first byte and its right to be answered.

form -> size -> common parameters -> caller -> address -> target -> permission -> rate limit
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from starlette.requests import Request

from comparemaskface.accounts.account import Account, Accounts
from comparemaskface.accounts.authentication import authenticate, identify
from comparemaskface.accounts.meter import Meter
from comparemaskface.accounts.rate_limits import RateLimiter
from comparemaskface.faults.capacity import Workload
from comparemaskface.faults.decisions import NO_FAULT, FaultDecision, Faults
from comparemaskface.faults.named_faults import FaultName
from comparemaskface.settings import Settings, load_accounts
from comparemaskface.web.blocking_work import LONGEST_INLINE_WORK, without_blocking
from comparemaskface.web.body_memory import BodyMemoryLimiter
from comparemaskface.wire import common_parameters, urlencoded
from comparemaskface.wire.common_parameters import CommonParameters
from comparemaskface.wire.comparison import Comparison, read_comparison, read_form
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.forms import Form, form_of, held_size, read_content
from comparemaskface.wire.vendor_errors import Language, VendorError

THROTTLE_FAULT_LIMIT = 50
"""Calls per second in the text of `throttle` where the account has no limit; the vendor's default."""
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SHA256_OF_UNSIGNED = hashlib.sha256(_UNSIGNED.encode()).hexdigest()
_SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that took its slot: its account, the time, and how to read what it asks."""

    account: Account
    accepted_at: float
    content: bytes = field(repr=False)
    read: Callable[[bytes], Comparison]

    async def comparison(self) -> Comparison:
        """Read what the caller asks; raises the errors in it."""
        return await without_blocking(self.read, self.content)


@dataclass(slots=True)
class RequestContext:
    """What is known of a request so far, however it ends."""

    request_id: str
    language: Language = Language.ENGLISH
    account: str | None = None
    fault_decision: FaultDecision = NO_FAULT
    body_bytes: int = 0
    """Acquired from the limiter, and to be released."""


class RequestPipeline:
    """Let requests in, and count on the meter who came and who was refused.

    Fills in the context as it learns language, account and faults.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        meter: Meter,
        faults: Faults,
        workload: Workload,
        body_memory: BodyMemoryLimiter,
    ) -> None:
        self._strict_region = settings.strict_region
        accounts = load_accounts(settings)
        self._accounts = Accounts(accounts)
        self._meter = meter
        self._meter.list_accounts(accounts)
        self._clock = faults.clock
        self._rate_limiter = RateLimiter(clock=faults.clock)
        self._faults = faults
        self._workload = workload
        self._body_memory = body_memory

    async def admit(self, request: Request, context: RequestContext) -> Admitted:
        """Return a request that may be answered; raise what the vendor's gateway would answer."""
        try:
            admitted = await self._admit(request, context)
            if self._faults.is_active:
                await self._decide_faults(context, admitted)
            if self._workload.is_full:
                raise _too_many_requests(admitted.account)
        except ServiceError as error:
            self._meter.refuse(error.vendor_error, account=context.account)
            raise
        self._meter.accept(admitted.accepted_at, account=admitted.account.name)
        return admitted

    def release(self, context: RequestContext) -> None:
        """Release what a request holds, when its answer is made."""
        if context.body_bytes:
            self._body_memory.release(context.body_bytes)

    def check_standing(self, account: Account) -> None:
        """Refuse an accepted call of an account that may not spend, or has nothing left to spend."""
        bill = self._meter.bill(account.name)
        # Money is counted only where it can run out: this is on every call's way.
        is_prepaid = account.balance_cny is not None
        cost = bill.cost(account.free_calls_per_month) if is_prepaid else Decimal(0)
        account.check_standing(billed=bill.calls, cost=cost)

    async def _admit(self, request: Request, context: RequestContext) -> Admitted:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]
        }
        context.language = _language(headers.get("x-tc-language"))
        form = form_of(request.method, headers)
        if (size := held_size(headers)) > LONGEST_INLINE_WORK:
            await self._wait_for_body_memory(size, context, form=form, headers=headers)
        content = await read_content(request, form, headers)
        parameters = await self._common_parameters(request, context, form, headers=headers, content=content)
        account = authenticate(parameters, self._accounts, now=self._clock())
        context.account = account.name
        address, _port = request.scope.get("client") or ("127.0.0.1", 0)
        account.check_address(address)
        common_parameters.check_target(parameters)
        region = parameters.region or common_parameters.DEFAULT_REGION
        account.check_permission(region)
        accepted_at = self._rate_limiter.admit(account, region=region, address=address)
        read = read_comparison if form is Form.JSON else read_form
        return Admitted(account, accepted_at, content, read)

    async def _wait_for_body_memory(
        self, size: int, context: RequestContext, *, form: Form, headers: dict[str, str]
    ) -> None:
        """Wait for memory for a large body; an unknown caller gets none."""
        if form.uses_tc3:
            claim = common_parameters.read_from_headers(
                headers, target="", payload_sha256="", strict_region=self._strict_region
            )
            identify(claim, self._accounts, now=self._clock())
        context.body_bytes = await self._body_memory.acquire(size)

    async def _decide_faults(self, context: RequestContext, admitted: Admitted) -> None:
        """Draw the faults of a call; `key-revoked` and `throttle` refuse it after all."""
        pair = await _pair(admitted) if self._faults.needs_pair else None
        decision = context.fault_decision = self._faults.decide(pair)
        if decision.fault is FaultName.KEY_REVOKED:
            raise ServiceError(VendorError.UNKNOWN_SECRET_ID)
        if decision.fault is FaultName.THROTTLE:
            raise _too_many_requests(admitted.account)

    async def _common_parameters(
        self,
        request: Request,
        context: RequestContext,
        form: Form,
        *,
        headers: dict[str, str],
        content: bytes,
    ) -> CommonParameters:
        if form.uses_tc3:
            query = content.decode("latin-1") if form.is_query else ""
            return common_parameters.read_from_headers(
                headers,
                target=f"{request.method}\n/\n{query}",
                payload_sha256=await _payload_sha256(form, headers, content),
                strict_region=self._strict_region,
            )
        fields = await without_blocking(urlencoded.read_fields, content)
        context.language = _language(fields.get("Language"))
        return common_parameters.read_from_fields(
            fields, method=request.method, host=headers.get("host", ""), strict_region=self._strict_region
        )


def _too_many_requests(account: Account) -> ServiceError:
    limit = account.calls_per_second or THROTTLE_FAULT_LIMIT
    return ServiceError(VendorError.TOO_MANY_REQUESTS, requests=limit + 1, limit=limit)


async def _pair(admitted: Admitted) -> bytes | None:
    try:
        return (await admitted.comparison()).pair
    except ServiceError:
        return None


async def _payload_sha256(form: Form, headers: dict[str, str], content: bytes) -> str:
    if headers.get("x-tc-content-sha256") == _UNSIGNED:
        return _SHA256_OF_UNSIGNED
    if form.is_query:
        return _SHA256_OF_NOTHING
    return await without_blocking(_sha256, content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _language(text: str | None) -> Language:
    return Language.CHINESE if text == Language.CHINESE else Language.ENGLISH

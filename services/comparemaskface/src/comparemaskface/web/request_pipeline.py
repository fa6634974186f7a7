"""Everything between a request's first byte and its right to be answered.

form -> size -> envelope -> caller -> address -> target -> permission -> rate limit
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from starlette.requests import Request

from comparemaskface.accounts import admission
from comparemaskface.accounts.account import Account, Accounts
from comparemaskface.accounts.admission import Envelope
from comparemaskface.accounts.meter import Meter
from comparemaskface.accounts.rate_limits import Clock, Quota
from comparemaskface.accounts_file import accounts_of
from comparemaskface.faults.decisions import UNHARMED, FaultDecision, Faults
from comparemaskface.faults.named_faults import FaultName
from comparemaskface.settings import Settings
from comparemaskface.web.body_memory import BodyMemoryLimiter
from comparemaskface.wire import urlencoded
from comparemaskface.wire.comparison import Comparison, read_comparison, read_form
from comparemaskface.wire.errors import Language, ServiceError, VendorError
from comparemaskface.wire.forms import Form, form_of, held_size, read_content

LONGEST_INLINE_WORK = 64 * 1024
"""Bytes of a body; hashing and parsing more than this would hold up the other calls, so a thread does it."""
STORM_LIMIT = 50
"""Calls per second that a storm's text names where the account has no limit: the vendor's default."""
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SHA256_OF_UNSIGNED = hashlib.sha256(_UNSIGNED.encode()).hexdigest()
_SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that took its slot: whose it is, when, and how to read what it asks."""

    account: Account
    accepted_at: float
    content: bytes = field(repr=False)
    read: Callable[[bytes], Comparison]

    async def comparison(self) -> Comparison:
        """Read what the caller asks; raises the mistakes in it."""
        return await without_blocking(self.read, self.content)


@dataclass(slots=True)
class RequestContext:
    """What is known of a request so far, whatever becomes of it."""

    request_id: str
    language: Language = Language.ENGLISH
    account: str | None = None
    fate: FaultDecision = UNHARMED
    room_taken: int = 0
    """Bytes to give back."""


class RequestPipeline:
    """Let requests in, and note on the meter who came and who was turned away.

    Fills in the visit as it learns of language, account and fate.
    """

    def __init__(
        self, settings: Settings, *, meter: Meter, clock: Clock, faults: Faults, room: BodyMemoryLimiter
    ) -> None:
        self._strict_region = settings.strict_region
        accounts = accounts_of(settings)
        self._accounts = Accounts(accounts)
        self._meter = meter
        self._meter.list_accounts(accounts)
        self._clock = clock
        self._quota = Quota(clock=clock)
        self._faults = faults
        self._room = room

    async def admit(self, request: Request, visit: RequestContext) -> Admitted:
        """Return a request that may be answered; raise what the vendor's gateway would answer."""
        try:
            admitted = await self._admit(request, visit)
            if self._faults.is_active:
                await self._meet_fate(visit, admitted)
        except ServiceError as error:
            self._meter.refuse(error.mistake, account=visit.account)
            raise
        self._meter.accept(admitted.accepted_at, account=admitted.account.name)
        return admitted

    def dismiss(self, visit: RequestContext) -> None:
        """Give back what a visit holds, when its answer is made."""
        if visit.room_taken:
            self._room.give_back(visit.room_taken)

    def check_standing(self, account: Account) -> None:
        """Refuse an accepted call of an account that may not spend, or has nothing left to spend."""
        bill = self._meter.bill(account.name)
        # Money is counted only where it can run out: this is on every call's way.
        is_prepaid = account.balance_cny is not None
        cost = bill.cost(account.free_calls_per_month) if is_prepaid else Decimal(0)
        account.check_standing(billed=bill.calls, cost=cost)

    async def _admit(self, request: Request, visit: RequestContext) -> Admitted:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]
        }
        visit.language = _language(headers.get("x-tc-language"))
        form = form_of(request.method, headers)
        if (size := held_size(headers)) > LONGEST_INLINE_WORK:
            await self._take_room(size, visit, form=form, headers=headers)
        content = await read_content(request, form, headers)
        envelope = await self._envelope(request, visit, form, headers=headers, content=content)
        account = admission.authenticate(envelope, self._accounts, now=self._clock())
        visit.account = account.name
        address, _port = request.scope.get("client") or ("127.0.0.1", 0)
        account.check_address(address)
        admission.check_target(envelope)
        region = envelope.region or admission.DEFAULT_REGION
        account.check_permission(region)
        accepted_at = self._quota.admit(account, region=region, address=address)
        read = read_comparison if form is Form.JSON else read_form
        return Admitted(account, accepted_at, content, read)

    async def _take_room(
        self, size: int, visit: RequestContext, *, form: Form, headers: dict[str, str]
    ) -> None:
        """Wait for room for a large body; there is none for a caller whom nobody knows."""
        if form.uses_tc3:
            claim = admission.read_headers(
                headers, target="", payload_sha256="", strict_region=self._strict_region
            )
            admission.identify(claim, self._accounts, now=self._clock())
        visit.room_taken = await self._room.take(size)

    async def _meet_fate(self, visit: RequestContext, admitted: Admitted) -> None:
        """Draw what befalls a call; in a storm it is refused after all."""
        pair = await _pair(admitted) if self._faults.needs_pair else None
        fate = visit.fate = self._faults.decide(pair)
        if fate.fault is FaultName.THROTTLE:
            limit = admitted.account.calls_per_second or STORM_LIMIT
            raise ServiceError(VendorError.TOO_MANY_REQUESTS, requests=limit + 1, limit=limit)

    async def _envelope(
        self, request: Request, visit: RequestContext, form: Form, *, headers: dict[str, str], content: bytes
    ) -> Envelope:
        if form.uses_tc3:
            query = content.decode("latin-1") if form.is_query else ""
            return admission.read_headers(
                headers,
                target=f"{request.method}\n/\n{query}",
                payload_sha256=await _payload_sha256(form, headers, content),
                strict_region=self._strict_region,
            )
        fields = await without_blocking(urlencoded.read_fields, content)
        visit.language = _language(fields.get("Language"))
        return admission.read_fields(
            fields, method=request.method, host=headers.get("host", ""), strict_region=self._strict_region
        )


async def _pair(admitted: Admitted) -> bytes | None:
    try:
        return (await admitted.comparison()).pair
    except ServiceError:
        return None


async def without_blocking(work: Callable[[bytes], Result], content: bytes) -> Result:
    """Do what takes long for long contents in a thread."""
    if len(content) <= LONGEST_INLINE_WORK:
        return work(content)
    return await asyncio.to_thread(work, content)


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

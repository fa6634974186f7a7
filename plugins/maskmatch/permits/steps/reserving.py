"""The one atomic step of a permit: control, fence, priority, budget and rate are checked together.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import math
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from maskmatch.core.errors import BudgetSpent, Drained, Replaced
from maskmatch.core.pricing import MICRO
from maskmatch.permits.steps import budgets, hosts, leases, sharing, timeline
from maskmatch.permits.steps.claims import Claim
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.state import ALL_RUNS, State, User

MOST_LEAD_SECONDS = 0.5
_LEAD_OF_ALL_SECONDS = 0.2
"""Nobody books when the timeline is further ahead than the second, or up to the first so that each user has
two slots; a floor may, up to twice that. What is booked by a process that is killed is lost."""
_PAUSED_SECONDS = 0.5
_SOONEST_SECONDS = 0.003
_ACTIVE_SECONDS = 1.0
_SHARES_SECONDS = 30.0
"""A process at a slow service takes a permit now and then; one that was killed counts for so long."""
FADE_SECONDS = 5.0
"""The calls of a user fade with this time constant."""


class Ask(msgspec.Struct, frozen=True):
    """A request for some calls by a process (`host:pid`) for a claim."""

    who: str
    claim: Claim
    calls: int
    calls_per_second: float

    @property
    def host(self) -> str:
        """Return the host of the process."""
        return self.who.partition(":")[0]


class Wait(msgspec.Struct, frozen=True):
    """No slot now: ask again after some seconds."""

    seconds: float
    paused: bool = False


Slots = tuple[float, ...]
Refusal = Replaced | Drained | BudgetSpent


def reserve(state: State, moment: Moment, ask: Ask) -> tuple[State, Slots | Wait | Refusal]:
    """Book up to so many calls; return the slots on the store's clock, a wait, or why there are none."""
    claim = ask.claim
    if ALL_RUNS in state.drained or claim.run_id in state.drained:
        return state, Drained(
            f"run {claim.run_id} was drained through the permit store: `maskmatch resume` lets it go on"
        )
    held = _held(state, claim, moment)
    if isinstance(held, Replaced):
        return state, held
    if ALL_RUNS in held.paused or claim.run_id in held.paused:
        return _paused(held, moment.now, ask), Wait(_PAUSED_SECONDS, paused=True)
    return _within_budget(held, moment, ask)


def _paused(state: State, now: float, ask: Ask) -> State:
    """Note who waits, so that it is seen, but does not count among those who share the rate."""
    before = state.users.get(ask.who)
    calls = faded(before, now) if before else 0.0
    user = User(ask.claim.run_id, ask.claim.priority, calls, now, is_paused=True)
    return replace(state, users={**state.users, ask.who: user})


def _held(state: State, claim: Claim, moment: Moment) -> State | Replaced:
    """Return the state with all leases of the claim held, or that one of them was taken over."""
    held = {}
    for shard, epoch in claim.leases.items():
        utc = moment.utc.timestamp()
        if lease := leases.hold(state.leases.get(shard), epoch, utc=utc, holder=claim.holder):
            held[shard] = lease
        else:
            return _replaced(shard, epoch, state.leases[shard], claim)
    return replace(state, leases={**state.leases, **held}) if held else state


def _replaced(shard: str, epoch: int, newer: leases.Lease, claim: Claim) -> Replaced:
    by = f" of {newer.holder}" if newer.holder not in ("", claim.holder) else ""
    return Replaced(f"try {newer.epoch} of {shard}{by} has taken over from {epoch}; this one stops")


def _within_budget(state: State, moment: Moment, ask: Ask) -> tuple[State, Slots | Wait | Refusal]:
    among = budgets.spans(ask.claim, moment.utc)
    calls, spent = budgets.affordable(state.windows, among, ask.calls)
    if spent:
        return state, _budget_spent(spent, state.windows)
    state, slots = _within_rate(state, moment.now, replace(ask, calls=calls))
    if isinstance(slots, tuple):
        state = replace(state, windows=budgets.charge(state.windows, among, len(slots), moment.utc))
    return state, slots


def _budget_spent(span: budgets.Span, windows: Mapping[str, budgets.Window]) -> BudgetSpent:
    window = windows.get(span.key, budgets.Window())
    spent = f"{window.calls} calls, {window.micro_cny / MICRO:.4f} CNY"
    until = f"; more is available from {span.end:%Y-%m-%d %H:%M} UTC" if span.end else ": raise it to go on"
    return BudgetSpent(
        f"the budget of the {span.kind} {span.name} is spent ({spent}){until}",
        window=span.kind,
        until=span.end,
    )


def _within_rate(state: State, now: float, ask: Ask) -> tuple[State, Slots | Wait]:
    rate = ask.calls_per_second
    lead = timeline.lead(state.timeline, now=now, calls_per_second=rate)
    turn = sharing.turn(
        state.priorities, ask.claim.priority, ask.calls, now=now, lead=lead, calls_per_second=rate
    )
    users = _active_users(state, now)
    calls = min(turn.calls, _fair_run(users, rate), _host_run(state, now, ask))
    most_lead = max(_LEAD_OF_ALL_SECONDS, min(MOST_LEAD_SECONDS, 2 * users / rate))
    if lead > most_lead * (1 + turn.is_floor):
        calls, turn = 0, replace(turn, retry_after=lead - most_lead)
    elif not calls and (host := state.hosts.get(ask.host)):
        turn = replace(turn, retry_after=max(turn.retry_after, host.next_at - now))
    state = _noted(state, now, ask, floor_calls=calls * turn.is_floor)
    if not calls:
        return state, Wait(max(_SOONEST_SECONDS, turn.retry_after))
    if math.isinf(rate):
        return _granted(state, now, ask, calls), (now,) * calls
    booked, slots = timeline.book(state.timeline, now=now, calls=calls, calls_per_second=rate)
    return _granted(replace(state, timeline=booked), now, ask, calls), slots


def _active_users(state: State, now: float) -> int:
    wanting = (user for user in state.users.values() if not user.is_paused)
    return max(1, sum(0 <= now - user.seen < _ACTIVE_SECONDS for user in wanting))


def processes(state: State, moment: Moment, who: str) -> int:
    """Return how many processes share the rate, `who` among them."""
    present = {name for name, user in state.users.items() if _is_present(user, moment.now)}
    return len(present | {who})


def _is_present(user: User, now: float) -> bool:
    return is_there(user, now) and not user.is_paused


def is_there(user: User, now: float) -> bool:
    """Return True for a process that was seen lately and has not left."""
    return not user.has_left and 0 <= now - user.seen < _SHARES_SECONDS


def _fair_run(users: int, rate: float) -> int:
    """Return what each may book so that all active users together are not far ahead."""
    return max(1, int(min(1e6, _LEAD_OF_ALL_SECONDS * rate / users)))


def _host_run(state: State, now: float, ask: Ask) -> int:
    host = state.hosts.get(ask.host)
    return ask.calls if host is None else hosts.allowance(host, ask.calls, now)


def _noted(state: State, now: float, ask: Ask, *, floor_calls: int) -> State:
    priority = ask.claim.priority
    share = sharing.note(
        state.priorities.get(priority, sharing.PriorityShare()),
        now=now,
        floor_calls=floor_calls,
        floor_per_second=sharing.floor_of(priority, state.priorities) * ask.calls_per_second,
    )
    return replace(state, priorities={**state.priorities, priority: share})


def _granted(state: State, now: float, ask: Ask, calls: int) -> State:
    user = state.users.get(ask.who)
    before = faded(user, now) if user else 0.0
    user = User(ask.claim.run_id, ask.claim.priority, before + calls, now)
    second = int(now)
    granted = {**state.granted, second: state.granted.get(second, 0) + calls}
    return replace(
        state,
        users={**state.users, ask.who: user},
        granted=granted,
        granted_ever=state.granted_ever + calls,
        hosts=_host_noted(state, now, ask, calls),
    )


def _host_noted(state: State, now: float, ask: Ask, calls: int) -> Mapping[str, hosts.HostPace]:
    host = state.hosts.get(ask.host)
    if host is None:
        return state.hosts
    others = {name: each for name, each in state.hosts.items() if name != ask.host}
    if hosts.is_stale(host, now=now, calls_per_second=ask.calls_per_second):
        return others
    return {**others, ask.host: hosts.note(host, calls, now)}


def faded(user: User, now: float) -> float:
    """Return the calls of a user as they count now; divided by FADE_SECONDS they are its rate."""
    return user.calls * math.exp(-max(0.0, now - user.seen) / FADE_SECONDS)

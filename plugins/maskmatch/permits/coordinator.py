"""The coordinator of one account: grants permits, keeps budgets and leases, takes orders.

All that it knows is one shared document; a back-end only changes that document atomically.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import math
import threading
from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import InputError, LeaseHeld
from maskmatch.core.rate_by_hour import EVEN, RateByHour
from maskmatch.permits.ordering import Ordering
from maskmatch.permits.steps import budgets, hosts, leases, locks, reserving, timeline
from maskmatch.permits.steps.claims import CHECK_RUN, Claim, Grant
from maskmatch.permits.steps.document import Moment, SharedDocument
from maskmatch.permits.steps.snapshot import Snapshot, snapshot
from maskmatch.permits.steps.spent import Spent, recalled, spent
from maskmatch.permits.steps.state import State, decode, known, prune

_TELL_EVERY_SECONDS = 1.0


class PermitCoordinator(Ordering):
    """Grants permits out of a shared document; for many threads. `math.inf` calls per second: no limit."""

    def __init__(
        self,
        document: SharedDocument,
        *,
        calls_per_second: float,
        rate_by_hour: RateByHour = EVEN,
        who: str = "",
    ) -> None:
        if not calls_per_second > 0:
            raise InputError(f"calls_per_second must be above 0, not {calls_per_second}")
        super().__init__(document, who=who)
        self._rate = calls_per_second
        self._hours = rate_by_hour
        self._refused: Counter[ThrottleScope] = Counter()
        self._told_at = float("-inf")
        self._lock = threading.Lock()

    def reserve(self, calls: int, claim: Claim, *, unbilled: int = 0) -> Grant:
        """Book up to so many calls after giving back `unbilled` ones; return when each may be sent.

        Raise Replaced, Drained or BudgetSpent when there is nothing to wait for, OutsideHours at an hour
        without calls, Unavailable when the store is away.
        """
        ask = reserving.Ask(self._who, claim, calls, self._rate)
        refused = self._take_refused()

        def step(
            state: State, moment: Moment
        ) -> tuple[State, tuple[reserving.Slots | reserving.Wait | reserving.Refusal, int]]:
            if unbilled:
                state = _given_back(state, moment, claim, unbilled)
            state = state if claim.run_id == CHECK_RUN else known(state)
            state = self._told(state, moment, refused)
            if not (rate := self._hours.at(moment.utc, self._rate)):
                return state, (self._hours.closed(moment.utc), 1)
            state, answer = reserving.reserve(state, moment, replace(ask, calls_per_second=rate))
            return state, (answer, reserving.processes(state, moment, self._who))

        answer, processes = self._change(step)
        if isinstance(answer, reserving.Wait):
            return Grant(retry_after=answer.seconds, paused=answer.paused, processes=processes)
        if isinstance(answer, tuple):
            now = self._document.now()
            return Grant(delays=tuple(slot - now for slot in answer), processes=processes)
        raise answer

    def refund(self, calls: int, claim: Claim) -> None:
        """Give back the budget of calls that were not made or are known not to be billed."""
        self._alter(lambda state, moment: _given_back(state, moment, claim, calls))

    def throttled(self, scope: ThrottleScope) -> None:
        """Record that the gateway refused a call for its rate; reported at once or with the next booking."""
        with self._lock:
            self._refused[scope] += 1
        if self._document.now() - self._told_at >= _TELL_EVERY_SECONDS:
            refused = self._take_refused()
            self._alter(lambda state, moment: self._told(state, moment, refused))

    def take_lease(self, shard: str, *, at_least: int = 1, holder: str = "", among: str = "") -> int:
        """Return a new epoch of a shard: tries with an earlier one get no permit any more.

        Raise LeaseHeld while another than `holder` works at a shard whose name begins with `among`.
        """

        def step(state: State, moment: Moment) -> tuple[State, int | LeaseHeld]:
            utc = moment.utc.timestamp()
            if among and (other := leases.held_by_other(state.leases, among, holder, utc=utc)):
                return state, LeaseHeld(other.holder, seen_seconds_ago=max(0.0, utc - other.seen))
            lease = leases.take(state.leases, shard, at_least=at_least, utc=utc, holder=holder)
            return replace(known(state), leases={**state.leases, shard: lease}), lease.epoch

        taken = self._change(step)
        if isinstance(taken, LeaseHeld):
            raise taken
        return taken

    def renew(self, claim: Claim) -> None:
        """Show that the holder of the claim's leases is there, though it takes no permit."""

        def alter(state: State, moment: Moment) -> State:
            utc = moment.utc.timestamp()
            seen = leases.renew(state.leases, claim.leases, utc=utc, holder=claim.holder)
            return replace(state, leases=seen)

        self._alter(alter)

    def release(self, shard: str, epoch: int, *, leaves: bool = True) -> None:
        """Give up a lease that nobody else has taken; a process that `leaves` takes no permits for now."""

        def alter(state: State, moment: Moment) -> State:
            users = {**state.users}
            if leaves and (mine := users.get(self._who)):
                users[self._who] = replace(mine, has_left=True)
            lease = leases.release(state.leases.get(shard), epoch, utc=moment.utc.timestamp())
            kept = {**state.leases, shard: lease} if lease else state.leases
            return replace(state, leases=kept, users=users)

        self._alter(alter)

    def spent(self) -> Spent:
        """Return what was ever spent, as the store knows it."""
        return self._document.look(lambda document, _: spent(decode(document)))

    def recall(self, before: Spent) -> None:
        """Count again what was spent before, where the store has forgotten some of it."""
        self._alter(lambda state, _: recalled(state, before))

    def lock(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take a lock for at most so many seconds; return False while another has it."""

        def step(state: State, moment: Moment) -> tuple[State, bool]:
            taken, is_mine = locks.take(
                state.locks, name, holder, utc=moment.utc.timestamp(), seconds=seconds
            )
            return replace(state, locks=taken), is_mine

        return self._change(step)

    def unlock(self, name: str, holder: str) -> None:
        """Give a lock back."""
        self._alter(lambda state, _: replace(state, locks=locks.give_back(state.locks, name, holder)))

    def snapshot(self) -> Snapshot:
        """Return rate, users, budgets and orders; nothing is changed, nor made where there is none."""

        def view(document: bytes | None, moment: Moment) -> Snapshot:
            state = prune(decode(document), moment)
            return snapshot(state, moment, self._hours.at(moment.utc, self._rate))

        return self._document.look(view)

    def _take_refused(self) -> Counter[ThrottleScope]:
        with self._lock:
            refused, self._refused = self._refused, Counter()
            if refused:
                self._told_at = self._document.now()
        return refused

    def _told(self, state: State, moment: Moment, refused: Mapping[ThrottleScope, int]) -> State:
        if count := refused.get(ThrottleScope.ACCOUNT):
            slower = timeline.widen(
                state.timeline, now=moment.now, refusals=count, calls_per_second=self._rate
            )
            state = replace(state, timeline=slower)
        if refused.get(ThrottleScope.IP) and math.isfinite(self._rate):
            host = self._who.partition(":")[0]
            host_pace = hosts.cut(state.hosts.get(host), now=moment.now, calls_per_second=self._rate)
            state = replace(state, hosts={**state.hosts, host: host_pace})
        return state


def _given_back(state: State, moment: Moment, claim: Claim, calls: int) -> State:
    return replace(state, windows=budgets.give_back(state.windows, claim, calls, moment.utc))

"""What the processes that race in the tests do; a module of its own, so that they can import it."""

import time
from dataclasses import dataclass

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent, Replaced
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority


@dataclass(frozen=True)
class Race:
    """Where, for whom, at which rate, for how long (seconds) and within which budget of calls."""

    address: str
    account: str
    calls_per_second: float
    seconds: float
    budget: int | None = None
    shard: str | None = None


def claim_of(race: Race, epoch: int | None = None) -> Claim:
    budgets = Budgets(run=Budget(calls=race.budget))
    leases = {race.shard: epoch} if race.shard and epoch else {}
    return Claim(run_id="race", priority=Priority.NIGHTLY, budgets=budgets, leases=leases)


def collect_slots(race: Race, slots, started) -> None:
    """Book slots and put their monotonic times on a queue, until the time or the budget is over."""
    with_clock = {"calls_per_second": race.calls_per_second, "clock": SystemClock()}
    coordinator = open_coordinator(race.address, secret_id=race.account, **with_clock)
    epoch = coordinator.take_lease(race.shard) if race.shard else None
    claim, times = claim_of(race, epoch), []
    started.set()
    ends = time.monotonic() + race.seconds
    try:
        while time.monotonic() < ends:
            grant = coordinator.reserve(3, claim)
            now = time.monotonic()
            times += [now + delay for delay in grant.delays]
            if grant.retry_after:
                time.sleep(grant.retry_after)  # as a pacer does: the store's time is real
    except (BudgetSpent, Replaced):
        pass
    slots.put(times)
    coordinator.close()

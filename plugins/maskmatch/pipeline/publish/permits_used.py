"""Permits that a run has used beside the calls that its journals tell of: what kills have cost at most."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from maskmatch.core.errors import BooksError, StopRun, Unavailable
from maskmatch.core.planning import Plan
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.pipeline.publish.records import Row
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import last_epoch

log = logging.getLogger(__name__)

FORGOTTEN_SECONDS = 2.0
"""Bookings of so long a crash of the permit store's server may cost: it does not wait for its disk.

Postgres: three times `wal_writer_delay` of 0.2 s. Redis, when its host fails: two fsyncs, one each second.
Source: https://www.postgresql.org/docs/current/wal-async-commit.html
"""


@dataclass(frozen=True, slots=True)
class Used:
    """Permits of a run that were not given back, and how many more a crash of the store may have cost."""

    permits: int
    perhaps_forgotten: float = 0.0


PermitsUsed = Callable[[str], Used | None]
"""What a run has used; None where the permit store does not know the run."""
MOST_AT_ONCE = 256 + 64
"""Calls in flight at most, and one group of the journal: what one kill can cut off."""


def nobody_knows(run_id: str) -> Used | None:  # noqa: ARG001
    """Tell nothing: there is no permit store to ask."""
    return None


def permits_of(open_coordinator: Callable[[], PermitCoordinator]) -> PermitsUsed:
    """Return what asks the permit store of an account; it knows nothing while the store is away."""

    def used(run_id: str) -> Used | None:
        try:
            with closing(open_coordinator()) as coordinator:
                now = coordinator.snapshot()
        except (Unavailable, StopRun) as error:
            log.warning("permits_used stays empty: %s", error)
            return None
        window = now.of_run(run_id)
        return Used(window.calls, FORGOTTEN_SECONDS * now.calls_per_second) if window else None

    return used


def check_permits(run: Run, plan: Plan, totals: Row, permits: PermitsUsed) -> Row:
    """Return what the permit store tells, as columns of `runs`.

    Raise BooksError when the run has made more calls than it has permits, and than a crash of the store can
    have made it forget. Warn when more are without a record than kills explain.
    """
    used = permits(run.run_id)
    recorded = totals["billed_calls"] + totals["maybe_billed_calls"]
    if used is None:
        if permits is not nobody_knows:
            log.info("the permit store knows no permits of %s: permits_used stays empty", run.run_id)
        return {"permits_used": None, "permits_without_record": None}
    without = used.permits - recorded
    if without < 0:
        _check_forgotten(run, recorded, used)
    elif without:
        _explain(run, plan, without)
    return {"permits_used": used.permits, "permits_without_record": max(0, without)}


def _check_forgotten(run: Run, recorded: int, used: Used) -> None:
    told = (
        f"the journals tell of {recorded:,} calls of {run.run_id} that may be billed, the permit store "
        f"of {used.permits:,} permits: "
    )
    if recorded - used.permits > used.perhaps_forgotten:
        raise BooksError(
            f"{told}it has lost its count, or somebody calls without it. `maskmatch publish` "
            "publishes the date under a run of its own, which has made no calls"
        )
    log.warning("%sit has forgotten the others, as its server does that was killed", told)


def _explain(run: Run, plan: Plan, without: int) -> None:
    tries = [last_epoch(run.warehouse, plans.journal_prefix(shard.key)) for shard in plan.to_compare]
    most = sum(max(0, each - 1) for each in tries) * MOST_AT_ONCE
    say = log.info if without <= most else log.warning
    say(
        "%s permits of %s are without a record; %s tries that ended early explain %s at most",
        without,
        run.run_id,
        sum(max(0, each - 1) for each in tries),
        most,
    )

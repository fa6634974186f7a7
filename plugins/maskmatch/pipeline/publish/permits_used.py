"""Permits that a run has used beside the calls that its journals tell of: what kills have cost at most."""

import logging
from collections.abc import Callable
from contextlib import closing

from maskmatch.core.errors import BooksError, Unavailable
from maskmatch.core.planning import Plan
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.pipeline.publish.records import Row
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import last_epoch

log = logging.getLogger(__name__)

PermitsUsed = Callable[[str], int | None]
"""Permits of a run that were not given back, None where the permit store does not know the run."""
MOST_AT_ONCE = 256 + 64
"""Calls in flight at most, and one group of the journal: what one kill can cut off."""


def nobody_knows(run_id: str) -> int | None:  # noqa: ARG001
    """Tell nothing: there is no permit store to ask."""
    return None


def permits_of(open_coordinator: Callable[[], PermitCoordinator]) -> PermitsUsed:
    """Return what asks the permit store of an account; it knows nothing while the store is away."""

    def used(run_id: str) -> int | None:
        try:
            with closing(open_coordinator()) as coordinator:
                window = coordinator.snapshot().of_run(run_id)
        except Unavailable as error:
            log.warning("permits_used stays empty: %s", error)
            return None
        return window.calls if window else None

    return used


def check_permits(run: Run, plan: Plan, totals: Row, permits: PermitsUsed) -> Row:
    """Return what the permit store tells, as columns of `runs`.

    Raise BooksError when it knows of fewer permits than the run has made calls. Warn when more are without a
    record than kills explain.
    """
    used = permits(run.run_id)
    recorded = totals["billed_calls"] + totals["maybe_billed_calls"]
    if used is None:
        if permits is not nobody_knows:
            log.info("the permit store knows no permits of %s: permits_used stays empty", run.run_id)
        return {"permits_used": None, "permits_without_record": None}
    if used < recorded:
        raise BooksError(
            f"the journals tell of {recorded:,} calls of {run.run_id} that may be billed, the permit store "
            f"of {used:,} permits: it has lost its count, or somebody calls without it. `maskmatch publish` "
            "publishes the date under a run of its own, which has made no calls"
        )
    without = used - recorded
    if without:
        _explain(run, plan, without)
    return {"permits_used": used, "permits_without_record": without}


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

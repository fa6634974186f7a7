"""What forecast and approval want to know of a plan: its digest, and what is to be called."""

from maskmatch.core.forecast import Counts
from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import list_newest


def calls_of(run: Run, plan: Plan) -> int:
    """Return how many calls are left to make, retries apart: pairs without a final outcome."""
    warehouse = run.patient_warehouse()
    prefixes = [plans.journal_prefix(shard.key) for shard in plan.to_compare]
    counts = [list_newest(warehouse, prefix).counts for prefix in prefixes]
    return max(0, plan.pairs - sum(each.scored + each.failed for each in counts))


def counts_of(run: Run, plan: Plan) -> Counts:
    """Return what a plan comes to; what its own journals know is known, too."""
    calls = calls_of(run, plan)
    return Counts(
        rows=plan.rows,
        bad_rows=plan.bad_row_codes,
        repeated=plan.repeated_rows,
        deduplicated=plan.dedup_rows,
        skipped=plan.skipped_rows,
        known=plan.known_rows + plan.pairs - calls,
        calls=calls,
    )

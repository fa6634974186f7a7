"""What forecast and approval want to know of a plan: its digest, and what is to be called."""

from collections import Counter

from maskmatch.core.forecast import Counts, Unknown
from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import list_newest

_NOT_COUNTED = "the plan does not count it"


def digest_of(plan: Plan) -> str:
    """Return what names all that a plan will call."""
    return plan.plan_id


def calls_of(run: Run, plan: Plan) -> int:
    """Return how many calls are left to make, retries apart: pairs without a final outcome."""
    warehouse = run.patient_warehouse()
    counts = [list_newest(warehouse, plans.journal_prefix(each.key)).counts for each in plan.shards]
    return max(0, plan.pairs - sum(each.scored + each.failed for each in counts))


def counts_of(run: Run, plan: Plan) -> Counts:
    """Return what a plan comes to."""
    calls = calls_of(run, plan)
    bad_rows = plans.read_bad_rows(run.patient_warehouse(), plan.bad_rows_key)
    return Counts(
        rows=plan.rows,
        bad_rows=Counter(row.code for row in bad_rows),
        repeated=plan.rows - plan.bad_rows - plan.pairs,
        deduplicated=Unknown(_NOT_COUNTED),
        skipped=Unknown(_NOT_COUNTED),
        known=plan.pairs - calls,
        calls=calls,
    )

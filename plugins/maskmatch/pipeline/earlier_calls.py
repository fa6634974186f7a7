"""What an earlier date took: no forecast knows which images are bad, but what they saved last time."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.forecast import Earlier
from maskmatch.core.planning import Plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import list_newest, scan_tables
from maskmatch.storage.object_stores import Store

_MOST_DAYS_BACK = 31
_FEWEST_PAIRS = 1000
"""Fewer tell little: one bad image in fifty pairs is 5 % of them."""
_ENOUGH_PAIRS = 100_000
"""The share is then known to a tenth of a percent; which shard a pair is in is drawn by lot."""
_MAY_BE_BILLED = pa.array(["yes", "perhaps"])


def newest_earlier(run: Run) -> Earlier | None:
    """Return what the newest date took that has enough pairs in complete shards; None when none has."""
    warehouse = run.patient_warehouse()
    for back in range(1, _MOST_DAYS_BACK + 1):
        day = run.day - timedelta(days=back)
        if (plan := plans.newest_plan(warehouse, day)) is None:
            continue
        pairs, calls = _of_plan(warehouse, plan)
        if pairs >= _FEWEST_PAIRS:
            return Earlier(day=day, pairs=pairs, calls=calls)
    return None


def _of_plan(warehouse: Store, plan: Plan) -> tuple[int, int]:
    """Return the pairs of shards that are complete, and their calls that were or may be billed."""
    pairs = calls = 0
    for shard in plan.to_compare:
        prefix = plans.journal_prefix(shard.key)
        counts = list_newest(warehouse, prefix).counts
        if counts.scored + counts.failed < shard.pairs:
            continue
        for table in scan_tables(warehouse, prefix, columns=["attempt", "billed"]):
            is_paid = pc.and_(
                pc.is_valid(table["attempt"]), pc.is_in(table["billed"], value_set=_MAY_BE_BILLED)
            )
            calls += pc.sum(is_paid).as_py() or 0
        pairs += shard.pairs
        if pairs >= _ENOUGH_PAIRS:
            break
    return pairs, calls

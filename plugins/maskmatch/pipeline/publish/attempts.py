"""Rows of `attempts`, in columns: one for each call that a journal tells of."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.pricing import PRICE_PER_CALL
from maskmatch.pipeline.publish.stamp import Stamp, constant, stamped
from maskmatch.storage.journal.records import SCHEMA
from maskmatch.storage.schemas import ATTEMPTS, days_of
from maskmatch.storage.schemas.columns import WORD

JOURNAL_COLUMNS = [name for name in ATTEMPTS.names if name in SCHEMA.names]
"""What is read of a journal for the rows of attempts."""
_PLACE = re.compile(r"plan=([^/]+)/shard-(\d+)")


def attempt_rows(journal: pa.Table, prefix: str, stamp: Stamp) -> pa.Table:
    """Return the calls that a part of a journal tells of; where it lies names plan and shard."""
    is_call = pc.is_valid(journal["attempt"])
    if not pc.all(is_call).as_py():
        journal = journal.filter(is_call)
    count = len(journal)
    columns = {name: journal[name] for name in JOURNAL_COLUMNS}
    if place := _PLACE.search(prefix):
        columns["plan_id"] = constant(place[1], WORD, count)
        columns["shard"] = constant(int(place[2]), pa.int32(), count)
    billed = journal["billed"]
    may_be_billed = pc.not_equal(billed, "no")
    called_at = pc.if_else(may_be_billed, journal["called_at"], pa.scalar(None, journal["called_at"].type))
    columns["billed_on"] = days_of(called_at, stamp.time_zone)
    columns["cost"] = pc.if_else(pc.equal(billed, "yes"), float(PRICE_PER_CALL), 0.0)
    return stamped(columns, ATTEMPTS, stamp, count)

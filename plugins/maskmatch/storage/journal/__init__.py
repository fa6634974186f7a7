"""What was paid for, in object storage, as it comes: one journal per shard.

    <shard>.journal/claim-0001.json                    claim of an epoch, one per try of the shard
    <shard>.journal/claim-0002.json                    of the next try, after a crash
    <shard>.journal/segment-999997-999998-9f8e7d-s125-f3-a0.jsonl   the first that this one wrote
    <shard>.journal/segment-999998-999997-a1b2c3-s121-f3-a4.jsonl   the second of the first try
    <shard>.journal/segment-999998-999998-a1b2c3-s60-f2-a2.jsonl    the first: epoch and number count down,
                       token of its writer, pairs scored, failed, to be called again
    <shard>.journal/compact-0002-000001-5c4d3b-s125-f3-a0.parquet   all in one, once the shard is complete

A writer thread puts whatever finished since its last PUT into one new segment (group commit). Objects are
never changed, so a killed process leaves only whole ones. A row is one call: `records.py` has the columns.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
Decision: docs/adr/0014-the-journal-says-every-call.md
"""

from maskmatch.storage.journal.compacting import compact
from maskmatch.storage.journal.known import Known, read_known
from maskmatch.storage.journal.names import list_newest
from maskmatch.storage.journal.reading import (
    Entry,
    last_epoch,
    read_journal,
    scan_journal,
    scan_tables,
)
from maskmatch.storage.journal.records import Origin
from maskmatch.storage.journal.segments import run_of
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.journal.writing import ShardJournal

__all__ = [
    "Counts",
    "Entry",
    "Known",
    "Origin",
    "ShardJournal",
    "compact",
    "last_epoch",
    "list_newest",
    "read_journal",
    "read_known",
    "run_of",
    "scan_journal",
    "scan_tables",
]

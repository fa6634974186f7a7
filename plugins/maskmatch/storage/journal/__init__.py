"""What was paid for, in object storage, as it comes: one journal per shard.

    <shard>.journal/0001-000000.jsonl                  marker of an epoch, one per try of the shard
    <shard>.journal/0001-000001-a1b2c3.jsonl           segment: epoch, sequence number, token of its writer
    <shard>.journal/0001-000002-a1b2c3.jsonl
    <shard>.journal/0002-000000.jsonl
    <shard>.journal/0002-000001-9f8e7d.jsonl           written after a crash by the next try
    <shard>.journal/compact-0002-000001-5c4d3b.jsonl   all segments in one object, once the shard is complete

A writer thread puts whatever finished since its last PUT into one new segment (group commit). Objects are
never changed, so a killed process leaves only whole ones.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

from maskmatch.storage.journal.compacting import compact
from maskmatch.storage.journal.names import Writer
from maskmatch.storage.journal.reading import (
    Entry,
    final_outcomes,
    last_epoch,
    read_journal,
    scan_journal,
    scan_segments,
)
from maskmatch.storage.journal.writing import ShardJournal

__all__ = [
    "Entry",
    "ShardJournal",
    "Writer",
    "compact",
    "final_outcomes",
    "last_epoch",
    "read_journal",
    "scan_journal",
    "scan_segments",
]

"""The counts in the names of a journal's objects."""

import pytest

from maskmatch.core.outcomes import FailureClass, Outcome, Reason
from maskmatch.storage.journal import Counts, Origin, ShardJournal, compact, list_newest, read_known
from maskmatch.storage.journal.tally import Tally
from tests.storage.journals import PREFIX, MemoryStore, order, record_durably, scored, unknown


def failed(name: str) -> Outcome:
    reason = Reason(failure_class=FailureClass.DATA, code="image_undecodable", message="no picture")
    return Outcome(pair_id=name, reason=reason, call_order=order(name))


def counts_in(store) -> Counts:
    return list_newest(store, PREFIX).counts


def test_counts_come_back_from_a_name_as_they_were():
    assert Counts.parse(str(Counts(120, 3, 1))) == Counts(120, 3, 1)
    with pytest.raises(ValueError, match="is not such as"):
        Counts.parse("s1-f2")


def test_a_pair_that_is_called_again_is_counted_once_and_no_more_when_it_has_ended():
    tally = Tally()
    tally.add([unknown("a"), unknown("a"), unknown("b"), scored("c"), failed("d")])
    assert tally.counts == Counts(1, 1, 2)
    tally.add([scored("a"), failed("b")])
    assert tally.counts == Counts(2, 2, 0)


def test_the_names_tell_how_far_a_shard_is_over_all_its_tries():
    store = MemoryStore()
    assert counts_in(store) == Counts()
    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True) as journal:
        record_durably(journal, scored("a"))
        record_durably(journal, unknown("b"))
        assert counts_in(store) == Counts(1, 0, 1)
    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=2, only_new=True) as journal:
        journal.count_from(read_known(store, PREFIX))
        assert counts_in(store) == Counts(1, 0, 1)
        record_durably(journal, scored("b"))
        record_durably(journal, failed("c"))
    assert counts_in(store) == Counts(2, 1, 0)
    compact(store, PREFIX)
    assert counts_in(store) == Counts(2, 1, 0)


def test_a_pair_that_two_tries_have_scored_is_one_when_it_was_compacted():
    store = MemoryStore()
    for epoch in (1, 2):
        with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=epoch, only_new=True) as journal:
            record_durably(journal, scored("a"))
            record_durably(journal, unknown("b"))
    compact(store, PREFIX)
    assert counts_in(store) == Counts(1, 0, 1)


def test_of_a_long_journal_only_the_newest_segment_is_looked_at(store):
    for epoch in (1, 2):
        with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=epoch, only_new=True) as journal:
            journal.count_from(read_known(store, PREFIX))
            for number in range(10):
                record_durably(journal, scored(f"p{epoch}-{number}"))
    found = list_newest(store, PREFIX)
    ((writer, segments),) = found.segments.items()
    assert (writer.epoch, list(segments), found.counts) == (2, [10], Counts(20, 0, 0))
    assert found.epochs == {1, 2}

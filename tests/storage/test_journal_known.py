"""What a journal tells of its pairs by their places in the call order."""

from dataclasses import replace

import numpy as np

from maskmatch.core.outcomes import FailureClass, Reason
from maskmatch.storage.journal import Counts, Origin, ShardJournal, compact, read_known
from tests.storage.journals import PREFIX, MemoryStore, order, scored, unknown

NO_PICTURE = Reason(failure_class=FailureClass.DATA, code="image_undecodable", message="no picture")


def failed(name):
    return replace(scored(name), score=None, model_version=None, reason=NO_PICTURE)


def known_of(*outcomes, is_compact=False):
    store = MemoryStore()
    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True) as journal:
        for outcome in outcomes:
            journal.enter(outcome)
    if is_compact:
        compact(store, PREFIX)
    return read_known(store, PREFIX)


def test_an_empty_journal_knows_nothing():
    known = known_of()
    assert (known.counts, known.again, known.versions) == (Counts(), frozenset(), frozenset())
    assert not known.have_ended(np.array([1, 2])).any()


def test_pairs_that_have_ended_are_known_by_their_call_order_and_others_are_called_again():
    for is_compact in (False, True):
        known = known_of(
            unknown("c"), scored("a"), failed("b"), unknown("d"), scored("c"), is_compact=is_compact
        )
        orders = np.array([order(name) for name in "zdcba"])
        assert known.have_ended(orders).tolist() == [False, False, True, True, True]
        assert known.counts == Counts(2, 1, 1)
        assert known.reasons == {"scored": 2, "image_undecodable": 1}
        assert known.again == {"d"}
        assert known.versions == {"3.0"}


def test_a_pair_that_has_ended_twice_ended_as_the_last_entry_says():
    assert known_of(scored("a"), failed("a")).counts == Counts(0, 1, 0)
    assert known_of(failed("a"), scored("a")).counts == Counts(1, 0, 0)
    assert known_of(failed("a"), scored("a")).reasons == {"scored": 1}

"""Of several rows of a pair the one that counts: in columns as `final_outcomes` finds it one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.errors import BooksError
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason, Source
from maskmatch.pipeline.publish.journals import WINDOW_ROWS, Answers
from maskmatch.pipeline.publish.settled import settle
from maskmatch.storage.journal import Entry
from maskmatch.storage.journal.records import outcomes_of
from tests.pipeline.publish.made import journal_of, scored
from tests.storage.journals import final_outcomes

OPEN = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="network_error", message="m")
FINAL = Reason(failure_class=FailureClass.BIOMETRIC, code="no_face", message="m")


def ended(name: str, number: int, kind: str, call: str) -> Outcome:
    """Return the end of a pair, with a call of its own, one that was taken over, or none."""
    calls = {
        "own": Calls(attempts=1, billed=number % 2, maybe_billed=1 - number % 2, request_id=f"q{number}"),
        "taken": Calls(answered_by="x", request_id=f"t{number}"),
        "none": Calls(),
    }[call]
    return Outcome(
        pair_id=name,
        score=50.0 + number if kind == "scored" else None,
        reason={"scored": None, "open": OPEN, "final": FINAL}[kind],
        source=Source.API,
        calls=calls,
        call_order=int(name),
    )


ENDS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["scored", "open", "final"]),
        st.sampled_from(["own", "taken", "none"]),
    ),
    max_size=8,
)


@given(ENDS)
def test_columns_settle_pairs_as_a_loop_does(ends):
    all_three = [(place, "open", "none") for place in range(3)]
    journal = journal_of(
        *(ended(str(place), n, kind, call) for n, (place, kind, call) in enumerate([*all_three, *ends]))
    )
    expected = final_outcomes(Entry(run, outcome) for run, outcome in outcomes_of(journal))
    places = np.array([int(name) for name in journal["pair_id"].to_pylist()])
    for found in settle(journal, places, 3).to_pylist():
        outcome = expected[found["pair_id"]]
        assert found["score"] == outcome.score
        assert found["failure_code"] == (outcome.reason.code if outcome.reason else None)
        calls = outcome.calls
        counts = (calls.attempts, calls.billed, calls.maybe_billed)
        assert (found["attempts"], found["billed_calls"], found["maybe_billed_calls"]) == counts
        assert found["request_id"] == calls.request_id


def test_a_journal_in_any_order_comes_in_the_order_of_the_plan_window_by_window():
    count = WINDOW_ROWS + 10
    orders = np.arange(count) * 4 + 1
    mixed = np.random.default_rng(1).permutation(orders)
    answers = Answers(orders)
    for some in (mixed[30:], mixed[:30]):
        assert len(answers.unsettled()) >= 30
        journal = journal_of(*(scored(f"p{order}", int(order), 50.0) for order in some))
        answers.read(iter([journal]), lambda table: None)
    assert not len(answers.unsettled())
    for number, some in enumerate(np.split(orders, [WINDOW_ROWS])):
        planned = journal_of(*(scored(f"p{order}", int(order), 0.0) for order in some))
        assert answers.settle(number, planned)["call_order"].to_pylist() == some.tolist()


def test_a_journal_tells_of_no_pair_that_its_plan_does_not_have():
    with pytest.raises(BooksError, match="that its plan does not have"):
        Answers(np.array([1])).read(iter([journal_of(scored("p", 2, 1.0))]), lambda table: None)


def test_a_journal_that_has_another_pair_in_a_place_is_not_published():
    answers = Answers(np.array([1]))
    answers.read(iter([journal_of(scored("other", 1, 1.0))]), lambda table: None)
    with pytest.raises(BooksError, match="other pairs than its plan"):
        answers.settle(0, journal_of(scored("p", 1, 0.0)))

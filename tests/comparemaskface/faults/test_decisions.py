"""Faults as text: what is understood, what is refused, and who meets them."""

import time

import pytest
from comparemaskface.faults.decisions import FaultDecision, Faults
from comparemaskface.faults.named_faults import (
    QUANTITIES,
    STATES,
    Fault,
    FaultBy,
    FaultName,
    parse_fault,
    plan_of,
)
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    name = draw(st.sampled_from(FaultName))
    quantities = QUANTITIES.get(name, ())
    values = tuple(draw(st.integers(int(max(q.least, -(10**6))), int(q.most))) / 1 for q in quantities)
    share = 1.0 if name in STATES else draw(st.integers(0, 1000)) / 1000
    return Fault(name, values, share)


@given(faults())
def test_a_fault_written_out_is_read_as_the_same(fault: Fault) -> None:
    assert parse_fault(str(fault)) == fault


def test_what_is_not_given_has_a_default() -> None:
    assert parse_fault("slow@0.5") == Fault(FaultName.SLOW, (1.0, 0.5), 0.5)
    assert parse_fault("slow=2") == Fault(FaultName.SLOW, (2.0, 0.5))
    assert parse_fault("model-version=7") == Fault(FaultName.MODEL_VERSION, (7.0, 4.0))
    assert parse_fault("cut") == Fault(FaultName.CUT, ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a fault"),
        ("flood", "is not a fault"),
        ("cut@", "is not a fault"),
        ("slow=@0.1", "is not a fault"),
        ("cut=1", "cut takes no values"),
        ("slow=1,2,3", "slow takes 2 values"),
        ("slow=fast", "median seconds: 'fast'"),
        ("slow=nan", "median seconds: 'nan'"),
        ("slow=-1", "between 0 and 60"),
        ("hang=1e9", "between 0 and 600"),
        ("cut@1.5", "share of cut: '1.5'"),
        ("cut@10%", "share of cut: '10%'"),
        ("arrears=0", "call: '0'"),
        ("arrears=5@0.5", "takes no share"),
        ("clock-skew@0.5", "takes no share"),
    ],
)
def test_an_invalid_fault_is_rejected_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("%", "\\%")):
        parse_fault(text)


def test_a_plan_names_a_fault_once_and_a_limit_of_zero_or_more() -> None:
    with pytest.raises(ValueError, match="cut is named twice"):
        plan_of(["cut@0.1", "cut@0.2"])
    with pytest.raises(ValueError, match="0 or more"):
        plan_of(["cut"], per_pair=-1)


def decisions(
    *texts: str, calls: int = 2000, seed: int = 0, by: FaultBy = FaultBy.CALL
) -> list[FaultDecision]:
    drawn = Faults(plan_of(texts, seed=seed, by=by), clock=time.time)
    return [drawn.decide(b"%d" % (number % 50)) for number in range(calls)]


def test_a_share_is_about_its_share() -> None:
    applied = sum(decision.fault is FaultName.CUT for decision in decisions("cut@0.1"))
    assert 150 < applied < 250
    assert not any(decision.fault for decision in decisions("cut@0"))
    assert all(decision.fault for decision in decisions("cut@1"))


def test_faults_are_drawn_independently_of_each_other() -> None:
    applied = [decision.applied for decision in decisions("slow@0.5", "cut@0.5")]
    for combination in ((), (FaultName.SLOW,), (FaultName.CUT,), (FaultName.SLOW, FaultName.CUT)):
        assert 400 < applied.count(combination) < 600


def test_delays_are_lognormal_about_their_median() -> None:
    delays = sorted(decision.delay for decision in decisions("slow=0.4,0.5"))
    assert delays[len(delays) // 2] == pytest.approx(0.4, rel=0.1)
    assert delays[len(delays) * 84 // 100] == pytest.approx(0.4 * 2.718**0.5, rel=0.1)
    assert {decision.delay for decision in decisions("slow=0.4,0")} == {0.4}


def test_the_longest_delay_is_bounded() -> None:
    assert max(decision.delay for decision in decisions("slow=60,3")) == 300


def test_by_pair_all_calls_of_a_pair_get_the_same_faults() -> None:
    drawn = decisions("internal@0.5", "slow@0.5", by=FaultBy.PAIR)
    assert drawn[:50] * 40 == drawn
    assert len(set(drawn)) > 10


def test_states_count_accepted_calls_only() -> None:
    now = 0.0
    drawn = Faults(plan_of(["throttle=5", "arrears=2"]), clock=lambda: now)
    assert [drawn.decide(None).fault for _ in range(3)] == [FaultName.THROTTLE] * 3
    now = 5.0
    assert [drawn.decide(None).fault for _ in range(3)] == [None, FaultName.ARREARS, FaultName.ARREARS]


def test_the_state_tells_the_plan_and_what_befell_since() -> None:
    drawn = Faults(plan_of(["cut@0.5", "slow"], seed=7, by=FaultBy.PAIR, per_pair=1), clock=time.time)
    for number in range(4):
        drawn.decide(b"%d" % number)
        drawn.decide(b"%d" % number)
    state = drawn.state()
    assert state | {"applied": None} == {
        "faults": ["cut@0.5", "slow=1,0.5"],
        "seed": 7,
        "by": "pair",
        "per_pair": 1,
        "calls": 8,
        "applied": None,
    }
    assert state["applied"]["slow"] == 4
    drawn.configure(plan_of([]))
    assert (drawn.is_active, drawn.state()["calls"]) == (False, 0)

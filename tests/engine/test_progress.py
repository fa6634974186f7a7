import json
from decimal import Decimal

from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason
from maskmatch.engine.progress import Progress
from tests.fakes import FakeClock

SCORED = Outcome(pair_id="a", score=1.0, calls=Calls(attempts=2, billed=1, maybe_billed=1))
FAILED = Outcome(
    pair_id="b",
    reason=Reason(failure_class=FailureClass.DATA, code="image_missing", message=""),
)


def progress(total=1000, **changes):
    clock, said = FakeClock(), []
    return Progress(total, clock=clock, say=said.append, **changes), clock, said


def run(progress, clock, *, seconds, each_second):
    for _ in range(seconds):
        for _ in range(each_second):
            progress.add(SCORED)
        clock.sleep(1)
        progress.tick()


def test_outcomes_and_calls_are_counted():
    counted, _, _ = progress()
    counted.add(SCORED)
    counted.add(FAILED)
    counted.add_calls(Calls(attempts=1, maybe_billed=1))
    assert counted.counts == {"scored": 1, "image_missing": 1}
    assert counted.calls == {"attempts": 3, "billed": 1, "maybe_billed": 2}
    assert counted.done == 2


def test_rate_and_time_left_are_those_of_the_last_half_minute():
    counted, clock, _ = progress()
    run(counted, clock, seconds=60, each_second=1)
    run(counted, clock, seconds=30, each_second=10)
    assert round(counted.pairs_per_second, 1) == 10.0
    assert round(counted.seconds_left) == 64


def test_pairs_that_turn_out_to_be_known_are_left_out_of_the_total():
    counted, clock, _ = progress(total=100)
    counted.leave_out({"scored": 57, "no_face": 3})
    run(counted, clock, seconds=10, each_second=1)
    facts = counted.facts()
    assert (facts["total"], facts["already_known"], facts["known"]["no_face"]) == (40, 60, 3)
    assert round(counted.seconds_left) == 30


def test_nothing_done_leaves_the_time_left_unknown():
    counted, clock, _ = progress()
    clock.sleep(10)
    counted.tick()
    assert (counted.pairs_per_second, counted.seconds_left) == (0.0, None)
    assert "time left unknown" in counted.line()


def test_a_run_with_nothing_to_call_says_so():
    counted, _, _ = progress(total=60)
    counted.leave_out({"scored": 60})
    assert counted.line() == "nothing to call: all 60 pairs have ended before"


def test_a_paused_run_says_by_whom_and_no_time_left():
    counted, clock, _ = progress()
    run(counted, clock, seconds=10, each_second=5)
    counted.paused = "paused (all runs) by ann: resume it"
    assert counted.line().endswith("0 calls in flight, paused (all runs) by ann: resume it")
    assert (counted.facts()["seconds_left"], counted.facts()["paused"]) == (None, counted.paused)
    counted.paused = None
    assert counted.line().endswith("time left 0:03:10")


def test_what_came_of_the_pairs_is_told_in_words():
    counted, _, _ = progress()
    assert counted.reasons() == ""
    counted.add(SCORED)
    counted.add(SCORED)
    counted.add(FAILED)
    assert counted.reasons() == "2 scored, 1 image_missing"


def test_a_line_is_said_every_ten_seconds_and_facts_are_reported_every_five():
    reports = []
    counted, clock, said = progress(report=reports.append)
    run(counted, clock, seconds=31, each_second=1)
    assert (len(said), len(reports)) == (3, 6)
    assert said[0].startswith("10 of 1,000 pairs (1.0 %), 1.0 pairs/s, 10 calls billed (10 more perhaps)")


def test_the_facts_are_json_and_hold_money_as_text():
    counted, clock, _ = progress(price=lambda calls: Decimal("0.0032") * calls)
    counted.calls_in_flight = 12
    counted.add_unknown("Odd")
    run(counted, clock, seconds=10, each_second=5)
    assert json.loads(json.dumps(counted.facts())) == {
        "total": 1000,
        "done": 50,
        "counts": {"scored": 50},
        "calls": {"attempts": 100, "billed": 50, "maybe_billed": 50},
        "unknown_codes": {"Odd": 1},
        "pairs_per_second": 5.0,
        "seconds_left": 190,
        "calls_in_flight": 12,
        "known": {},
        "already_known": 0,
        "paused": None,
        "cny": "0.1600",
    }
    assert "CNY 0.16, 12 calls in flight, time left 0:03:10" in counted.line()


def test_an_unknown_code_is_new_once():
    counted, _, _ = progress()
    assert [counted.add_unknown("Odd"), counted.add_unknown("Odd")] == [True, False]

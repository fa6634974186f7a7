from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.pricing import price_of_call
from maskmatch.permits.steps.budgets import Window, affordable, charge, give_back, spans
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority


def price_of_month(calls):
    return calls * price_of_call(calls)


NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Shanghai


def claim(**budgets):
    return Claim(run_id="r", priority=Priority.NIGHTLY, budgets=Budgets(**budgets))


def test_windows_are_those_of_the_accounts_time_zone():
    before, after = (
        [span.key for span in spans(claim(), at)]
        for at in (datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 30, 16, 0, tzinfo=UTC))
    )
    assert before == ["run:r", "day:2026-11-30", "month:2026-11"]
    assert after == ["run:r", "day:2026-12-01", "month:2026-12"]


def test_a_day_ends_at_midnight_there_and_a_run_never():
    run, day, month = spans(claim(), NOON)
    assert (run.end, day.end) == (None, datetime(2026, 11, 22, 16, tzinfo=UTC))
    assert month.end == datetime(2026, 11, 30, 16, tzinfo=UTC)


def test_a_day_of_25_hours_is_one_day():
    zone = claim(time_zone="Europe/Berlin")
    _, day, _ = spans(zone, datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert day.end - day.start == timedelta(hours=25)


@pytest.mark.parametrize(
    ("calls", "cny"),
    [
        (1, "0.0032"),
        (3_000_000, "9600"),
        (3_000_001, "9000.003"),
        (15_000_000, "45000"),
        (15_000_001, "40500.0027"),
    ],
)
def test_the_tier_that_a_month_reached_holds_for_all_its_calls(calls, cny):
    assert price_of_month(calls) == Decimal(cny) * 1_000_000


def test_no_more_calls_are_affordable_than_any_budget_has_left():
    among = spans(claim(run=Budget(calls=100), day=Budget(calls=50), month=Budget(cny=Decimal("0.1"))), NOON)
    assert affordable({}, among, 1000) == (31, None)
    windows = charge({}, among, 31, NOON)
    calls, spent = affordable(windows, among, 10)
    assert (calls, spent.kind) == (0, "month")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=30), st.integers(0, 400))
def test_what_is_spent_never_passes_the_budget_and_what_is_given_back_is_had_again(moves, most):
    holder = claim(run=Budget(calls=most))
    among, windows, spent = spans(holder, NOON), {}, 0
    for wanted, unbilled in moves:
        granted, _ = affordable(windows, among, wanted)
        windows = charge(windows, among, granted, NOON)
        back = min(unbilled, granted)
        windows = give_back(windows, holder, back, NOON)
        spent += granted - back
        assert spent == windows["run:r"].calls <= most
        assert windows["month:2026-11"].micro_cny == price_of_month(spent)


def test_a_day_gets_nothing_back_that_the_day_before_may_have_paid():
    midnight = datetime(2026, 11, 22, 16, 0, 5, tzinfo=UTC)
    windows = charge({}, spans(claim(), midnight), 10, midnight)
    windows = give_back(windows, claim(), 4, midnight)
    assert [windows[key].calls for key in ("run:r", "day:2026-11-23", "month:2026-11")] == [6, 10, 6]


def test_a_tier_crossed_in_the_middle_makes_the_month_cheaper():
    among = spans(claim(month=Budget(cny=Decimal(9600))), NOON)
    windows = {"month:2026-11": Window(calls=3_000_000, micro_cny=price_of_month(3_000_000))}
    assert affordable(windows, among, 10) == (10, None)
    assert charge(windows, among, 10, NOON)["month:2026-11"].micro_cny == price_of_month(3_000_010)


def test_a_day_and_a_run_keep_what_they_spent_when_the_month_becomes_cheaper():
    among = spans(claim(day=Budget(cny=Decimal(100))), NOON)
    windows = {
        "month:2026-11": Window(calls=2_999_995, micro_cny=price_of_month(2_999_995)),
        "day:2026-11-22": Window(calls=31_000, micro_cny=99_200_000),
    }
    windows = charge(windows, among, 10, NOON)
    assert windows["day:2026-11-22"].micro_cny == 99_200_000 + 10 * 3000
    assert windows["run:r"].micro_cny == 10 * 3000
    windows = give_back(windows, claim(), 10, NOON)
    assert windows["run:r"].micro_cny == 0
    assert windows["month:2026-11"].micro_cny == price_of_month(2_999_995)

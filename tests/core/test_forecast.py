import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.forecast import (
    Counts,
    Deadline,
    Earlier,
    Rate,
    RateUser,
    Surroundings,
    Unknown,
    forecast,
    together,
)
from maskmatch.core.forecast_record import to_record
from maskmatch.core.forecast_words import comparison, duration, facts, headline, lines, money
from maskmatch.core.pricing import calls_by_tier, day_package_cost, price_of
from maskmatch.core.rate_by_hour import RateByHour, parse_hours

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
RATE = Rate(allowed=50.0, margin=0.0, alone=50.0, beside=50.0)
AROUND = Surroundings(month_calls=0, rate=RATE, bytes_per_call=200_000.0, sampled_pairs=100)
SOMEBODY = RateUser(run_id="other", priority="nightly", calls_per_second=25.0)


def counts(calls, **more):
    plain = {"rows": calls, "bad_rows": {}, "repeated": 0, "deduplicated": 0, "skipped": 0, "known": 0}
    return Counts(**{**plain, **more}, calls=calls)


def made(calls, around=AROUND, **more):
    return forecast(counts(calls, **more), around, days=(date(2026, 11, 22),), digest="d" * 64, now=NOW)


def words(this):
    return dict(facts(this))


def test_a_night_of_100_000_pairs():
    this = made(100_000)
    assert (this.cost, this.seconds, this.bytes_sent) == (Decimal(320), 2000.0, 20_000_000_000)
    assert this.ends_at == NOW + timedelta(seconds=2000)
    assert headline(this) == "100,000 calls, CNY 320.00, end 2026-11-22 02:33 UTC"
    assert words(this)["cost"] == "CNY 320.00 (100,000 x 0.0032)"
    assert words(this)["sent by us"] == "20 GB, by the sizes of the images of 100 pairs"


@pytest.mark.parametrize(
    ("calls", "before", "tiers", "cost"),
    [
        (1_000_000, 0, [(1_000_000, "0.0032")], "3200"),
        (1_000_000, 2_500_000, [(500_000, "0.0032"), (500_000, "0.003")], "3100"),
        (10_000_000, 0, [(3_000_000, "0.0032"), (7_000_000, "0.003")], "30600"),
        (
            20_000_000,
            1_000_000,
            [(2_000_000, "0.0032"), (12_000_000, "0.003"), (6_000_000, "0.0027")],
            "58600",
        ),
        (5, 16_000_000, [(5, "0.0027")], "0.0135"),
        (0, 7, [], "0"),
    ],
)
def test_a_call_costs_what_the_tier_in_which_it_is_made_says(calls, before, tiers, cost):
    this = made(calls, replace(AROUND, month_calls=before))
    assert [(tier.calls, str(tier.price)) for tier in this.tiers] == tiers
    assert this.cost == Decimal(cost)


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**8))
def test_no_call_is_lost_between_tiers_and_none_costs_more_than_the_limit_is_compared_with(
    calls, before, more
):
    tiers = calls_by_tier(calls, month_calls=before)
    assert sum(tier.calls for tier in tiers) == calls
    cost = sum(tier.cost for tier in tiers)
    assert cost <= price_of(calls)
    assert cost <= sum(tier.cost for tier in calls_by_tier(calls + more, month_calls=before))


def test_without_an_account_its_part_is_unknown_with_the_reason_and_the_most_is_told():
    nobody = Unknown("no account is named")
    this = made(1000, replace(AROUND, month_calls=nobody, rate=nobody))
    assert headline(this) == "1,000 calls, at most CNY 3.20, end unknown: no account is named"
    assert words(this)["cost"] == "at most CNY 3.20; by tier unknown: no account is named"
    record = to_record(this)
    assert {name: record[name] for name in ("cost_cny", "rate", "seconds", "ends_at", "month_calls")} == {
        "cost_cny": None,
        "rate": None,
        "seconds": None,
        "ends_at": None,
        "month_calls": None,
    }
    assert set(record["unknown"]) == {
        "month_calls",
        "cost_cny",
        "rate",
        "seconds",
        "seconds_alone",
        "ends_at",
    }
    assert record["cost_at_most_cny"] == "3.2000"
    assert this.alternatives == ()


def test_every_null_of_an_unknown_number_has_its_reason():
    why = Unknown("x")
    around = replace(AROUND, month_calls=why, rate=why, bytes_per_call=why)
    record = json.loads(json.dumps(to_record(made(9, around))))
    nulls = {name for name, value in record.items() if value is None}
    assert nulls - set(record["unknown"]) == {
        "deadline",
        "is_in_time",
        "calls_per_second_for_deadline",
        "expected_by_day",
    }
    assert set(record["unknown"].values()) == {"x"}


def test_others_who_use_the_account_make_it_later_and_are_named():
    rate = replace(RATE, beside=25.0, users=(SOMEBODY,))
    this = made(100_000, replace(AROUND, rate=rate))
    assert (this.seconds, this.seconds_alone) == (4000.0, 2000.0)
    assert words(this)["time"] == "1 h 7 min while the others go on as now; 34 min alone"
    assert "beside other (nightly, 25.0 calls/s)" in words(this)["rate"]


@pytest.mark.parametrize(
    ("at", "zone", "now", "meant"),
    [
        ("08:00", "UTC", "2026-11-22T02:00", "2026-11-22T08:00"),
        ("08:00", "UTC", "2026-11-22T08:00", "2026-11-23T08:00"),
        ("08:00", "Asia/Shanghai", "2026-11-22T02:00", "2026-11-23T00:00"),
        ("08:00", "Asia/Shanghai", "2026-11-21T23:00", "2026-11-22T00:00"),
        ("02:30", "Europe/Berlin", "2026-03-29T00:30", "2026-03-29T01:30"),  # a time that this night lacks
    ],
)
def test_a_deadline_is_the_next_such_time_in_its_zone(at, zone, now, meant):
    start, expected = (datetime.fromisoformat(f"{text}+00:00") for text in (now, meant))
    assert Deadline(time.fromisoformat(at), zone).seen_at(start) == expected


def test_a_missed_deadline_says_the_rate_that_would_keep_it():
    around = replace(AROUND, deadline=Deadline(time(8), "Asia/Shanghai"))
    this = made(10_000_000, around)
    assert this.is_in_time is False
    text = words(this)["deadline"]
    assert (
        text
        == "2026-11-23 00:00 UTC, 2026-11-23 08:00 Asia/Shanghai: MISSED (126.3 calls/s would end by then)"
    )
    assert made(1000, around).is_in_time
    assert words(made(1000))["deadline"] == "not set"


def test_a_deadline_is_that_of_the_run_however_late_its_plan_is_made():
    started = NOW - timedelta(hours=3)
    around = replace(AROUND, deadline=Deadline(time(1), "UTC", started))
    this = made(10, around)
    assert this.is_in_time is False
    assert words(this)["deadline"] == "2026-11-22 01:00 UTC: MISSED, it has passed"
    assert made(10, replace(around, rate=Unknown("x"))).is_in_time is False
    assert made(10, replace(AROUND, deadline=Deadline(time(3), "UTC", started))).is_in_time


def test_a_plan_that_is_made_in_a_slow_hour_reckons_with_the_quick_ones():
    slow = replace(RATE, allowed=30.0, alone=30.0, beside=30.0)
    hours = RateByHour(parse_hours("30 from 00:00 to 03:00"))
    this = made(30 * 3600 + 50 * 3600, replace(AROUND, rate=slow, calls_per_second=50.0, rate_by_hour=hours))
    assert this.seconds == pytest.approx(7200, abs=1)


def test_a_deadline_that_a_few_calls_easily_keep_names_no_rate_of_nothing():
    around = replace(AROUND, deadline=Deadline(time(8), "Asia/Shanghai"), rate=Unknown("x"))
    text = words(made(67, around))["deadline"]
    assert text.endswith("unknown whether it is kept (even 0.1 calls/s would end by then)")


def test_a_budget_that_does_not_suffice_makes_the_end_unknown():
    this = made(100_000, replace(AROUND, calls_left=40_000, budget="day"))
    assert this.ends_at == Unknown("the budget of the day has 40,000 calls left")
    assert isinstance(made(100_000, replace(AROUND, calls_left=100_000, budget="day")).ends_at, datetime)


def test_with_urls_the_vendor_fetches_the_images():
    around = replace(AROUND, bytes_per_call=0.0, sampled_pairs=0, sends_images=False)
    assert words(made(10, around))["sent by us"] == "0 B: the vendor fetches the images"


def test_what_if_there_were_another_rate_a_package_or_urls():
    rows = comparison(made(4_000_000))
    assert [(row[0], row[1], row[2], row[4], row[5]) for row in rows] == [
        ("package of 50 calls/s for 1 day", "50.0", "22 h 14 min", "800.00", "800 GB"),
        ("300 calls/s by contract", "300.0", "3 h 43 min", "12,600.00", "800 GB"),
        ("package of 300 calls/s for 1 day", "300.0", "3 h 43 min", "3,000.00", "800 GB"),
        ("50 calls/s with image_transfer url", "50.0", "22 h 14 min", "12,600.00", "0 B"),
    ]
    assert made(0).alternatives == ()
    assert len(made(10, replace(AROUND, sends_images=False)).alternatives) == 3


@pytest.mark.parametrize(
    ("rate", "days", "cost"),
    [(10, 1, 180), (11, 1, 176), (50, 2, 1600), (100, 1, 1200), (101, 1, 1010), (7.5, 1, 144)],
)
def test_a_package_of_the_day_costs_by_calls_a_second(rate, days, cost):
    assert day_package_cost(rate, days=days) == cost


def test_several_dates_are_reckoned_as_one_after_the_other():
    around = replace(AROUND, month_calls=2_900_000)
    first, second = made(100_000, around, bad_rows={"a": 1}), made(300_000, around, bad_rows={"a": 2, "b": 1})
    total = together([first, second])
    assert (total.counts.calls, total.counts.bad_rows, total.seconds) == (400_000, {"a": 3, "b": 1}, 8000.0)
    assert total.cost == 100_000 * Decimal("0.0032") + 300_000 * Decimal("0.003")
    assert (total.bytes_sent, total.around.sampled_pairs) == (80_000_000_000, 200)
    unknown = made(5, replace(around, bytes_per_call=Unknown("why")))
    assert together([first, unknown]).bytes_sent == Unknown("why")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3600, "1 h 0 min"),
        (86_400 * 57.9, "57 d 21 h"),
    ],
)
def test_a_time_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_money_is_never_shown_as_less_than_it_is():
    assert [money(Decimal(text)) for text in ("0.0032", "1234.5", "0")] == ["0.01", "1,234.50", "0.00"]


def test_what_others_call_themselves_cannot_break_a_line():
    user = replace(SOMEBODY, run_id="a\nb\x1b[31m")
    text = lines(made(10, replace(AROUND, rate=replace(RATE, users=(user,)))))
    assert not [line for line in text if not line.isprintable()]


EARLIER = Earlier(day=date(2026, 11, 21), pairs=10_000, calls=9_400)


def test_what_an_earlier_date_took_for_its_pairs_is_expected_again():
    this = made(100_000, replace(AROUND, earlier=EARLIER))
    assert (this.expected_calls, this.counts.calls, this.seconds) == (94_000, 100_000, 1880.0)
    assert (this.cost, this.cost_at_most) == (Decimal("300.80"), Decimal(320))
    assert this.bytes_sent == 94_000 * 200_000
    assert headline(this) == "about 94,000 calls, CNY 300.80, end 2026-11-22 02:31 UTC"
    assert words(this)["pairs to call"] == "100,000"
    assert words(this)["calls to make"].startswith("94,000 expected: on 2026-11-21 10,000 pairs took 9,400,")
    record = to_record(this)
    assert (record["calls"], record["calls_expected"], record["expected_by_day"]) == (
        100_000,
        94_000,
        "2026-11-21",
    )


def test_calls_that_are_made_again_may_be_more_than_pairs():
    this = made(1000, replace(AROUND, earlier=replace(EARLIER, calls=11_000)))
    assert (this.expected_calls, this.cost_at_most) == (1100, Decimal("3.52"))


def test_dates_together_expect_what_each_does():
    total = together([made(100_000, replace(AROUND, earlier=EARLIER))] * 2)
    assert (total.counts.calls, total.expected_calls) == (200_000, 188_000)
    assert total.bytes_sent == 188_000 * 200_000

from datetime import UTC, datetime

import pytest

from maskmatch.core.rate_by_hour import RateByHour, parse_hours


def at(hour, minute=0, second=0, day=2):
    return datetime(2026, 1, day, hour, minute, second, tzinfo=UTC)


def rates(text, time_zone="UTC"):
    return RateByHour(parse_hours(text), time_zone)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("30 from 08:00 to 22:00", "30 from 08:00 to 22:00"),
        ("at most 30/s from 8:00 to 22:00", "30 from 08:00 to 22:00"),
        ("0.5 from 22:30 to 6:00; 0 from 6:00 to 7:00;", "0.5 from 22:30 to 06:00; 0 from 06:00 to 07:00"),
        ("", ""),
    ],
)
def test_rules_are_read_as_people_write_them(text, written):
    assert str(rates(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "30",
        "30 from 8 to 22",
        "-1 from 08:00 to 09:00",
        "30 from 24:00 to 25:00",
        "30 from 08:00 to 08:00",
        "30 from 08:00 to 09:00, 3 from 10:00 to 11:00",
    ],
)
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match="hour"):
        parse_hours(text)


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        (at(7, 59, 58), 50),
        (at(7, 59, 59), 30),  # what is booked a second ahead is within the hour, too
        (at(8), 30),
        (at(21, 59, 59), 30),
        (at(22), 50),
    ],
)
def test_the_lower_rate_holds_within_its_hours_and_a_second_before(moment, allowed):
    assert rates("30 from 08:00 to 22:00").at(moment, 50) == allowed


def test_hours_are_those_of_the_time_zone_and_may_be_after_midnight():
    late = rates("20 from 22:00 to 06:00", "Asia/Shanghai")
    assert [late.at(at(hour), 50) for hour in (13, 14, 21, 22)] == [50, 20, 20, 50]


def test_the_lowest_of_several_rules_holds_and_none_is_above_the_account():
    both = rates("30 from 08:00 to 22:00; 10 from 12:00 to 13:00; 900 from 00:00 to 05:00")
    assert [both.at(at(hour), 50) for hour in (2, 9, 12, 23)] == [50, 30, 10, 50]


def test_an_hour_without_calls_says_when_they_are_allowed_again():
    closed = rates("0 from 06:00 to 22:00; 0 from 22:00 to 23:30").closed(at(7))
    assert closed.until == at(23, 30)
    assert "again from 2026-01-02 23:30 UTC" in str(closed)
    assert rates("0 from 06:00 to 18:00; 0 from 18:00 to 06:00").closed(at(7)).until is None


def test_the_time_that_calls_take_follows_the_hours():
    took = rates("30 from 08:00 to 22:00; 0 from 22:00 to 23:00").seconds_for
    one_hour = 3600
    assert took(50 * one_hour, calls_per_second=50, account=50, start=at(5)) == one_hour
    calls = 50 * one_hour + 30 * 14 * one_hour + 50 * 60  # until 08:00, until 22:00, and from 23:00 on
    assert took(calls, calls_per_second=50, account=50, start=at(7)) == pytest.approx(16 * one_hour + 60)
    assert took(25 * 60, calls_per_second=25, account=50, start=at(7)) == 60  # beside others


def test_the_time_that_calls_take_from_a_slow_hour_on_follows_the_quicker_ones():
    took = rates("30 from 08:00 to 22:00").seconds_for
    one_hour = 3600
    calls = 30 * one_hour + 50 * 5 * one_hour  # until 22:00, and from then on
    assert took(calls, calls_per_second=30, account=50, start=at(21)) == pytest.approx(6 * one_hour)
    assert took(calls // 2, calls_per_second=15, account=50, start=at(21)) == pytest.approx(6 * one_hour)


def test_an_hour_that_comes_twice_when_the_clock_is_set_back_ends_each_time():
    closed = rates("0 from 01:30 to 02:30", "Europe/Berlin")
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert closed.at(again, 50) == 0
    assert closed.closed(again).until == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

"""A bill whose columns are named by whoever has it."""

from datetime import date
from decimal import Decimal

import pytest

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.storage.bills import Billed, check_bill, parse_bill_columns, read_bill

ZONE = "Asia/Shanghai"
BOTH = parse_bill_columns("day=日期, calls=用量, cost=金额")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_days_are_summed_whatever_encoding_and_form_of_a_day(tmp_path, encoding):
    rows = ('iai,2026-11-01 00:00,"1,000",¥3.20', "iai,2026/11/1,5,0.016", "iai,20261102,7,0.0224")
    text = "\n".join(["产品,日期,用量,金额", *rows, ""])
    (tmp_path / "bill.csv").write_text(text, encoding=encoding)
    assert read_bill(tmp_path / "bill.csv", BOTH, time_zone=ZONE) == {
        date(2026, 11, 1): Billed(1005, Decimal("3.216")),
        date(2026, 11, 2): Billed(7, Decimal("0.0224")),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has no column"),
        ("日期,用量,金额\n2026-11-01,x,1\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-13-01,1,1\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-11-01,1,NaN\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-11-01\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-11,1,1\n", "line 2: no day or no number"),
        ("日期,用量,金额\n202611,1,1\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-11-301,1,1\n", "line 2: no day or no number"),
        ("日期,用量,金额\n2026-11-01,1.5,1\n", "calls are whole numbers"),
        ("日期;用量;金额\n2026-11-01;1;1\n", "columns are parted by commas"),
        ("日期,用量,金额,用量\n2026-11-01,1,1,2\n", "or several"),
        (f'日期,用量,金额\n"{"x" * 200_000}",1,1\n', "line 1: no day or no number"),
        ("", "has no column"),
        *(
            (f"日期,用量,金额\n{day},1,1\n", "line 2: no day")
            for day in ("2026-11", "202611", "2026-11-021", "2026111", "2026-11-01x", "01/11/2026")
        ),
        *(
            (f'日期,用量,金额\n2026-11-01,"{calls}",1\n', "line 2: no day")
            for calls in ("1.000,50", "1,5", "3,2000", "1.5", "1e3", "1_000", "", "--1", "Infinity")
        ),
        *(
            (f'日期,用量,金额\n2026-11-01,1,"{cost}"\n', "line 2: no day")
            for cost in ("3,20", "(1.5)", "-¥-1", "1 000", "12,34.5")
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, text, told):
    (tmp_path / "bill.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_bill(tmp_path / "bill.csv", BOTH, time_zone=ZONE)


@pytest.mark.parametrize("text", ["", "day=a", "calls=b", "day=a,calls=", "day=a,other=b"])
def test_columns_are_named_for_the_day_and_a_number_at_least(text):
    with pytest.raises(WrongSetting, match="does not name the columns of a bill"):
        parse_bill_columns(text)


@pytest.mark.parametrize(
    ("cost", "told"),
    [("-1.5", "-1.5"), ("-¥1.5", "-1.5"), ("￥-1.5", "-1.5"), ("1,234,567.25", "1234567.25"), (" 7 ", "7")],
)
def test_amounts_may_be_given_back_and_have_commas_between_thousands(tmp_path, cost, told):
    (tmp_path / "bill.csv").write_text(f'日期, 用量 ,金额\n2026年11月1日,-5,"{cost}"\n', encoding="utf-8")
    billed = read_bill(tmp_path / "bill.csv", BOTH, time_zone=ZONE)
    assert billed == {date(2026, 11, 1): Billed(-5, Decimal(told))}


def test_a_time_with_an_offset_belongs_to_its_day_in_the_time_zone(tmp_path):
    times = ("2026-11-30T18:00:00Z", "2026-11-30 15:59:59+00:00", "2026-11-30T23:30:00", "2026-11-30 23:30")
    text = "\n".join(["日期,用量,金额", *(f"{time},1,1" for time in times)])
    (tmp_path / "bill.csv").write_text(text)
    assert read_bill(tmp_path / "bill.csv", BOTH, time_zone=ZONE) == {
        date(2026, 12, 1): Billed(1, Decimal(1)),
        date(2026, 11, 30): Billed(3, Decimal(3)),
    }


def test_a_separator_of_lines_in_a_cell_ends_no_row(tmp_path):
    (tmp_path / "bill.csv").write_text('产品,日期,用量,金额\n"a\n\u2028b",2026-11-01,1,1\n', encoding="utf-8")
    assert len(read_bill(tmp_path / "bill.csv", BOTH, time_zone=ZONE)) == 1


def test_a_bill_of_another_month_is_refused():
    with pytest.raises(InputError, match=r"no day of 2026-11: those that it has are from 2026-12-01 to 2026"):
        check_bill({date(2026, 12, 1): Billed(1)}, date(2026, 11, 1))
    with pytest.raises(InputError, match="are none"):
        check_bill({}, date(2026, 11, 1))
    check_bill({date(2026, 11, 30): Billed(1), date(2026, 12, 1): Billed(1)}, date(2026, 11, 1))

"""A bill whose columns are named by whoever has it."""

from datetime import date
from decimal import Decimal

import pytest

from maskmatch.core.errors import InputError, WrongSetting
from maskmatch.storage.bills import Billed, parse_bill_columns, read_bill

BOTH = parse_bill_columns("day=日期, calls=用量, cost=金额")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_days_are_summed_whatever_encoding_and_form_of_a_day(tmp_path, encoding):
    rows = ('iai,2026-11-01 00:00,"1,000",¥3.20', "iai,2026/11/1,5,0.016", "iai,20261102,7,0.0224")
    text = "\n".join(["产品,日期,用量,金额", *rows, ""])
    (tmp_path / "bill.csv").write_text(text, encoding=encoding)
    assert read_bill(tmp_path / "bill.csv", BOTH) == {
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
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, text, told):
    (tmp_path / "bill.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_bill(tmp_path / "bill.csv", BOTH)


@pytest.mark.parametrize("text", ["", "day=a", "calls=b", "day=a,calls=", "day=a,other=b"])
def test_columns_are_named_for_the_day_and_a_number_at_least(text):
    with pytest.raises(WrongSetting, match="does not name the columns of a bill"):
        parse_bill_columns(text)

"""One value has one meaning in every format."""

import datetime as dt
import decimal
import io
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.errors import InputError
from tests.storage.manifests.reading import FORMATS, as_parquet, as_xlsx, read

ROW = {"pair_id": "p1", "reference_id": "a", "probe_id": "b"}
UNKNOWN = ["", "NaN", "nan", "NULL", "null", "\\N", "<NA>", "  "]


def value_of(tmp_path, name, column, value, **others):
    found = read(tmp_path, name, FORMATS[name]([{**ROW, **others, column: value}]))
    assert not found.bad
    return found.rows[0][column]


YES = """true 1 1.0 Y yes T 是 mated same TRUE １ Same genuine Genuine match MATCH 真 对"""
NO = """false 0 0.0 N no F 否 different Ｎ non-mated Non-Mated non_mated nonmated NonMated NON_MATED 假 错
non-match Non-Match non_match nonmatch impostor Impostor imposter IMPOSTER"""


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spelt", YES.split())
def test_yes_is_spelt_in_many_ways(tmp_path, name, spelt):
    assert value_of(tmp_path, name, "is_mated", spelt) is True


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spelt", NO.split())
def test_no_is_spelt_in_many_ways(tmp_path, name, spelt):
    assert value_of(tmp_path, name, "is_mated", spelt) is False


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spelt", UNKNOWN)
@pytest.mark.parametrize("column", ["is_mated", "quality_control", "probe_subject_id"])
def test_an_unknown_value_is_spelt_in_many_ways(tmp_path, name, spelt, column):
    assert value_of(tmp_path, name, column, spelt) is None


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("spelt", UNKNOWN)
@pytest.mark.parametrize("column", ["pair_id", "reference_id", "probe_id"])
def test_an_unknown_id_makes_a_bad_row(tmp_path, name, spelt, column):
    found = read(tmp_path, name, FORMATS[name]([ROW, {**ROW, column: spelt}]))
    assert [bad.code for bad in found.bad] == [f"{column}_missing"]


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet", "x.xlsx"])
@pytest.mark.parametrize(("value", "expected"), [(True, True), (0, False), (1.0, True), (None, None)])
def test_typed_booleans_mean_the_same(tmp_path, name, value, expected):
    assert value_of(tmp_path, name, "is_mated", value) is expected


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet", "x.xlsx"])
@pytest.mark.parametrize("value", [3, 3.0, "3", "3.0", "３"])
def test_typed_levels_mean_the_same(tmp_path, name, value):
    assert value_of(tmp_path, name, "quality_control", value) == 3


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("blank", [" ", "\u3000", "\u00a0", "\u2003"])
def test_blanks_around_values_are_left_out(tmp_path, name, blank):
    assert value_of(tmp_path, name, "probe_subject_id", f"{blank}ann{blank}") == "ann"


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet", "x.xlsx"])
@pytest.mark.parametrize(
    ("value", "text"), [(17, "17"), (17.0, "17"), (17.5, "17.5"), (2**53, "9007199254740992"), (-3, "-3")]
)
def test_numbers_are_the_text_that_they_stand_for(tmp_path, name, value, text):
    found = read(tmp_path, name, FORMATS[name]([{**ROW, "pair_id": value}]))
    assert found.ids == [text]


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet", "x.xlsx"])
@pytest.mark.parametrize("value", [float(2**53 + 2), 1e300])
def test_a_float_that_is_not_exact_is_refused_with_the_cure(tmp_path, name, value):
    found = read(tmp_path, name, FORMATS[name]([{**ROW, "pair_id": value}, {**ROW, "pair_id": 1.5}]))
    (bad,) = found.bad
    assert (bad.code, bad.column, found.ids) == ("value_invalid", "pair_id", ["1.5"])
    assert "write ids as text" in bad.message


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([decimal.Decimal("17.00"), decimal.Decimal("1.50")]), ["17", "1.5"]),
        (pa.array([decimal.Decimal("12345678901234567890"), None]), ["12345678901234567890", None]),
        (pa.array([dt.date(2026, 1, 2)] * 2), ["2026-01-02"] * 2),
        (
            pa.array([dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)] * 2, pa.timestamp("s")),
            ["2026-01-02 03:04:05"] * 2,
        ),
        (pa.array(["x", "y"], pa.string_view()), ["x", "y"]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
        (pa.array([1.0, float("nan")]), ["1", None]),
        (pa.array(np.array([1.5, 2], np.float16)), ["1.5", "2"]),
        (pa.array([2**63, 1], pa.uint64()), [str(2**63), "1"]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([True, False]), ["true", "false"]),
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=1).bytes] * 2, pa.binary(16))),
            [str(uuid.UUID(int=1))] * 2,
        ),
    ],
)
def test_every_plain_type_of_parquet_is_text(tmp_path, values, texts):
    table = pa.table(
        {"pair_id": ["p1", "p2"], "reference_id": ["a"] * 2, "probe_id": ["b"] * 2, "attr_x": values}
    )
    found = read(tmp_path, "x.parquet", as_parquet(table))
    assert [row["attributes"].get("attr_x") for row in found.rows] == texts


def test_a_float_id_that_is_not_exact_is_refused_in_a_dictionary_as_well(tmp_path):
    ids = pa.array([1.0, 2.0**60, 2.0**60]).dictionary_encode()
    table = pa.table({"pair_id": ids, "reference_id": ["a"] * 3, "probe_id": ["b"] * 3})
    found = read(tmp_path, "x.parquet", as_parquet(table))
    assert (found.ids, [bad.manifest_record for bad in found.bad]) == (["1"], [2, 3])


def test_dates_of_a_workbook_are_text_and_errors_are_bad_rows(tmp_path):
    rows = [{**ROW, "attr_day": dt.date(2026, 1, 2)}, {**ROW, "pair_id": "#N/A", "attr_day": None}]
    found = read(tmp_path, "x.xlsx", as_xlsx(rows))
    assert found.rows[0]["attributes"] == {"attr_day": "2026-01-02"}
    assert found.bad[0].message.startswith(
        "x.xlsx line 3, record 2, column pair_id: the cell shows the error #N/A"
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("x")', "@SUM(A1)", "+1", "-2+3"])
def test_text_like_a_formula_is_text(tmp_path, name, text):
    if name == "x.xlsx" and text.startswith("="):
        pytest.skip("a workbook means a formula by it")
    text_in = '"' + text.replace('"', '""') + '"' if name == "x.csv" else text
    found = read(tmp_path, name, FORMATS[name]([{**ROW, "attr_n": text_in}]))
    assert found.rows[0]["attributes"] == {"attr_n": text}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("is_mated", "maybe", "value_invalid"),
        ("quality_control", "9", "value_invalid"),
        ("quality_control", "1.5", "value_invalid"),
        ("probe_id", "ftp://x/y.jpg", "value_invalid"),
        ("probe_id", "../../etc/passwd", "value_invalid"),
        ("probe_id", "/etc/passwd", "value_invalid"),
        ("attr_note", "x" * 1025, "value_invalid"),
        ("attr_note", "https://cdn/x.jpg?access_token=geheim", "signed_url_refused"),
        ("attr_note", "https:%2F%2Fu:geheim@h/", "signed_url_refused"),
        ("attr_note", "https://cdn/x.jpg？token＝geheim", "signed_url_refused"),
        ("reference_id", "https://cdn/x.jpg？token=geheim", "signed_url_refused"),
        ("pair_id", "//u:geheim@h/", "signed_url_refused"),
        ("probe_id", "https://u:geheim@h/x", "signed_url_refused"),
        ("probe_id", "https://cdn/x?X-Amz-Signature=geheim", "signed_url_refused"),
        ("reference_id", "s3://A/x", "value_invalid"),
    ],
)
def test_a_wrong_value_is_found_in_every_format(tmp_path, name, column, value, code):
    found = read(tmp_path, name, FORMATS[name]([ROW, {**ROW, column: value}]))
    (bad,) = found.bad
    assert (bad.code, bad.column, bad.manifest_record, len(found.rows)) == (code, column, 2, 1)
    assert "geheim" not in repr(bad)


def test_what_is_shown_of_a_value_is_cut_and_escaped(tmp_path):
    value = "\u202e\u200bmaybe" + "x" * 900
    (bad,) = read(tmp_path, "x.csv", f"pair_id,reference_id,probe_id,is_mated\np,a,b,{value}\n").bad
    assert "'\\u202e\\u200bmaybe" in bad.message
    assert len(bad.message) < 400
    assert bad.message.isprintable()


def test_a_time_is_the_same_text_in_parquet_and_in_a_workbook(tmp_path):
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC).replace(tzinfo=None)
    rows = [{**ROW, "attr_moment": moment, "attr_day": dt.date(2026, 1, 2), "attr_time": moment.time()}]
    expected = {"attr_moment": "2026-01-02 03:04:05", "attr_day": "2026-01-02", "attr_time": "03:04:05"}
    for name in ("x.xlsx", "x.parquet"):
        assert read(tmp_path, name, FORMATS[name](rows)).rows[0]["attributes"] == expected


@pytest.mark.parametrize(
    ("kind", "number", "power"), [(pa.float16(), 2050.0, 11), (pa.float32(), 123456789.0, 24)]
)
def test_an_id_must_be_exact_in_its_own_type(tmp_path, kind, number, power):
    table = {"reference_id": ["a"] * 2, "probe_id": ["b"] * 2, "pair_id": pa.array([number, 17.0], kind)}
    found = read(tmp_path, "x.parquet", as_parquet(pa.table(table | {"attr_n": table["pair_id"]})))
    assert (found.ids, found.rows[0]["attributes"]) == (["17"], {"attr_n": "17"})
    assert f"is a float above 2**{power} and no longer exact: write ids as text" in found.bad[0].message
    named = pa.table(table | {"pair_id": ["p", "q"], "attr_n": table["pair_id"]})
    assert len(read(tmp_path, "x.parquet", as_parquet(named)).rows) == 2


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_a_date_beyond_all_years_is_a_bad_row(tmp_path, kind):
    numbers = np.array([2**31 - 1, 0], np.int32) if kind == pa.date32() else np.array([2**62, 0])
    days = pa.array(numbers).cast(kind)
    table = pa.table({"reference_id": ["a"] * 2, "probe_id": ["b"] * 2, "attr_day": days})
    found = read(tmp_path, "x.parquet", as_parquet(table))
    assert ([bad.column for bad in found.bad], len(found.rows)) == (["attr_day"], 1)
    assert "the date is beyond the year 9999: write it as text" in found.bad[0].message


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(1), pa.binary_view()])
def test_bytes_are_no_text(tmp_path, kind):
    table = pa.table({"reference_id": ["a"], "probe_id": ["b"], "attr_n": pa.array([b"x"], kind)})
    with pytest.raises(InputError, match=r"binary.*: make it text, a number, a date or a boolean"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_texts_of_parquet_may_be_coded_as_lengths_and_not_as_what_they_share(tmp_path):
    table = pa.table({"pair_id": ["p1", "p2"], "reference_id": ["a"] * 2, "probe_id": ["b"] * 2})
    for coding in ("PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"):
        sink = io.BytesIO()
        codings = dict.fromkeys(table.column_names, coding)
        pq.write_table(table, sink, use_dictionary=False, column_encoding=codings)
        if coding == "DELTA_BYTE_ARRAY":
            with pytest.raises(InputError, match="'pair_id' is coded as DELTA_BYTE_ARRAY: write it plain"):
                read(tmp_path, "x.parquet", sink.getvalue())
        else:
            assert read(tmp_path, "x.parquet", sink.getvalue()).ids == ["p1", "p2"]


@pytest.mark.parametrize("error", ["#GETTING_DATA", "#FIELD!", "#BLOCKED!", "#DIV/0!"])
def test_an_error_of_a_cell_is_a_bad_row(tmp_path, error):
    (bad,) = read(tmp_path, "x.xlsx", as_xlsx([{**ROW, "attr_n": error}])).bad
    assert f"the cell shows the error {error}: mend its formula" in bad.message


def test_the_header_of_a_sheet_may_stand_again(tmp_path):
    found = read(tmp_path, "x.xlsx", as_xlsx([ROW, {name: name for name in ROW}, {**ROW, "pair_id": "p2"}]))
    assert (found.ids, [row["manifest_line"] for row in found.rows]) == (["p1", "p2"], [2, 4])

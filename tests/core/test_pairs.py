import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.pairs import BadRow, Pair, Place, parse_row

SOUND = {"pair_id": "p1", "reference_id": "images/a.jpg", "probe_id": "s3://faces/b.jpg"}


def parse(**changes):
    return parse_row({**SOUND, **changes}, Place(file="pairs.csv", record=6, line=7))


def test_a_row_with_the_three_needed_columns_is_a_pair():
    row = parse()
    assert isinstance(row, Pair)
    assert (row.pair_id, row.is_mated, row.quality_control, row.manifest_row) == ("p1", None, None, 7)


def test_all_columns_are_read_and_attributes_kept():
    row = parse(is_mated="TRUE", quality_control="3", probe_subject_id=" ann ", attr_mask="both", attr_x="")
    assert isinstance(row, Pair)
    assert row.is_mated is True
    assert row.quality_control == 3
    assert row.probe_subject_id == "ann"
    assert row.attributes == (("attr_mask", "both"),)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("pair_id", "", "pair_id_missing"),
        ("pair_id", None, "pair_id_missing"),
        ("reference_id", "  ", "reference_id_missing"),
        ("probe_id", "", "probe_id_missing"),
        ("is_mated", "maybe", "value_invalid"),
        ("quality_control", "9", "value_invalid"),
        ("quality_control", "-1", "value_invalid"),
        ("quality_control", "1.5", "value_invalid"),
        ("probe_id", "ftp://x/y.jpg", "value_invalid"),
        ("probe_id", "../../etc/passwd", "value_invalid"),
        ("probe_id", "a\x00b.jpg", "value_invalid"),
        ("probe_id", "/etc/passwd", "value_invalid"),
        ("pair_id", "lone \ud800 surrogate", "value_invalid"),
        ("attr_u", "see https://cdn/x.jpg?access_token=abc", "signed_url_refused"),
        ("probe_id", "https://user:word@cdn/x.jpg", "signed_url_refused"),
        ("attr_note", "x" * 1025, "value_invalid"),
        ("probe_id", "https://cdn/x.jpg?X-Amz-Signature=abc", "signed_url_refused"),
        ("probe_id", "https://cdn/x.jpg?w=1&q-signature=abc", "signed_url_refused"),
    ],
)
def test_a_bad_value_names_file_line_column_and_reason(column, value, code):
    row = parse(**{column: value})
    assert isinstance(row, BadRow)
    assert (row.code, row.column, row.manifest_row) == (code, column, 7)
    assert row.message.startswith(f"pairs.csv line 7, record 6, column {column}: ")


def test_a_refused_signed_url_is_not_repeated_in_the_message():
    row = parse(probe_id="https://cdn/x.jpg?X-Amz-Signature=5ecret")
    assert isinstance(row, BadRow)
    assert "5ecret" not in repr(row)


def test_a_public_address_with_a_harmless_query_is_a_pair():
    assert isinstance(parse(probe_id="https://cdn/x.jpg?size=large"), Pair)


def test_a_bad_row_keeps_a_sound_pair_id():
    row = parse(is_mated="perhaps")
    assert isinstance(row, BadRow)
    assert row.pair_id == "p1"


@given(
    st.dictionaries(st.sampled_from([*SOUND, "is_mated", "quality_control", "attr_a"]), st.none() | st.text())
)
def test_any_row_is_either_a_pair_or_a_bad_row(fields):
    row = parse_row(fields, Place(file="f.csv", record=1, line=1))
    assert isinstance(row, Pair | BadRow)
    if isinstance(row, BadRow):
        assert row.message.startswith("f.csv line 1")

"""What columns are to us, whatever they are called."""

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import parse_columns
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.schemas import OUTCOMES
from tests.storage.manifests.reading import FORMATS, HEADER, as_parquet, read

ROW = {"pair_id": "p1", "reference_id": "a", "probe_id": "b"}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("column", "kept"),
    [
        ("camera", "attr_camera"),
        ("attr_site", "attr_site"),
        ("ATTR_Site", "attr_site"),
        ("subject_id", "attr_subject_id"),
        ("quality", "attr_quality"),
        ("姓名", "attr_姓名"),
    ],
)
def test_other_columns_are_kept_as_attributes(tmp_path, name, column, kept):
    found = read(tmp_path, name, FORMATS[name]([{**ROW, column: "x"}]))
    assert found.rows[0]["attributes"] == {kept: "x"}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "spelt", ["Is_Mated", "IS_MATED", "ｉｓ＿ｍａｔｅｄ", " is_mated ", "is mated", "is-mated"]
)
def test_case_full_width_forms_and_blanks_do_not_matter(tmp_path, name, spelt):
    assert read(tmp_path, name, FORMATS[name]([{**ROW, spelt: "1"}])).rows[0]["is_mated"] is True


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.parquet"])
@pytest.mark.parametrize(
    "index", ["Unnamed: 0", "Unnamed: 0.1", "index", "level_0", "__index_level_0__", "score", "run_id", "ds"]
)
def test_indexes_of_pandas_and_columns_of_our_tables_are_passed_over(tmp_path, name, index):
    found = read(tmp_path, name, FORMATS[name]([{index: "7", **ROW}]))
    assert found.rows[0]["attributes"] == {}
    assert found.summary.passed_over == [index]


def test_a_column_without_a_name_is_passed_over(tmp_path):
    assert read(tmp_path, "x.csv", ",pair_id,reference_id,probe_id,,\n0,p1,a,b,,\n").ids == ["p1"]


def test_a_view_of_our_failures_is_a_manifest(tmp_path):
    row = (
        dict.fromkeys(OUTCOMES.names, "1") | ROW | {"row_id": "r1", "attr_x": "y", "failure_message": "a\nb"}
    )
    found = read(tmp_path, "x.parquet", as_parquet([row]))
    (read_row,) = found.rows
    assert not found.bad
    assert (read_row["row_id"], read_row["attributes"]) == ("r1", {"attr_x": "y"})


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("is_matd", "is_mated"),
        ("mated", "is_mated"),
        ("qualitycontrol_", "quality_control"),
        ("refrence_subject_id", "reference_subject_id"),
    ],
)
def test_a_misspelling_of_ours_is_refused(tmp_path, column, meant):
    with pytest.raises(InputError, match=f"'{column}' is not known: did you mean {meant}"):
        read(tmp_path, "x.csv", f"{HEADER},{column}\np,a,b,1\n")


def test_a_column_mapped_by_hand_is_taken(tmp_path):
    text = "img1,Bild 2,reference_id,quality\na,b,other,2\n"
    columns = "reference_id=IMG1, probe_id=bild 2, quality_control=quality"
    (row,) = read(tmp_path, "x.csv", text, columns=columns).rows
    assert (row["reference_id"], row["probe_id"], row["quality_control"]) == ("a", "b", 2)


@pytest.mark.parametrize(
    "text",
    ["img1", "image=img1", "reference_id=", "attr_=x", "probe_id=a,probe_id=b", "reference_id=a,probe_id=a"],
)
def test_a_mapping_that_cannot_be_understood_is_refused(text):
    with pytest.raises(ValueError, match=r"img1|image|reference|attr|probe"):
        parse_columns(text)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "pair_id,left,right",
            "reference_id, probe_id is missing; .*'pair_id', 'left', 'right'.*manifest_columns",
        ),
        (f"{HEADER},probe_id", "'probe_id' stands twice"),
        (f"{HEADER},Camera,camera", "'camera' differs from 'Camera' too little"),
        (f"{HEADER},a\x00b", "control characters"),
        (f"{HEADER},{'x' * 1025}", "1,025 characters"),
        (f"{HEADER},https://u:geheim@h/", "may hold a key"),
        (",".join(f"c{number}" for number in range(MOST_COLUMNS + 1)), "1,001 columns, at most 1,000"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_cure(tmp_path, header, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, "x.csv", f"{header}\n")


def test_a_secret_in_a_name_is_not_repeated(tmp_path):
    with pytest.raises(InputError) as refused:
        read(tmp_path, "x.csv", f"{HEADER},https://u:geheim@h/,https://u:geheim@h/\n")
    line = '{"pair_id": "p", "reference_id": "a", "probe_id": "b", "https://u:geheim@h/": "x"}\n'
    assert "geheim" not in f"{refused.value} {read(tmp_path, 'x.jsonl', line).bad}"


def test_a_name_with_half_a_character_is_refused(tmp_path):
    line = '{"pair_id": "p", "reference_id": "a", "probe_id": "b", "a\\ud800": "x"}\n'
    (bad,) = read(tmp_path, "x.jsonl", line).bad
    assert bad.code == "column_unknown"
    assert bad.message.encode()


@pytest.mark.parametrize("name", FORMATS)
def test_without_pair_ids_stable_ones_are_made(tmp_path, name):
    rows = [{"reference_id": "a", "probe_id": "b", "quality_control": level} for level in (None, 1, 1)]
    rows.append({"reference_id": "s3://bucket/a", "probe_id": "b?", "quality_control": None})
    found = read(tmp_path, name, FORMATS[name](rows))
    first, second, third, fourth = found.ids
    assert first != second == third != fourth
    assert all(each.startswith("pair-") for each in found.ids)
    again = read(tmp_path, "y.csv", "quality_control,reference_id,probe_id\n1,a,b\n")
    assert again.ids == [second]


@pytest.mark.parametrize("names", ["zone,attr_zone", "Attr-Zone,Zone"])
def test_two_columns_for_one_attribute_are_refused(tmp_path, names):
    first, second = names.split(",")
    with pytest.raises(InputError, match=f"columns '{first}' and '{second}' are both attr_zone: rename one"):
        read(tmp_path, "x.csv", f"reference_id,probe_id,{names}\na,b,1,2\n")


def test_a_column_that_another_is_mapped_over_is_passed_over_and_told(tmp_path):
    text = "reference_id,probe_id,img1\na,b,c\n"
    found = read(tmp_path, "x.csv", text, columns="reference_id=img1")
    assert found.rows[0]["reference_id"] == "c"
    assert found.summary.passed_over == ["reference_id"]


def test_what_is_invisible_in_a_misspelt_name_is_shown_escaped(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, "x.csv", "\u202e\u200breference_id,probe_id\na,b\n")
    assert "did you mean reference_id" in str(caught.value)
    assert str(caught.value).isprintable()

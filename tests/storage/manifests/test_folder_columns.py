"""Columns in the names of folders, as Hive, Spark and Athena write them."""

import pytest

from maskmatch.core.errors import InputError
from tests.storage.manifests.reading import FORMATS, read

ROW = {"pair_id": "p", "reference_id": "a", "probe_id": "b"}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("folder", "column", "value"),
    [
        ("quality_control=3", "quality_control", 3),
        ("Quality-Control=3", "quality_control", 3),
        ("is_mated=true", "is_mated", True),
        ("is_mated=N", "is_mated", False),
        ("is_mated=__HIVE_DEFAULT_PARTITION__", "is_mated", None),
        ("attr_city=x", "attributes", {"attr_city": "x"}),
        ("city=x", "attributes", {"attr_city": "x"}),
        ("city=%E5%8C%97%E4%BA%AC%2F1", "attributes", {"attr_city": "北京/1"}),
        ("city=a=b", "attributes", {"attr_city": "a=b"}),
        ("city=__HIVE_DEFAULT_PARTITION__", "attributes", {}),
        ("city=", "attributes", {}),
        ("ds=2026-01-02", "attributes", {}),
        ("run_id=7", "attributes", {}),
        ("plain", "attributes", {}),
    ],
)
def test_a_folder_gives_a_column_in_every_format(tmp_path, name, folder, column, value):
    found = read(tmp_path, f"{folder}/{name}", FORMATS[name]([ROW, ROW]))
    assert [row[column] for row in found.rows] == [value, value]
    assert not found.bad


def test_several_folders_give_several_columns(tmp_path):
    found = read(tmp_path, "quality_control=3/is_mated=true/city=x/x.csv", FORMATS["x.csv"]([ROW]))
    (row,) = found.rows
    assert (row["quality_control"], row["is_mated"], row["attributes"]) == (3, True, {"attr_city": "x"})
    assert found.summary.columns["city"] == "attr_city"
    assert found.summary.file == "quality_control=3/is_mated=true/city=x/x.csv"


@pytest.mark.parametrize("name", FORMATS)
def test_a_value_in_the_file_must_agree_with_that_of_the_folder(tmp_path, name):
    rows = [ROW | {"is_mated": text} for text in ("true", "Y", "", "no", "1.0", "maybe")]
    found = read(tmp_path, f"is_mated=True/{name}", FORMATS[name](rows))
    assert [row["is_mated"] for row in found.rows] == [True] * 4
    assert [row.manifest_record for row in found.bad] == [4, 6]
    assert "column is_mated: 'no' is not what its folder says, 'True': mend one" in found.bad[0].message


def test_an_attribute_must_agree_to_the_letter(tmp_path):
    rows = [ROW | {"attr_city": text} for text in ("x", " x ", "X", "NULL")]
    found = read(tmp_path, "attr_city=x/x.jsonl", FORMATS["x.jsonl"](rows))
    assert [row["attributes"]["attr_city"] for row in found.rows] == ["x", "x", "x"]
    assert [row.manifest_record for row in found.bad] == [3]


def test_where_the_folder_knows_nothing_the_file_does(tmp_path):
    found = read(tmp_path, "city=__HIVE_DEFAULT_PARTITION__/x.csv", FORMATS["x.csv"]([ROW | {"city": "y"}]))
    assert found.rows[0]["attributes"] == {"attr_city": "y"}


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        (
            "ds=2026-01-03",
            "the folder 'ds=2026-01-03' lies in that of '2026-01-02': move it to the other dates",
        ),
        ("city=x/ds=2026-01-03", "move it to the other dates"),
        ("DS=2026-01-03", "move it to the other dates"),
        ("ds=2026%2D01%2D03", "move it to the other dates"),
        ("city=x/city=y", "two folders say what attr_city is"),
        ("city=%FF", "escapes that are not those of UTF-8"),
        ("is_matd=true", "in the name of a folder, column 'is_matd' is not known: did you mean is_mated"),
    ],
)
def test_folders_that_contradict_are_refused(tmp_path, folder, told):
    with pytest.raises(InputError, match=told):
        read(tmp_path, f"{folder}/x.csv", FORMATS["x.csv"]([ROW]))


def test_a_value_that_cannot_be_is_a_bad_row_for_each_row(tmp_path):
    found = read(tmp_path, "quality_control=9/x.csv", FORMATS["x.csv"]([ROW, ROW]))
    assert [bad.code for bad in found.bad] == ["value_invalid"] * 2
    assert "'9' is not one of" in found.bad[0].message


def test_images_and_pair_ids_may_stand_in_folders(tmp_path):
    found = read(tmp_path, "reference_id=a/x.csv", "probe_id\nb\nc\n")
    assert [(row["reference_id"], row["probe_id"]) for row in found.rows] == [("a", "b"), ("a", "c")]
    assert found.rows[0]["pair_id"] != found.rows[1]["pair_id"]

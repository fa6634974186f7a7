import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.score_scale import score

from demo.manifest import SCHEMA
from demo.odd import ODD_PICTURES, PORTRAITS
from demo.pictures import DATES

DAYS = [f"ds={day}" for day in DATES]
NAMES = sorted(path.name for path in PORTRAITS.glob("*.jpg"))


@pytest.fixture(scope="module")
def faces(out: Path, model: FaceModel) -> dict[str, Face | None]:
    """Read each picture that can be compared, by its key; EXIF orientation applied."""
    keys = [f"images/{folder}/{name}" for folder in ("portraits", "masked") for name in NAMES]
    keys += [f"images/odd/{name}" for name in ("several_faces.jpg", "rotated_exif.jpg", "blurred.jpg")]
    return {key: model.read(cv2.imread(str(out / key))) for key in keys}


def csv_lines(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def json_lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def typed(fields: dict[str, str]) -> dict[str, object]:
    row: dict[str, object] = {name: value or None for name, value in fields.items()}
    row["is_mated"] = {"true": True, "false": False, "": None}[fields["is_mated"]]
    row["quality_control"] = int(fields["quality_control"]) if fields["quality_control"] else None
    return row


def good_rows(out: Path, day: str) -> list[dict[str, object]]:
    """Return the rows of all three files of a date without the bad ones."""
    header, *lines = csv_lines(out / "manifests" / day / "pairs.csv")
    named = [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]
    rows = [typed(row) for row in named if not row["attr_case"].startswith("bad")]
    rows += [json.loads(line) for line in json_lines(out / "manifests" / day / "more.jsonl.gz")]
    return rows + pq.read_table(out / "manifests" / day / "extra.parquet").to_pylist()


BAD_ROWS = {
    "no_pair_id",
    "duplicate",
    "other_duplicate",
    "quality_9",
    "mated_maybe",
    "no_probe",
    "too_few",
    "too_many",
}


def expected(out: Path) -> Iterator[dict[str, str]]:
    header, *lines = csv_lines(out / "expected.csv")
    for line in lines:
        yield dict(zip(header, line, strict=True))


def scored_rows(out: Path, day: str) -> Iterator[dict[str, object]]:
    failing = {
        line["pair_id"] for line in expected(out) if line["failure_code"] and line["case"] not in BAD_ROWS
    }
    for row in good_rows(out, day):
        if row["pair_id"] not in failing:
            yield row


@pytest.mark.parametrize("day", DAYS)
def test_every_mated_pair_scores_above_50_and_every_other_below_40(
    out: Path, faces: dict[str, Face | None], day: str
) -> None:
    for row in scored_rows(out, day):
        reference, probe = faces[row["reference_id"]], faces[row["probe_id"]]
        assert reference is not None
        assert probe is not None
        points = score(reference, probe)
        assert points > 50 if row["is_mated"] else points < 40, (row["pair_id"], points)


@pytest.mark.parametrize("day", DAYS)
def test_every_scored_pair_passes_its_quality_control(
    out: Path, faces: dict[str, Face | None], day: str
) -> None:
    for row in scored_rows(out, day):
        for side in ("reference_id", "probe_id"):
            face = faces[row[side]]
            assert face is not None
            assert face.quality.level >= (row["quality_control"] or 0), row["pair_id"]


@pytest.mark.parametrize("day", DAYS)
def test_a_date_has_unique_pairs_of_every_kind_and_every_odd_picture(out: Path, day: str) -> None:
    rows = good_rows(out, day)
    usual = [row for row in rows if row["attr_case"] == "portraits"]

    assert 60 <= len(rows) <= 80
    assert len({row["pair_id"] for row in rows}) == len(rows)
    assert {(row["is_mated"], row["attr_mask"]) for row in usual} == {
        (mated, mask) for mated in (True, False) for mask in ("none", "probe", "both")
    }
    assert {Path(str(row["probe_id"])).name for row in rows} >= set(ODD_PICTURES) | {"missing.jpg"}


@pytest.mark.parametrize("day", DAYS)
def test_only_the_missing_picture_is_missing(out: Path, day: str) -> None:
    keys = {str(row[side]) for row in good_rows(out, day) for side in ("reference_id", "probe_id")}

    assert {key for key in keys if not (out / key).exists()} == {"images/odd/missing.jpg"}


def test_the_dates_have_different_pairs(out: Path) -> None:
    pairs = [{row["pair_id"] for row in good_rows(out, day)} for day in DAYS]

    assert all(ours - theirs for ours in pairs for theirs in pairs if ours is not theirs)


@pytest.mark.parametrize("day", DAYS)
def test_all_three_formats_have_the_same_columns(out: Path, day: str) -> None:
    folder = out / "manifests" / day
    lines = json_lines(folder / "more.jsonl.gz")

    assert csv_lines(folder / "pairs.csv")[0] == SCHEMA.names
    assert all(list(json.loads(line)) == SCHEMA.names for line in lines)
    assert pq.read_schema(folder / "extra.parquet") == SCHEMA


@pytest.mark.parametrize("day", DAYS)
def test_every_bad_row_stands_where_expected_csv_says(out: Path, day: str) -> None:
    header, *lines = csv_lines(out / "manifests" / day / "pairs.csv")
    bad = {
        line["case"]: lines[int(line["line"]) - 2]
        for line in expected(out)
        if f"ds={line['ds']}" == day and line["case"] in BAD_ROWS
    }
    fields = {case: dict(zip(header, line, strict=False)) for case, line in bad.items()}

    assert bad.keys() == BAD_ROWS
    assert fields["no_pair_id"]["pair_id"] == ""
    assert fields["duplicate"]["pair_id"] == fields["other_duplicate"]["pair_id"]
    assert fields["duplicate"]["reference_id"] != fields["other_duplicate"]["reference_id"]
    assert fields["quality_9"]["quality_control"] == "9"
    assert fields["mated_maybe"]["is_mated"] == "maybe"
    assert fields["no_probe"]["probe_id"] == ""
    assert len(bad["too_few"]) < len(header) < len(bad["too_many"])
    assert all(len(bad[case]) == len(header) for case in bad.keys() - {"too_few", "too_many"})


def test_expected_csv_names_every_odd_pair_on_every_date(out: Path) -> None:
    lines = list(expected(out))

    for day in DAYS:
        odd = {row["pair_id"] for row in good_rows(out, day) if str(row["attr_case"]).startswith("odd")}
        assert {line["pair_id"] for line in lines if f"ds={line['ds']}" == day} > odd
    assert {line["case"] for line in lines if line["failure_code"]} - BAD_ROWS == {
        "animation",
        "blurred_refused",
        "empty",
        "missing",
        "no_face",
        "no_face_again",
        "too_large_pixels",
        "too_many_bytes",
        "too_small",
        "truncated",
    }
    assert {line["case"] for line in lines if line["outcome"] == "scored"} == {
        "several_faces",
        "rotated_exif",
        "blurred",
    }

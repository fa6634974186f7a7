"""Images counted in columns and in parts: as a loop over the rows counts them."""

import random

import pyarrow as pa
import pytest

from maskmatch.pipeline.publish import images
from maskmatch.pipeline.publish.outcomes import Rows, Sizes
from maskmatch.storage.schemas import OUTCOMES
from tests.pipeline.publish.made import STAMP


def rows_of(count, chance):
    """Return outcomes of a few images, some of which have two names or fail."""
    rows = []
    for _ in range(count):
        row = {"is_mated": chance.choice([True, False, None]), "outcome": "scored", "score": 50.0}
        for side in ("reference", "probe"):
            number = chance.randrange(9)
            row |= {f"{side}_content": f"c{number}", f"{side}_id": f"i{number}{chance.choice('ab')}"}
        if chance.random() < 0.4:
            code = chance.choice(["no_face", "image_missing"])
            kind = "biometric" if code == "no_face" else "data"
            side = chance.choice(["reference", "probe", None])
            row |= {"outcome": "failed", "score": None, "failure_class": kind, "failure_code": code}
            row |= {"failed_side": side}
        rows.append(row)
    rows.append({"outcome": "failed", "failure_code": "row_malformed", "failure_class": "data"})
    return rows


def counted(rows, number):
    """Return what is expected of one image."""
    name = f"c{number}"
    mine = [
        (row, side) for row in rows for side in ("reference", "probe") if row.get(f"{side}_content") == name
    ]
    verdicts = [row["failure_code"] for row, side in mine if row.get("failed_side") == side]
    scores = {
        mated: [row["score"] for row, _ in mine if row["score"] and row["is_mated"] is mated]
        for mated in (True, False)
    }
    return {
        "content": name,
        "image_id": min(row[f"{side}_id"] for row, side in mine),
        "size": 100 + number,
        "failure_code": "no_face" if "no_face" in verdicts else None,
        "failure_class": "biometric" if "no_face" in verdicts else None,
        "as_reference": sum(side == "reference" for _, side in mine),
        "as_probe": sum(side == "probe" for _, side in mine),
        "scored": sum(row["outcome"] == "scored" for row, _ in mine),
        "failed": sum(row["outcome"] == "failed" for row, _ in mine),
        "failed_by_it": len(verdicts),
        "failed_biometric": sum(row.get("failure_class") == "biometric" for row, _ in mine),
        "mated_scored": len(scores[True]),
        "mated_score_mean": 50.0 if scores[True] else None,
        "non_mated_scored": len(scores[False]),
        "non_mated_score_mean": 50.0 if scores[False] else None,
    }


@pytest.mark.parametrize("at_once", [10, 10_000])
def test_images_are_counted_as_a_loop_counts_them(monkeypatch, at_once):
    monkeypatch.setattr(images, "_AT_ONCE", at_once)
    rows = rows_of(200, random.Random(1))
    counts = images.ImageCounts()
    for start in range(0, len(rows), 7):
        some = rows[start : start + 7]
        table = pa.table({name: [row.get(name) for row in some] for name in OUTCOMES.names}, schema=OUTCOMES)
        sizes = [
            pa.array(
                [100 + int(row[f"{side}_content"][1:]) if f"{side}_content" in row else None for row in some],
                pa.int64(),
            )
            for side in ("reference", "probe")
        ]
        counts.add(Rows(table, Sizes(*sizes)))
    found = {row["content"]: row for table in counts.rows(STAMP) for row in table.to_pylist()}
    assert found.keys() == {f"c{number}" for number in range(9)}
    for number in range(9):
        expected = counted(rows, number)
        assert {name: found[f"c{number}"][name] for name in expected} == expected

"""What becomes of each row, held against the rules in a few lines of Python."""

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.comparisons import comparison_of, content_name
from maskmatch.core.planning import SameImage
from maskmatch.pipeline.plan import reading
from tests.pipeline.plan.dates import bad_rows, date_of, planned

IMAGES = {"a": b"1", "b": b"2", "b-again": b"2", "c": b"3", "parts": b"3", "none": None}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "pair_id": st.sampled_from(["p", "q", "r", "s"]),
            "reference_id": st.sampled_from(sorted(IMAGES)),
            "probe_id": st.sampled_from(sorted(IMAGES)),
            "quality_control": st.sampled_from(["", "", "0", "1"]),
            "row_id": st.sampled_from(["", "", "", "", "x", "y"]),
            "is_mated": st.sampled_from(["true", "false", ""]),
        }
    ),
    min_size=1,
    max_size=12,
)


def content(image: str) -> str:
    data = IMAGES[image]
    md5 = data and hashlib.md5(data, usedforsecurity=False).hexdigest()
    if image == "parts":
        return content_name(image_id=image, tag=f"{md5}-2")
    return content_name(image_id=image, md5=md5)


def comparison(row: dict) -> bytes:
    return comparison_of(
        content(row["reference_id"]), content(row["probe_id"]), int(row["quality_control"] or 0)
    )


def expected(rows: list[dict], same_image: SameImage) -> tuple[Counter, int]:
    """Return how often each code of a bad row, and how many calls."""
    asks = defaultdict(set)
    for row in rows:
        asks[row["pair_id"]].add((row["reference_id"], row["probe_id"], row["quality_control"] or "0"))
    brought = Counter(row["row_id"] for row in rows if row["row_id"])
    codes: Counter = Counter()
    called = set()
    for row in rows:
        if len(asks[row["pair_id"]]) > 1:
            codes["pair_id_repeated"] += 1
        elif brought[row["row_id"]] > 1:
            codes["row_id_repeated"] += 1
        elif same_image is SameImage.CALL or content(row["reference_id"]) != content(row["probe_id"]):
            called.add(comparison(row))
    return codes, len(called)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(SameImage), st.integers(1, 3), st.sampled_from([2, 1000]))
def test_each_row_is_called_settled_skipped_or_bad_by_the_rules(rows, same_image, files, block):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK_ROWS", block)
        run = date_of(Path(folder), rows, files=files)
        for name, data in IMAGES.items():
            if data is not None:
                run.source.put(name, data)
        plan, found = planned(run, same_image=same_image)
        codes, calls = expected(rows, same_image)
        assert plan.bad_row_codes == codes == Counter(row.code for row in bad_rows(run, plan))
        assert plan.pairs == calls == len({comparison(row) for row in found if row["kind"] == "call"})
        assert len(found) + plan.bad_rows == plan.rows == len(rows)
        assert len({row["row_id"] for row in found}) == len(found)
        _check_settled(plan, found)


def _check_settled(plan, found):
    called = {row["pair_id"]: row for row in found if row["kind"] == "call"}
    counts = Counter(row["kind"] for row in found)
    for row in found:
        assert row["reference_content"] == content(row["reference_id"])
        assert row["probe_content"] == content(row["probe_id"])
        same = row["reference_content"] == row["probe_content"]
        if row["kind"] in {"call", "preflight"}:
            assert row.get("canonical_pair_id") is None
            assert row["kind"] == "call" or same
            continue
        by = called[row["canonical_pair_id"] or row["pair_id"]]
        assert (by["shard"], comparison(by)) == (row["shard"], comparison(row))
        is_swapped = by["reference_content"] != row["reference_content"]
        assert row["kind"] == ("swapped" if is_swapped else "dedup")
    assert plan.skipped_rows == counts["preflight"]
    assert plan.dedup_rows + plan.repeated_rows == counts["dedup"] + counts["swapped"]
    pairs = {row["pair_id"] for row in found}
    assert plan.pairs + plan.dedup_rows + len(
        {r["pair_id"] for r in found if r["kind"] == "preflight"}
    ) == len(pairs)


def test_the_messages_of_repeated_pair_ids_name_the_other_rows(tmp_path):
    rows = [{"pair_id": "p", "reference_id": "a", "probe_id": name} for name in ("b", "b", "c", "b", "b")]
    run = date_of(tmp_path, rows)
    plan, _ = planned(run)
    first, second, *_, last = bad_rows(run, plan)
    assert "line 2, record 1, column pair_id: 'p' stands in 5 rows with other images" in first.message
    assert "such as 0.csv line 3, record 2, 0.csv line 4, record 3: give" in first.message
    assert "such as 0.csv line 2, record 1, 0.csv line 4, record 3: give" in second.message
    assert "line 2, record 1, 0.csv line 3, record 2, 0.csv line 4, record 3: give" in last.message

"""The same work is the same plan, in whatever files it comes."""

import csv
import hashlib
import io
import json
import random
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.comparisons import comparison_of
from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.planning import PlanOptions, SameImage
from maskmatch.pipeline.plan import make_plan, moving, reading
from maskmatch.storage import plans
from maskmatch.storage.journal.answers import ANSWERS
from maskmatch.storage.object_stores import FileStore
from tests.nights import DAY
from tests.pipeline.plan.dates import COLUMNS, date_of, planned, write_rows


def rows_of(count, *, seed=1):
    drawn = random.Random(seed)
    return [
        {
            "pair_id": f"p{number:05d}",
            "reference_id": f"r/{drawn.randrange(count)}.jpg",
            "probe_id": f"r/{drawn.randrange(count)}.jpg",
            "is_mated": drawn.choice(["true", "false", ""]),
            "attr_site": drawn.choice(["north", "south", ""]),
        }
        for number in range(count)
    ]


def put_images(store, count):
    for number in range(count):
        store.put(f"r/{number}.jpg", b"%d" % (number % (count - 3)))  # some have the bytes of others


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(rows):
    return "".join(json.dumps({k: v for k, v in row.items() if v}) + "\n" for row in rows).encode()


def as_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in COLUMNS}), sink)
    return sink.getvalue()


WAYS = {
    "csv": lambda rows: {"x.csv": as_csv(rows)},
    "jsonl": lambda rows: {"x.jsonl": as_jsonl(rows)},
    "parquet": lambda rows: {"x.parquet": as_parquet(rows)},
    "split": lambda rows: {f"{n}.csv": as_csv(rows[n::3]) for n in range(3)},
    "other order": lambda rows: {"x.csv": as_csv(rows[::-1])},
}


def test_format_order_and_files_decide_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_ROWS", 37)
    monkeypatch.setattr(moving, "WINDOW_ROWS", 50)
    rows = rows_of(200)
    digests, orders = set(), set()
    for way, write in WAYS.items():
        run = date_of(tmp_path / way, rows)
        run.source.delete(f"manifests/ds={DAY}/0.csv")
        put_images(run.source, 200)
        for name, data in write(rows).items():
            run.source.put(f"manifests/ds={DAY}/{name}", data)
        plan, found = planned(run, strata_attribute="attr_site")
        digests.add(plan.digest)
        orders.add(tuple(sorted((r["call_order"], r["pair_id"]) for r in found if r["kind"] == "call")))
    assert (len(digests), len(orders)) == (1, 1)


def test_the_digest_is_that_of_the_comparisons_that_will_be_called(tmp_path):
    run = date_of(tmp_path, rows_of(50))
    put_images(run.source, 50)
    plan, found = planned(run)
    called = [
        comparison_of(row["reference_content"], row["probe_content"], row["quality_control"])
        for row in found
        if row["kind"] == "call"
    ]
    assert plan.digest == hashlib.sha256(b"".join(sorted(called))).hexdigest()


def test_a_retry_finds_its_plan_whatever_its_shards_and_a_replaced_picture_is_another(tmp_path):
    run = date_of(tmp_path, rows_of(40))
    put_images(run.source, 40)
    plan = make_plan(run)
    assert make_plan(run) == plan
    assert planned(run, max_shards=1)[0] == plan
    run.source.put("r/1.jpg", b"another picture")
    other = make_plan(run)
    assert other.plan_id != plan.plan_id
    assert other.digest != plan.digest


def test_two_plans_that_are_made_at_the_same_time_are_the_first_whatever_their_shards(tmp_path):
    run = date_of(tmp_path, rows_of(7000))
    put_images(run.source, 100)
    inner = []

    class Overtaken(FileStore):
        """While a plan is being written to it, another one is made of the same date."""

        def put(self, key, data, *, only_new=False):
            if key.endswith("/plan.json") and not inner:
                inner.append(None)
                inner[0] = make_plan(run, PlanOptions(max_shards=1))
            super().put(key, data, only_new=only_new)

    slow = replace(run, warehouse=Overtaken(tmp_path / "warehouse"))
    assert make_plan(slow, PlanOptions(max_shards=3)) == inner[0] == plans.newest_plan(run.warehouse, DAY)
    shutil.rmtree(tmp_path / "warehouse" / inner[0].folder)
    run.warehouse.delete(f"work/ds={DAY}/newest.json")
    again = make_plan(run, PlanOptions(max_shards=3))
    assert (len(again.shards), plans.newest_plan(run.warehouse, DAY)) == (3, again)


@pytest.mark.parametrize(("key", "trust_tags"), [("r/parts-1.jpg", True), ("r/1.jpg", False)])
def test_a_picture_that_no_md5_tells_is_another_when_it_was_replaced(tmp_path, key, trust_tags):
    run = date_of(tmp_path, [*rows_of(5), {"pair_id": "x", "reference_id": key, "probe_id": "p/1.jpg"}])
    put_images(run.source, 5)
    run.source.put(key, b"one picture")
    plan = planned(run, trust_tags=trust_tags)[0]
    assert planned(run, trust_tags=trust_tags)[0] == plan
    run.source.put(key, b"another picture")
    assert planned(run, trust_tags=trust_tags)[0].plan_id != plan.plan_id


@pytest.mark.parametrize(
    "choice", [{"same_image": SameImage.SKIP}, {"trust_tags": False}, {"strata_attribute": "attr_site"}]
)
def test_another_choice_is_another_plan(tmp_path, choice):
    run = date_of(tmp_path, rows_of(40))
    put_images(run.source, 40)
    assert planned(run, **choice)[0].plan_id != make_plan(run).plan_id


def test_too_many_bad_rows_end_it_before_anything_is_written(tmp_path):
    run = date_of(tmp_path, [*rows_of(3), {"pair_id": "", "reference_id": "a", "probe_id": "b"}])
    with pytest.raises(
        InputError, match=r"1 of 4 rows are no pairs \(1 pair_id_missing; the first: 0.csv line 5"
    ):
        planned(run, max_bad_rows=ShareLimit(0.2, 1))
    assert list(run.warehouse.list("")) == []


class Known:
    """Answers to some comparisons, by the id of the pair that was called."""

    def __init__(self, answers, digest="one"):
        self.answers, self.digest = answers, digest
        self.asked = []

    def lookup(self, comparisons, pairs):
        names = comparisons.to_pylist()
        self.asked += names
        found = [(place, self.answers[name]) for place, name in enumerate(names) if name in self.answers]
        columns = {name: pa.nulls(len(found), ANSWERS.field(name).type) for name in ANSWERS.names}
        columns["pair_id"] = pa.array([pair for _, pair in found], pa.string())
        columns["score"] = pa.array([50.0] * len(found))
        columns["result_source"] = pa.array(["api"] * len(found))
        return pa.table({"place": pa.array([place for place, _ in found], pa.int64()), **columns})


def test_answers_that_are_known_are_taken_over_for_all_rows_of_their_comparison(tmp_path, monkeypatch):
    monkeypatch.setattr(moving, "WINDOW_ROWS", 7)
    run = date_of(tmp_path, rows_of(60))
    put_images(run.source, 60)
    plan, found = planned(run)
    names = {
        row["pair_id"]: comparison_of(row["reference_content"], row["probe_content"], row["quality_control"])
        for row in found
    }
    half = Known({name: f"old-{pair}" for pair, name in sorted(names.items())[::2]})
    run = replace(run, warehouse=type(run.warehouse)(tmp_path / "other"))
    grown, found = planned(run, half)
    assert sorted(half.asked) == sorted(set(names.values()))
    is_known = {pair: name in half.answers for pair, name in names.items()}
    assert {row["pair_id"]: row["kind"] == "known" for row in found} == is_known
    for row in found:
        if row["kind"] == "known":
            assert row["answer_pair_id"] == half.answers[names[row["pair_id"]]]
            assert (row["answer_score"], row["call_order"]) == (50.0, None)
    assert grown.known_rows == sum(is_known.values())
    assert grown.plan_id != plan.plan_id
    assert grown.digest != plan.digest


def test_a_repetition_takes_nothing_over(tmp_path):
    known = Known({})
    plan, _ = planned(date_of(tmp_path, rows_of(5)), known, repetition="again")
    assert plan.pairs + plan.dedup_rows == 5
    assert known.asked == []


def test_a_date_of_known_rows_alone_has_nothing_to_compare(tmp_path):
    rows = rows_of(5)
    run = date_of(tmp_path, rows)
    _, found = planned(run)
    names = [
        comparison_of(row["reference_content"], row["probe_content"], row["quality_control"]) for row in found
    ]
    write_rows(run.source, rows, files=2)
    plan, _ = planned(run, Known(dict.fromkeys(names, "old")))
    assert (plan.pairs, plan.to_compare, plan.known_rows) == (0, (), 5)

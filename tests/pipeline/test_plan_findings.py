"""A plan says what lay among the manifests and what each file turned out to be."""

import json

import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.planning import MOST_PASSED_OVER
from maskmatch.pipeline.plan import make_plan
from maskmatch.storage import plans
from tests.nights import DAY, night_in, write_pairs

FOLDER = f"manifests/ds={DAY}"


def test_log_and_document_name_what_was_read_and_what_was_passed_over(tmp_path, caplog):
    run = night_in(tmp_path)
    write_pairs(run.source, 5)
    run.source.put(f"{FOLDER}/_SUCCESS", b"")
    run.source.put(
        f"{FOLDER}/.ipynb_checkpoints/pairs-checkpoint.csv", b"pair_id,reference_id,probe_id\nq,a,b\n"
    )
    run.source.put(f"{FOLDER}/Thumbs.db", b"x")
    with caplog.at_level("INFO", "maskmatch.pipeline.plan"):
        plan = make_plan(run)
    assert (plan.rows, plan.pairs, plan.bad_rows) == (5, 5, 0)
    document = json.loads(run.warehouse.get(f"{plan.folder}/plan.json"))
    (file,) = document["found"]
    assert (file["file"], file["form"], file["encoding"], file["rows"]) == ("pairs.csv", "csv", "UTF-8", 5)
    assert {each["name"] for each in document["passed_over"]} == {
        "_SUCCESS",
        ".ipynb_checkpoints/pairs-checkpoint.csv",
        "Thumbs.db",
    }
    assert "pairs.csv: csv, UTF-8, 5 rows, 0 of them bad" in caplog.text
    assert (
        "among the manifests lie 3 objects that are none: .ipynb_checkpoints/pairs-checkpoint.csv"
        in caplog.text
    )
    assert plans.newest_plan(run.warehouse, DAY) == plan == make_plan(run)


def test_ever_so_many_objects_that_are_none_keep_the_document_small(tmp_path):
    run = night_in(tmp_path)
    write_pairs(run.source, 1)
    folder = tmp_path / "source" / FOLDER / "_temporary"
    folder.mkdir()
    for number in range(MOST_PASSED_OVER + 5):
        (folder / f"{number}.csv").write_bytes(b"x")
    plan = make_plan(run)
    assert (len(plan.passed_over), plan.passed_over_count) == (MOST_PASSED_OVER, MOST_PASSED_OVER + 5)


def test_folders_give_columns_of_the_plan(tmp_path):
    run = night_in(tmp_path)
    run.source.put(f"{FOLDER}/quality_control=3/city=x/a.csv", b"pair_id,reference_id,probe_id\np,a,b\n")
    plan = make_plan(run)
    ((_, pair),) = plans.read_shard(run.warehouse, plan.shards[0].key)
    assert (pair.quality_control, pair.attributes) == (3, (("attr_city", "x"),))


@pytest.mark.parametrize("name", ["notes.txt", "ds=2026-01-03/b.csv", "b.csv.part"])
def test_what_is_not_understood_ends_the_plan_before_anything_is_written(tmp_path, name):
    run = night_in(tmp_path)
    write_pairs(run.source, 1)
    run.source.put(f"{FOLDER}/{name}", b"some notes\n")
    with pytest.raises(InputError, match=name):
        make_plan(run)
    assert list(run.warehouse.list("")) == []

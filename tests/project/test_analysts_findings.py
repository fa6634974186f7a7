"""What analysts have found missing or misleading in tables, each looked at with all four readers.

Two dates with other attributes; the first was published at three thresholds under one run id, and called anew
when the service had another face model, of which the vendor names no threshold.
"""

import json
from datetime import date

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from comparemaskface.faults.named_faults import plan_of

from devstack.pictures import JPEG_HEAD
from maskmatch.core.planning import PlanOptions
from maskmatch.engine.model_versions import OnModelChange
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.publish.permits_used import Used
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore
from tests.account import local_account
from tests.nights import options_for

pytestmark = pytest.mark.server
FIRST, SECOND = date(2026, 11, 21), date(2026, 11, 22)
HEADER = "pair_id,reference_id,probe_id,is_mated,reference_subject_id"
LOST = 3
"""Permits without a record of a call, as a kill leaves them."""


def lines(name: str) -> list[str]:
    """Return twelve sound rows, one twice, one without an image and one without a pair_id."""
    rows = [
        f"p{n},images/{n}.jpg,images/{n + 1}.jpg,{'true' if n % 2 else ''},s{n},{name} {n}" for n in range(12)
    ]
    return [*rows, rows[1], f"gone,images/1.jpg,no/1.jpg,false,s1,{name}", f",images/1.jpg,x,,s1,{name} bad"]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("findings")
    source, store = FileStore(folder / "source"), FileStore(folder / "warehouse")
    for number in range(13):
        text = b"%d: no face" if number == 3 else b"%d"
        source.put(f"images/{number}.jpg", JPEG_HEAD + text % number)
    for day, name in ((FIRST, "attr_mask"), (SECOND, "attr_camera")):
        text = "\n".join([f"{HEADER},{name}", *lines(name)])
        source.put(f"manifests/ds={day}/pairs.csv", text.encode())

    def night(local, day, fmr, run_id="night", **plan_options):
        run = Run(source=source, warehouse=store, day=day, run_id=run_id)
        options = options_for(local, folder, on_model_change=OnModelChange.GO_ON)
        plan = make_plan(run, PlanOptions(**plan_options))
        compare_shards(run, plan, plan.to_compare, options)
        permits = lambda _: Used(local.meter()["billed"] + LOST)  # noqa: E731
        return publish(run, plan, PublishOptions(nominal_fmr=fmr, permits=permits))

    with local_account() as local:
        for fmr in (1e-3, 1e-4, 1e-5):
            night(local, FIRST, fmr)
    with local_account(faults=plan_of(["model-version=1,5.0"])) as local:
        night(local, FIRST, 1e-4, run_id="again", repetition="again")
    with local_account(faults=plan_of(["model-version=1,5.0"])) as local:
        night(local, SECOND, 1e-4)
    return folder / "warehouse"


def by_pandas(place, name):
    frame = pd.read_parquet(place)
    values = frame[name].astype(object).where(frame[name].notna(), None)
    return frame["ds"].astype(str).tolist() if name == "ds" else values.tolist()


def by_pyarrow(place, name):
    return pq.read_table(place)[name].to_pylist()


def by_polars(place, name):
    where = place if place.is_file() else f"{place}/**/*.parquet"
    return pl.read_parquet(where, hive_partitioning=True)[name].to_list()


def by_duckdb(place, name):
    where = place if place.is_file() else f"{place}/**/*.parquet"
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {name} from read_parquet(?, hive_partitioning = true)", [str(where)]
        )
        return [value for (value,) in found.fetchall()]


@pytest.fixture(params=[by_pandas, by_pyarrow, by_polars, by_duckdb])
def column(request, warehouse):
    """Return a function that reads columns of a table, of the current publications unless a file is named."""

    def read(table, *names, file=None):
        place = warehouse / table / "current" if file is None else warehouse / table / "_runs" / file
        found = [request.param(place, name) for name in names]
        return found[0] if len(found) == 1 else list(zip(*found, strict=True))

    return read


def as_dict(attributes) -> dict[str, str]:
    """Return a map as each reader gives it: pairs, a dictionary, or a list of keys with values."""
    if isinstance(attributes, dict):
        return attributes
    pairs = [each.values() if isinstance(each, dict) else each for each in attributes]
    return dict(tuple(each) for each in pairs)


def test_each_threshold_and_repetition_is_a_publication_with_a_row_of_its_own(column):
    runs = column("runs", "publication", "run_seq", "threshold_nominal_fmr", "run_id")
    assert [fmr for _, _, fmr, _ in runs] == [1e-3, 1e-4, 1e-5, 1e-4, 1e-4]
    assert len({name for name, *_ in runs}) == 5
    assert [number for _, number, *_ in runs] == [1, 2, 3, 4, 1]
    assert set(column("outcomes", "publication")) == {runs[3][0], runs[4][0]}


def test_the_key_is_unique_where_a_pair_stands_twice(column):
    keys = column("outcomes", "ds", "row_id")
    assert len(set(map(str, keys))) == len(keys) == 30
    assert column("outcomes", "pair_id").count("p1") == 4


def test_booleans_and_whole_numbers_are_such_in_spite_of_nulls_and_money_can_be_summed(column):
    assert {*map(type, column("outcomes", "is_mated"))} == {bool, type(None)}
    assert {*map(type, column("outcomes", "quality_control"))} <= {int, type(None)}
    assert round(sum(column("attempts", "cost")), 4) == round(
        column("attempts", "billed").count("yes") * 0.0032, 4
    )


def test_no_attribute_of_any_date_and_no_subject_of_a_bad_row_is_lost(column):
    found = column("outcomes", "attributes", "failure_code", "reference_subject_id")
    assert {name for each, *_ in found for name in as_dict(each)} == {"attr_mask", "attr_camera"}
    assert all(as_dict(each) for each, *_ in found)
    bad = [(as_dict(each), subject) for each, code, subject in found if code == "pair_id_missing"]
    assert bad == [({"attr_mask": "attr_mask bad"}, "s1"), ({"attr_camera": "attr_camera bad"}, "s1")]


def test_a_model_without_thresholds_decides_nothing(column):
    found = column("outcomes", "score", "decision", "threshold", "model_version")
    scored = [each for each in found if each[0] is not None]
    assert {each[1:] for each in scored} == {(None, None, "5.0")}
    assert column("runs", "undecided") == [0, 0, 0, len(scored) // 2, len(scored) // 2]


def test_what_kills_have_cost_at_most_stands_in_runs(column):
    runs = column("runs", "permits_used", "billed_calls", "permits_without_record")
    assert [used - billed for used, billed, _ in runs] == [without for *_, without in runs]
    assert runs[0][2] == LOST


def test_money_has_a_day_of_its_own(column):
    found = column("attempts", "logical_date", "billed_on", "billed")
    assert {str(day)[:10] for day, *_ in found} == {str(FIRST), str(SECOND)}
    assert all((billed_on is None) == (billed == "no") for _, billed_on, billed in found)
    assert not {str(billed_on)[:10] for _, billed_on, _ in found} & {str(FIRST), str(SECOND)}


def test_scores_of_the_model_before_are_in_the_history_of_the_table(column, warehouse):
    pointer = json.loads((warehouse / f"outcomes/_manifest/ds={FIRST}.json").read_text())
    names = [name for name, _ in column("runs", "publication", "run_seq")[:4]]
    assert pointer["publication"] == names[3]
    models = [
        {each for each in column("outcomes", "model_version", file=f"ds={FIRST}/{name}.parquet") if each}
        for name in names
    ]
    assert models == [{"3.0"}, {"3.0"}, {"3.0"}, {"5.0"}]


def test_failures_to_acquire_have_a_denominator(column):
    runs = column("runs", "failed_biometric", "tried_to_acquire", "scored")
    assert all(tried == failed + scored and failed == 2 for failed, tried, scored in runs)


def test_the_worst_image_is_found(column):
    found = column("images", "failed_by_it", "failed", "image_id", "failure_code")
    assert {each[2:] for each in found if each[3]} == {("images/3.jpg", "no_face")}
    assert {(failed, name) for _, failed, name, _ in found if name == "images/3.jpg"} == {(2, "images/3.jpg")}

"""Dates of a few rows, and what a plan made of each row."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore, Store
from tests.nights import DAY
from tests.pipeline.plan.tagged import TaggedStore

COLUMNS = ("pair_id", "reference_id", "probe_id", "is_mated", "quality_control", "row_id", "attr_site")


def date_of(folder: Path, rows: Sequence[Mapping[str, Any]], *, files: int = 1, **source: Any) -> Run:
    """Return a run over rows that lie in so many csv files, turn by turn; a source with tags."""
    store = TaggedStore(folder / "source", **source)
    write_rows(store, rows, files=files)
    return Run(source=store, warehouse=FileStore(folder / "warehouse"), day=DAY, run_id="test")


def write_rows(store: Store, rows: Sequence[Mapping[str, Any]], *, files: int = 1) -> None:
    """Write rows as csv."""
    for number in range(files):
        lines = [",".join(str(row.get(name, "")) for name in COLUMNS) for row in rows[number::files]]
        text = "\n".join([",".join(COLUMNS), *lines]) + "\n"
        store.put(f"manifests/ds={DAY}/{number}.csv", text.encode())


def planned(run: Run, answers: Any = None, **options: Any) -> tuple[Plan, list[dict[str, Any]]]:
    """Return the plan, and all rows of its shards, each with `kind`: call, known, or its result source."""
    plan = make_plan(run, PlanOptions(**options), answers)
    rows: list[dict[str, Any]] = []
    for shard in plan.shards:
        for key, count, kind in (
            (shard.key, shard.pairs, "call"),
            (shard.rest_key, shard.rest, None),
            (shard.known_key, shard.known, "known"),
        ):
            if not count:
                assert run.warehouse.head(key) is None
                continue
            with run.warehouse.open(key) as file:
                found = pq.ParquetFile(file).read().to_pylist()
            assert len(found) == count
            rows += [{"kind": kind or row["result_source"], "shard": shard.key} | row for row in found]
    return plan, rows


def bad_rows(run: Run, plan: Plan) -> list[Any]:
    return plans.read_bad_rows(run.warehouse, plan.bad_rows_key)

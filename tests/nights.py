"""A date's worth of pairs in a folder, for tests that run the whole pipeline."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

from devstack.pictures import JPEG_HEAD
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan, PlanOptions, Shard
from maskmatch.pipeline.calling import coordinator_of
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, permits_of, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore, Store
from maskmatch.storage.pair_columns import PLANNED_COLUMNS
from maskmatch.storage.spools import ParquetFile
from maskmatch.storage.tables import read_table
from tests.account import LocalAccount

DAY = date(2026, 1, 2)
HEADER = "pair_id,reference_id,probe_id,is_mated,attr_mask"


def write_pairs(
    store: Store, count: int, *, day: date = DAY, extra_lines: Sequence[str] = (), images: int = 60
) -> None:
    """Write a manifest of so many sound pairs, and lines as they are given.

    No two pairs are alike while there are less than half as many as `images` squared.
    """
    images = min(count, images)
    for number in range(images):
        store.put(f"images/{number}.jpg", JPEG_HEAD + b"%d" % number)
    lines = [
        f"p{n:05d},images/{n % images}.jpg,images/{(n + n // images + 1) % images}.jpg,true,none"
        for n in range(count)
    ]
    text = "\n".join([HEADER, *lines, *extra_lines]) + "\n"
    store.put(f"manifests/ds={day}/pairs.csv", text.encode())


def night_in(folder: Path, *, day: date = DAY, run_id: str = "test") -> Run:
    """Return a run whose source and warehouse are folders."""
    source, warehouse = FileStore(folder / "source"), FileStore(folder / "warehouse")
    return Run(source=source, warehouse=warehouse, day=day, run_id=run_id)


def options_for(local: LocalAccount, folder: Path, **changes: object) -> CompareOptions:
    """Return how to compare with a local service; the permit store's file lies in the folder."""
    options = {"permit_store": f"sqlite:///{folder}/permits.sqlite3", **changes}
    return CompareOptions(account=local.account, **options)  # type: ignore[arg-type]


def outcomes_of(run: Run) -> pd.DataFrame:
    """Return the published outcomes of a date."""
    return read_table(run.warehouse, "outcomes", run.day).to_pandas()


def complete(run, options, *, run_id="test", **plan_options):
    """Plan, compare and publish a date; return the row of the run."""
    run = replace(run, run_id=run_id)
    plan = make_plan(run, PlanOptions(**plan_options))
    compare_shards(run, plan, plan.to_compare, options)
    permits = permits_of(lambda: coordinator_of(options))
    return publish(run, plan, PublishOptions(nominal_fmr=1e-4, permits=permits))


def write_shard(store: Store, key: str, pairs: Sequence[tuple[int, Pair]]) -> None:
    """Write the pairs of one shard in call order."""
    records = [{"call_order": order} | asdict(pair) for order, pair in pairs]
    file = ParquetFile(PLANNED_COLUMNS)
    file.append(pa.Table.from_pylist(records, PLANNED_COLUMNS))
    file.finish(lambda path: store.put_file(key, path))


def plan_in_shards(run: Run, sizes: Sequence[int]) -> Plan:
    """Plan a date, with its pairs in shards of these sizes; whoever plans it again gets the same plan."""
    plan = make_plan(run)
    pairs = iter([pair for shard in plan.shards for pair in plans.read_shard(run.warehouse, shard.key)])
    shards = []
    for number, size in enumerate(sizes):
        key = f"{plan.folder}/shard-{number:05d}.parquet"
        write_shard(run.warehouse, key, list(islice(pairs, size)))
        shards.append(Shard(key, size))
    run.warehouse.delete(f"{plan.folder}/plan.json")
    return plans.write_plan(run.warehouse, replace(plan, shards=tuple(shards)))

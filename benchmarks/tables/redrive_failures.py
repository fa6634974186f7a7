"""What a redrive pays for, and whether all rows that are not chosen stay as they were.

10,000 pairs in folders, of which a thousand lack an image and another thousand have an image that cannot
be read. All of them are put there; then those that were missing are redriven.
"""

import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from benchmarks.account import account_of
from benchmarks.report import main
from devstack.pictures import JPEG_HEAD
from devstack.service import LocalService
from maskmatch.core.limits import ShareLimit
from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.core.redrive import read_selection
from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore, Store
from maskmatch.storage.tables import read_table

DAY = date(2026, 11, 22)
PAIRS, PLANTED, QUICK_SHARE = 10_000, 1_000, 10
CALLS_PER_SECOND = 500
FACTS = ["pair_id", "outcome", "score", "decision", "failure_code", "failed_side", "request_id"]
GOALS = {
    "paid_beside_chosen": ("<=", 0),
    "chosen_not_scored": ("<=", 0),
    "other_rows_changed": ("<=", 0),
    "rows_lost_or_doubled": ("<=", 0),
    "earlier_publications_kept": (">=", 1),
}


def measure(is_quick: bool) -> dict[str, float]:
    """Plant failures, redrive those of one code, and compare the two publications."""
    share = QUICK_SHARE if is_quick else 1
    pairs, planted = PAIRS // share, PLANTED // share
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalService(
            Path(folder) / "service", scores="hash", latency_ms=20, calls_per_second=CALLS_PER_SECOND
        ) as service,
    ):
        run = _run_in(Path(folder))
        _write(run.source, pairs, planted)
        account = account_of(service, calls_per_second=CALLS_PER_SECOND)
        options = CompareOptions(account=account, permit_store=f"sqlite:///{folder}/permits.sqlite3")
        _complete(run, make_plan(run, PlanOptions(max_bad_rows=ShareLimit(1.0))), options)
        before, paid = _rows(run), service.meter()["billed"]
        for kind in ("missing", "broken"):
            for number in range(planted):
                run.source.put(f"{kind}/{number}.jpg", JPEG_HEAD + b"%d" % number + kind.encode())
        with kept_outcomes(run, read_selection(["failure_code=image_missing"])) as kept:
            plan = make_redrive_plan(run, PlanOptions(), kept)
        _complete(replace(run, run_id="redrive"), plan, options)
        return _figures(before, _rows(run), service.meter()["billed"] - paid, planted) | {
            "earlier_publications_kept": _publications(run) - 1
        }


def _figures(before: pd.DataFrame, after: pd.DataFrame, paid: int, planted: int) -> dict[str, float]:
    chosen = before["failure_code"] == "image_missing"
    others = before.index[~chosen]
    changed = (before.loc[others].fillna("") != after.reindex(others).fillna("")).any(axis=1)
    return {
        "rows": len(after),
        "chosen": int(chosen.sum()),
        "paid": paid,
        "paid_beside_chosen": abs(paid - planted),
        "chosen_not_scored": int((after.reindex(before.index[chosen])["outcome"] != "scored").sum()),
        "other_rows_changed": int(changed.sum()),
        "rows_lost_or_doubled": len(before.index.symmetric_difference(after.index))
        + int(after.index.duplicated().sum()),
    }


def _run_in(folder: Path) -> Run:
    source, warehouse = FileStore(folder / "source"), FileStore(folder / "warehouse")
    return Run(source=source, warehouse=warehouse, day=DAY, run_id="night")


def _write(source: Store, pairs: int, planted: int) -> None:
    images = 500
    for number in range(images):
        source.put(f"images/{number}.jpg", JPEG_HEAD + b"image %d" % number)
    lines = ["pair_id,reference_id,probe_id"]
    for number in range(pairs):
        partner = (number + number // images + 1) % images
        probe = f"images/{partner}.jpg"
        if number < 2 * planted:
            probe = f"{('missing', 'broken')[number % 2]}/{number // 2}.jpg"
        lines.append(f"p{number},images/{number % images}.jpg,{probe}")
    for number in range(planted):
        source.put(f"broken/{number}.jpg", b"no image %d" % number)
    source.put(f"manifests/ds={DAY}/pairs.csv", "\n".join([*lines, ""]).encode())


def _complete(run: Run, plan: Plan, options: CompareOptions) -> None:
    compare_shards(run, plan, plan.to_compare, options)
    publish(run, plan, PublishOptions(nominal_fmr=1e-4))


def _rows(run: Run) -> pd.DataFrame:
    table = read_table(run.warehouse, "outcomes", run.day).to_pandas().set_index("row_id")
    return table[FACTS].astype(object)


def _publications(run: Run) -> int:
    keys = [found.key for found in run.warehouse.list(f"outcomes/_runs/ds={run.day}/")]
    return sum(key.endswith(".parquet") for key in keys)


if __name__ == "__main__":
    sys.exit(main("redrive_failures", __doc__, measure, GOALS))

"""What is wrong with the published tables of a measured cell, by the service's meter and the journals."""

import io
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmarks.crashes.audit import Books, table_figures
from benchmarks.dataset import DAY, Expected
from maskmatch.core.errors import BooksError
from maskmatch.core.planning import Plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage import tables

_CALLS = ["attempts", "billed_calls", "maybe_billed_calls"]


def wrong_tables(
    run: Run, plan: Plan, books: Books, meter: Mapping[str, Any], pairs: Mapping[str, Expected]
) -> dict[str, float]:
    """Publish the run; return counts that have to be 0, by the meaning of the columns in docs/tables.md."""
    try:
        of_run = publish(run, plan, PublishOptions(nominal_fmr=1e-4))
    except BooksError:
        return {"not_published": 1}
    rows = pd.read_parquet(io.BytesIO(run.warehouse.get(tables.current_key("outcomes", DAY))))
    published = pd.read_parquet(io.BytesIO(run.warehouse.get(tables.current_key("runs", DAY))))
    found = table_figures(run, pairs)
    sums = rows[_CALLS].sum()
    return {
        "rows_beside_pairs": abs(found["rows"] - len(pairs)),
        "rows_not_scored": int((rows["outcome"] != "scored").sum()) + found["lost"],
        "wrong_scores": found["wrong_scores"],
        "maybe_beside_journals": abs(int(sums["maybe_billed_calls"]) - books.maybe.total()),
        "attempts_beside_meter": abs(int(sums["attempts"]) - meter["accepted"] - meter["throttled"]),
        "billed_beside_meter": _beside_meter(rows, books.billed),
        "run_beside_rows": sum(abs(int(of_run[name]) - int(sums[name])) for name in _CALLS)
        + int((published[_CALLS].iloc[0] != sums).sum()),
    }


def _beside_meter(rows: pd.DataFrame, billed: Counter[str]) -> int:
    """Return the calls that are billed without being in the table, or in the table without being billed.

    For each pair the meter has all of its `billed_calls`, and further ones only among `maybe_billed_calls`.
    """
    further = rows["pair_id"].map(lambda pair: billed[pair]) - rows["billed_calls"]
    return int((-further).clip(lower=0).sum() + (further - rows["maybe_billed_calls"]).clip(lower=0).sum())

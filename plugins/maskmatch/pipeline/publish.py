"""Publish a run: check its books, then replace the tables of its date."""

import logging
from datetime import UTC, datetime
from importlib.metadata import version

from maskmatch.core.outcomes import Calls
from maskmatch.core.planning import Plan
from maskmatch.core.publishing import (
    Row,
    Stamp,
    bad_row_row,
    check_books,
    content_digest,
    pair_rows,
    run_totals,
)
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import final_outcomes, read_journal

log = logging.getLogger(__name__)


def publish(run: Run, plan: Plan, *, nominal_fmr: float) -> Row:
    """Check the books and replace the outcomes of the date; return the row of the run.

    Raise BooksError, with nothing written, while pairs lack an outcome.
    """
    stamp = Stamp(
        run_id=run.run_id,
        nominal_fmr=nominal_fmr,
        schema_version=tables.SCHEMA_VERSION,
    )
    rows = [bad_row_row(row, stamp) for row in plans.read_bad_rows(run.warehouse, plan.bad_rows_key)]
    calls: list[Calls] = []
    for shard in plan.shards:
        entries = read_journal(run.warehouse, plans.journal_prefix(shard.key))
        pairs = (pair for _, pair in plans.read_shard(run.warehouse, shard.key))
        rows += pair_rows(pairs, final_outcomes(entries), stamp)
        calls += [entry.outcome.calls for entry in entries if entry.run_id == run.run_id]
    check_books(rows, manifest_rows=plan.rows)
    publication = f"{plan.plan_id}.{run.run_id}.{content_digest(rows)}"
    for row in rows:
        row["publication"] = publication
    row_of_run = (
        {"publication": publication}
        | stamp.columns()
        | run_totals(rows, calls)
        | _run_facts(plan, nominal_fmr)
    )
    tables.write_outcomes(run.warehouse, run.day, tables.outcomes_table(rows))
    tables.write_run(run.warehouse, run.day, row_of_run)
    log.info("published %s rows to %s", len(rows), tables.outcomes_address(run.warehouse, run.day))
    return row_of_run


def _run_facts(plan: Plan, nominal_fmr: float) -> Row:
    return {
        "plan_id": plan.plan_id,
        "manifest_files": len(plan.manifests),
        "manifest_rows": plan.rows,
        "threshold_nominal_fmr": nominal_fmr,
        "published_at": datetime.now(UTC),
        "maskmatch_version": version("maskmatch"),
    }

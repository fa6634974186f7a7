"""What a run leaves to be read: the tables of its date, and a summary."""

import logging
from datetime import UTC, datetime
from importlib.metadata import version

from maskmatch.adapters import plans, tables
from maskmatch.adapters.journal import final_outcomes, read_journal
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
from maskmatch.core.summaries import render
from maskmatch.jobs import Job

log = logging.getLogger(__name__)


def publish(job: Job, plan: Plan, *, nominal_fmr: float) -> Row:
    """Check the books and replace the outcomes of the date; return the row of the run.

    Raise BooksError, with nothing written, while pairs lack an outcome.
    """
    stamp = Stamp(
        run_id=job.run_id,
        nominal_fmr=nominal_fmr,
        schema_version=tables.SCHEMA_VERSION,
    )
    rows = [bad_row_row(row, stamp) for row in plans.read_bad_rows(job.warehouse, plan.bad_rows_key)]
    calls: list[Calls] = []
    for shard in plan.shards:
        entries = read_journal(job.warehouse, plans.journal_prefix(shard.key))
        pairs = (pair for _, pair in plans.read_shard(job.warehouse, shard.key))
        rows += pair_rows(pairs, final_outcomes(entries), stamp)
        calls += [entry.outcome.calls for entry in entries if entry.run_id == job.run_id]
    check_books(rows, manifest_rows=plan.rows)
    publication = f"{plan.plan_id}.{job.run_id}.{content_digest(rows)}"
    for row in rows:
        row["publication"] = publication
    run = (
        {"publication": publication}
        | stamp.columns()
        | run_totals(rows, calls)
        | _run_facts(plan, nominal_fmr)
    )
    tables.write_outcomes(job.warehouse, job.day, tables.outcomes_table(rows))
    tables.write_run(job.warehouse, job.day, run)
    log.info("published %s rows to %s", len(rows), outcomes_address(job))
    return run


def _run_facts(plan: Plan, nominal_fmr: float) -> Row:
    return {
        "plan_id": plan.plan_id,
        "manifest_files": len(plan.manifests),
        "manifest_rows": plan.rows,
        "threshold_nominal_fmr": nominal_fmr,
        "published_at": datetime.now(UTC),
        "maskmatch_version": version("maskmatch"),
    }


def summary(job: Job) -> str:
    """Return the published outcomes of the date as text: counts by reason, scores by kind of pair."""
    return render(tables.read_outcomes(job.warehouse, job.day).to_pandas())


def outcomes_address(job: Job) -> str:
    """Return where the outcomes of the date lie."""
    return f"{job.warehouse.uri}/{tables.outcomes_key(job.day)}"

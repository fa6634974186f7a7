"""Publish a run: check its books, then replace the tables of its date."""

import logging
from datetime import UTC, datetime
from importlib.metadata import version

from maskmatch.core.errors import InputError
from maskmatch.core.outcomes import Calls
from maskmatch.core.planning import Plan
from maskmatch.core.publishing import (
    Row,
    Stamp,
    bad_row_row,
    check_books,
    content_digest,
    has_answers,
    known_rows,
    pair_rows,
    rest_rows,
    run_totals,
)
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import final_outcomes, read_journal

log = logging.getLogger(__name__)


def publish(run: Run, plan: Plan, *, nominal_fmr: float, allow_empty: bool = False) -> Row:
    """Check the books and replace the outcomes of the date; return the row of the run.

    A manifest without rows replaces nothing. Raise BooksError, with nothing written, while pairs lack an
    outcome, and InputError when nothing was answered and the date has a table: the rows go elsewhere, unless
    `allow_empty`.
    """
    run = run.patient()
    stamp = Stamp(run_id=run.run_id, nominal_fmr=nominal_fmr, schema_version=tables.SCHEMA_VERSION)
    rows, calls = _rows_and_calls(run, plan, stamp)
    check_books(rows, manifest_rows=plan.rows)
    publication = f"{plan.plan_id}.{run.run_id}.{content_digest(rows)}"
    row_of_run = stamp.columns() | run_totals(rows, calls) | _run_facts(plan, nominal_fmr)
    row_of_run["publication"] = publication
    if not plan.rows:
        log.info("no pairs tonight: the manifests of %s have no rows, and nothing is replaced", run.day)
        return row_of_run
    key = tables.outcomes_key(run.day)
    is_refused = not (allow_empty or has_answers(rows)) and run.warehouse.head(key) is not None
    if is_refused:
        publication = f"refused.{publication}"
        key = tables.refused_key(run.day, publication)
    for row in rows:
        row["publication"] = publication
    tables.write_outcomes(run.warehouse, key, tables.outcomes_table(rows))
    if is_refused:
        raise InputError(
            f"no call was answered for {run.day}: {tables.outcomes_address(run.warehouse, run.day)} stays as "
            f"it is, and the rows with their reasons are at {run.warehouse.uri}/{key}; --allow-empty, or the "
            "parameter allow_empty, publishes them all the same"
        )
    tables.write_run(run.warehouse, run.day, row_of_run)
    log.info("published %s rows to %s", len(rows), tables.outcomes_address(run.warehouse, run.day))
    return row_of_run


def _rows_and_calls(run: Run, plan: Plan, stamp: Stamp) -> tuple[list[Row], list[Calls]]:
    """Return a row for each row of the manifests, and the calls that this run made."""
    warehouse = run.warehouse
    rows = [bad_row_row(row, stamp) for row in plans.read_bad_rows(warehouse, plan.bad_rows_key)]
    calls: list[Calls] = []
    for shard in plan.shards:
        entries = read_journal(warehouse, plans.journal_prefix(shard.key))
        outcomes = final_outcomes(entries)
        if shard.pairs:
            pairs = (pair for _, pair in plans.read_shard(warehouse, shard.key))
            rows += pair_rows(pairs, outcomes, stamp)
        rows += rest_rows(plans.read_rest(warehouse, shard), outcomes, stamp)
        rows += known_rows(plans.read_known(warehouse, shard), stamp)
        calls += [entry.outcome.calls for entry in entries if entry.run_id == run.run_id]
    return rows, calls


def _run_facts(plan: Plan, nominal_fmr: float) -> Row:
    return {
        "plan_id": plan.plan_id,
        "manifest_files": len(plan.manifests),
        "manifest_rows": plan.rows,
        "threshold_nominal_fmr": nominal_fmr,
        "published_at": datetime.now(UTC),
        "maskmatch_version": version("maskmatch"),
    }

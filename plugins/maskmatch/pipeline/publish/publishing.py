"""Publish a date: draft its tables, balance the books, replace what is read.

    repair     what another publication began and did not end
    claim      a number
    draft      the rows, on local disk
    check      the books
    replace    `outcomes`, then the other tables and the pointers

Decision: docs/adr/0027-publication.md
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from maskmatch.core.errors import InputError
from maskmatch.core.planning import Plan
from maskmatch.pipeline.publish.drafting import Draft
from maskmatch.pipeline.publish.permits_used import PermitsUsed, check_permits, nobody_knows
from maskmatch.pipeline.publish.records import Row, as_record, as_row
from maskmatch.pipeline.publish.repairing import repair
from maskmatch.pipeline.publish.replacing import replace_tables, salt_of
from maskmatch.pipeline.publish.stamp import Stamp
from maskmatch.pipeline.run import Run
from maskmatch.settings.account_fields import TIME_ZONE
from maskmatch.settings.run_fields import RUN_FIELDS
from maskmatch.storage.object_stores import probe_swaps
from maskmatch.storage.publications import Facts, Lock, Publisher
from maskmatch.storage.schemas import RUNS, SCHEMA_VERSION
from maskmatch.storage.tables import outcomes_address, refused_key

log = logging.getLogger(__name__)

_TOKEN_BYTES = 6
_OF_PUBLICATION = ("publication", "run_seq", "reason", "published_by", "published_at", "maskmatch_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How a date is published; `reason` and `by` are what the list of publications says of it.

    `nominal_fmr` names the threshold of decisions; None: that of the publication which is replaced. `permits`
    tells how many permits the run has used. A date without a single answer replaces a table only with
    `allow_empty`. Where the store of the tables has no conditional writes, `lock` keeps others away.
    """

    nominal_fmr: float | None
    allow_empty: bool = False
    reason: str = "run"
    by: str = ""
    time_zone: str = TIME_ZONE.default
    permits: PermitsUsed = nobody_knows
    lock: Lock = nullcontext


def publish(run: Run, plan: Plan, options: PublishOptions) -> Row:
    """Check the books and replace the tables of the date; return the row of the publication in `runs`.

    What is published already, with the same content, is not published again: the row has its name then, and
    stands nowhere. A manifest without rows replaces nothing.

    Raise BooksError, with nothing replaced, while pairs lack an outcome, Superseded when a newer publication
    was faster, and InputError when nothing was answered and the date has a table: the rows go elsewhere,
    unless `allow_empty`.
    """
    run = run.patient()
    if not plan.rows:
        log.info("no pairs tonight: the manifests of %s have no rows, and nothing is replaced", run.day)
        return dict.fromkeys(RUNS.names) | dict.fromkeys(_COUNTS, 0) | {"run_id": run.run_id}
    publisher = publisher_of(run, options.lock)
    repair(publisher)
    with _drafted(run, plan, publisher, options) as draft:
        row = _row(run, plan, draft, options)
        facts = Facts(
            publication=draft.stamp.publication,
            run_seq=row["run_seq"],
            content=draft.books.content(plan.plan_id, draft.files["attempts"].rows, SCHEMA_VERSION),
            runs=as_record(row),
        )
        there = publisher.present("outcomes").facts
        if there and there.content == facts.content:
            log.info("this is published already: %s is the current publication", there.publication)
            return row | {
                name: value for name, value in as_row(there.runs).items() if name in _OF_PUBLICATION
            }
        for file in draft.files.values():
            file.finish(facts.metadata())
        if there and not (draft.books.answered or options.allow_empty):
            raise _refused(run, draft)
        replace_tables(publisher, draft.files, facts)
    log.info("published %s rows to %s", row["manifest_rows"], outcomes_address(run.warehouse, run.day))
    return row


def publisher_of(run: Run, lock: Lock) -> Publisher:
    """Return what replaces the tables of the date of a run."""
    can_swap = probe_swaps(run.warehouse)
    if not can_swap and lock is nullcontext:
        log.warning("%s has no conditional writes: let one publish at a time", run.warehouse.uri)
    return Publisher(run.warehouse, run.day, can_swap=can_swap, lock=lock)


def claimed(publisher: Publisher, run: Run, *, reason: str, by: str) -> tuple[int, str]:
    """Return a new number and name of a publication; the next 88 names have other lengths."""
    record = {"run_id": run.run_id, "reason": reason, "by": by, "claimed_at": datetime.now(UTC).isoformat()}
    number = publisher.claim(record)
    token = secrets.token_hex(_TOKEN_BYTES + salt_of(number))[: 2 * _TOKEN_BYTES + salt_of(number)]
    return number, f"{number:06d}-{token}"


@contextmanager
def _drafted(run: Run, plan: Plan, publisher: Publisher, options: PublishOptions) -> Iterator[Draft]:
    number, publication = claimed(publisher, run, reason=options.reason, by=options.by)
    stamp = Stamp(
        publication=publication,
        run_seq=number,
        run_id=run.run_id,
        logical_date=run.day,
        nominal_fmr=options.nominal_fmr or _published_fmr(publisher),
        time_zone=options.time_zone,
    )
    draft = Draft(stamp, salt=salt_of(number))
    try:
        draft.write(run.warehouse, plan)
        draft.books.check(manifest_rows=plan.rows)
        yield draft
    finally:
        draft.close()


def _published_fmr(publisher: Publisher) -> float:
    there = publisher.present("outcomes").facts
    return float(there.runs["threshold_nominal_fmr"]) if there else RUN_FIELDS["nominal_fmr"].default


_COUNTS = (
    "manifest_files", "manifest_rows", "scored", "failed", "skipped", "attempts", "billed_calls",
    "maybe_billed_calls",
)  # fmt: skip


def _row(run: Run, plan: Plan, draft: Draft, options: PublishOptions) -> Row:
    totals = draft.books.totals()
    used = check_permits(run, plan, totals, options.permits)
    return {
        **draft.stamp.values(),
        "run_seq": draft.stamp.run_seq,
        "reason": options.reason,
        "published_by": options.by or None,
        "plan_id": plan.plan_id,
        "manifest_files": len(plan.manifests),
        "manifest_rows": plan.rows,
        **totals,
        **used,
        "threshold_nominal_fmr": draft.stamp.nominal_fmr,
        "published_at": datetime.now(UTC),
        "maskmatch_version": version("maskmatch"),
    }


def _refused(run: Run, draft: Draft) -> InputError:
    """Put the rows where nobody takes them for the table; return what is raised."""
    key = refused_key(run.day, draft.stamp.publication)
    run.warehouse.put_file(key, draft.files["outcomes"].path)
    return InputError(
        f"no call was answered for {run.day}: {outcomes_address(run.warehouse, run.day)} stays as "
        f"it is, and the rows with their reasons are at {run.warehouse.uri}/{key}; --allow-empty, or the "
        "parameter allow_empty, publishes them all the same"
    )

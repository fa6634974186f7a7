"""Make the plan of a date: the story of all its steps.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
Decision: docs/adr/0020-a-plan-out-of-core.md
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.planning import (
    MOST_PASSED_OVER,
    ManifestFile,
    Plan,
    PlanOptions,
    Shard,
    plan_id,
    shard_count,
    work_id,
)
from maskmatch.core.shown import plain
from maskmatch.pipeline.plan.moving import move_rows, window_count
from maskmatch.pipeline.plan.naming import NamedRows, OpenBucket, name_rows, tags_of
from maskmatch.pipeline.plan.ordering import place
from maskmatch.pipeline.plan.reading import ReadRows, RowReader
from maskmatch.pipeline.plan.repeats import bad_for_others
from maskmatch.pipeline.plan.settling import Answers, Kind, Settled, settle
from maskmatch.pipeline.plan.writing import ShardWriter
from maskmatch.pipeline.plan_facts import calls_of
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.manifests import Listing, describe_file, find_manifests
from maskmatch.storage.object_stores import Store, probe_conditional_writes

log = logging.getLogger(__name__)

_SHOWN = 20


def make_plan(
    run: Run,
    options: PlanOptions | None = None,
    answers: Answers | None = None,
    open_bucket: OpenBucket = lambda _: None,
) -> Plan:
    """Read the manifests of the date and write a plan; the same manifests and images give the same plan.

    Without a new repetition the newest plan for them is taken, so that later scores stay, unless answers have
    come from elsewhere since, so that a new one has fewer calls to make. A new one takes `answers` over,
    unless it is a repetition. Raise InputError when there is no manifest or an unreadable one, or when too
    many rows are no pairs.
    """
    options = options or PlanOptions()
    if options.repetition and not options.is_redrive:
        answers = None
    source, warehouse = run.patient_source(), run.patient_warehouse()
    listing = find_manifests(source, run.day)
    manifests = tuple(_manifest(source, key) for key in listing.keys)
    rows = _read(source, manifests, options)
    tags = tags_of(source, rows, trust_tags=options.trust_tags, open_bucket=open_bucket)
    named = name_rows(rows, tags, options.strata_attribute)
    work = work_id(run.source.uri, manifests, options, named.digest)
    known = _known_plan(run.day, warehouse, work, options)
    left = calls_of(run, known) if known else 0
    if known and (answers is None or known.answers == answers.digest or not left):
        return _taken(warehouse, replace(known, **_passed_over(listing)), options)
    settled = settle(
        named.comparisons,
        bad_for_others(rows),
        taken_ids=rows.taken_ids(),
        same_image=options.same_image,
        answers=answers,
        seed=run.day.isoformat(),
        windows=window_count(rows.count),
    )
    if known and settled.counts[Kind.CALL] >= left:
        return _taken(warehouse, replace(known, **_passed_over(listing)), options)
    shards = shard_count(settled.counts[Kind.CALL], at_most=options.max_shards)
    name = plan_id(work, options, shards=shards, answers=answers.digest if answers else "")
    plan = replace(
        _new_plan(run.day, name, rows, settled, shards),
        work_id=work,
        manifests=manifests,
        repetition=options.repetition,
        is_redrive=options.is_redrive,
        answered_by=options.answered_by,
        trust_tags=options.trust_tags,
        reuse_days=options.reuse_days,
        answers=answers.digest if answers else "",
        model_versions=tuple(sorted(settled.model_versions)),
        **_passed_over(listing),
    )
    _tell(plan)
    _check_bad_rows(plan, options.max_bad_rows)
    if whole := plans.read_plan(warehouse, plan.folder):
        return plans.make_newest(warehouse, whole)
    return _write(warehouse, plan, rows, named, settled)


def _taken(warehouse: Store, plan: Plan, options: PlanOptions) -> Plan:
    """Take a plan that was made before."""
    _tell(plan)
    _check_bad_rows(plan, options.max_bad_rows)
    return plans.make_newest(warehouse, plan)


def _read(source: Store, manifests: Sequence[ManifestFile], options: PlanOptions) -> ReadRows:
    reader = RowReader(source, options.manifests, quality_control=options.quality_control)
    for manifest in manifests:
        reader.read(manifest.key)
    rows, wanted = reader.finish(), options.strata_attribute
    if wanted and rows.count and wanted not in rows.attributes:
        log.warning("no manifest has a column %s: calls are ordered by is_mated alone", plain(wanted))
    return rows


def _new_plan(day: date, name: str, rows: ReadRows, settled: Settled, shards: int) -> Plan:
    """Return a plan of which nothing is written yet: its shards are empty."""
    counts, bad, folder = settled.counts, rows.bad_rows, plans.plan_folder(day, name)
    return Plan(
        plan_id=name,
        work_id="",
        day=day,
        folder=folder,
        manifests=(),
        rows=counts.total() + bad.count,
        bad_rows=bad.count,
        bad_rows_key=f"{folder}/bad_rows.parquet",
        bad_row_codes=dict(sorted(bad.codes.items())),
        first_bad_row=bad.first.message if bad.first else "",
        repeated_rows=settled.repeated,
        dedup_rows=counts[Kind.DEDUP] + counts[Kind.SWAPPED] - settled.repeated,
        skipped_rows=counts[Kind.SKIPPED],
        known_rows=counts[Kind.KNOWN],
        digest=settled.digest,
        found=tuple(summary.to_record() for summary in rows.summaries),
        shards=tuple(Shard(plans.shard_key(folder, number), 0) for number in range(shards)),
        conditional_writes=False,
    )


def _write(warehouse: Store, plan: Plan, rows: ReadRows, named: NamedRows, settled: Settled) -> Plan:
    """Write the objects of a plan, the plan itself last; return it."""
    count = len(plan.shards)
    windows = move_rows(rows, named, place(settled, shards=count, rows=rows.count))
    named.close()
    rows.close()
    writer = ShardWriter(rows.files, shards=count)
    for number in range(window_count(rows.count)):
        writer.add(windows.take(number), settled.answers.take(number))
    rows.bad_rows.put(warehouse, plan.bad_rows_key)
    plan = replace(
        plan,
        shards=writer.put(warehouse, plan.folder),
        conditional_writes=probe_conditional_writes(warehouse),
    )
    return plans.write_plan(warehouse, plan)


def _passed_over(listing: Listing) -> dict[str, Any]:
    found = listing.passed_over
    return {"passed_over": found[:MOST_PASSED_OVER], "passed_over_count": len(found)}


def _tell(plan: Plan) -> None:
    for record in plan.found:
        log.info("%s", describe_file(record))
    if plan.passed_over_count:
        some = ", ".join(f"{each.name} ({each.why})" for each in plan.passed_over[:_SHOWN])
        more = f" and {plan.passed_over_count - _SHOWN:,} more" if plan.passed_over_count > _SHOWN else ""
        log.info("among the manifests lie %d objects that are none: %s%s", plan.passed_over_count, some, more)


def _manifest(source: Store, key: str) -> ManifestFile:
    found = source.head(key)
    return ManifestFile(key, source.fingerprint(key), found.size if found else 0)


def _known_plan(day: date, warehouse: Store, work: str, options: PlanOptions) -> Plan | None:
    """Return the newest plan of the date if it is for this work; a repetition begins a new one.

    So does what comes after a redrive, whose plan leaves open failures as they are.
    """
    newest = None if options.repetition else plans.newest_plan(warehouse, day)
    return newest if newest and newest.work_id == work and not newest.is_redrive else None


def _check_bad_rows(plan: Plan, limit: ShareLimit) -> None:
    if not limit.is_passed(plan.bad_rows, of=plan.rows):
        return
    counts = sorted(plan.bad_row_codes.items(), key=lambda each: (-each[1], each[0]))
    shown = ", ".join(f"{count:,} {code}" for code, count in counts[:5])
    raise InputError(
        f"{plan.bad_rows:,} of {plan.rows:,} rows are no pairs ({shown}; the first: "
        f"{plan.first_bad_row}), more than max_bad_rows {limit}: nothing is called "
        "and nothing replaced; fix the manifest, or raise max_bad_rows"
    )

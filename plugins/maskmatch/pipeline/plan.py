"""Plan a run: read the manifests of its date, check every row, and fix what will be compared.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import logging
from collections import Counter
from dataclasses import replace

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.planning import (
    MOST_PASSED_OVER,
    ManifestFile,
    Plan,
    PlanOptions,
    Shard,
    Sorter,
    plan_id,
    shard_count,
    work_id,
)
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.manifests import Manifests, describe_file, find_manifests
from maskmatch.storage.object_stores import Store, probe_conditional_writes

log = logging.getLogger(__name__)

_SHOWN = 20


def make_plan(run: Run, options: PlanOptions | None = None, answers: object = None) -> Plan:
    """Read the manifests of the date and write a plan; the same manifests give the same plan.

    Without a new repetition the newest plan for them is taken, so that later scores stay.
    Raise InputError when there is no manifest or an unreadable one, or when too many rows are no pairs.
    """
    run, options = run.patient(), options or PlanOptions()
    listing = find_manifests(run.source, run.day)
    manifests = tuple(_manifest(run.source, key) for key in listing.keys)
    work = work_id(run.source.uri, manifests, options)
    plan = _known_plan(run, work, options) or _new_plan(run, work, manifests, options)
    plan = replace(
        plan,
        passed_over=listing.passed_over[:MOST_PASSED_OVER],
        passed_over_count=len(listing.passed_over),
    )
    _tell_what_lies_there(plan)
    if options.max_bad_rows.is_passed(plan.bad_rows, of=plan.rows):
        raise InputError(_too_many_bad_rows(run, plan, options.max_bad_rows))
    plans.write_plan(run.warehouse, plan)
    return plan


def _tell_what_lies_there(plan: Plan) -> None:
    for record in plan.found:
        log.info("%s", describe_file(record))
    if plan.passed_over_count:
        some = ", ".join(f"{each.name} ({each.why})" for each in plan.passed_over[:_SHOWN])
        more = f" and {plan.passed_over_count - _SHOWN:,} more" if plan.passed_over_count > _SHOWN else ""
        log.info("among the manifests lie %d objects that are none: %s%s", plan.passed_over_count, some, more)


def _manifest(source: Store, key: str) -> ManifestFile:
    found = source.head(key)
    return ManifestFile(key, source.fingerprint(key), found.size if found else 0)


def _known_plan(run: Run, work: str, options: PlanOptions) -> Plan | None:
    if not options.repetition:
        newest = plans.newest_plan(run.warehouse, run.day)
        if newest and newest.work_id == work:
            return newest
    return plans.read_plan(run.warehouse, plans.plan_folder(run.day, plan_id(work, options)))


def _new_plan(run: Run, work: str, manifests: tuple[ManifestFile, ...], options: PlanOptions) -> Plan:
    count = shard_count(sum(manifest.size for manifest in manifests), at_most=options.max_shards)
    sorter = Sorter([[] for _ in range(count)], options.quality_control)
    reader = Manifests(run.source, options.manifests)
    for manifest in manifests:
        for bad_rows in reader.read(manifest.key):
            sorter.add_all(bad_rows)
    for pairs in reader.pairs():
        sorter.add_all(pairs)
    sorter.settle()
    name = plan_id(work, options)
    folder = plans.plan_folder(run.day, name)
    bad_rows_key = f"{folder}/bad_rows.parquet"
    plans.write_bad_rows(run.warehouse, bad_rows_key, sorter.bad_rows)
    repeated_rows_key = f"{folder}/repeated_rows.parquet" if sorter.repeats else ""
    if sorter.repeats:
        plans.write_shard(run.warehouse, repeated_rows_key, list(enumerate(sorter.repeats)))
    return Plan(
        plan_id=name,
        work_id=work,
        repetition=options.repetition,
        answered_by=options.answered_by,
        trust_tags=options.trust_tags,
        reuse_days=options.reuse_days,
        day=run.day,
        folder=folder,
        manifests=manifests,
        rows=sorter.rows,
        bad_rows=len(sorter.bad_rows),
        bad_rows_key=bad_rows_key,
        found=tuple(summary.to_record() for summary in reader.summaries),
        repeated_rows_key=repeated_rows_key,
        shards=_write_shards(run.warehouse, folder, sorter),
        conditional_writes=probe_conditional_writes(run.warehouse),
    )


def _too_many_bad_rows(run: Run, plan: Plan, limit: ShareLimit) -> str:
    rows = plans.read_bad_rows(run.warehouse, plan.bad_rows_key)
    counts = ", ".join(
        f"{count:,} {code}" for code, count in Counter(row.code for row in rows).most_common(5)
    )
    return (
        f"{plan.bad_rows:,} of {plan.rows:,} rows are no pairs ({counts}; the first: "
        f"{rows[0].message}), more than max_bad_rows {limit}: nothing is called "
        "and nothing replaced; fix the manifest, or raise max_bad_rows"
    )


def _write_shards(store: Store, folder: str, sorter: Sorter) -> tuple[Shard, ...]:
    shards = []
    for number, pairs in enumerate(sorter.in_call_order()):
        if pairs:
            key = f"{folder}/shard-{number:05d}.parquet"
            plans.write_shard(store, key, pairs)
            shards.append(Shard(key, len(pairs)))
    return tuple(shards)


def find_plan(run: Run, folder: str) -> Plan:
    """Return the plan in a folder of the warehouse; raise InputError when there is none."""
    if (plan := plans.read_plan(run.patient_warehouse(), folder)) is None:
        raise InputError(f"there is no plan at {run.warehouse.uri}/{folder}: clear the plan task")
    return plan

"""One run for one date: plan, compare, publish. The Dag and the command line call these functions."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version

from maskmatch.adapters import plans, tables
from maskmatch.adapters.broker import open_broker
from maskmatch.adapters.images import StoreImages, Transfer
from maskmatch.adapters.journal import ShardJournal, read_journal
from maskmatch.adapters.manifests import find_manifests, read_manifest
from maskmatch.adapters.stores import Store, open_store, probe_conditional_writes
from maskmatch.adapters.tencent import Account, TencentComparer
from maskmatch.core.comparing import compare_pairs
from maskmatch.core.engine import Engine, RetryLimits
from maskmatch.core.errors import InputError
from maskmatch.core.outcomes import Status
from maskmatch.core.pacing import Clock, Pacer, SystemClock
from maskmatch.core.planning import ManifestFile, Plan, Shard, Sorter, plan_id, shard_count
from maskmatch.core.progress import Progress
from maskmatch.core.publishing import Row, Stamp, bad_row_row, check_books, pair_rows, run_totals
from maskmatch.core.summaries import render

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Where a run reads manifests and images (`source`) and writes all else (`warehouse`)."""

    source: Store
    warehouse: Store
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How one shard is compared."""

    account: Account
    broker: str
    transfer: Transfer = Transfer.BYTES
    calls_in_flight: int = 32
    limits: RetryLimits = field(default_factory=RetryLimits)
    open_store: Callable[[str], Store] = open_store
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)


def make_plan(job: Job, *, quality_control: int = 0, max_shards: int = 4, salt: str = "") -> Plan:
    """Read the manifests of the date and write a plan; the same manifests give the same plan.

    Raise InputError when there is no manifest, an unreadable one, or no row in any.
    """
    manifests = tuple(
        ManifestFile(info.key, info.etag, info.size) for info in find_manifests(job.source, job.day)
    )
    folder = plans.plan_folder(job.day, plan_id(manifests, quality_control=quality_control, salt=salt))
    plan = plans.read_plan(job.warehouse, folder) or _new_plan(
        job, manifests, folder=folder, quality_control=quality_control, max_shards=max_shards
    )
    plans.write_plan(job.warehouse, plan)
    log.info(
        "plan %s: %s rows, %s pairs in %s shards, %s bad rows",
        plan.plan_id,
        plan.rows,
        plan.pairs,
        len(plan.shards),
        plan.bad_rows,
    )
    return plan


def _new_plan(
    job: Job, manifests: tuple[ManifestFile, ...], *, folder: str, quality_control: int, max_shards: int
) -> Plan:
    count = shard_count(sum(manifest.size for manifest in manifests), at_most=max_shards)
    sorter = Sorter([[] for _ in range(count)], quality_control)
    for manifest in manifests:
        sorter.add_all(read_manifest(job.source, manifest.key))
    if not sorter.rows:
        names = ", ".join(manifest.key for manifest in manifests)
        raise InputError(f"the manifests of {job.day} at {job.source.uri} have no rows: {names}")
    bad_rows_key = f"{folder}/bad_rows.parquet"
    plans.write_bad_rows(job.warehouse, bad_rows_key, sorter.bad_rows)
    return Plan(
        plan_id=folder.rpartition("=")[2],
        day=job.day,
        folder=folder,
        manifests=manifests,
        rows=sorter.rows,
        bad_rows=len(sorter.bad_rows),
        bad_rows_key=bad_rows_key,
        shards=_write_shards(job.warehouse, folder, sorter),
        conditional_writes=probe_conditional_writes(job.warehouse),
    )


def _write_shards(store: Store, folder: str, sorter: Sorter) -> tuple[Shard, ...]:
    shards = []
    for number, pairs in enumerate(sorter.in_call_order()):
        if pairs:
            key = f"{folder}/shard-{number:05d}.parquet"
            plans.write_shard(store, key, pairs)
            shards.append(Shard(key, len(pairs)))
    return tuple(shards)


def check_account(options: CompareOptions) -> None:
    """Prove, with one call that is not billed, that the service can be reached and the account may use it."""
    _pacer(options).wait_for_permit()
    TencentComparer(options.account, connections=1).check()


def compare_shard(job: Job, plan: Plan, shard: Shard, options: CompareOptions) -> Progress:
    """Compare what the journal of the shard lacks; return the counts of this attempt.

    Raise what `compare_pairs` raises; a later call goes on from the journal.
    """
    prefix = plans.journal_prefix(shard.key)
    known = read_journal(job.warehouse, prefix)
    pairs = [
        (order, pair)
        for order, pair in plans.read_shard(job.warehouse, shard.key)
        if pair.pair_id not in known or not known[pair.pair_id].is_final
    ]
    log.info("%s: %s pairs, %s already known", shard.key, shard.pairs, shard.pairs - len(pairs))
    progress = Progress(len(pairs), clock=options.clock, say=log.info)
    with ShardJournal(job.warehouse, prefix, only_new=plan.conditional_writes) as journal:
        compare_pairs(pairs, _engine(job, options, journal, progress))
    log.info("%s: %s; %s", shard.key, progress.line(), dict(progress.counts))
    return progress


def _engine(job: Job, options: CompareOptions, journal: ShardJournal, progress: Progress) -> Engine:
    return Engine(
        images=StoreImages(job.source, transfer=options.transfer, open_store=options.open_store),
        comparer=TencentComparer(options.account, connections=options.calls_in_flight),
        pacer=_pacer(options),
        journal=journal,
        clock=options.clock,
        calls_in_flight=options.calls_in_flight,
        limits=options.limits,
        stop=options.stop,
        on_outcome=progress.add,
    )


def _pacer(options: CompareOptions) -> Pacer:
    rate = options.account.calls_per_second
    broker = open_broker(
        options.broker, secret_id=options.account.secret_id, calls_per_second=rate, clock=options.clock
    )
    return Pacer(broker, calls_per_second=rate, clock=options.clock)


def publish(job: Job, plan: Plan, *, run_id: str, nominal_fmr: float) -> Row:
    """Check the books and replace the outcomes of the date; return the row of the run.

    Raise BooksError, with nothing written, while pairs lack an outcome.
    """
    stamp = Stamp(
        publication=f"{plan.plan_id}.{run_id}",
        run_id=run_id,
        nominal_fmr=nominal_fmr,
        schema_version=tables.SCHEMA_VERSION,
    )
    rows = [bad_row_row(row, stamp) for row in plans.read_bad_rows(job.warehouse, plan.bad_rows_key)]
    for shard in plan.shards:
        outcomes = read_journal(job.warehouse, plans.journal_prefix(shard.key))
        rows += pair_rows((pair for _, pair in plans.read_shard(job.warehouse, shard.key)), outcomes, stamp)
    check_books(rows, manifest_rows=plan.rows)
    run = stamp.columns() | run_totals(rows) | _run_facts(plan, nominal_fmr)
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


def find_plan(job: Job, folder: str) -> Plan:
    """Return the plan in a folder of the warehouse; raise InputError when there is none."""
    if (plan := plans.read_plan(job.warehouse, folder)) is None:
        raise InputError(f"there is no plan at {job.warehouse.uri}/{folder}: clear the plan task")
    return plan


def summary(job: Job) -> str:
    """Return the published outcomes of the date as text: counts by reason, scores by kind of pair."""
    return render(tables.read_outcomes(job.warehouse, job.day).to_pandas())


def outcomes_address(job: Job) -> str:
    """Return where the outcomes of the date lie."""
    return f"{job.warehouse.uri}/{tables.outcomes_key(job.day)}"


def status(job: Job) -> str:
    """Return how far the newest plan of the date is: a line per shard, and what is published."""
    plan = plans.newest_plan(job.warehouse, job.day)
    lines = [f"plan {plan.plan_id} of {job.day}: {plan.rows:,} rows, {plan.bad_rows:,} bad"]
    for shard in plan.shards:
        known = read_journal(job.warehouse, plans.journal_prefix(shard.key)).values()
        scored = sum(outcome.status is Status.SCORED for outcome in known)
        failed = len(known) - scored
        lines.append(
            f"{shard.key}: {len(known):,} of {shard.pairs:,} done, {scored:,} scored, {failed:,} failed"
        )
    published = job.warehouse.head(tables.outcomes_key(job.day))
    lines.append(f"published: {outcomes_address(job) if published else 'nothing yet'}")
    return "\n".join(lines)

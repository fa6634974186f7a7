"""One run for one date: plan, compare, publish. The Dag and the command line call these functions."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date

from maskmatch.adapters import plans
from maskmatch.adapters.broker import open_broker
from maskmatch.adapters.images import StoreImages, Transfer
from maskmatch.adapters.journal import ShardJournal, final_outcomes, read_journal
from maskmatch.adapters.manifests import find_manifests, read_manifest
from maskmatch.adapters.stores import Store, open_store, probe_conditional_writes
from maskmatch.adapters.tencent import Account, TencentComparer
from maskmatch.core.comparing import compare_pairs
from maskmatch.core.engine import Engine, RetryLimits, calls_in_flight_for
from maskmatch.core.errors import InputError
from maskmatch.core.pacing import Clock, Pacer, SystemClock
from maskmatch.core.planning import (
    ManifestFile,
    Plan,
    PlanOptions,
    Shard,
    Sorter,
    plan_id,
    shard_count,
    work_id,
)
from maskmatch.core.progress import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run's name and date, and where it reads manifests and images and writes all else."""

    source: Store
    warehouse: Store
    day: date
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How shards are compared; `calls_in_flight` None takes what the rate needs."""

    account: Account
    broker: str
    transfer: Transfer = Transfer.BYTES
    calls_in_flight: int | None = None
    limits: RetryLimits = field(default_factory=RetryLimits)
    open_store: Callable[[str], Store] = open_store
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Raise InputError for a number of calls that is none."""
        if self.calls_in_flight is not None and self.calls_in_flight < 1:
            raise InputError(f"calls_in_flight must be 1 or more, not {self.calls_in_flight}")

    @property
    def threads(self) -> int:
        """Return the number of calls that may be in flight."""
        return self.calls_in_flight or calls_in_flight_for(self.account.calls_per_second)


def make_plan(job: Job, options: PlanOptions | None = None) -> Plan:
    """Read the manifests of the date and write a plan; the same manifests give the same plan.

    Without a new repetition the newest plan for them is taken, so that later scores stay.
    Raise InputError when there is no manifest, an unreadable one, or no row in any.
    """
    options = options or PlanOptions()
    manifests = tuple(_manifest(job.source, key) for key in find_manifests(job.source, job.day))
    work = work_id(job.source.uri, manifests, options)
    plan = _known_plan(job, work, options) or _new_plan(job, work, manifests, options)
    plans.write_plan(job.warehouse, plan)
    return plan


def _manifest(source: Store, key: str) -> ManifestFile:
    found = source.head(key)
    return ManifestFile(key, source.fingerprint(key), found.size if found else 0)


def _known_plan(job: Job, work: str, options: PlanOptions) -> Plan | None:
    if not options.repetition:
        newest = plans.newest_plan(job.warehouse, job.day)
        if newest and newest.work_id == work:
            return newest
    return plans.read_plan(job.warehouse, plans.plan_folder(job.day, plan_id(work, options)))


def _new_plan(job: Job, work: str, manifests: tuple[ManifestFile, ...], options: PlanOptions) -> Plan:
    count = shard_count(sum(manifest.size for manifest in manifests), at_most=options.max_shards)
    sorter = Sorter([[] for _ in range(count)], options.quality_control)
    for manifest in manifests:
        sorter.add_all(read_manifest(job.source, manifest.key))
    if not sorter.rows:
        names = ", ".join(manifest.key for manifest in manifests)
        raise InputError(f"the manifests of {job.day} at {job.source.uri} have no rows: {names}")
    name = plan_id(work, options)
    folder = plans.plan_folder(job.day, name)
    bad_rows_key = f"{folder}/bad_rows.parquet"
    plans.write_bad_rows(job.warehouse, bad_rows_key, sorter.bad_rows)
    return Plan(
        plan_id=name,
        work_id=work,
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
    with _pacer(options) as pacer, closing(TencentComparer(options.account, connections=1)) as comparer:
        pacer.wait_for_permit()
        comparer.check()


def compare_shard(job: Job, plan: Plan, shard: Shard, options: CompareOptions) -> Progress:
    """Compare what the journal of the shard lacks; return the counts of this attempt.

    Raise what `compare_pairs` raises; a later call goes on from the journal.
    """
    prefix = plans.journal_prefix(shard.key)
    known = final_outcomes(read_journal(job.warehouse, prefix))
    pairs = [
        (order, pair)
        for order, pair in plans.read_shard(job.warehouse, shard.key)
        if pair.pair_id not in known or not known[pair.pair_id].is_final
    ]
    log.info("%s: %s pairs, %s already known", shard.key, shard.pairs, shard.pairs - len(pairs))
    progress = Progress(len(pairs), clock=options.clock, say=log.info)
    with (
        ShardJournal(job.warehouse, prefix, run_id=job.run_id, only_new=plan.conditional_writes) as journal,
        closing(TencentComparer(options.account, connections=options.threads)) as comparer,
        _pacer(options) as pacer,
    ):
        images = StoreImages(job.source, transfer=options.transfer, open_store=options.open_store)
        engine = Engine(
            images=images,
            comparer=comparer,
            pacer=pacer,
            journal=journal,
            clock=options.clock,
            calls_in_flight=options.threads,
            limits=options.limits,
            stop=options.stop,
            on_outcome=progress.add,
        )
        compare_pairs(pairs, engine)
    log.info("%s: %s; %s", shard.key, progress.line(), dict(progress.counts))
    return progress


@contextmanager
def _pacer(options: CompareOptions) -> Iterator[Pacer]:
    rate, secret_id = options.account.calls_per_second, options.account.secret_id
    broker = open_broker(options.broker, secret_id=secret_id, calls_per_second=rate, clock=options.clock)
    with closing(broker):
        yield Pacer(broker, calls_per_second=rate, clock=options.clock)


def find_plan(job: Job, folder: str) -> Plan:
    """Return the plan in a folder of the warehouse; raise InputError when there is none."""
    if (plan := plans.read_plan(job.warehouse, folder)) is None:
        raise InputError(f"there is no plan at {job.warehouse.uri}/{folder}: clear the plan task")
    return plan

"""Compare shards: whoever takes the lease of one last may pay, and goes on from its journal.

lease ──> journal read ──> engine ──> journal flushed ──> when complete: compact, release the lease
  └ earlier tries              └ what is known is not called again
    find themselves replaced

Several shards are compared as one (open_shards): one engine, and so one rate, one progress, one end.

Decision: docs/adr/0015-shards-of-one-process-are-compared-as-one.md
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from maskmatch.core.errors import Unavailable
from maskmatch.core.outage import Outage
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan, Shard
from maskmatch.core.pricing import price_of
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.context import CompareContext
from maskmatch.engine.progress import Progress
from maskmatch.engine.run import compare_pairs
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import claim_default
from maskmatch.permits.steps.claims import CHECK_RUN, Claim
from maskmatch.pipeline.approval import check_approved
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.open_shards import OpenShard, OpenShards
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.images import StoreImages
from maskmatch.storage.journal import (
    Origin,
    ShardJournal,
    compact,
    final_outcomes,
    last_epoch,
    scan_journal,
)
from maskmatch.storage.object_stores import Store
from maskmatch.storage.other_buckets import OtherBuckets
from maskmatch.storage.source_watch import SourceWatch
from maskmatch.tencent import TencentComparer

log = logging.getLogger(__name__)

DRAIN_SECONDS = 3.0
"""How long a stopped try waits for calls in flight: Airflow kills after 5 s, the rest is the journal's."""
_GROUP = 64
"""Outcomes that may wait to become durable, where the calls in flight are not fixed."""
_CHECK_PAUSES = (0.25, 1.0, 2.0, 4.0, None)
"""Seconds between the opening calls, for what passes; the last has none after it."""


def check_account(options: CompareOptions) -> None:
    """Prove, with one call that is not billed, that the service can be reached and the account may use it."""
    claim_default(options.permit_store, secret_id=options.account.owner)
    claim = Claim(run_id=CHECK_RUN, priority=options.priority)
    with (
        closing(options.open_coordinator()) as coordinator,
        _pacer(coordinator, claim, options) as pacer,
        closing(TencentComparer(options.account, connections=1)) as comparer,
    ):
        for pause in _CHECK_PAUSES:
            pacer.wait_for_permit(options.stop)
            try:
                comparer.check()
            except Unavailable as error:
                if pause is None:
                    raise
                log.warning("the opening call is made again: %s", error)
                options.clock.wait(options.stop, pause)
            else:
                return
            finally:
                pacer.unbilled()


def compare_shard(run: Run, plan: Plan, shard: Shard, options: CompareOptions) -> Progress:
    """Compare what the journal of the shard lacks; return the counts of this try.

    Raise ApprovalMissing, with nothing called, and what `compare_pairs` raises; a later call goes on from the
    journal.
    """
    return compare_shards(run, plan, [shard], options)


def compare_shards(run: Run, plan: Plan, shards: Sequence[Shard], options: CompareOptions) -> Progress:
    """Compare what the journals of shards lack, as `compare_shard` does; the first error ends all of them."""
    check_approved(run, plan, options.approval_cost_limit)
    if shared_by := claim_default(options.permit_store, secret_id=options.account.owner):
        log.warning("%s", shared_by)
    claim = Claim(run_id=run.run_id, priority=options.priority, budgets=options.budgets)
    with (
        closing(options.open_coordinator()) as coordinator,
        _pacer(coordinator, claim, options) as pacer,
        closing(_comparer(options)) as comparer,
    ):
        keeper = _Keeper(run, plan, options, coordinator, pacer)
        progress = _compare(keeper, shards, comparer)
    names = shards[0].key if len(shards) == 1 else f"{plan.folder}, {len(shards)} shards"
    log.info("%s: %s; %s", names, progress.line(), dict(progress.counts))
    return progress


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Takes the leases of shards, opens their journals and leaves them in order; for several threads."""

    run: Run
    plan: Plan
    options: CompareOptions
    coordinator: PermitCoordinator
    pacer: Pacer
    is_leaving: threading.Event = field(default_factory=threading.Event)

    def open(self, shard: Shard) -> OpenShard:
        """Take the lease of a shard, and with it its journal, and read what is known."""
        run, options = self.run, self.options
        name, prefix = self._name(shard), plans.journal_prefix(shard.key)
        warehouse = run.patient_warehouse(options.stop)
        epoch = self._take_lease(name, last_epoch(warehouse, prefix) + 1)
        self.pacer.hold(name, epoch)
        journal = warehouse.patiently(
            lambda: ShardJournal(
                run.warehouse,
                prefix,
                origin=Origin(run.run_id, options.account.name, options.transfer),
                epoch=epoch,
                only_new=self.plan.conditional_writes,
                most_pending=options.calls_in_flight or _GROUP,
                patience_seconds=run.store_patience,
                stop=options.stop,
            )
        )
        missing, known = _missing(warehouse, shard)
        journal.count_from(outcome for _, outcome in known)
        return OpenShard(shard=shard, epoch=epoch, journal=journal.__enter__(), missing=missing, known=known)

    def tidy_up(self, shard: OpenShard) -> None:
        """Make one object of a complete journal and give up the lease; neither is needed for the result."""
        name, prefix = self._name(shard.shard), plans.journal_prefix(shard.shard.key)
        leaves = self.pacer.let_go(name)
        try:
            compact(self.run.warehouse, prefix)
        except Exception as error:  # noqa: BLE001  whatever it is, all outcomes are durable
            log.warning("%s stays as it is, in many objects: %s", prefix, error)
        try:
            self.coordinator.release(name, shard.epoch, leaves=leaves)
        except Exception as error:  # noqa: BLE001
            log.warning("the lease of %s stays: %s", prefix, error)

    def _take_lease(self, name: str, at_least: int) -> int:
        """Take the lease of a shard; while the permit store is away, wait as long as the pacer would."""
        options = self.options
        outage = Outage(now=options.clock.now, say=log.warning)
        while True:
            try:
                return self.coordinator.take_lease(name, at_least=at_least)
            except Unavailable as error:
                is_over = options.stop.is_set() or self.is_leaving.is_set()
                if is_over or outage.has_lasted_too_long:
                    raise
                pause = outage.note_failure(
                    f"waiting for the permit store, at most {outage.patience_seconds:.0f} s: {error}"
                )
                options.clock.wait(options.stop, pause)

    def _name(self, shard: Shard) -> str:
        return f"{self.run.warehouse.uri}/{shard.key}"


def _compare(keeper: _Keeper, shards: Sequence[Shard], comparer: TencentComparer) -> Progress:
    run, options, bad_images = keeper.run, keeper.options, BadImageIndex()
    already_known = 0

    def on_open(shard: OpenShard) -> None:
        nonlocal already_known
        known = shard.shard.pairs - shard.left
        log.info("%s: %s pairs, %s already known", shard.shard.key, shard.shard.pairs, known)
        already_known += known
        progress.leave_out(known)

    progress = Progress(
        sum(shard.pairs for shard in shards),
        clock=options.clock,
        say=log.info,
        report=lambda facts: options.report({**facts, "already_known": already_known}),
        price=price_of,
    )
    with OpenShards(
        shards,
        open_shard=keeper.open,
        on_leave=keeper.is_leaving.set,
        tidy_up=keeper.tidy_up,
        on_open=on_open,
        learn=bad_images.seed,
        most_pending=options.calls_in_flight or _GROUP,
        stop=options.stop,
    ) as open_shards:
        images = images_of(run, keeper.plan, options)
        context = CompareContext(
            images=images,
            forget=images.forget,
            client=comparer,
            permits=keeper.pacer,
            journal=open_shards,
            progress=progress,
            clock=options.clock,
            calls_per_second=options.account.calls_per_second,
            calls_in_flight=options.calls_in_flight,
            call_timeout=options.call_timeout,
            limits=options.limits,
            bad_images=bad_images,
            stop=options.stop,
            drain_seconds=DRAIN_SECONDS,
            on_done=open_shards.done,
        )
        compare_pairs(open_shards.pairs(), context)
    return progress


def images_of(run: Run, plan: Plan, options: CompareOptions) -> StoreImages:
    """Return the images of the source, and of other buckets that rows name."""
    watch = SourceWatch(
        run.source,
        plan.manifests[0].key,
        now=options.clock.now,
        say=log.warning,
        patience_seconds=run.store_patience,
    )
    return StoreImages(
        run.source,
        watch,
        transfer=options.transfer,
        others=OtherBuckets(options.open_store, now=options.clock.now, say=log.warning),
        reach=options.reach,
    )


def _missing(warehouse: Store, shard: Shard) -> tuple[list[tuple[int, Pair]], list[tuple[Pair, Outcome]]]:
    """Return the pairs that have no final outcome, and those that have any, with it."""
    known = final_outcomes(scan_journal(warehouse, plans.journal_prefix(shard.key)))
    missing, found = [], []
    for order, pair in plans.read_shard(warehouse, shard.key):
        outcome = known.get(pair.pair_id)
        if outcome is not None:
            found.append((pair, outcome))
        if outcome is None or not outcome.is_final:
            missing.append((order, pair))
    return missing, found


def _comparer(options: CompareOptions) -> TencentComparer:
    return TencentComparer(
        options.account,
        connections=options.most_calls_in_flight,
        call_timeout=options.call_timeout,
        renew=options.renew,
        now=options.clock.now,
    )


@contextmanager
def _pacer(coordinator: PermitCoordinator, claim: Claim, options: CompareOptions) -> Iterator[Pacer]:
    pacer = Pacer(
        coordinator,
        claim,
        calls_per_second=options.account.calls_per_second,
        clock=options.clock,
        say=log.warning,
    )
    with closing(pacer):
        yield pacer

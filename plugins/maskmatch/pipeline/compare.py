"""Compare one shard: whoever takes its lease last may pay, and goes on from its journal.

lease ──> journal opened ──> journal read ──> engine ──> journal flushed ──> permits given back
  └ earlier tries               └ what is known is not called again            └ when complete: compact,
    find themselves replaced                                                     release the lease
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from maskmatch.core.clock import Clock, SystemClock
from maskmatch.core.errors import InputError, MaskmatchError, Unavailable
from maskmatch.core.outage import Outage
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan, Shard
from maskmatch.core.pricing import price_of
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.compare import compare_pairs
from maskmatch.engine.context import CompareContext
from maskmatch.engine.memory import MemoryLimits
from maskmatch.engine.progress import Progress
from maskmatch.engine.work import RetryLimits
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Budgets, Claim, Priority
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.images import StoreImages, Transfer
from maskmatch.storage.journal import (
    Origin,
    ShardJournal,
    compact,
    final_outcomes,
    last_epoch,
    scan_journal,
)
from maskmatch.storage.object_stores import Store, open_store
from maskmatch.tencent import ANSWER_SECONDS, Account, TencentComparer

log = logging.getLogger(__name__)

DRAIN_SECONDS = 3.0
"""How long a stopped try waits for calls in flight: Airflow kills after 5 s, the rest is the journal's."""
_VENDOR_SECONDS, _MOST_SECONDS = 5.0, 60.0
_GROUP = 64
"""Outcomes that may wait to become durable, where the calls in flight are not fixed."""


def _ignore(_: dict[str, Any]) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How shards are compared; `calls_in_flight` None leaves it to the rate and the service.

    `call_timeout` is the time limit of a call in seconds. `renew` returns the account anew when its
    credential has expired; `report` gets the progress of a shard every five seconds, from the loop,
    so it must return at once.
    """

    account: Account
    permit_store: str = field(repr=False)
    budgets: Budgets = field(default_factory=Budgets)
    priority: Priority = Priority.AD_HOC
    transfer: Transfer = Transfer.BYTES
    calls_in_flight: int | None = None
    call_timeout: float = ANSWER_SECONDS
    limits: RetryLimits = field(default_factory=RetryLimits)
    open_store: Callable[[str], Store] = open_store
    renew: Callable[[], Account] | None = None
    report: Callable[[dict[str, Any]], None] = _ignore
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Raise InputError for an invalid number of calls or time limit."""
        if self.calls_in_flight is not None and self.calls_in_flight < 1:
            raise InputError(f"calls_in_flight must be 1 or more, not {self.calls_in_flight}")
        if not _VENDOR_SECONDS < self.call_timeout <= _MOST_SECONDS:
            raise InputError(
                f"call_timeout must be more than {_VENDOR_SECONDS:.0f} s, which the vendor itself may take, "
                f"and at most {_MOST_SECONDS:.0f} s, not {self.call_timeout}"
            )

    @property
    def most_calls_in_flight(self) -> int:
        """Return how many calls may be in flight at most."""
        return self.calls_in_flight or MemoryLimits().most


def check_account(options: CompareOptions) -> None:
    """Prove, with one call that is not billed, that the service can be reached and the account may use it."""
    claim = Claim(run_id="check", priority=options.priority)
    with (
        closing(_coordinator(options)) as coordinator,
        _pacer(coordinator, claim, options) as pacer,
        closing(TencentComparer(options.account, connections=1)) as comparer,
    ):
        pacer.wait_for_permit(options.stop)
        comparer.check()
        pacer.unbilled()


def compare_shard(run: Run, plan: Plan, shard: Shard, options: CompareOptions) -> Progress:
    """Compare what the journal of the shard lacks; return the counts of this try.

    Raise what `compare_pairs` raises; a later call goes on from the journal.
    """
    prefix, name = plans.journal_prefix(shard.key), f"{run.warehouse.uri}/{shard.key}"
    with closing(_coordinator(options)) as coordinator:
        epoch = _take_lease(coordinator, name, last_epoch(run.warehouse, prefix) + 1, options)
        claim = Claim(
            run_id=run.run_id,
            priority=options.priority,
            budgets=options.budgets,
            shard=name,
            epoch=epoch,
        )
        with (
            _pacer(coordinator, claim, options) as pacer,
            closing(_comparer(options)) as comparer,
            ShardJournal(
                run.warehouse,
                prefix,
                origin=Origin(run.run_id, options.account.name, options.transfer),
                epoch=epoch,
                only_new=plan.conditional_writes,
                most_pending=options.calls_in_flight or _GROUP,
                stop=options.stop,
            ) as journal,
        ):
            progress = _compare(run, shard, options, pacer=pacer, comparer=comparer, journal=journal)
        _tidy_up(run.warehouse, prefix, coordinator, claim)
    log.info("%s: %s; %s", shard.key, progress.line(), dict(progress.counts))
    return progress


def _take_lease(coordinator: PermitCoordinator, shard: str, at_least: int, options: CompareOptions) -> int:
    """Take the lease of a shard; while the permit store is away, wait as long as the pacer would."""
    outage = Outage(now=options.clock.now, say=log.warning)
    while True:
        try:
            return coordinator.take_lease(shard, at_least=at_least)
        except Unavailable as error:
            if options.stop.is_set() or outage.has_lasted_too_long:
                raise
            pause = outage.note_failure(
                f"waiting for the permit store, at most {outage.patience_seconds:.0f} s: {error}"
            )
            options.clock.wait(options.stop, pause)


def _compare(
    run: Run,
    shard: Shard,
    options: CompareOptions,
    *,
    pacer: Pacer,
    comparer: TencentComparer,
    journal: ShardJournal,
) -> Progress:
    outcomes = final_outcomes(scan_journal(run.warehouse, plans.journal_prefix(shard.key)))
    journal.count_from(outcomes.values())
    pairs, bad_images = _missing(run.warehouse, shard, outcomes)
    known = shard.pairs - len(pairs)
    log.info("%s: %s pairs, %s already known", shard.key, shard.pairs, known)
    progress = Progress(
        len(pairs),
        clock=options.clock,
        say=log.info,
        report=lambda facts: options.report({**facts, "already_known": known}),
        price=price_of,
    )
    context = CompareContext(
        images=StoreImages(run.source, transfer=options.transfer, open_store=options.open_store),
        client=comparer,
        permits=pacer,
        journal=journal,
        progress=progress,
        clock=options.clock,
        calls_per_second=options.account.calls_per_second,
        calls_in_flight=options.calls_in_flight,
        call_timeout=options.call_timeout,
        limits=options.limits,
        bad_images=bad_images,
        stop=options.stop,
        drain_seconds=DRAIN_SECONDS,
    )
    compare_pairs(pairs, context)
    return progress


def _missing(
    warehouse: Store, shard: Shard, known: Mapping[str, Outcome]
) -> tuple[list[tuple[int, Pair]], BadImageIndex]:
    """Return the pairs that have no final outcome, and what the others tell about images."""
    bad_images, missing = BadImageIndex(), []
    for order, pair in plans.read_shard(warehouse, shard.key):
        outcome = known.get(pair.pair_id)
        if outcome is not None:
            bad_images.seed([(pair, outcome)])
        if outcome is None or not outcome.is_final:
            missing.append((order, pair))
    return missing, bad_images


def _tidy_up(warehouse: Store, prefix: str, coordinator: PermitCoordinator, claim: Claim) -> None:
    """Make one object of a complete journal and give up the lease; neither is needed for the result."""
    try:
        compact(warehouse, prefix)
    except MaskmatchError as error:
        log.warning("%s stays as it is, in many objects: %s", prefix, error)
    try:
        if claim.shard is not None and claim.epoch is not None:
            coordinator.release(claim.shard, claim.epoch)
    except Unavailable as error:
        log.warning("the lease of %s stays: %s", prefix, error)


def _coordinator(options: CompareOptions) -> PermitCoordinator:
    return open_coordinator(
        options.permit_store,
        secret_id=options.account.owner,
        calls_per_second=options.account.calls_per_second,
        clock=options.clock,
    )


def _comparer(options: CompareOptions) -> TencentComparer:
    return TencentComparer(
        options.account,
        connections=options.most_calls_in_flight,
        call_timeout=options.call_timeout,
        renew=options.renew,
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

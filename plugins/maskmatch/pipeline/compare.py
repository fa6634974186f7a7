"""Compare shards: whoever takes the lease of one last may pay, and goes on from its journal.

lease ──> journal read ──> engine ──> journal flushed ──> when complete: compact, release the lease
  └ earlier tries              └ what is known is not called again
    find themselves replaced; another run of the date waits

Several shards are compared as one (open_shards): one engine, and so one rate, one progress, one end.

Decision: docs/adr/0015-shards-of-one-process-are-compared-as-one.md
"""

import logging
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.planning import Plan, Shard
from maskmatch.core.pricing import price_of
from maskmatch.engine.bad_images import BadImageIndex
from maskmatch.engine.context import CompareContext
from maskmatch.engine.model_versions import ModelVersions
from maskmatch.engine.progress import Progress
from maskmatch.engine.run import compare_pairs
from maskmatch.permits.client.presence import Presence
from maskmatch.permits.opening import claim_default, quota_key
from maskmatch.permits.steps.claims import Claim
from maskmatch.pipeline.approval import check_approved
from maskmatch.pipeline.calling import comparer_of, coordinator_of, pacer_of
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.earlier_versions import versions_before
from maskmatch.pipeline.known_images import learn_of_images
from maskmatch.pipeline.late_answers import LateAnswers
from maskmatch.pipeline.open_shards import OpenShard, OpenShards
from maskmatch.pipeline.run import Run
from maskmatch.pipeline.shard_keeper import GROUP, ShardKeeper
from maskmatch.pipeline.spent_beside import SpentBeside
from maskmatch.storage.images import StoreImages
from maskmatch.storage.other_buckets import OtherBuckets
from maskmatch.storage.source_watch import SourceWatch
from maskmatch.tencent import TencentComparer

log = logging.getLogger(__name__)

DRAIN_SECONDS = 3.0
"""How long a stopped try waits for calls in flight: Airflow kills after 5 s, the rest is the journal's."""


def compare_shard(run: Run, plan: Plan, shard: Shard, options: CompareOptions) -> Progress:
    """Compare what the journal of the shard lacks; return the counts of this try.

    Raise ApprovalMissing, or LeaseHeld while another run compares the date, with nothing called, and what
    `compare_pairs` raises; a later call goes on from the journal.
    """
    return compare_shards(run, plan, [shard], options)


def compare_shards(run: Run, plan: Plan, shards: Sequence[Shard], options: CompareOptions) -> Progress:
    """Compare what the journals of shards lack, as `compare_shard` does; the first error ends all of them."""
    check_approved(run, plan, options.approval_cost_limit)
    if shared_by := claim_default(options.permit_store, secret_id=options.account.owner):
        log.warning("%s", shared_by)
    claim = Claim(run_id=run.run_id, priority=options.priority, budgets=options.budgets, holder=run.name)
    with (
        closing(coordinator_of(options)) as coordinator,
        pacer_of(coordinator, claim, options) as pacer,
        closing(comparer_of(options)) as comparer,
        Presence(coordinator, lambda: pacer.claim),
        SpentBeside(coordinator, run.warehouse, quota_key(options.account.owner).replace(":", "-")),
    ):
        keeper = ShardKeeper(run, plan, options, coordinator, pacer)
        progress = _compare(keeper, shards, comparer)
    names = shards[0].key if len(shards) == 1 else f"{plan.folder}, {len(shards)} shards"
    log.info("%s: %s", names, "; ".join(filter(None, (progress.line(), progress.reasons()))))
    return progress


def _compare(keeper: ShardKeeper, shards: Sequence[Shard], comparer: TencentComparer) -> Progress:
    run, options, bad_images = keeper.run, keeper.options, BadImageIndex()
    answers = LateAnswers(run, keeper.plan, options)
    learn_of_images(bad_images, run.patient_warehouse(options.stop), answers)
    versions = ModelVersions(on_change=options.on_model_change, warn=partial(_model_changed, options))
    if not keeper.plan.repetition:
        before = versions_before(
            run.patient_warehouse(options.stop), run.day, answered_by=keeper.plan.answered_by
        )
        versions.add(before, is_all=True)
    versions.add(keeper.plan.model_versions, is_all=False)

    def on_open(shard: OpenShard) -> None:
        known = shard.shard.pairs - shard.left
        log.info("%s: %s pairs, %s already known", shard.shard.key, shard.shard.pairs, known)
        versions.add(shard.versions, is_all=not shard.left)
        progress.leave_out(shard.known)

    progress = Progress(
        sum(shard.pairs for shard in shards),
        clock=options.clock,
        say=log.info,
        report=options.report,
        price=price_of,
        measured=options.measured,
    )
    with OpenShards(
        shards,
        open_shard=keeper.open,
        on_leave=keeper.is_leaving.set,
        tidy_up=keeper.tidy_up,
        on_open=on_open,
        most_pending=options.calls_in_flight or GROUP,
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
            answers=answers,
            trust_tags=keeper.plan.trust_tags,
            model_versions=versions,
            bad_images=bad_images,
            waits=options.waits,
            stop=options.stop,
            drain_seconds=DRAIN_SECONDS,
            on_done=open_shards.done,
        )
        try:
            compare_pairs(open_shards.pairs(), context)
        finally:
            progress.hand_over()
    return progress


def _model_changed(options: CompareOptions, text: str) -> None:
    log.warning("%s", text)
    options.tell(Alert(kind=Kind.MODEL_CHANGED, cause=text, text=text))


def images_of(run: Run, plan: Plan, options: CompareOptions) -> StoreImages:
    """Return the images of the source, and of other buckets that rows name."""
    watch = SourceWatch(
        run.source,
        plan.manifests[0].key,
        now=options.clock.now,
        say=log.warning,
        patience_seconds=run.store_patience,
        waits=options.waits,
    )
    return StoreImages(
        run.source,
        watch,
        transfer=options.transfer,
        others=OtherBuckets(options.open_store, now=options.clock.now, say=log.warning),
        reach=options.reach,
    )

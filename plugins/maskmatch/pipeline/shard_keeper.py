"""Takes the lease of a shard and opens its journal, and leaves both in order when its pairs are done."""

import logging
import threading
from dataclasses import dataclass, field
from functools import partial

from maskmatch.core.planning import Plan, Shard
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.client.patience import patiently
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.open_shards import OpenShard
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import Origin, ShardJournal, compact, last_epoch, read_known

log = logging.getLogger(__name__)

GROUP = 64
"""Outcomes that may wait to become durable, where the calls in flight are not fixed."""


@dataclass(frozen=True, slots=True)
class ShardKeeper:
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
                origin=Origin(run.run_id, options.account.name, options.transfer.policy),
                epoch=epoch,
                only_new=self.plan.conditional_writes,
                most_pending=options.calls_in_flight or GROUP,
                patience_seconds=run.store_patience,
                stop=options.stop,
                waits=options.waits,
            )
        )
        known = read_known(warehouse, prefix)
        journal.count_from(known)
        return OpenShard(
            shard=shard,
            epoch=epoch,
            journal=journal.__enter__(),
            missing=plans.read_shard(warehouse, shard.key, but=known.have_ended),
            left=shard.pairs - len(known.ended),
            known=known.reasons,
            versions=known.versions,
        )

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
        return patiently(
            lambda: self.coordinator.take_lease(
                name, at_least=at_least, holder=self.run.name, among=self._date
            ),
            now=options.clock.now,
            pause=partial(options.clock.wait, options.stop),
            say=log.warning,
            waits=options.waits,
            is_over=lambda: options.stop.is_set() or self.is_leaving.is_set(),
        )

    @property
    def _date(self) -> str:
        """Return how the names of all shards of the date begin, whatever plan they are of."""
        return f"{self.run.warehouse.uri}/{plans.folder_of_plans(self.run.day)}/"

    def _name(self, shard: Shard) -> str:
        return f"{self.run.warehouse.uri}/{shard.key}"

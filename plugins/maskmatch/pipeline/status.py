"""How far the newest plan of a date is, by the names in its journals; works while a run writes them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from maskmatch.core.errors import InputError
from maskmatch.core.planning import Plan, Shard
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import Counts, list_newest, run_of
from maskmatch.storage.object_stores import Store

_LOOKERS = 8
"""Shards that are listed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """One shard: its pairs, those scored, failed for good, failed for now, and the runs that compared it."""

    key: str
    pairs: int
    scored: int
    failed: int
    again: int
    run_ids: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """Return how many pairs will not be called again."""
        return self.scored + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The plan, its shards, and where the outcomes are published, if they are."""

    plan: Plan
    shards: tuple[ShardStatus, ...]
    published: str | None

    @property
    def done(self) -> int:
        """Return how many pairs will not be called again."""
        return sum(shard.done for shard in self.shards)

    @property
    def pairs(self) -> int:
        """Return how many pairs there are to compare."""
        return self.plan.pairs

    @property
    def run_ids(self) -> frozenset[str]:
        """Return the runs whose calls are in the journals."""
        return frozenset(run_id for shard in self.shards for run_id in shard.run_ids)


class StatusReader:
    """Looks at the newest plan of a date, again and again; no outcome is read."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = ""
        self._shards: dict[str, _ShardReader] = {}

    def look(self) -> RunStatus:
        """Return how far it is; raise InputError when the date has no plan."""
        run = self._run
        if (plan := plans.newest_plan(run.warehouse, run.day)) is None:
            raise InputError(f"{run.warehouse.uri} has no plan for {run.day}: run `maskmatch plan` first")
        if plan.folder != self._folder:
            self._folder = plan.folder
            self._shards = {shard.key: _ShardReader(run.warehouse, shard) for shard in plan.to_compare}
        key = tables.current_key("outcomes", run.day)
        published = f"{run.warehouse.uri}/{key}" if run.warehouse.head(key) else None
        with ThreadPoolExecutor(_LOOKERS) as pool:
            shards = tuple(pool.map(_ShardReader.look, self._shards.values()))
        return RunStatus(plan=plan, shards=shards, published=published)


class _ShardReader:
    """Looks at one shard: a listing tells how far it is, and each try is asked once for its run."""

    def __init__(self, warehouse: Store, shard: Shard) -> None:
        self._warehouse = warehouse
        self._shard = shard
        self._run_ids: dict[int, str | None] = {}
        self._ended: ShardStatus | None = None

    def look(self) -> ShardStatus:
        """Return how far the shard is; once it is complete it is not looked at any more."""
        if self._ended:
            return self._ended
        prefix = plans.journal_prefix(self._shard.key)
        listing = list_newest(self._warehouse, prefix)
        for epoch in listing.epochs - self._run_ids.keys():
            self._run_ids[epoch] = run_of(self._warehouse, prefix, epoch)
        now = self._status_of(listing.counts)
        if now.done == now.pairs:
            self._ended = now
        return now

    def _status_of(self, counts: Counts) -> ShardStatus:
        return ShardStatus(
            key=self._shard.key,
            pairs=self._shard.pairs,
            run_ids=tuple(dict.fromkeys(run for _, run in sorted(self._run_ids.items()) if run)),
            **counts._asdict(),
        )

"""How far the newest plan of a date is, read from its journals; works while a run writes them."""

from collections import Counter
from dataclasses import dataclass

from maskmatch.core.errors import InputError
from maskmatch.core.outcomes import Status
from maskmatch.core.planning import Plan, Shard
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans, tables
from maskmatch.storage.journal import Entry, Writer, scan_segments
from maskmatch.storage.object_stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """One shard: its pairs, those scored, failed for good, failed for now, and the runs that called them."""

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
    """Looks at the newest plan of a date again and again; reads only what its journals have got since."""

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
            self._shards = {shard.key: _ShardReader(run.warehouse, shard) for shard in plan.shards}
        key = tables.outcomes_key(run.day)
        published = f"{run.warehouse.uri}/{key}" if run.warehouse.head(key) else None
        return RunStatus(
            plan=plan, shards=tuple(shard.look() for shard in self._shards.values()), published=published
        )


class _ShardReader:
    def __init__(self, warehouse: Store, shard: Shard) -> None:
        self._warehouse = warehouse
        self._shard = shard
        self._done: dict[Writer, int] = {}
        # No more of an outcome, so that millions fit; None: not final.
        self._status: dict[str, Status | None] = {}
        self._run_ids: dict[str, None] = {}
        self._ended: ShardStatus | None = None

    def look(self) -> ShardStatus:
        """Return how far the shard is; once it is complete it is not read any more."""
        if self._ended:
            return self._ended
        prefix = plans.journal_prefix(self._shard.key)
        for segment in scan_segments(self._warehouse, prefix, done=self._done):
            for entry in segment.entries():
                self._note(entry)
        now = self._status_now()
        if now.done == now.pairs:
            self._ended = now
            self._status.clear()
        return now

    def _note(self, entry: Entry) -> None:
        outcome = entry.outcome
        self._run_ids[entry.run_id] = None
        if outcome.is_final or outcome.pair_id not in self._status:
            self._status[outcome.pair_id] = outcome.status if outcome.is_final else None

    def _status_now(self) -> ShardStatus:
        counts = Counter(self._status.values())
        return ShardStatus(
            key=self._shard.key,
            pairs=self._shard.pairs,
            scored=counts[Status.SCORED],
            failed=counts[Status.FAILED],
            again=counts[None],
            run_ids=tuple(self._run_ids),
        )

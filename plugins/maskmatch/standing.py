"""How far the newest plan of a date is, read from its journals; works while a run writes them."""

from collections import Counter
from dataclasses import dataclass

from maskmatch.adapters import plans, tables
from maskmatch.adapters.journal import scan_journal
from maskmatch.core.errors import InputError
from maskmatch.core.outcomes import Status
from maskmatch.core.planning import Plan, Shard
from maskmatch.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStanding:
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
class Standing:
    """The plan, its shards, and where the outcomes are published, if they are."""

    plan: Plan
    shards: tuple[ShardStanding, ...]
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


def standing(job: Job) -> Standing:
    """Read it; raise InputError when the date has no plan."""
    if (plan := plans.newest_plan(job.warehouse, job.day)) is None:
        raise InputError(f"{job.warehouse.uri} has no plan for {job.day}: run `maskmatch plan` first")
    key = tables.outcomes_key(job.day)
    published = f"{job.warehouse.uri}/{key}" if job.warehouse.head(key) else None
    return Standing(plan=plan, shards=tuple(_shard(job, shard) for shard in plan.shards), published=published)


def _shard(job: Job, shard: Shard) -> ShardStanding:
    status: dict[str, Status | None] = {}  # and no more of an outcome, so that millions fit; None: not final
    run_ids: dict[str, None] = {}
    for entry in scan_journal(job.warehouse, plans.journal_prefix(shard.key)):
        outcome = entry.outcome
        run_ids[entry.run_id] = None
        if outcome.is_final or outcome.pair_id not in status:
            status[outcome.pair_id] = outcome.status if outcome.is_final else None
    counts = Counter(status.values())
    return ShardStanding(
        key=shard.key,
        pairs=shard.pairs,
        scored=counts[Status.SCORED],
        failed=counts[Status.FAILED],
        again=counts[None],
        run_ids=tuple(run_ids),
    )

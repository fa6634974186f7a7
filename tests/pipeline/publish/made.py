"""Plans and journals that no run has made, and what is published of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from maskmatch.core.outcomes import Calls, Outcome
from maskmatch.core.planning import Plan
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.publish.stamp import Stamp
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import Origin, ShardJournal, last_epoch
from maskmatch.storage.journal.records import lines_of, table_of, to_lines
from maskmatch.storage.object_stores import Store
from maskmatch.storage.tables import pointer_key, read_table
from tests.nights import DAY, night_in, write_pairs
from tests.storage.journals import Faulty

OPTIONS = PublishOptions(nominal_fmr=1e-4)
STAMP = Stamp(
    publication="000001-a",
    run_seq=1,
    run_id="r",
    logical_date=DAY,
    nominal_fmr=1e-4,
    time_zone="Asia/Shanghai",
)


class Careless(Faulty):
    """A store without conditional writes."""

    def swap(self, key: str, path: str, *, over: str | None) -> None:
        self.put_file(key, path)

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> None:
        self._store.put(key, data)


def journal_of(*outcomes: Outcome) -> pa.Table:
    """Return outcomes as a journal has them."""
    return table_of([lines_of("x", to_lines(outcomes, Origin("r"), shard_try=1))])


def night(folder: Path, pairs: int, *, score: float = 55.0) -> tuple[Run, Plan]:
    """Return a run and a plan of so many pairs, all of which have this score."""
    run = night_in(folder)
    write_pairs(run.source, pairs)
    plan = make_plan(run)
    answer(run.warehouse, plan, score=score)
    return run, plan


def answer(store: Store, plan: Plan, *, score: float) -> None:
    """Record a score for every pair of a plan, by a further call."""
    for shard in plan.to_compare:
        prefix = plans.journal_prefix(shard.key)
        epoch = last_epoch(store, prefix) + 1
        with ShardJournal(store, prefix, origin=Origin("test"), epoch=epoch, only_new=True) as journal:
            for order, pair in plans.read_shard(store, shard.key):
                journal.enter(scored(pair.pair_id, order, score))
                journal.wait_for_room()


def scored(name: str, order: int, score: float) -> Outcome:
    """Return what a call that was billed brings."""
    calls = Calls(attempts=1, billed=1, attempt=1, request_id=f"r-{order}", answered_by="x")
    return Outcome(pair_id=name, score=score, model_version="3.0", calls=calls, call_order=order)


def published(run: Run, plan: Plan, **changes: object) -> str:
    """Publish; return the name of the publication."""
    return publish(run, plan, replace(OPTIONS, **changes))["publication"]  # type: ignore[arg-type]


def state(store: Store) -> tuple[set[str], set[float]]:
    """Return the publications and the scores that a reader of the outcomes of the date finds."""
    table = read_table(store, "outcomes", DAY)
    return set(table["publication"].to_pylist()), set(table["score"].to_pylist())


def publication_of(store: Store, table: str) -> str:
    """Return the publication that a table is of, of `runs` the last one."""
    return str(read_table(store, table, DAY)["publication"].to_pylist()[-1])


def pointed(store: Store, table: str) -> dict[str, Any]:
    """Return what the pointer of a table says."""
    return dict(json.loads(store.get(pointer_key(table, DAY))))

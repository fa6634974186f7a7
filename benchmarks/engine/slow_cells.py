"""Compare pairs at a local service that is slow; read off meter, journals and tables what it cost."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.account import account_of
from benchmarks.crashes.audit import Books, books_of
from benchmarks.dataset import DAY, expected, image, image_key, pairs_of
from benchmarks.engine.shards import cut
from benchmarks.engine.slow_books import wrong_tables
from benchmarks.tries import TaskTry, Work
from devstack.service import LocalService
from maskmatch.core.planning import Plan, PlanOptions
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore

LATENCY = "slow=0.441,0.5"
"""A median; half a second in the mean."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the simulation of the same scenario gave: the means of its seconds and of the calls lost."""

    seconds: float
    lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement: pairs at a rate; `changes` of the capacity come so long after the first call.

    A dead service is left after `most_seconds`.
    """

    name: str
    rate: int
    pairs: int
    capacity: str | None = None
    changes: Sequence[tuple[float, str]] = ()
    processes: int = 1
    faults: Sequence[str] = (LATENCY,)
    most_seconds: float = 900.0
    simulated: Simulated | None = None

    @property
    def is_dead(self) -> bool:
        """Return True if no call is ever answered."""
        return any(fault.startswith("hang") for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cell: seconds from the first call on, and what meter, journals and tables say."""

    seconds: float
    accepted: Sequence[float]
    calls: int
    refused: int
    lost: int
    paid_again: int
    wrong: dict[str, float]
    """Counts that have to be 0."""


def measured(cell: Cell) -> Result:
    """Measure one cell, with a service of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        service = LocalService(
            home / "service",
            scores="hash",
            calls_per_second=0,
            capacity=cell.capacity,
            faults=cell.faults,
            admin=True,
        )
        with service:
            run, plan = _planned(home, cell)
            seconds = _compared(home, cell, service, run, plan)
            return _result(cell, service, run, plan, seconds)


def _planned(home: Path, cell: Cell) -> tuple[Run, Plan]:
    source, warehouse = FileStore(home / "in"), FileStore(home / "out")
    _write_pairs(source, cell.pairs)
    run = Run(source=source, warehouse=warehouse, day=DAY, run_id="benchmark")
    sizes = [(cell.pairs + number) // cell.processes for number in range(cell.processes)]
    return run, cut(run, make_plan(run, PlanOptions(max_shards=1)), sizes)


def _write_pairs(source: FileStore, count: int) -> None:
    """Write images, and a manifest without the padding that makes several shards of few pairs."""
    pairs = list(pairs_of(count))
    for number in sorted({number for pair in pairs for number in (pair.reference, pair.probe)}):
        source.put(image_key(number), image(number))
    lines = [f"{pair.pair_id},{image_key(pair.reference)},{image_key(pair.probe)}" for pair in pairs]
    text = "\n".join(["pair_id,reference_id,probe_id", *lines])
    source.put(f"manifests/ds={DAY}/pairs.csv", text.encode())


def _compared(home: Path, cell: Cell, service: LocalService, run: Run, plan: Plan) -> float:
    """Let all tries come to their end; return the seconds since the first call."""
    work = Work(
        source=run.source.uri,
        warehouse=run.warehouse.uri,
        plan=plan.folder,
        account=account_of(service, calls_per_second=cell.rate),
        permit_store=f"sqlite:///{home}/permits.sqlite3",
        logs=home,
    )
    tries = [TaskTry(work, shard.key) for shard in plan.shards]
    try:
        return _watched(cell, service, tries)
    finally:
        for task_try in tries:
            task_try.stop()


def _watched(cell: Cell, service: LocalService, tries: Sequence[TaskTry]) -> float:
    changes, began = list(cell.changes), None
    ends = time.time() + cell.most_seconds
    while any(task_try.exit_code is None for task_try in tries) and time.time() < ends:
        time.sleep(_LOOK_SECONDS)
        began = began or service.meter()["first_accepted_at"]
        while began and changes and time.time() >= began + changes[0][0]:
            service.set_capacity(changes.pop(0)[1])
    codes = [task_try.exit_code for task_try in tries]
    if any(codes) or (None in codes) is not cell.is_dead:
        raise RuntimeError(f"the tries of {cell.name!r} ended with {codes}")
    return time.time() - (began or time.time())


def _result(cell: Cell, service: LocalService, run: Run, plan: Plan, seconds: float) -> Result:
    meter = service.meter(with_calls=True)
    pairs = expected(cell.pairs)
    books = books_of(run, plan, meter["calls"], pairs)
    return Result(
        seconds=seconds,
        accepted=[call["at"] for call in meter["calls"]],
        calls=meter["accepted"],
        refused=meter["throttled"],
        lost=books.maybe.total(),
        paid_again=meter["paid_again"],
        wrong={} if cell.is_dead else _wrong(books) | wrong_tables(run, plan, books, meter, pairs),
    )


def _wrong(books: Books) -> dict[str, float]:
    figures = books.figures()
    return {name: figures[name] for name in ("unlisted", "entered_not_billed", "scored_twice")}

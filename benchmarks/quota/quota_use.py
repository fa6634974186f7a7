"""How much of an account's rate the permit store uses, and how often it passes it.

Processes with many threads call a stand-in gateway through the coordinator: answers take 150 ms in the
median (100 ms at 2000/s), 2 % stall for 5 s, each call reaches the gateway's count after a network delay of
3 ms in the mean, and nobody tells the coordinator how the gateway counts. Side by side in one run: a library
limiter in Redis, and what people write first, a limiter in each process with tenacity's pauses.

--all makes one table of three stores, three ways of counting and four rates, and the stores 20 ms away.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quota.calling import CallingProcess, working
from benchmarks.quota.gateway import Counting, Gateway, Ledger, running
from benchmarks.report import main
from devstack.netfaults import Relay
from devstack.postgres import Postgres
from devstack.redis import Redis

STORES = ("sqlite", "redis", "postgres")
RATES = (20, 50, 200, 2000)
FAR_SECONDS = 0.02
"""The round trip to a store 20 ms away."""
_LEARNING_SECONDS = 3.0
_START_SECONDS = 60.0
_SPARE = 1.5
"""More threads than the mean of calls in flight: stalls come in bunches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement; `seconds` of calling after all processes have started."""

    rate: int
    seconds: float
    store: str = "sqlite"
    counting: Counting = Counting.CALENDAR_SECOND
    processes: int = 4
    limiter: str = "permit_store"
    is_far: bool = False

    @property
    def name(self) -> str:
        """Return the name of the cell's figures."""
        store = f"{self.store}{' 20 ms away' if self.is_far else ''}"
        limiter = "" if self.limiter == "permit_store" else f"{self.limiter} "
        return f"{limiter}{store} {self.counting} {self.rate}/s x{self.processes}"


@dataclass(frozen=True, slots=True)
class Use:
    """The share of the quota that was used, and the share of calls that were refused."""

    used: float
    refused: float


def goal_of(cell: Cell) -> tuple[float, float]:
    """Return the least use and the most refusals that a cell should have."""
    if cell.is_far:
        return (0.95 if cell.rate >= 2000 else 0.97), 0.01
    least = {Counting.CALENDAR_SECOND: 0.99, Counting.GCRA: 0.99, Counting.SLIDING_SECOND: 0.97}[
        cell.counting
    ]
    return (least - 0.02, 0.007) if cell.rate <= 20 else (least, 0.002)


GOALS = {"least_use_over_goal": (">=", 1.0), "most_refused_over_goal": ("<=", 1.0)}


def run(quick: bool) -> dict[str, float]:
    """Measure 4 processes at 200/s and three ways of counting; unless quick, other numbers and peers too."""
    seconds = 12 if quick else 30
    ours = [Cell(rate=200, seconds=seconds, counting=counting) for counting in Counting]
    peers = [
        Cell(rate=200, seconds=seconds, limiter=limiter, counting=counting, store="redis")
        for limiter in ("pyrate-redis", "static")
        for counting in Counting
    ]
    if quick:
        peers = peers[:1]
    else:
        ours += [Cell(rate=50, seconds=60, processes=1), Cell(rate=200, seconds=seconds, processes=8)]
        ours += [Cell(rate=200, seconds=seconds, store="redis", is_far=True)]
        peers += [Cell(rate=200, seconds=seconds, limiter="pyrate-redis", store="redis", is_far=True)]
    return _figures(ours, _measured([*ours, *peers], at_once=2))


def run_all() -> dict[str, float]:
    """Measure everything: the slow rates at the same time, the fast ones one after another."""
    cells = [
        Cell(rate=rate, seconds=_seconds(rate), store=store, counting=counting)
        for rate in RATES
        for store in STORES
        for counting in Counting
    ]
    far = [
        Cell(rate=rate, seconds=_seconds(rate), store=store, is_far=True)
        for rate in (200, 2000)
        for store in STORES[1:]
    ]
    measured: dict[Cell, Use] = {}
    for rate in RATES:
        at_once = {20: 5, 50: 5, 200: 2, 2000: 1}[rate]
        measured |= _measured([cell for cell in cells + far if cell.rate == rate], at_once=at_once)
    return _figures(cells + far, measured)


def _seconds(rate: int) -> float:
    return {20: 120.0, 50: 100.0, 200: 45.0, 2000: 20.0}[rate]


def _measured(cells: list[Cell], *, at_once: int) -> dict[Cell, Use]:
    with _stores() as stores, ThreadPoolExecutor(at_once) as pool:
        uses = dict(zip(cells, pool.map(lambda cell: _measure(cell, stores), cells), strict=True))
    for cell, use in uses.items():
        print(f"{cell.name:55} use {use.used:.4f}  refused {100 * use.refused:.3f} %", flush=True)
    return uses


@contextmanager
def _stores() -> Iterator[dict[str, str]]:
    """Start the servers; yield addresses by store, and by store and `far`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        redis = stack.enter_context(Redis(folder / "redis"))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        addresses = {"sqlite": f"sqlite:///{folder}", "redis": redis.uri, "postgres": postgres.uri}
        for name, server in (("redis", redis), ("postgres", postgres)):
            relay = stack.enter_context(Relay(server.port, one_way_seconds=FAR_SECONDS / 2))
            addresses[f"{name} far"] = server.uri.replace(f":{server.port}/", f":{relay.port}/")
        yield addresses


def _measure(cell: Cell, stores: dict[str, str]) -> Use:
    gateway = Gateway(
        quota=cell.rate, counting=cell.counting, latency_seconds=0.1 if cell.rate >= 2000 else 0.15
    )
    address = stores[f"{cell.store} far" if cell.is_far else cell.store]
    if cell.store == "sqlite":
        address = f"{address}/{cell.name.replace(' ', '-').replace('/', '-')}.sqlite3"
    in_flight = cell.rate * (gateway.latency_seconds + gateway.stalls * gateway.stall_seconds + 0.05)
    with running(gateway) as (port, ledger):
        until = time.monotonic() + _START_SECONDS + cell.seconds
        callers = [
            CallingProcess(
                number=number,
                port=port,
                threads=max(4, round(_SPARE * in_flight / cell.processes) + 2),
                quota=cell.rate,
                until=until,
                limiter=cell.limiter,
                store=address,
                account=cell.name,
                processes=cell.processes,
            )
            for number in range(cell.processes)
        ]
        with working(callers):
            start = _all_started(ledger, cell.processes)
            time.sleep(cell.seconds)
            books = ledger.books()
    steady = {"since": start + _LEARNING_SECONDS, "until": start + cell.seconds - 0.2}
    return Use(books.use(cell.rate, **steady), books.refused_share(**steady))


def _all_started(ledger: Ledger, processes: int) -> float:
    """Return the time of day at which every process had a call accepted."""
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        if len(set(ledger.books().accepted_of)) == processes:
            return time.time()
        time.sleep(0.1)
    raise TimeoutError(f"not all of {processes} processes had a call accepted in {_START_SECONDS:.0f} s")


def _figures(ours: list[Cell], measured: dict[Cell, Use]) -> dict[str, float]:
    figures = {}
    for cell, use in measured.items():
        figures[f"{cell.name}: use"] = round(use.used, 4)
        figures[f"{cell.name}: refused"] = round(use.refused, 5)
    figures["least_use_over_goal"] = round(min(measured[cell].used / goal_of(cell)[0] for cell in ours), 4)
    figures["most_refused_over_goal"] = round(
        max(measured[cell].refused / goal_of(cell)[1] for cell in ours), 2
    )
    return figures


if __name__ == "__main__":
    sys.exit(main("quota_use", __doc__, run, GOALS, run_all=run_all))

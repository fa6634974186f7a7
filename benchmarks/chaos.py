"""What a night loses, doubles and pays again when 100 processes of it are killed and 2 % of its calls fail.

Tasks, their supervisors, whole hosts, the S3 store and the Redis of the permit broker are killed with SIGKILL
at random points, and started again as Airflow or a service manager would; the service injects its faults.
The service itself lives on, because its meter is the judge. Beside it, with the same faults and five kills,
runs what people write first: a thread pool, tenacity, and a file of results to go on from.
"""

import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from _attempts import Night, Work
from _books import books_of, table_figures
from _killing import Killer, Victim, wait_while
from _night import DAY, expected, write_night
from _plain_restarted import plain_figures
from _report import main
from _shards import account_of

from maskmatch import publications, runs
from maskmatch.adapters.stores import FileStore, open_store
from maskmatch.embedded.redis import Redis
from maskmatch.embedded.seaweed import Seaweed
from maskmatch.embedded.service import LocalService

PAIRS, QUICK_PAIRS = 20_000, 1000
KILLS, QUICK_KILLS = 100, 5
PLAIN_PAIRS, QUICK_PLAIN_PAIRS = 4000, 300
CALLS_PER_SECOND, LATENCY_MS = 100, 50
SHARDS, CALLS_IN_FLIGHT = 4, 16
GROUP = CALLS_IN_FLIGHT
"""Outcomes that a journal holds at most before they are durable."""
FAULTS = (
    "internal@0.005", "rpc-fail@0.003", "bad-gateway@0.003", "cut@0.003", "lost@0.002", "bad-json@0.001",
    "hang=15@0.001", "slow=1.5,0.5@0.002",
)  # fmt: skip
SEED = 20260101
MOST_SECONDS = 600
GOALS = {
    "lost": ("<=", 0),
    "doubled_rows": ("<=", 0),
    "wrong_scores": ("<=", 0),
    "unlisted_of_bound": ("<=", 1),
    "entered_not_billed": ("<=", 0),
    "scored_twice": ("<=", 0),
}


def run(quick: bool) -> dict[str, float]:
    """Let a night go wrong and return what became of it; then the same for the peer."""
    pairs, kills = (QUICK_PAIRS, QUICK_KILLS) if quick else (PAIRS, KILLS)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        home = Path(folder)
        service = running.enter_context(_service(home / "service"))
        store = running.enter_context(Seaweed(home / "s3"))
        broker = running.enter_context(Redis(home / "redis"))
        os.environ.update(store.environment())
        chaos = Chaos(home, service, store, broker, pairs=pairs)
        figures = chaos.run(kills)
        service.reset_meter()
        plain_pairs = QUICK_PLAIN_PAIRS if quick else PLAIN_PAIRS
        return figures | plain_figures(home, service, pairs=plain_pairs, calls_per_second=CALLS_PER_SECOND)


def _service(folder: Path) -> LocalService:
    return LocalService(
        folder,
        scores="hash",
        calls_per_second=CALLS_PER_SECOND,
        latency_ms=LATENCY_MS,
        faults=FAULTS,
        fault_seed=SEED,
        admin=True,
    )


class Chaos:
    """One night, its servers, and what is wrong with it afterwards."""

    def __init__(
        self, home: Path, service: LocalService, store: Seaweed, broker: Redis, *, pairs: int
    ) -> None:
        self._service = service
        self._servers = {Victim.STORE: store, Victim.BROKER: broker}
        source, warehouse = FileStore(home / "in"), open_store("s3://maskmatch/out")
        write_night(source, pairs, shards=SHARDS)
        self._pairs = expected(pairs)
        self._job = runs.Job(source=source, warehouse=warehouse, day=DAY, run_id="benchmark")
        self._plan = runs.make_plan(self._job)
        self._work = Work(
            source=source.uri,
            warehouse=warehouse.uri,
            plan=self._plan.folder,
            account=account_of(service, calls_per_second=CALLS_PER_SECOND),
            broker=broker.uri,
            logs=home,
            calls_in_flight=CALLS_IN_FLIGHT,
            environment=store.environment(),
        )

    def run(self, kills: int) -> dict[str, float]:
        """Compare all pairs, publish, and return the figures."""
        started = time.monotonic()
        night = Night(self._work, [shard.key for shard in self._plan.shards])
        draw = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        killer = Killer(night, self._servers, kills=kills, work=len(self._pairs), draw=draw)
        try:
            wait_while(night.look_after, seconds=MOST_SECONDS, look=lambda: killer.strike(self._billed()))
            killer.wait()
            seconds = time.monotonic() - started
            return self._figures(night, killer) | {"seconds": round(seconds, 1)}
        finally:
            night.stop()
            killer.close()

    def _billed(self) -> int:
        return int(self._service.meter()["distinct_billed_pairs"])

    def _figures(self, night: Night, killer: Killer) -> dict[str, float]:
        publications.publish(self._job, self._plan, nominal_fmr=1e-4)
        meter = self._service.meter(with_calls=True)
        books = books_of(self._job, self._plan, meter["calls"], self._pairs).figures()
        bound = killer.tasks_killed * (CALLS_IN_FLIGHT + GROUP)
        return {
            "pairs": len(self._pairs),
            "shards": len(self._plan.shards),
            **{f"kills_of_{victim}": killer.kills[victim] for victim in Victim},
            "kills": killer.kills.total(),
            "tasks_killed": killer.tasks_killed,
            "attempts": night.attempts,
            **{f"fault_{name}": count for name, count in self._service.faults()["befallen"].items()},
            **table_figures(self._job, self._pairs),
            **books,
            "unlisted_bound": bound,
            "unlisted_of_bound": round(books["unlisted"] / max(1, bound), 4),
            "unlisted_per_task_killed": round(books["unlisted"] / max(1, killer.tasks_killed), 2),
            "throttled": meter["throttled"],
        }


if __name__ == "__main__":
    sys.exit(main("chaos", __doc__, run, GOALS))

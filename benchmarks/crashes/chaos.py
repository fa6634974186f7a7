"""What a run loses, doubles and pays again when 100 processes of it are killed and 2 % of its calls fail.

Tasks, their supervisors, whole hosts, the S3 store and the Redis of the permit store are killed with SIGKILL
at random points, and started again as Airflow or a service manager would; the service injects its faults.
The service itself lives on, because its meter is the judge. Beside it, with the same faults and five kills,
runs what people write first: a thread pool, tenacity, and a file of results to go on from.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from benchmarks.account import account_of
from benchmarks.crashes.audit import (
    CALLS_IN_FLIGHT,
    CALLS_PER_SECOND,
    GOALS,
    SEED,
    Servers,
    run_at,
    serving,
    verdict,
)
from benchmarks.crashes.plain_restarted import plain_figures
from benchmarks.dataset import expected, write_dataset
from benchmarks.report import main
from benchmarks.tries import ShardTries, TaskTry, Work
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import PublishOptions, publish

PAIRS, QUICK_PAIRS = 20_000, 1000
KILLS, QUICK_KILLS = 100, 5
PLAIN_PAIRS, QUICK_PLAIN_PAIRS = 4000, 300
FAULTS = (
    "internal@0.005", "rpc-fail@0.003", "bad-gateway@0.003", "cut@0.003", "lost@0.002", "bad-json@0.001",
    "hang=15@0.001", "slow=1.5,0.5@0.002",
)  # fmt: skip
MOST_SECONDS = 600


class Target(StrEnum):
    """What is killed; a host is half of the supervisors and all their tasks at once."""

    TASK = "task"
    SUPERVISOR = "supervisor"
    HOST = "host"
    STORE = "store"
    PERMIT_STORE = "permit_store"


SHARES = {Target.TASK: 50, Target.SUPERVISOR: 20, Target.HOST: 10, Target.STORE: 10, Target.PERMIT_STORE: 10}


_AWAY_SECONDS = (0.2, 2.0)


_FIRST, _LAST = 0.02, 0.95


def run(quick: bool) -> dict[str, float]:
    """Let a run go wrong and return what became of it; then the same for the peer."""
    pairs, kills = (QUICK_PAIRS, QUICK_KILLS) if quick else (PAIRS, KILLS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), FAULTS) as servers:
        home = Path(folder)
        figures = Chaos(home, servers, pairs=pairs).run(kills)
        plain_pairs = QUICK_PLAIN_PAIRS if quick else PLAIN_PAIRS
        return figures | plain_figures(
            home, servers.service, pairs=plain_pairs, calls_per_second=CALLS_PER_SECOND
        )


class Chaos:
    """One run, its servers, and what is wrong with it afterwards."""

    def __init__(self, home: Path, servers: Servers, *, pairs: int) -> None:
        self._service = servers.service
        self._servers = {Target.STORE: servers.store, Target.PERMIT_STORE: servers.permit_store}
        self._run = run_at(home)
        write_dataset(self._run.source, pairs)
        self._pairs = expected(pairs)
        self._plan = make_plan(self._run)
        self._work = Work(
            source=self._run.source.uri,
            warehouse=self._run.warehouse.uri,
            plan=self._plan.folder,
            account=account_of(servers.service, calls_per_second=CALLS_PER_SECOND),
            permit_store=servers.permit_store.uri,
            logs=home,
            calls_in_flight=CALLS_IN_FLIGHT,
            environment=servers.store.environment(),
        )

    def run(self, kills: int) -> dict[str, float]:
        """Compare all pairs, publish, and return the figures."""
        started = time.monotonic()
        tries = ShardTries(self._work, [shard.key for shard in self._plan.shards])
        draw = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        killer = Killer(tries, self._servers, kills=kills, work=len(self._pairs), draw=draw)
        try:
            wait_while(
                tries.look_after, seconds=MOST_SECONDS, look=lambda: killer.kill_what_is_due(self._billed())
            )
            killer.wait()
            seconds = time.monotonic() - started
            return self._figures(tries, killer) | {"seconds": round(seconds, 1)}
        finally:
            tries.stop()
            killer.close()

    def _billed(self) -> int:
        return int(self._service.meter()["distinct_billed_pairs"])

    def _figures(self, tries: ShardTries, killer: "Killer") -> dict[str, float]:
        publish(self._run, self._plan, PublishOptions(nominal_fmr=1e-4))
        meter = self._service.meter(with_calls=True)
        figures = verdict(self._run, self._plan, meter, self._pairs, tasks_killed=killer.tasks_killed)
        return {
            **figures,
            **{f"kills_of_{target}": killer.kills[target] for target in Target},
            "kills": killer.kills.total(),
            "tries": tries.started,
            **{f"fault_{name}": count for name, count in self._service.faults()["applied"].items()},
            "unlisted_per_task_killed": round(figures["unlisted"] / max(1, killer.tasks_killed), 2),
            "throttled": meter["throttled"],
        }


class Server(Protocol):
    """A server that can be killed and started again."""

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def start(self) -> None:
        """Start it, and return when it can be used."""
        ...


class Killer:
    """Kills so many times, at random shares of the work; every killed server is started again."""

    def __init__(
        self,
        tries: ShardTries,
        servers: Mapping[Target, Server],
        *,
        kills: int,
        work: int,
        draw: random.Random,
    ) -> None:
        self._tries = tries
        self._servers = servers
        self._draw = draw
        self._due = sorted(draw.uniform(_FIRST, _LAST) * work for _ in range(kills))
        self._next = _mixed(kills, draw)
        self._starting: dict[Target, threading.Thread] = {}
        self.kills: Counter[Target] = Counter()
        self.tasks_killed = 0
        self._began = time.monotonic()

    def kill_what_is_due(self, done: int) -> None:
        """Kill what is due when so many pairs are done; a server that is down already is left for later."""
        while self._due and done >= self._due[0]:
            target = next((it for it in self._next if self._kill(it)), None)
            if target is None:
                return
            self._next.remove(target)
            self._due.pop(0)
            self.kills[target] += 1
            sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s, {done:,} pairs: killed a {target}\n")

    def wait(self) -> None:
        """Return when every server that was killed is up again."""
        for thread in self._starting.values():
            thread.join()

    def close(self) -> None:
        """Wait for the servers that start, so that none starts after its owner has stopped it."""
        self.wait()

    def _kill(self, target: Target) -> bool:
        if target in self._servers:
            return self._kill_server(target)
        running = [it for it in self._tries.running.values() if it.exit_code is None and it.task]
        if not running:
            return False
        self._kill_tries(target, running)
        return True

    def _kill_tries(self, target: Target, running: list[TaskTry]) -> None:
        chosen = self._draw.sample(running, k=-(-len(running) // 2) if target is Target.HOST else 1)
        self.tasks_killed += len(chosen)
        for task_try in chosen:
            if target is not Target.TASK:
                _kill(task_try.supervisor)
            if target is not Target.SUPERVISOR and task_try.task:
                _kill(task_try.task)

    def _kill_server(self, target: Target) -> bool:
        if target in self._starting and self._starting[target].is_alive():
            return False
        self._servers[target].kill()
        start = threading.Thread(target=self._start, args=(target, self._draw.uniform(*_AWAY_SECONDS)))
        self._starting[target] = start
        start.start()
        return True

    def _start(self, target: Target, away_seconds: float) -> None:
        time.sleep(away_seconds)
        self._servers[target].start()


def _mixed(kills: int, draw: random.Random) -> list[Target]:
    """Return targets in the given shares, each kind at least once when there are enough kills."""
    kinds = list(SHARES)
    rest = max(0, kills - len(kinds))
    targets = kinds[:kills] + draw.choices(kinds, list(SHARES.values()), k=rest)
    draw.shuffle(targets)
    return targets


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_while(claim: Callable[[], bool], *, seconds: float, look: Callable[[], None]) -> None:
    """Call `look` again and again while the claim holds; raise TimeoutError when time is up."""
    deadline = time.monotonic() + seconds
    while claim():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished after {seconds:g} s")
        look()
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main("chaos", __doc__, run, GOALS))

"""What a task pays that was replaced while it was stopped, and then goes on: a zombie.

Two `maskmatch run` of one date. The first is stopped with SIGSTOP in the middle; the second starts and makes
calls; the first goes on with SIGCONT, in one round only when the second is done. A relay before the local
service notes who sends what; the meter of the service says what was paid twice. Beside it, in two of the
rounds, what people write first: a thread pool over the SDK, tenacity, and a file of results to go on from.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from _account import account_of
from _night import DAY, pairs_of, write_night
from _plain import Plain, compare_rest
from _report import main
from _twins import Attempt, Plot, Sequel, play

from devstack.processes import ChildProcess
from devstack.project import loopback_without_proxy
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore

PAIRS = 300
CALLS_PER_SECOND, LATENCY_MS = 100, 150
CALLS_IN_FLIGHT = 32
GROUP = CALLS_IN_FLIGHT
"""Outcomes that a journal holds at most before they are durable."""
CALLS_OF_A_TWIN = 40
STOPS = (0.25, 0.4, 0.55, 0.4)
LATE_ROUND = 3
PEER_ROUNDS = (1, LATE_ROUND)
GOALS = {
    "zombie_calls": ("<=", 0),
    "paid_again_of_bound": ("<=", 1),
    "zombie_most_seconds": ("<=", 5),
    "zombies_that_ended_well": ("<=", 0),
    "others_that_failed": ("<=", 0),
    "not_paid": ("<=", 0),
}


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one round."""

    sequel: Sequel
    paid_again: int
    pairs_paid: int


def run(quick: bool) -> dict[str, float]:
    """Play four rounds, two of them also with the peer (quick: one with both)."""
    numbers = (1,) if quick else range(len(STOPS))
    ours = [_play(number, Ours) for number in numbers]
    plain = [_play(number, Peer) for number in numbers if number in PEER_ROUNDS]
    figures = {"pairs_of_a_round": PAIRS, "rounds": len(ours), **_common(ours), **_ours(ours)}
    beside = {f"plain_{name}": value for name, value in _common(plain).items()}
    return figures | {"plain_rounds": len(plain)} | beside


def _play(number: int, cast: "type[Ours | Peer]") -> Round:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ends:
        home = Path(folder)
        service = LocalService(
            home / "service", scores="hash", calls_per_second=CALLS_PER_SECOND, latency_ms=LATENCY_MS
        )
        ends.enter_context(service)
        write_night(FileStore(home / "in"), PAIRS, shards=1)
        plot = Plot(
            service=service.endpoint,
            stop_after=int(STOPS[number] * PAIRS),
            go_on_after=None if number == LATE_ROUND else CALLS_OF_A_TWIN,
            calls_before_work=cast.calls_before_work,
        )
        sequel = play(plot, cast(home, service, ends))
        meter = service.meter()
    return Round(sequel, meter["paid_again"], meter["distinct_billed_pairs"])


class Ours:
    """Starts `maskmatch run`."""

    calls_before_work = 1
    """It checks the account first."""

    def __init__(self, home: Path, service: LocalService, ends: ExitStack) -> None:
        self._home = home
        self._ends = ends
        self._environment = {
            **loopback_without_proxy(os.environ),
            "TENCENTCLOUD_SECRET_ID": service.secret_id,
            "TENCENTCLOUD_SECRET_KEY": service.secret_key,
        }

    def __call__(self, name: str, endpoint: str) -> Attempt:
        """Start an attempt."""
        options = {
            "date": DAY,
            "source": f"file://{self._home}/in",
            "warehouse": f"file://{self._home}/out",
            "permit_store": f"sqlite:///{self._home}/permits.sqlite3",
            "endpoint": endpoint,
            "protocol": "http",
            "calls-per-second": CALLS_PER_SECOND,
            "calls-in-flight": CALLS_IN_FLIGHT,
        }
        words = [f"--{option}={value}" for option, value in options.items()]
        command = [sys.executable, "-m", "maskmatch.cli.__main__", "run", *words]
        log = self._home / f"{name}.log"
        return self._ends.enter_context(ChildProcess(command, log=log, environment=self._environment))


class Peer:
    """Starts what people write first."""

    calls_before_work = 0

    def __init__(self, home: Path, service: LocalService, ends: ExitStack) -> None:
        self._home = home
        self._service = service
        self._ends = ends

    def __call__(self, name: str, endpoint: str) -> Attempt:
        """Start an attempt."""
        account = account_of(self._service, calls_per_second=CALLS_PER_SECOND)
        plain = Plain(
            account=replace(account, endpoint=endpoint),
            images=self._home / "in",
            results=self._home / "results.jsonl",
            threads=CALLS_IN_FLIGHT,
        )
        pairs = list(pairs_of(PAIRS))
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=compare_rest, args=(plain, pairs), name=name, daemon=True)
        process.start()
        self._ends.callback(process.kill)
        return PeerAttempt(process)


@dataclass(frozen=True, slots=True)
class PeerAttempt:
    """A process of the peer."""

    process: BaseProcess

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.process.pid or 0

    @property
    def exit_code(self) -> int | None:
        """Return None while it runs."""
        return self.process.exitcode


def _common(rounds: Sequence[Round]) -> dict[str, float]:
    sequels = [each.sequel for each in rounds]
    return {
        "zombie_calls": sum(each.zombie_calls for each in sequels),
        "zombie_most_seconds": round(max(each.zombie_seconds for each in sequels), 2),
        "in_flight_when_stopped": sum(each.in_flight_when_stopped for each in sequels),
        "paid_again": sum(each.paid_again for each in rounds),
        "not_paid": sum(PAIRS - each.pairs_paid for each in rounds),
    }


def _ours(rounds: Sequence[Round]) -> dict[str, float]:
    codes = [each.sequel.exit_codes for each in rounds]
    shares = [each.paid_again / (each.sequel.in_flight_when_stopped + GROUP) for each in rounds]
    return {
        "paid_again_of_bound": round(max(shares), 3),
        "zombies_that_ended_well": sum(first == 0 for first, _ in codes),
        "others_that_failed": sum(second != 0 for _, second in codes),
    }


if __name__ == "__main__":
    sys.exit(main("twin_tasks", __doc__, run, GOALS))

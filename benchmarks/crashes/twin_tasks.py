"""What a task pays that was replaced while it was stopped, and then goes on: a zombie.

Two `maskmatch run` of one date. The first is stopped with SIGSTOP in the middle; the second starts and makes
calls; the first goes on with SIGCONT, in one round only when the second is done. A recording proxy before
the local service notes who sends what; the meter of the service says what was paid twice. Beside it, in two
of the rounds, what people write first: a thread pool over the SDK, tenacity, and a file of results to go on
from.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from benchmarks.account import account_of
from benchmarks.dataset import DAY, pairs_of, write_dataset
from benchmarks.plain_client import PlainClient, compare_rest
from benchmarks.report import main
from devstack.netfaults import Relay
from devstack.processes import ChildProcess
from devstack.project import loopback_without_proxy
from devstack.service import LocalService
from maskmatch.storage.object_stores import FileStore

PAIRS = 300
CALLS_PER_SECOND, LATENCY_MS = 100, 150
CALLS_IN_FLIGHT = 32
GROUP = CALLS_IN_FLIGHT
"""Outcomes that a journal holds at most before they are durable."""
CALLS_OF_THE_SECOND = 40
STOPS = (0.25, 0.4, 0.55, 0.4)
LATE_ROUND = 3
PLAIN_ROUNDS = (1, LATE_ROUND)
GOALS = {
    "zombie_calls": ("<=", 0),
    "paid_again_of_bound": ("<=", 1),
    "zombie_most_seconds": ("<=", 5),
    "zombies_that_ended_well": ("<=", 0),
    "others_that_failed": ("<=", 0),
    "not_paid": ("<=", 0),
}


_PATIENCE_SECONDS = 60


_LOOK_SECONDS = 0.01


class Task(Protocol):
    """A process that compares the pairs."""

    @property
    def pid(self) -> int:
        """Return its process id."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Return None while it runs."""
        ...


Start = Callable[[str, str], Task]
"""Starts a task with this name that calls this endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """When the first is stopped, by the requests it sent, and goes on, by those of the second or its end.

    `calls_before_work`: requests of each task that have nothing to do with the work.
    """

    service_port: int
    stop_after: int
    go_on_after: int | None
    calls_before_work: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How both ended: requests of the first after it went on, and how long it lived on (seconds)."""

    zombie_calls: int
    zombie_seconds: float
    in_flight_when_stopped: int
    exit_codes: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one round."""

    ending: Ending
    paid_again: int
    pairs_paid: int


def run(quick: bool) -> dict[str, float]:
    """Play four rounds, two of them also with the plain client (quick: one with both)."""
    numbers = (1,) if quick else range(len(STOPS))
    ours = [_play(number, MaskmatchStarter) for number in numbers]
    plain = [_play(number, PlainStarter) for number in numbers if number in PLAIN_ROUNDS]
    figures = {"pairs_of_a_round": PAIRS, "rounds": len(ours), **_common(ours), **_ours(ours)}
    beside = {f"plain_{name}": value for name, value in _common(plain).items()}
    return figures | {"plain_rounds": len(plain)} | beside


def _play(number: int, starter: "type[MaskmatchStarter | PlainStarter]") -> Round:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ends:
        home = Path(folder)
        service = LocalService(
            home / "service", scores="hash", calls_per_second=CALLS_PER_SECOND, latency_ms=LATENCY_MS
        )
        ends.enter_context(service)
        write_dataset(FileStore(home / "in"), PAIRS)
        scenario = Scenario(
            service_port=service.port,
            stop_after=int(STOPS[number] * PAIRS),
            go_on_after=None if number == LATE_ROUND else CALLS_OF_THE_SECOND,
            calls_before_work=starter.calls_before_work,
        )
        ending = play(scenario, starter(home, service, ends))
        meter = service.meter()
    return Round(ending, meter["paid_again"], meter["distinct_billed_pairs"])


class MaskmatchStarter:
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

    def __call__(self, name: str, endpoint: str) -> Task:
        """Start a task."""
        options = {
            "date": DAY,
            "source": f"file://{self._home}/in",
            "warehouse": f"file://{self._home}/out",
            "permit-store": f"sqlite:///{self._home}/permits.sqlite3",
            "endpoint": endpoint,
            "protocol": "http",
            "calls-per-second": CALLS_PER_SECOND,
            "calls-in-flight": CALLS_IN_FLIGHT,
        }
        words = [f"--{option}={value}" for option, value in options.items()]
        command = [sys.executable, "-m", "maskmatch.cli", "run", *words]
        log = self._home / f"{name}.log"
        return self._ends.enter_context(ChildProcess(command, log=log, environment=self._environment))


class PlainStarter:
    """Starts what people write first."""

    calls_before_work = 0

    def __init__(self, home: Path, service: LocalService, ends: ExitStack) -> None:
        self._home = home
        self._service = service
        self._ends = ends

    def __call__(self, name: str, endpoint: str) -> Task:
        """Start a task."""
        account = account_of(self._service, calls_per_second=CALLS_PER_SECOND)
        plain = PlainClient(
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
        return PlainTask(process)


@dataclass(frozen=True, slots=True)
class PlainTask:
    """A process of the plain client."""

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
    endings = [each.ending for each in rounds]
    return {
        "zombie_calls": sum(each.zombie_calls for each in endings),
        "zombie_most_seconds": round(max(each.zombie_seconds for each in endings), 2),
        "in_flight_when_stopped": sum(each.in_flight_when_stopped for each in endings),
        "paid_again": sum(each.paid_again for each in rounds),
        "not_paid": sum(PAIRS - each.pairs_paid for each in rounds),
    }


def _ours(rounds: Sequence[Round]) -> dict[str, float]:
    codes = [each.ending.exit_codes for each in rounds]
    shares = [each.paid_again / (each.ending.in_flight_when_stopped + GROUP) for each in rounds]
    return {
        "paid_again_of_bound": round(max(shares), 3),
        "zombies_that_ended_well": sum(first == 0 for first, _ in codes),
        "others_that_failed": sum(second != 0 for _, second in codes),
    }


def play(scenario: Scenario, start: Start) -> Ending:
    """Run both tasks to their ends; raise TimeoutError when one does not get as far as it should."""
    with Relay(scenario.service_port) as first_proxy, Relay(scenario.service_port) as second_proxy:
        first = start("first", first_proxy.endpoint)
        _wait(
            lambda: (
                len(first_proxy.sent) >= scenario.stop_after + scenario.calls_before_work or _has_ended(first)
            )
        )
        with _stopped(first):
            in_flight = first_proxy.in_flight
            second = start("second", second_proxy.endpoint)
            wanted = (scenario.go_on_after or 0) + scenario.calls_before_work
            _wait(lambda: _has_ended(second) or (scenario.go_on_after and len(second_proxy.sent) >= wanted))
            went_on = time.monotonic()
        _wait(lambda: _has_ended(first))
        seconds = time.monotonic() - went_on
        _wait(lambda: _has_ended(second))
        codes = (first.exit_code or 0, second.exit_code or 0)
        return Ending(first_proxy.sent_since(went_on), seconds, in_flight, codes)


@contextmanager
def _stopped(task: Task) -> Iterator[None]:
    os.kill(task.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(task.pid, signal.SIGCONT)


def _has_ended(task: Task) -> bool:
    return task.exit_code is not None


def _wait(has_come: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not has_come():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached in {_PATIENCE_SECONDS} s")
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main("twin_tasks", __doc__, run, GOALS))

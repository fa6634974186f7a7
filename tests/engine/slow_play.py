"""Whole engines against a simulated slow service, on simulated time: what was sent, lost and answered when.

Everything of a run is the project's own: `compare_pairs` with dispatcher, capacity, breaker and retries, the
pacer, and a coordinator over one document in memory for all processes. Simulated are time, threads, the
service, the way to it, images and journal.
"""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import CallFailed, MaskmatchError, SlotMissed
from maskmatch.core.image_rules import Picture
from maskmatch.core.outcomes import Answer
from maskmatch.core.pairs import Pair
from maskmatch.engine.context import CompareContext
from maskmatch.engine.progress import Progress
from maskmatch.engine.run import compare_pairs
from maskmatch.permits.coordinator import PermitCoordinator
from tests.engine.slow_services import Service
from tests.engine.turns import Turns, TurnsClock, TurnsLoop
from tests.engine.turns_permits import TurnsDocument, TurnsPacer
from tests.fakes import FakeClient, FakeImages, ListJournal, pair

TIME_LIMIT = 10.0
_WAY_SECONDS = 0.0015
LOST = CallFailed(rule_for("ConnectionError"), "no answer in time")


@dataclass(kw_only=True)
class Play:
    """What a scenario needs; pairs are shared out among processes, which start at `starts`."""

    rate: float
    pairs: int
    service: Callable[[Turns, int], Service]
    seed: int = 0
    starts: Sequence[float] = (0.0,)
    refusal: str = "RequestLimitExceeded"
    most_seconds: float = 600.0


@dataclass(kw_only=True)
class Process:
    """What one process did: when it sent its calls, when they were answered, when all were sent once."""

    number: int
    fresh: int
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    all_sent_at: float | None = None
    maybe_billed: int = 0
    opened: int = 0

    def note(self, text: str) -> None:
        self.opened += "the service is down" in text


@dataclass
class Played:
    """What came of a play."""

    processes: list[Process]
    lost: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    in_flight: list[tuple[float, int]] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def sent(self) -> list[float]:
        """Return when calls were sent, in order."""
        return sorted(at for process in self.processes for at in process.sent)

    @property
    def answered(self) -> list[float]:
        """Return when calls were answered, in order."""
        return sorted(at for process in self.processes for at in process.answered)

    @property
    def maybe_billed(self) -> int:
        """Return how many calls the journals hold as perhaps billed."""
        return sum(process.maybe_billed for process in self.processes)


def play(scenario: Play) -> Played:
    """Let all processes compare their pairs."""
    before = random.getstate()
    random.seed(scenario.seed)  # the pacer draws how long it gives way
    try:
        return _World(scenario).run()
    finally:
        random.setstate(before)


class _World:
    def __init__(self, scenario: Play) -> None:
        self.scenario = scenario
        self.turns = Turns()
        self.clock = TurnsClock(self.turns)
        self.service = scenario.service(self.turns, scenario.seed)
        self.document = TurnsDocument(self.turns)
        processes = len(scenario.starts)
        self.played = Played(
            [Process(number=number, fresh=scenario.pairs // processes) for number in range(processes)]
        )
        self.stops = [threading.Event() for _ in range(processes)]
        self.draw, self.out = random.Random(scenario.seed), 0

    def run(self) -> Played:
        self.turns.at(self.scenario.most_seconds, self._stop)
        self.turns.run(
            [
                (start, lambda process=process, stop=stop: self._compare(process, stop))  # type: ignore[misc]
                for start, process, stop in zip(
                    self.scenario.starts, self.played.processes, self.stops, strict=True
                )
            ]
        )
        self.played.ended_at = self.turns.now
        return self.played

    def _stop(self) -> None:
        for stop in self.stops:
            stop.set()

    def _compare(self, process: Process, stop: threading.Event) -> None:
        rate, number = self.scenario.rate, process.number
        coordinator = PermitCoordinator(self.document, calls_per_second=rate, who=f"host{number}:1")
        journal = ListJournal()
        context: CompareContext[Any] = CompareContext(
            images=FakeImages(),
            client=_Client(self, process),
            permits=TurnsPacer(self.turns, coordinator, rate),
            journal=journal,
            progress=Progress(process.fresh, clock=self.clock, say=lambda _: None),
            clock=self.clock,
            calls_per_second=rate,
            call_timeout=TIME_LIMIT,
            stop=stop,
            warn=process.note,
            jitter=self.draw.random,
            new_loop=lambda: TurnsLoop(self.turns),
        )
        with suppress(MaskmatchError):  # a service that is dead ends the run
            compare_pairs(self._pairs(process, number), context)
        process.maybe_billed = sum(entry.calls.maybe_billed for entry in journal.entries)

    def _pairs(self, process: Process, number: int) -> Iterator[tuple[int, Pair]]:
        for order in range(process.fresh):
            yield order, pair(f"p{number}-{order}", reference_id=f"r{number}-{order}")


@dataclass(eq=False, slots=True)
class _Call:
    probe: str
    sent_at: float = 0.0
    seconds: float = 0.0
    bytes_sent: int = 1000
    on_end: Callable[[Any], None] | None = None
    ended: Answer | CallFailed | None = None
    is_over: bool = False


class _Client(FakeClient):
    """The way to the service: answers lie there until the loop wakes for them, or takes them in."""

    def __init__(self, world: _World, process: Process) -> None:
        self._world, self._process = world, process
        self._out: dict[_Call, None] = {}
        self._came: list[tuple[_Call, Answer | CallFailed]] = []
        self._known: set[str] = set()
        self._is_watched = True

    def watch(self, *, watched: bool) -> None:
        self._is_watched = watched
        if watched and self._came:
            self._loop.call_soon(self.take_in)

    def take_in(self) -> None:
        came, self._came = self._came, []
        for call, ended in came:
            self._end(call, ended)
        too_old = self._world.turns.now - TIME_LIMIT
        while self._out and (oldest := next(iter(self._out))).sent_at < too_old:
            self._world.played.lost.append(self._world.turns.now)
            self._end(oldest, LOST)

    def prepare(self, reference: Picture, probe: Picture, *, quality_control: int) -> _Call:
        return _Call((probe.data or b"").decode())

    def is_stale(self, call: _Call) -> bool:
        return False

    def start(self, call: _Call, *, send_by: float, on_end: Callable[[Any], None]) -> None:
        world, now = self._world, self._world.turns.now
        if now > send_by:
            raise SlotMissed("late")
        call.sent_at, call.on_end = now, on_end
        self._out[call] = None
        self._note_sent(call.probe, now)
        world.out += 1
        world.played.in_flight.append((now, world.out))
        way = world.draw.expovariate(1 / _WAY_SECONDS)
        world.turns.at(now + way, lambda: world.service.arrive(*self._hears(call)))

    def _note_sent(self, probe: str, now: float) -> None:
        process = self._process
        process.sent.append(now)
        if probe not in self._known:
            self._known.add(probe)
            if len(self._known) == process.fresh:
                process.all_sent_at = now

    def _hears(self, call: _Call) -> tuple[Callable[[], None], Callable[[], None]]:
        refusal = CallFailed(rule_for(self._world.scenario.refusal), "too much", request_id="r")
        return (
            lambda: self._come(call, Answer(77.0, "3.0", "r")),
            lambda: self._come(call, refusal),
        )

    def _come(self, call: _Call, ended: Answer | CallFailed) -> None:
        if call.is_over:
            return
        self._came.append((call, ended))
        if self._is_watched:
            self._loop.wake(self.take_in)  # type: ignore[attr-defined]

    def _end(self, call: _Call, ended: Answer | CallFailed) -> None:
        if call.is_over:
            return
        world, now = self._world, self._world.turns.now
        call.is_over, call.ended, call.seconds = True, ended, now - call.sent_at
        del self._out[call]
        world.out -= 1
        world.played.in_flight.append((now, world.out))
        if isinstance(ended, Answer):
            self._process.answered.append(now)
            world.played.seconds.append(call.seconds)
        elif ended is not LOST:
            world.played.refused.append(now)
        if call.on_end:
            call.on_end(call)

    def refresh(self) -> bool:
        return False

"""The engine on a simulated clock, network, permit store and journal: all that happens follows from a seed.

python -m tests.engine.simulation --schedules 10000          prints what broke an invariant, and its seed
"""

import argparse
import asyncio
import hashlib
import math
import random
import selectors
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskmatch.core.codes import Billed, ThrottleScope, rule_for
from maskmatch.core.errors import (
    BudgetSpent,
    CallFailed,
    ImageUnusable,
    Interrupted,
    MaskmatchError,
    SlotMissed,
    Unavailable,
)
from maskmatch.core.image_rules import ImageFacts, Picture
from maskmatch.core.outcomes import Answer, Outcome
from maskmatch.core.pairs import Pair
from maskmatch.engine.context import CompareContext
from maskmatch.engine.progress import Progress
from maskmatch.engine.run import compare_pairs
from maskmatch.engine.work import RetryLimits
from tests.fakes import FakeClient, FakeClock, pair

LIMITS = RetryLimits(seconds=60, first_pause=0.1, longest_pause=2.0)
FAULTS = ["InternalError", "FailedOperation.RpcFail", "RequestLimitExceeded", "ClientNetworkError",
          "ConnectionError", "ServerNetworkError", "AuthFailure.SignatureExpire"]  # fmt: skip
BAD = ["InvalidParameterValue.NoFaceInPhoto", "FailedOperation.ImageDecodeFailed"]
MOST_SECONDS = 4000.0
"""No run of so few pairs takes longer."""
RUNS = 300
"""A schedule is cut off and begun again at most so often."""


class Deadlock(Exception):
    """The loop waits for what will never come."""


@dataclass
class Schedule:
    """What happens, as far as it is drawn beforehand."""

    seed: int
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = draw = random.Random(self.seed)
        self.rate = draw.choice([5.0, 20.0, 200.0, 2000.0])
        self.calls_in_flight = draw.choice([None, None, 1, 3, 8])
        self.fault_share = draw.choice([0.0, 0.02, 0.2, 0.4])
        self.latency = draw.choice([0.01, 0.1, 0.5, 2.0])
        self.hang_share = draw.choice([0.0, 0.0, 0.05, 0.3])
        self.drain_seconds = draw.choice([0.03, 0.2, 4.0])
        self.stop_share = draw.choice([0.0, 0.0, 0.5])
        self.trouble_share = draw.choice([0.0, 0.0, 0.02])
        self.late_share = draw.choice([0.0, 0.0, 0.1])
        names = [f"i{number}" for number in range(draw.randint(2, 40))]
        self.bad = {name: draw.choice(BAD) for name in names if draw.random() < 0.05}
        self.missing = {name for name in names if draw.random() < 0.02}
        self.outage = sorted(draw.uniform(0, 20) for _ in range(2)) if draw.random() < 0.2 else [0.0, 0.0]
        drawn = {tuple(draw.sample(names, 2)): None for _ in range(draw.randint(1, 80))}
        sides = [*drawn]
        copying = random.Random(f"copies {self.seed}")
        self.has_copies = copying.random() < 0.25
        if self.has_copies:
            copied = copying.choices(sides, k=copying.randint(1, 40))
            sides += [tuple(copying.sample([f"{a}~", f"{b}~{n}"], 2)) for n, (a, b) in enumerate(copied)]
            copying.shuffle(sides)
        self.pairs = [(n, pair(f"p{n}", reference_id=a, probe_id=b)) for n, (a, b) in enumerate(sides)]


class Clock(FakeClock):
    """Asks a run to stop when its time has come, whoever lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.stop, self.stop_at = threading.Event(), math.inf

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now() >= self.stop_at:
            self.stop.set()


class World:
    """Keeps the books of the simulated vendor, and notes what breaks an invariant."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.draw, self.clock = schedule, schedule.draw, Clock()
        self.broken: list[str] = []
        self.sent: Counter[str] = Counter()
        self.billed = self.unknown = self.left_behind = 0
        self.in_flight: set[str] = set()
        self.ended = 0
        self.not_before: dict[str, float] = {}
        self.setbacks: Counter[str] = Counter()
        self.not_durable: set[str] = set()
        self.final: set[str] = set()
        self.answered: set[str] = set()
        self.slots: Counter[int] = Counter()
        self.granted = self.given_back = 0
        self.entries: list[Outcome] = []
        self.is_running = False
        self.ends_at = 0.0

    def count(self, billed: Billed) -> None:
        """Count a call that has ended while the run goes on."""
        self.billed += billed is Billed.YES
        self.unknown += billed is Billed.UNKNOWN

    def name_of(self, reference_id: str, probe_id: str) -> str:
        """Return the name of a comparison; copies of its images in either order have the same."""
        if not self.schedule.has_copies:
            return f"{reference_id}+{probe_id}"
        return "+".join(sorted((content_of(reference_id), content_of(probe_id))))

    def check(self, holds: bool, text: str) -> None:
        if not holds:
            self.broken.append(text)


class Loop(asyncio.SelectorEventLoop):
    """A loop that waits for nothing: time passes instead, and jobs of threads are done after a while."""

    def __init__(self, world: World) -> None:
        self._world = world
        super().__init__(_Selector(world))

    def time(self) -> float:
        return self._world.clock.now()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        job = self.create_future()
        self.call_later(self._world.draw.expovariate(200), _do, job, func, *args)
        return job


def _do(job: asyncio.Future[Any], func: Callable[..., Any], *args: Any) -> None:
    if job.done():
        return
    try:
        job.set_result(func(*args))
    except Exception as error:  # noqa: BLE001  raised where the result is taken
        job.set_exception(error)


class _Selector(selectors.SelectSelector):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or self._world.clock.now() > self._world.ends_at:
            raise Deadlock
        self._world.clock.sleep(max(0.0, timeout))
        return super().select(0)


def content_of(image_id: str) -> str:
    """Return what an image is: `i3~` and `i3~7` are copies of `i3`."""
    return image_id.partition("~")[0]


@dataclass(eq=False)
class Call:
    """A simulated call."""

    images: tuple[str, str]
    prepared_at: float
    seconds: float = 0.0
    bytes_sent: int = 1000
    ended: Answer | CallFailed | None = None


class Client(FakeClient):
    """The vendor and the way to it."""

    def __init__(self, world: World, context: Callable[[], CompareContext[Call]]) -> None:
        self._world = world
        self._context = context

    def prepare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Call:
        world = self._world
        images = ((reference.data or b"").decode(), (probe.data or b"").decode())
        return Call(images, world.clock.now())

    def is_stale(self, call: Call) -> bool:
        return self._world.clock.now() - call.prepared_at > 15

    def start(self, call: Call, *, send_by: float, on_end: Callable[[Call], None]) -> None:
        world, now = self._world, self._world.clock.now()
        if now > send_by:
            raise SlotMissed("late")
        key = self._world.name_of(*call.images)
        if world.schedule.has_copies:
            others = [number for number in world.in_flight if number.startswith(f"{key}#")]
            world.check(not others, f"{key} was called for two pairs at once")
            world.check(key not in world.answered, f"{key} was called though it had an answer")
        else:
            is_in_time = now >= world.not_before.get(key, 0.0) - 1e-6
            world.check(is_in_time, f"{key} was tried again ahead of its time")
            is_durable = key not in world.not_durable
            world.check(is_durable, f"{key} was called again before its last call was durable")
        world.check(world.is_running, f"{key} was sent after the run")
        world.check(not self._context().stop.is_set(), f"{key} was sent after the stop")
        most = self._most()
        world.in_flight.add(f"{key}#{world.sent[key]}")
        world.sent[key] += 1
        world.check(len(world.in_flight) <= most, f"{len(world.in_flight)} in flight, {most} allowed")
        call.ended, call.seconds = self._drawn(call, now)
        self._loop.call_later(call.seconds, self._end, call, f"{key}#{world.sent[key] - 1}", on_end)

    def _most(self) -> int:
        """Return how many may be in flight: at most those given, and no more than half a second of the rate
        and one for each call that has ended, which is the most that the law can learn from it.
        """
        given = self._context().calls_in_flight or 400
        return min(given, max(1, int(self._world.schedule.rate / 2)) + self._world.ended)

    def _drawn(self, call: Call, now: float) -> tuple[Answer | CallFailed, float]:
        world, schedule = self._world, self._world.schedule
        seconds = world.draw.expovariate(1 / schedule.latency)
        code = next((schedule.bad[name] for name in call.images if name in schedule.bad), None)
        since = now - 1000
        if schedule.outage[0] <= since < schedule.outage[1] or world.draw.random() < schedule.hang_share:
            code, seconds = "ConnectionError", self._context().call_timeout
        elif world.draw.random() < schedule.fault_share:
            code = world.draw.choice(FAULTS)
        if code is None:
            return Answer(77.0, "3.0", "r"), seconds
        return CallFailed(rule_for(code), "simulated", request_id="r"), seconds

    def _end(self, call: Call, number: str, on_end: Callable[[Call], None]) -> None:
        world, key = self._world, self._world.name_of(*call.images)
        world.in_flight.discard(number)
        world.ended += 1
        if isinstance(call.ended, Answer):
            world.answered.add(key)
        world.count(Billed.YES if isinstance(call.ended, Answer) else call.ended.rule.billed)
        code = call.ended.rule.code if isinstance(call.ended, CallFailed) else None
        if code in FAULTS:
            world.setbacks[key] += 1
            pause = 0.0 if code.startswith("Auth") else LIMITS.pause(world.setbacks[key], 1.0)
            world.not_before[key] = world.clock.now() + pause
        on_end(call)

    def refresh(self) -> bool:
        return True


class Images:
    """A store where some images are missing."""

    def __init__(self, schedule: Schedule) -> None:
        self._missing = schedule.missing
        self._are_read = schedule.has_copies

    def load(self, image_id: str) -> Picture:
        data = content_of(image_id).encode()
        if data.decode() in self._missing:
            raise ImageUnusable("image_missing", "there is no object under this key")
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return Picture(data=data, facts=ImageFacts(store_host="s3", md5=md5) if self._are_read else None)


class Permits:
    """Slots at the rate; some come too late, and now and then the store is away."""

    processes = 1
    paused: str | None = None

    def __init__(self, world: World) -> None:
        self._world = world
        self._next = 0.0
        self._numbers: dict[float, int] = {}

    def book(self, calls: Callable[[], int], stop: threading.Event | None = None) -> Sequence[float]:
        world, schedule = self._world, self._world.schedule
        if stop and stop.is_set():
            raise Interrupted("stopped")
        if world.draw.random() < schedule.trouble_share:
            raise world.draw.choice([Unavailable("away"), BudgetSpent("spent", window="day", until=None)])
        now = world.clock.now()
        self._next = max(self._next, now)
        count = min(calls(), max(0, int((now + 0.1 - self._next) * schedule.rate) + 1))
        slots = [self._next + n / schedule.rate for n in range(count)]
        self._next += count / schedule.rate
        if world.draw.random() < schedule.late_share:
            slots = [slot - 1.0 for slot in slots]
        world.granted += count
        for slot in slots:
            world.slots[slot] += 1
        return slots

    def passed(self, slot: float, *, used: bool) -> bool:
        world = self._world
        world.slots[slot] -= 1
        world.check(world.slots[slot] >= 0, "a slot was passed twice")
        in_time = world.clock.now() - slot <= 0.25
        if not (in_time and used):
            world.given_back += 1
        return in_time

    def unbilled(self) -> None:
        self._world.given_back += 1

    def throttled(self, scope: ThrottleScope) -> None:
        pass


class Journal:
    """Entries; it is full now and then, and entered into only while the run goes on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.entries: list[Outcome] = []
        self._pairs = {each.pair_id: each for _, each in world.schedule.pairs}

    @property
    def is_full(self) -> bool:
        return self._world.draw.random() < 0.05

    def enter(self, outcome: Outcome) -> None:
        self._world.check(self._world.is_running, f"{outcome.pair_id} was entered after the run")
        self._world.check(outcome.pair_id not in self._world.final, f"{outcome.pair_id} ended twice")
        if outcome.is_final or (outcome.reason and outcome.reason.code == "image_missing"):
            self._world.final.add(outcome.pair_id)
        self.entries.append(outcome)
        each = self._pairs[outcome.pair_id]
        bad = {content_of(each.reference_id), content_of(each.probe_id)} & self._world.schedule.bad.keys()
        if outcome.score is not None or (outcome.reason and outcome.reason.vendor_code in BAD):
            self._world.check(bool(bad) != (outcome.score is not None), f"{outcome.pair_id} has a wrong end")
        if outcome.calls.maybe_billed and not outcome.is_final:
            self._world.not_durable.add(self._world.name_of(each.reference_id, each.probe_id))

    def wait_for_room(self) -> None:
        pass

    def flush(self) -> None:
        self._world.not_durable.clear()


def play(seed: int) -> list[str]:
    """Play a schedule to its end, over as many runs as it takes; return what broke an invariant."""
    schedule = Schedule(seed)
    world = World(schedule)
    left: list[tuple[int, Pair]] = schedule.pairs
    for _ in range(RUNS):
        journal = Journal(world)
        _run(world, journal, left)
        world.entries += journal.entries
        _check_books(world)
        left = [(order, each) for order, each in schedule.pairs if each.pair_id not in world.final]
        open_ = {o.pair_id for o in journal.entries if o.reason and not o.is_final}
        if not left or world.broken:
            break
        if all(each.pair_id in open_ for _, each in left) and schedule.outage[1] < world.clock.now() - 1000:
            schedule.fault_share = schedule.hang_share = 0.0  # what stays open is tried in better times
    world.check(not left or bool(world.broken), f"{len(left)} pairs without an end")
    return world.broken


def _run(world: World, journal: Journal, left: list[tuple[int, Pair]]) -> None:
    schedule, holder = world.schedule, []
    context: CompareContext[Call] = CompareContext(
        images=Images(schedule),
        client=Client(world, lambda: holder[0]),
        permits=Permits(world),
        journal=journal,
        progress=Progress(len(left), clock=world.clock, say=lambda _: None),
        clock=world.clock,
        calls_per_second=schedule.rate,
        calls_in_flight=schedule.calls_in_flight,
        limits=LIMITS,
        drain_seconds=schedule.drain_seconds,
        warn=lambda _: None,
        jitter=lambda: 1.0,
        new_loop=lambda: Loop(world),
    )
    holder.append(context)
    will_stop = world.draw.random() < schedule.stop_share
    world.clock.stop = context.stop
    world.clock.stop_at = (
        world.clock.now() + world.draw.uniform(0, 2 * len(left) / schedule.rate) if will_stop else math.inf
    )
    world.is_running, world.ended = True, 0
    world.ends_at = world.clock.now() + MOST_SECONDS
    world.setbacks.clear()
    world.not_before.clear()
    world.answered.clear()
    try:
        compare_pairs(iter(left), context)
    except Deadlock:
        world.broken.append("the run does not end")
    except MaskmatchError:
        pass
    else:
        entered = {outcome.pair_id for outcome in journal.entries}
        lost = [each.pair_id for _, each in left if each.pair_id not in entered]
        world.check(not lost, f"the run is complete without {lost}")
    world.is_running = False
    world.left_behind += len(world.in_flight)
    world.in_flight.clear()
    world.not_durable.clear()


def _check_books(world: World) -> None:
    calls = [entry.calls for entry in world.entries]
    sent = world.sent.total()
    world.check(
        sum(c.attempts for c in calls) == sent, f"{sum(c.attempts for c in calls)} of {sent} calls entered"
    )
    # A call that was left behind is entered as unknown, whatever the vendor makes of it.
    billed, perhaps = sum(c.billed for c in calls), sum(c.maybe_billed for c in calls)
    known, unknown = billed + perhaps, world.unknown + world.left_behind
    world.check(billed == world.billed, f"{billed} entered as billed, {world.billed} were billed")
    world.check(perhaps == unknown, f"{perhaps} entered as perhaps billed, {unknown} were unknown")
    spent = world.granted - world.given_back
    world.check(spent == known, f"{spent} permits spent, {known} calls billed or perhaps")
    world.check(not any(world.slots.values()), f"{sum(world.slots.values())} permits lost")


def main() -> int:
    """Play many schedules, and print the seeds of those that broke an invariant."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--schedules", type=int, default=300, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default %(default)s)")
    parser.add_argument("--until-broken", action="store_true", help="end at the first that broke one")
    options = parser.parse_args()
    played = broken = 0
    for seed in range(options.first, options.first + options.schedules):
        played += 1
        if found := play(seed):
            broken += 1
            sys.stdout.write(f"seed {seed}: {found[0]}\n")
            if options.until_broken:
                break
    sys.stdout.write(f"{played} schedules, {broken} broke an invariant\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

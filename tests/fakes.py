"""Small stand-ins for the world around the core."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from maskmatch.core.alerts import Alert
from maskmatch.core.clock import Clock
from maskmatch.core.codes import Billed, ThrottleScope, rule_for
from maskmatch.core.errors import CallFailed, ImageUnusable, Interrupted
from maskmatch.core.image_rules import Picture
from maskmatch.core.outcomes import Answer, Outcome
from maskmatch.core.pairs import Pair
from maskmatch.core.waits import Waits
from maskmatch.permits.steps.claims import Claim, Grant, Priority
from maskmatch.permits.steps.orders import Order


class FakeClock:
    """A clock that stands still until somebody sleeps on it."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds

    def wait(self, event: threading.Event, seconds: float) -> None:
        self.sleep(seconds)


def waits_that_tell(told: list[Alert], **options: Any) -> Waits:
    """Return waits of which a person hears at once."""

    def tell(alert: Alert) -> None:
        told.append(alert)
        waits.heard(alert.cause)

    waits = Waits(tell=tell, **options)
    return waits


class FreeCoordinator:
    """Grants every slot at once, and counts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.granted = self.refused = self.given_back = 0
        self.scopes: list[ThrottleScope] = []

    def reserve(self, calls: int, claim: Claim, *, unbilled: int = 0) -> Grant:
        self.granted += calls
        self.given_back += unbilled
        return Grant(delays=(0.0,) * calls)

    def refund(self, calls: int, claim: Claim) -> None:
        self.given_back += calls

    def throttled(self, scope: ThrottleScope) -> None:
        self.refused += 1
        self.scopes.append(scope)

    def pause_order(self, run_id: str) -> Order | None:
        return None


A_CLAIM = Claim(run_id="a-run", priority=Priority.NIGHTLY)


class FakeImages:
    """Every key is an image but those named as missing."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def load(self, image_id: str) -> Picture:
        if image_id in self.missing:
            raise ImageUnusable("image_missing", "there is no object under this key")
        return Picture(data=image_id.encode())


class ThreadEach(Executor):
    """Does each job in a thread of its own."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  raised where the result is taken
                future.set_exception(error)

        threading.Thread(target=work, name="vendor", daemon=True).start()
        return future


@dataclass(eq=False)
class FakeCall:
    """A call whose answer takes no time on a clock that stands still."""

    reference: Picture
    probe: Picture
    options: dict[str, int]
    ended: Answer | CallFailed | None = None
    seconds: float = 0.0
    bytes_sent: int = 1000


class FakeClient:
    """What every client of these tests does on the loop."""

    def attach(self) -> None:
        self._loop = asyncio.get_running_loop()

    def watch(self, *, watched: bool) -> None:
        pass

    def take_in(self) -> None:
        pass

    def give_up(self, call: Any) -> None:
        pass

    def answered_by(self, call: Any) -> str | None:
        return "fake"

    def answer(self, call: Any) -> Answer:
        if isinstance(call.ended, Answer):
            return call.ended
        raise call.ended or RuntimeError("the call has not ended")


class FakeComparer(FakeClient):
    """Answers with a script per probe: vendor codes in turn, then a score, unless an image is bad.

    A code with a trailing "!" never left the host. `billed` counts what the vendor would charge for sure.
    Each call that is started is made by `compare` in a thread of its own, so that it may block.
    """

    def __init__(
        self,
        scripts: dict[str, list[str]] | None = None,
        score: float = 77.0,
        *,
        bad: dict[str, str] | None = None,
    ) -> None:
        self.scripts = scripts or {}
        self.score = score
        self.bad = bad or {}
        self.calls: list[str] = []
        self.pairs: list[tuple[str, str]] = []
        self.billed = 0
        self.credentials = 0
        self.refreshed = 0
        self.on_call: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._vendor = ThreadEach()

    def prepare(self, reference: Picture, probe: Picture, **options: int) -> FakeCall:
        return FakeCall(reference, probe, options)

    def is_stale(self, call: FakeCall) -> bool:
        return False

    def start(self, call: FakeCall, *, send_by: float, on_end: Callable[[FakeCall], None]) -> None:
        job = self._loop.run_in_executor(self._vendor, self._make, call)
        job.add_done_callback(lambda done: None if done.cancelled() else on_end(call))

    def _make(self, call: FakeCall) -> None:
        try:
            call.ended = self.compare(call.reference, call.probe, **call.options)
        except CallFailed as failure:
            call.ended = failure

    def compare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Answer:
        names = ((reference.data or b"").decode(), (probe.data or b"").decode())
        with self._lock:
            code = self._code(names)
        self.on_call()
        if code:
            raise _failure(code)
        return Answer(self.score, "3.0", "r-2")

    def refresh(self) -> bool:
        self.refreshed += 1
        self.credentials -= 1
        return self.credentials >= 0

    @property
    def sent(self) -> int:
        return len(self.calls)

    def _code(self, names: tuple[str, str]) -> str | None:
        script = self.scripts.get(names[1])
        code = script.pop(0) if script else next((self.bad[name] for name in names if name in self.bad), None)
        if code is None or not code.endswith("!"):
            self.calls.append(names[1])
            self.pairs.append(names)
        self.billed += code is None or rule_for(code).billed is Billed.YES
        return code


def _failure(code: str) -> CallFailed:
    rule = rule_for(code.removesuffix("!"))
    if code.endswith("!"):
        return CallFailed(replace(rule, billed=Billed.NO), "cannot be reached", never_sent=True)
    return CallFailed(rule, "as the script says", request_id="r-1")


class FakePermits:
    """Grants every permit at once, until it is told to raise something.

    Its slots are times of the clock of whoever uses them: on another they may lie far ahead.
    """

    processes = 1
    paused: str | None = None

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or FakeClock()
        self.slots: list[float] = []
        self.granted = self.given_back = 0
        self.scopes: list[ThrottleScope] = []
        self.error: Exception | None = None
        self.error_after = 0
        self._lock = threading.Lock()

    def book(self, calls: Callable[[], int], stop: threading.Event | None = None) -> list[float]:
        with self._lock:
            if stop and stop.is_set():
                raise Interrupted("asked to stop while waiting for a permit")
            wanted = calls()
            if self.error:
                wanted = min(wanted, self.error_after - self.granted)
                if wanted < 1:
                    raise self.error
            self.granted += wanted
            self.slots += (slots := [self._clock.now()] * wanted)
            return slots

    def passed(self, slot: float, *, used: bool) -> bool:
        if not used:
            self.unbilled()
        return True

    def unbilled(self) -> None:
        with self._lock:
            self.given_back += 1

    def throttled(self, scope: ThrottleScope) -> None:
        self.scopes.append(scope)


class ListJournal:
    """Keeps outcomes in a list, and which of them are durable."""

    def __init__(self) -> None:
        self.entries: list[Outcome] = []
        self.durable: list[Outcome] = []

    is_full = False

    def enter(self, outcome: Outcome) -> None:
        self.entries.append(outcome)

    def wait_for_room(self) -> None:
        pass

    def flush(self) -> None:
        self.durable = list(self.entries)

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the last entry of each pair, with the calls of all its entries."""
        known: dict[str, Outcome] = {}
        for entry in self.entries:
            earlier = known.get(entry.pair_id)
            known[entry.pair_id] = (
                replace(entry, calls=entry.calls.after(earlier.calls)) if earlier else entry
            )
        return list(known.values())


def pair(name: str, **changes: object) -> Pair:
    """Return a sound pair whose probe carries its name."""
    fields: dict[str, object] = {
        "pair_id": name,
        "reference_id": "images/reference.jpg",
        "probe_id": name,
        "quality_control": 0,
        "manifest_file": "pairs.csv",
        "manifest_row": 2,
    }
    return Pair(**fields | changes)  # type: ignore[arg-type]

"""Small stand-ins for the world around the core."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from maskmatch.core.codes import rule_for
from maskmatch.core.engine import Answer
from maskmatch.core.errors import CallFailed, ImageUnusable
from maskmatch.core.images import Picture
from maskmatch.core.outcomes import Outcome
from maskmatch.core.pairs import Pair


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


class FreeBroker:
    """Grants every slot at once, and counts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.granted = self.refused = 0

    def reserve(self, calls: int) -> Sequence[float]:
        self.granted += calls
        return [self.clock.now()] * calls

    def throttled(self) -> None:
        self.refused += 1


class FakeImages:
    """Every key is an image but those named as missing."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def load(self, image_id: str) -> Picture:
        if image_id in self.missing:
            raise ImageUnusable("image_missing", "there is no object under this key")
        return Picture(data=image_id.encode())


class FakeComparer:
    """Answers with a script per probe: vendor codes in turn, then a score."""

    def __init__(self, scripts: dict[str, list[str]] | None = None, score: float = 77.0) -> None:
        self.scripts = scripts or {}
        self.score = score
        self.calls: list[str] = []
        self.on_call: Callable[[], None] = lambda: None

    def compare(self, reference: Picture, probe: Picture, *, quality_control: int) -> Answer:
        name = (probe.data or b"").decode()
        self.calls.append(name)
        self.on_call()
        if script := self.scripts.get(name):
            raise CallFailed(rule_for(script.pop(0)), "as the script says", request_id="r-1")
        return Answer(self.score, "3.0", "r-2")


class ListJournal:
    """Keeps outcomes in a list."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


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

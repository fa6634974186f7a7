"""An engine of fakes, for tests of how pairs are compared."""

from collections.abc import Callable
from typing import Any

from maskmatch.core.pairs import Pair
from maskmatch.engine.context import CompareContext
from maskmatch.engine.progress import Progress
from tests.engine.simulated_loop import SimulatedLoop
from tests.fakes import FakeClock, FakeComparer, FakeImages, FakePermits, ListJournal, pair


def quiet(_: str) -> None:
    """Say nothing."""


def engine(*, warn: Callable[[str], None] = quiet, **changes: Any) -> CompareContext[Any]:
    """Return an engine of four calls in flight whose clock stands still, with other parts as given.

    Time passes for it while nothing happens: a pause takes no time.
    """
    clock = changes.pop("clock", FakeClock())
    parts = {
        "images": FakeImages(),
        "client": FakeComparer(),
        "permits": FakePermits(clock),
        "journal": ListJournal(),
        "progress": Progress(changes.pop("total", 0), clock=clock, say=quiet),
        "clock": clock,
        "calls_per_second": 50.0,
        "calls_in_flight": 4,
        "warn": warn,
        **({"new_loop": lambda: SimulatedLoop(clock)} if isinstance(clock, FakeClock) else {}),
    }
    return CompareContext(**parts | changes)


def numbered(*names: str) -> list[tuple[int, Pair]]:
    """Return sound pairs with a reference and a probe of their own, in call order."""
    return list(enumerate(pair(name, reference_id=f"of-{name}") for name in names))

"""The permit store and the pacer of a process, on the simulated time of many threads."""

from collections.abc import Callable
from typing import TypeVar

from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.document import Moment, Step
from tests.engine.turns import Turns, TurnsClock, TurnsCondition
from tests.fakes import A_CLAIM
from tests.permits.documents import MemoryDocument

T = TypeVar("T")
_TRIP_SECONDS = 0.001
"""To the store and back."""
_BEGAN = 1000.0
"""What the clock of the store shows at the start."""


class TurnsDocument(MemoryDocument):
    """The shared document, some time away."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def change(self, step: Step[T], *, record: Callable[[Moment], bytes] | None = None) -> T:
        self._turns.wait(_TRIP_SECONDS)
        self.pass_time(self.now() - self.time)
        return super().change(step, record=record)

    def now(self) -> float:
        return self._turns.now + _BEGAN


class TurnsPacer(Pacer):
    """The pacer, whose thread waits in simulated time for slots to pass."""

    def __init__(self, turns: Turns, coordinator: PermitCoordinator, calls_per_second: float) -> None:
        clock = TurnsClock(turns)
        super().__init__(coordinator, A_CLAIM, calls_per_second=calls_per_second, clock=clock)
        self._some_passed = TurnsCondition(turns, self._lock)  # type: ignore[assignment]

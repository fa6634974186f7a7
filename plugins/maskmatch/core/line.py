"""The line on which calls leave: one thread sends each at its slot and takes in the answers of all.

    loaders ──put──> ready ──slot has come──> out ──answer or failure──> ended ──take──> who finishes them
                       └ another thread books slots for those that are ready

Nothing here waits for a single call. So few threads keep any number of calls under way, and what is done for
one call (load, sign, check, record) is done for several in a row, which costs a third of the processor time.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic

from maskmatch.core.breaker import Breaker
from maskmatch.core.concurrency import Room
from maskmatch.core.engine import C, Engine
from maskmatch.core.errors import Interrupted, SlotMissed
from maskmatch.core.pacing import LATE_SECONDS
from maskmatch.core.retries import Trial

_NEVER = datetime.min.replace(tzinfo=UTC)
_IDLE_SECONDS = 0.05
_LEAST_WAIT_SECONDS = _MOMENT_SECONDS = 0.001
_STOP_SECONDS = 0.2
_MOST_ENDED = 64


@dataclass(slots=True, eq=False)
class Ready(Generic[C]):
    """A pair whose call is prepared, with which credential; from its slot on also the breaker's ticket."""

    trial: Trial
    call: C
    generation: int
    ticket: int = 0
    called_at: datetime = _NEVER


class Line(Generic[C]):
    """Sends what is put on it; `put` is for many threads, `take` and `leave` for one."""

    def __init__(
        self,
        engine: Engine[C],
        breaker: Breaker,
        room: Room,
        *,
        put_back: Callable[[Trial], None],
        on_error: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._pacer, self._now, self._utc = engine.pacer, engine.clock.now, engine.clock.utc
        self._verdicts = engine.verdicts
        self._breaker = breaker
        self._room = room
        self._put_back = put_back
        self._on_error = on_error
        self._ready: deque[Ready[C]] = deque()
        self._places = 0  # of calls that are ready or being prepared
        self._is_filling = True
        self._slots: deque[float] = deque()
        self._out: dict[C, Ready[C]] = {}
        self._ended: list[Ready[C]] = []
        self._taken = 0  # those that ended and are being finished
        self._lock = threading.Lock()
        self._wants_calls = threading.Condition(self._lock)
        self._wants_slots = threading.Condition(self._lock)
        self._has_ended = threading.Condition(self._lock)
        self._is_held_up = False  # there may be slots, but nothing to send or no room for it
        self._is_left = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"compare-{name}", daemon=True)
            for name, work in (("line", self._send_and_receive), ("slots", self._book))
        ]
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start the two threads of the line."""
        for thread in self._threads:
            thread.start()

    def place(self) -> bool:
        """Wait for a place for one more call, to be filled or given up by `put`; False at the end."""
        with self._lock:
            while not self._has_place():
                if self._is_over():
                    return False
                self._wants_calls.wait(_STOP_SECONDS)
            self._places += 1
            self._is_filling = self._places < self._room.ahead
            if self._is_filling and self._room.loads_are_slow:
                self._wants_calls.notify()
        return True

    def put(self, ready: Ready[C] | None) -> None:
        """Fill a place, or give it up."""
        with self._lock:
            if ready and not self._is_left:
                self._ready.append(ready)
                self._go_on()
                return
            self._places -= 1
            self._wants_calls.notify()
        if ready:
            self._give_back(ready)

    def take(self, seconds: float) -> list[Ready[C]]:
        """Return the calls that have ended: when they are a few, or after so many seconds."""
        with self._lock:
            if self._taken:
                self._taken = 0
                self._go_on()
            is_full = self._ended and self._unfinished >= self._room.under_way
            if len(self._ended) < self._room.a_few and not is_full:
                self._has_ended.wait(seconds if self._places or self._unfinished else _MOMENT_SECONDS)
            ended, self._ended = self._ended, []
            self._taken = len(ended)
        return ended

    @property
    def under_way(self) -> int:
        """Return how many calls are out."""
        return len(self._out)

    @property
    def is_busy(self) -> bool:
        """Say whether any call is ready, out, or ended and not taken."""
        with self._lock:
            return bool(self._places or self._unfinished)

    @property
    def has_calls(self) -> bool:
        """Say whether any call is out, or ended and not finished."""
        with self._lock:
            return self._unfinished > 0

    @property
    def is_starved(self) -> bool:
        """Say whether there is hardly a call ready, and room for more."""
        return 2 * len(self._ready) < self._room.ahead and self._unfinished < self._room.under_way

    def leave(self) -> list[Ready[C]]:
        """End the threads and put back what was not sent; return the calls that are still out."""
        with self._lock:
            self._is_left = True
            self._wants_calls.notify_all()
            self._wants_slots.notify_all()
        self._engine.comparer.wake()
        for thread in self._threads:
            thread.join()
        while self._slots:
            self._pacer.passed(self._slots.popleft(), used=False)
        while self._ready:
            self._give_back(self._ready.popleft())
        out, self._out = list(self._out.values()), {}
        return out

    @property
    def _unfinished(self) -> int:
        return len(self._out) + len(self._ended) + self._taken

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  whoever waits for the line raises it
            if isinstance(error, Interrupted) and self._is_over():
                return
            self.error = self.error or error
            self._on_error()

    def _is_over(self) -> bool:
        return self._is_left or self._engine.stop.is_set()

    def _has_place(self) -> bool:
        most = self._room.ahead
        if 2 * self._places <= most:
            self._is_filling = True
        is_affordable = not self._places or self._places + self._unfinished < self._room.affordable
        return self._is_filling and self._places < most and is_affordable and not self._is_over()

    def _go_on(self) -> None:
        """Tell both threads that there is something more to send, or room for it."""
        self._wants_slots.notify()
        if self._is_held_up and self._slots:
            self._is_held_up = False
            self._engine.comparer.wake()

    def _book(self) -> None:
        """Book slots for the calls that are ready, until the end."""
        while self._has_to_book():
            slots = self._pacer.book(self._calls_without_slot, self._engine.stop)
            self._slots.extend(slots)
            self._engine.comparer.wake()

    def _has_to_book(self) -> bool:
        """Wait until a call needs a slot; False at the end."""
        with self._lock:
            while not self._is_over():
                if self._calls_without_slot() > 0:
                    return True
                self._wants_slots.wait(_IDLE_SECONDS)
        return False

    def _calls_without_slot(self) -> int:
        room = min(self._breaker.room, self._room.under_way - self._unfinished, len(self._ready))
        return int(room) - len(self._slots)

    def _send_and_receive(self) -> None:
        comparer = self._engine.comparer
        while not self._is_left:
            if ended := comparer.wait(self._send_what_is_due()):
                self._take_in(ended)

    def _send_what_is_due(self) -> float:
        """Send what may be sent; return for how many seconds there is nothing more."""
        self._is_held_up = True
        most = min(self._room.under_way - self._unfinished, _MOST_ENDED - len(self._ended), len(self._ready))
        self._is_held_up = most < 1
        if most < 1 or not self._slots or self._is_over():
            return _IDLE_SECONDS
        while self._slots and most > 0 and self._ready:
            if (ahead := self._slots[0] - self._now()) > 0:
                return min(_IDLE_SECONDS, max(_LEAST_WAIT_SECONDS, ahead))
            if self._verdicts.forestall(self._ready[0].trial.pair):
                self._give_back(self._taken_from_ready())
            elif self._pacer.passed(slot := self._slots.popleft(), used=True):
                self._send(slot)
                most -= 1
        return _LEAST_WAIT_SECONDS

    def _send(self, slot: float) -> None:
        ticket = self._breaker.admit()
        if ticket is None:
            return self._pacer.unbilled()
        ready = self._taken_from_ready()
        ready.ticket, ready.called_at = ticket, self._utc()
        self._verdicts.begin(ready.trial.pair)
        self._out[ready.call] = ready
        try:
            self._engine.comparer.start(ready.call, send_by=slot + LATE_SECONDS)
        except SlotMissed:
            del self._out[ready.call]
            self._verdicts.end(ready.trial.pair)
            self._pacer.unbilled()
            self._breaker.abandoned(ticket)
            self._put_back(ready.trial)

    def _give_back(self, ready: Ready[C]) -> None:
        self._engine.comparer.give_up(ready.call)
        self._put_back(ready.trial)

    def _taken_from_ready(self) -> Ready[C]:
        with self._lock:
            self._places -= 1
            if 2 * self._places <= self._room.ahead:
                self._wants_calls.notify()
            return self._ready.popleft()

    def _take_in(self, calls: Sequence[C]) -> None:
        with self._lock:
            self._ended += [self._out.pop(call) for call in calls]
            is_full = self._unfinished >= self._room.under_way
            if is_full or len(self._ended) >= self._room.a_few or not self._out:
                self._has_ended.notify()

"""The line on which calls leave: one thread sends each at its slot and takes in the answers of all.

    loaders ──put──> ready ──slot has come──> out ──answer or failure──> ended ──take──> who finishes them
                       └ another thread books slots for those that are ready (booking)

Nothing here waits for a single call. So few threads keep any number of calls in flight, and what is done for
one call (load, sign, check, record) is done for several in a row, which costs a third of the processor time.

Decision: docs/adr/0010-one-line-for-all-calls.md
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic

from maskmatch.core.errors import Interrupted, SlotMissed
from maskmatch.engine.booking import Booking
from maskmatch.engine.breaker import Breaker
from maskmatch.engine.capacity import Capacity
from maskmatch.engine.concurrency import Room
from maskmatch.engine.context import C, Engine
from maskmatch.engine.retries import Trial
from maskmatch.permits.client.pacing import LATE_SECONDS

_NEVER = datetime.min.replace(tzinfo=UTC)
_IDLE_SECONDS = 0.05
_LEAST_WAIT_SECONDS = _MOMENT_SECONDS = 0.001
_NOT_NEEDED_SECONDS, _HANGS_SECONDS = 1.0, 0.1
_MOST_ENDED = 64


@dataclass(slots=True, eq=False)
class Ready(Generic[C]):
    """A pair whose call is prepared, with which credential; from its slot on also the breaker's ticket.

    Calls in flight count it and the slots in hand.
    """

    trial: Trial
    call: C
    generation: int
    ticket: int = 0
    called_at: datetime = _NEVER
    in_flight_at_start: int = 0
    in_flight_at_end: int = 0


class Line(Generic[C]):
    """Sends what is put on it; `put` is for many threads, `take` and `leave` for one."""

    def __init__(
        self,
        engine: Engine[C],
        breaker: Breaker,
        room: Room,
        capacity: Capacity,
        *,
        put_back: Callable[[Trial], None],
        on_error: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._pacer, self._now, self._utc = engine.pacer, engine.clock.now, engine.clock.utc
        self._verdicts = engine.verdicts
        self._breaker = breaker
        self._room = room
        self._capacity = capacity
        self._put_back = put_back
        self._on_error = on_error
        self._ready: deque[Ready[C]] = deque()
        self._loading = 0  # places that are to be filled
        self._is_filling = True
        self._filled_at = time.monotonic()
        self._out: dict[C, Ready[C]] = {}
        self._ended: list[Ready[C]] = []
        self._taken: deque[Ready[C]] = deque()  # those that ended and are being finished
        self._lock = threading.Lock()
        self._wants_calls = threading.Condition(self._lock)
        self._has_ended = threading.Condition(self._lock)
        self._is_held_up = False  # there may be slots, but nothing to send or no room for it
        self._is_closed = self._is_left = False
        self._line = self._thread("line", self._send_and_receive)
        self._booking = Booking(
            engine.pacer,
            engine.stop,
            now=engine.clock.now,
            wanted=self._calls_without_slot,
            is_over=self._is_over,
            on_slots=engine.comparer.wake,
        )
        self._booker = self._thread("slots", self._booking.run)
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start the two threads of the line."""
        self._line.start()
        self._booker.start()

    def place(self) -> bool:
        """Wait for a place for one more call, to be filled or given up by `put`.

        False at the end, or when there was none for so long that this thread is not needed.
        """
        with self._lock:
            while not self._has_place():
                if self._is_closed or not self._wants_calls.wait(_NOT_NEEDED_SECONDS):
                    return False
            self._loading += 1
            if self._room.loads_are_slow or self._loading > 1:
                self._wants_calls.notify()
        return True

    def put(self, ready: Ready[C] | None) -> None:
        """Fill a place, or give it up."""
        with self._lock:
            self._loading -= 1
            self._filled_at = time.monotonic()
            if ready and not self._is_left:
                self._ready.append(ready)
                self._go_on()
                return
            self._wants_calls.notify()
        if ready:
            self._give_back(ready)

    def take(self, seconds: float) -> deque[Ready[C]]:
        """Return the calls that have ended: when they are a few, or after so many seconds.

        Whoever finishes one takes it out; the others come again.
        """
        with self._lock:
            self._go_on()  # what was finished has made room
            if not (self._taken or self._are_a_few()):
                self._has_ended.wait(seconds if self._is_at_work() else _MOMENT_SECONDS)
            self._taken.extend(self._ended)
            self._ended.clear()
            self._go_on()
        return self._taken

    @property
    def under_way(self) -> int:
        """Return how many calls are out."""
        return len(self._out)

    @property
    def has_ready(self) -> bool:
        """Return True if a call waits for its slot or for a place."""
        return bool(self._ready)

    @property
    def is_busy(self) -> bool:
        """Return True if any call is ready, out, or ended and not taken."""
        with self._lock:
            return self._is_at_work()

    @property
    def has_calls(self) -> bool:
        """Return True if any call is out that can still be answered, or ended and not finished."""
        with self._lock:
            return bool(self._taken or self._ended or (self._out and self._line.is_alive()))

    @property
    def is_starved(self) -> bool:
        """Return True if there is hardly a call ready, room for more, and loading takes long or hangs."""
        hangs = self._loading > 0 and time.monotonic() - self._filled_at > _HANGS_SECONDS
        is_short = 2 * len(self._ready) < self._ahead and self._unfinished < self._allowed
        return is_short and (hangs or self._room.loads_are_slow)

    def close(self) -> None:
        """Give no place any more."""
        with self._lock:
            self._is_closed = True
            self._wants_calls.notify_all()

    def leave(self) -> list[Ready[C]]:
        """End the threads and put back what was not sent; return the calls that are still out."""
        self.close()
        with self._lock:
            self._is_left = True
        self._engine.comparer.wake()
        if self._line.ident:
            self._line.join()
        if self._booker.ident:
            self._booking.leave(self._booker)
        while self._ready:
            self._give_back(self._ready.popleft())
        out, self._out = list(self._out.values()), {}
        return out

    @property
    def _allowed(self) -> int:
        return min(self._room.under_way, self._capacity.allowed_calls)

    @property
    def _ahead(self) -> int:
        return min(self._room.ahead, self._allowed)  # what is ready for long goes stale

    @property
    def _in_flight(self) -> int:
        return len(self._out) + len(self._booking.slots)

    @property
    def _unfinished(self) -> int:
        return len(self._out) + len(self._ended) + len(self._taken)

    def _is_at_work(self) -> bool:
        return bool(self._loading or self._ready or self._unfinished)

    def _are_a_few(self) -> bool:
        """Return True if those that have ended are worth being finished now."""
        if not self._ended:
            return False
        is_held_up = not self._out or self._unfinished >= self._allowed
        return is_held_up or len(self._ended) >= self._room.a_few

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(work,), name=f"compare-{name}", daemon=True)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  whoever waits for the line raises it
            if type(error) is Interrupted and self._is_over():
                return
            self.error = self.error or error
            self._on_error()

    def _is_over(self) -> bool:
        return self._is_left or self._engine.stop.is_set()

    def _has_place(self) -> bool:
        ready, most = len(self._ready), self._ahead
        self._is_filling = ready < most and (self._is_filling or 2 * ready <= most)
        calls = self._loading + ready + self._unfinished
        is_affordable = calls < self._room.affordable or not (self._loading or ready)
        return self._is_filling and is_affordable and not (self._is_closed or self._is_over())

    def _go_on(self) -> None:
        """Tell both threads that there is something more to send, or room for it."""
        self._booking.look()
        if self._is_held_up and self._booking.slots:
            self._is_held_up = False
            self._engine.comparer.wake()

    def _calls_without_slot(self) -> int:
        room = min(self._breaker.room, self._allowed - self._unfinished, len(self._ready))
        return int(room) - len(self._booking.slots)

    def _send_and_receive(self) -> None:
        comparer = self._engine.comparer
        while not self._is_left:
            if ended := comparer.wait(self._send_what_is_due()):
                self._take_in(ended)

    def _send_what_is_due(self) -> float:
        """Send what may be sent; return for how many seconds there is nothing more."""
        self._is_held_up = True
        most = min(self._allowed - self._unfinished, _MOST_ENDED - len(self._ended), len(self._ready))
        self._is_held_up = most < 1
        slots = self._booking.slots
        if most < 1 or not slots or self._is_over():
            return _IDLE_SECONDS
        while slots and most > 0 and self._ready:
            if (ahead := slots[0] - self._now()) > 0:
                return min(_IDLE_SECONDS, max(_LEAST_WAIT_SECONDS, ahead))
            first = self._ready[0]
            if self._engine.comparer.is_stale(first.call) or self._verdicts.forestall(first.trial.pair):
                self._give_back(self._taken_from_ready())
            elif self._pacer.passed(slot := slots.popleft(), used=True):
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
        ready.in_flight_at_start = self._in_flight
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
            ready = self._ready.popleft()
            if 2 * len(self._ready) <= self._ahead:
                self._wants_calls.notify()
            return ready

    def _take_in(self, calls: Sequence[C]) -> None:
        with self._lock:
            for call in calls:
                self._out[call].in_flight_at_end = self._in_flight
                self._ended.append(self._out.pop(call))
            if self._are_a_few():
                self._has_ended.notify()

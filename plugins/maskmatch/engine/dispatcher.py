"""Sends each call that is ready at the slot of a permit, while there is a place for it in flight.

    ready ──its slot has come──> in flight ──ended──> unrecorded ──its outcome is in the journal──> gone
      └ not worth sending any more: back to where it came from

Permits are booked in a thread of their own, only for calls that are ready and have a place: those in hand
take places, too. What is not used is given back.

Decision: docs/adr/0013-one-loop-for-all-calls.md
Decision: docs/adr/0012-calls-in-flight-follow-the-time-limit.md
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic

from maskmatch.core.errors import SlotMissed
from maskmatch.core.workers import Workers
from maskmatch.engine.breaker import Breaker
from maskmatch.engine.capacity import Capacity
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.memory import ImageMemory
from maskmatch.engine.permit import Permit
from maskmatch.engine.stopping import StopSignal
from maskmatch.engine.work import WorkItem
from maskmatch.permits.client.pacing import LATE_SECONDS

_NEVER = datetime.min.replace(tzinfo=UTC)
_AT_ONCE_SECONDS, _MOST_SPARE = 0.001, 16
"""Where slots come all at once the rate is no limit: some are booked for the next calls, too."""
_A_FEW = 16
"""Calls that are worth being settled together: one by one each costs three times the processor time, since
nothing of it is in the cache."""
_NAP_SECONDS, _BEAT_SECONDS = 0.01, 0.03
"""Answers that come within the first before a slot do not wake the loop; from slot to slot it sleeps, for a
beat at most, and while there is room to spare takes in what came once in as long: to wake for each event
costs more."""


@dataclass(slots=True, eq=False)
class PaidCall(Generic[C]):
    """A call of a pair, and with which credential; from its slot on also its permit and the breaker's ticket.

    `ended` is True when the call has ended, False when it was not sent. Calls in flight count it and the
    permits in hand. It was ready at `ready_at` of the clock, and has `waited` for its permit.
    """

    item: WorkItem
    call: C
    generation: int
    ended: asyncio.Future[bool]
    ready_at: float = 0.0
    waited: float = 0.0
    permit: Permit | None = None
    ticket: int = 0
    called_at: datetime = _NEVER
    in_flight_at_start: int = 0
    in_flight_at_end: int = 0
    in_hand_at_end: int = 0


class Dispatcher(Generic[C]):
    """Owns the calls that are ready, the permits in hand and the calls in flight."""

    def __init__(
        self,
        context: CompareContext[C],
        stop: StopSignal,
        breaker: Breaker,
        capacity: Capacity,
        memory: ImageMemory,
    ) -> None:
        self._client, self._source = context.client, context.permits
        self._bad_images, self._clock = context.bad_images, context.clock
        self._stop = stop
        self._breaker = breaker
        self._capacity = capacity
        self._memory = memory
        self._ready: deque[PaidCall[C]] = deque()
        self._in_hand: deque[Permit] = deque()
        self._out: dict[C, PaidCall[C]] = {}
        self._ended: list[PaidCall[C]] = []
        self._unrecorded = 0
        self._is_closed = self._will_look = False
        # The thread that books reads how many are wanted, and how many more; it writes that some have come.
        self._wanted = self._spare = 0
        self._has_news = False
        self._demand = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._booker = Workers("compare-permits", most=1)

    @property
    def ready(self) -> int:
        """Return how many calls wait for their slots."""
        return len(self._ready)

    @property
    def in_flight(self) -> int:
        """Return how many calls were sent and are not recorded."""
        return len(self._out) + self._unrecorded

    @property
    def allowed(self) -> int:
        """Return how many calls may be in flight."""
        return min(self._memory.in_flight, self._capacity.allowed_calls)

    async def send(self, item: WorkItem, call: C, generation: int) -> PaidCall[C] | None:
        """Send a call at its slot and return when it has ended; None when it was not sent."""
        ended = asyncio.get_running_loop().create_future()
        paid = PaidCall(item, call, generation, ended, ready_at=self._clock.now())
        if self._is_closed:
            self._give_up(paid)
        else:
            self._ready.append(paid)
            self._look_soon()
        return paid if await paid.ended else None

    def recorded(self) -> None:
        """Note that what a call brought is in the journal: there is a place for another."""
        self._unrecorded -= 1
        self._look_soon()

    async def book(self) -> None:
        """Book permits until the run ends; raise what keeps calls from ever being sent."""
        loop = asyncio.get_running_loop()
        while not (self._is_closed or self._stop.is_set()):
            if self._wanted < 1:
                self._demand.clear()
                await self._demand.wait()
                continue
            self._take(await loop.run_in_executor(self._booker, self._booked))

    def _look_soon(self) -> None:
        """Look once for all that becomes ready, or is recorded, in this moment."""
        if not self._will_look:
            self._will_look = True
            asyncio.get_running_loop().call_soon(self.look)

    def look(self) -> None:
        """Send what may be sent, and see whether permits are wanted."""
        self._will_look = False
        if self._is_closed or self._stop.is_set():
            self.settle()
            return
        self._send_due()
        self._wake_at_next()
        places = self.allowed - self.in_flight
        self._wanted = int(min(self._breaker.allowed_calls, places, len(self._ready))) - len(self._in_hand)
        if self._wanted > 0:
            self._demand.set()

    def settle(self) -> None:
        """Let those who wait for calls that have ended go on, one after the other."""
        ended, self._ended = self._ended, []
        for paid in ended:
            paid.ended.set_result(True)

    def close(self) -> None:
        """Send nothing more; give back what is ready and in hand."""
        self._is_closed = True
        self._demand.set()
        self.settle()
        while self._in_hand:
            self._in_hand.popleft().release()
        while self._ready:
            self._give_up(self._ready.popleft())

    def leave(self) -> list[PaidCall[C]]:
        """Let go of the thread that books and of the calls in flight; return those.

        What they bring from now on is dropped.
        """
        self.close()
        self._booker.shutdown()
        out, self._out = list(self._out.values()), {}
        return out

    def _booked(self) -> Sequence[float]:
        """Book permits, in the thread that books; a beat of naps ends when they are there."""
        slots = self._source.book(self._permits_to_book, self._stop)
        self._has_news = True
        return slots

    def _permits_to_book(self) -> int:
        """Return how many permits are wanted now; called by the thread that books."""
        wanted = self._wanted
        return wanted + self._spare if wanted > 0 else 0

    def _take(self, slots: Sequence[float]) -> None:
        now = self._clock.now()
        self._has_news = False
        self._capacity.share(self._source.processes)
        self._spare = 0
        if len(slots) > 1 and slots[-1] - now < _AT_ONCE_SECONDS:
            self._spare = min(len(slots), _MOST_SPARE)
        self._in_hand += [Permit(self._source, slot) for slot in slots]
        if self._is_closed:
            self.close()
        self.look()

    def _send_due(self) -> None:
        """Send calls whose slots have come."""
        while self._in_hand and not self._stop.is_set():
            permit = self._in_hand[0]
            if (ahead := permit.slot - self._clock.now()) > 0:
                return
            paid = self._next_ready() if self.in_flight < self.allowed else None
            if paid is None:
                if ahead >= -LATE_SECONDS:
                    return
                self._in_hand.popleft().release()
                continue
            self._in_hand.popleft()
            if not permit.use() or not self._start(paid, permit):
                self._ready.appendleft(paid)

    def _wake_at_next(self) -> None:
        """Come back at the slot of the next permit in hand."""
        if self._timer is None and self._in_hand:
            seconds = self._in_hand[0].slot - self._clock.now()
            if seconds > 0:
                self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer)
                self._client.watch(watched=seconds > _NAP_SECONDS)

    def _on_timer(self) -> None:
        """Send at the slots of one beat, one after the other, and sleep through the short waits between."""
        self._timer = None
        now = self._clock.now()
        ends, take_in_at = now + _BEAT_SECONDS, now
        while True:
            if now >= take_in_at or 2 * self.in_flight > self.allowed:
                self._client.take_in()
                take_in_at = now + _NAP_SECONDS
            self._send_due()
            now = self._clock.now()
            ahead = self._in_hand[0].slot - now if self._in_hand else math.inf
            if self._has_news or now + ahead > ends or ahead <= 0:
                break
            self._clock.sleep(ahead)
        self.look()
        if self._timer is None:
            self._client.watch(watched=True)

    def _next_ready(self) -> PaidCall[C] | None:
        """Return the next call that is still worth sending."""
        while self._ready:
            paid = self._ready.popleft()
            if not (self._client.is_stale(paid.call) or self._bad_images.forestall(paid.item.known_as)):
                return paid
            self._give_up(paid)
        return None

    def _give_up(self, paid: PaidCall[C]) -> None:
        self._client.give_up(paid.call)
        paid.ended.set_result(False)

    def _start(self, paid: PaidCall[C], permit: Permit) -> bool:
        """Send a call; return False, with the permit given back, while the breaker lets none pass."""
        ticket = self._breaker.admit()
        if ticket is None:
            permit.refund()
            return False
        paid.ticket, paid.permit, paid.called_at = ticket, permit, self._clock.utc()
        paid.waited = self._clock.now() - paid.ready_at
        self._bad_images.begin(paid.item.known_as)
        self._out[paid.call] = paid
        paid.in_flight_at_start = len(self._out) + len(self._in_hand)
        try:
            self._client.start(paid.call, send_by=permit.slot + LATE_SECONDS, on_end=self._on_end)
        except SlotMissed:
            del self._out[paid.call]
            self._bad_images.end(paid.item.known_as)
            permit.refund()
            self._breaker.abandoned(ticket)
            paid.ended.set_result(False)
        return True

    def _on_end(self, call: C) -> None:
        if (paid := self._out.get(call)) is None:
            return  # the run has left it behind
        paid.in_hand_at_end = len(self._in_hand)
        paid.in_flight_at_end = len(self._out) + paid.in_hand_at_end
        del self._out[call]
        self._unrecorded += 1
        self._ended.append(paid)
        if len(self._ended) >= self._a_few or not self._out or self.in_flight >= self.allowed:
            self.settle()

    @property
    def _a_few(self) -> int:
        return min(_A_FEW, max(1, self.allowed // 4))

"""The engine at services slower than the rate: one that works on a call at a time, one that is dead."""

import threading
import time

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.codes import rule_for
from maskmatch.core.errors import CallFailed, Unavailable
from maskmatch.core.outcomes import Answer
from maskmatch.engine.breaker import BreakerLimits
from maskmatch.engine.run import compare_pairs
from maskmatch.engine.work import RetryLimits
from tests.engine.engines import engine, numbered
from tests.fakes import FakeComparer, FakePermits

pytestmark = pytest.mark.slow

LOST = CallFailed(rule_for("ConnectionError"), "no answer in time")


class SerialQueue(FakeComparer):
    """Works on one call at a time, in vain on those whose client has given up after `time_limit`."""

    def __init__(self, *, work_seconds, time_limit):
        super().__init__()
        self.work_seconds, self.time_limit = work_seconds, time_limit
        self.lost = self.most_in_flight = 0
        self._free_at = 0.0
        self._in_flight = 0

    def start(self, call, *, send_by, on_end):
        now = time.monotonic()
        self._free_at = max(now, self._free_at) + self.work_seconds
        is_lost = self._free_at - now > self.time_limit
        call.seconds = min(self._free_at - now, self.time_limit)
        call.ended = LOST if is_lost else Answer(77.0, "3.0", "r-1")
        self.calls.append(call)
        self.lost += is_lost
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        self._loop.call_later(call.seconds, self._end, call, on_end)

    def _end(self, call, on_end):
        self._in_flight -= 1
        on_end(call)


class Paced(FakePermits):
    """One permit every so often, at most a tenth of a second ahead."""

    def __init__(self, calls_per_second, *, processes=1):
        super().__init__(SystemClock())
        self.processes = processes
        self._gap, self._next = 1 / calls_per_second, 0.0

    def book(self, calls, stop=None):
        time.sleep(max(0.0, self._next - time.monotonic() - 0.05))  # slots come in real time
        slots = super().book(lambda: min(calls(), int(0.1 / self._gap)), stop)
        first = max(self._next, time.monotonic())
        self._next = first + self._gap * len(slots)
        return [first + self._gap * n for n in range(len(slots))]


def at(service, *, rate=200.0, processes=1, **changes):
    return engine(
        clock=SystemClock(),
        client=service,
        permits=Paced(rate, processes=processes),
        calls_per_second=rate,
        calls_in_flight=None,
        call_timeout=service.time_limit,
        limits=RetryLimits(first_pause=0.01, longest_pause=0.02),
        **changes,
    )


def test_a_service_of_a_tenth_of_the_rate_is_sent_no_more_than_it_answers_in_time():
    service = SerialQueue(work_seconds=0.05, time_limit=1.0)
    parts = at(service)
    compare_pairs(numbered(*map(str, range(60))), parts)
    assert parts.progress.counts == {"scored": 60}
    assert service.lost <= 3  # a busy host may stall; without the law it is most of them
    assert service.most_in_flight <= 20  # home is 10, and what is answered before six tenths may add some


@pytest.mark.parametrize(("processes", "home"), [(1, 10), (5, 2)])
def test_at_the_start_no_more_is_sent_than_the_share_of_one_process(processes, home):
    service = SerialQueue(work_seconds=0.9, time_limit=1.0)
    parts = at(service, processes=processes)
    threading.Timer(0.7, parts.stop.set).start()
    with pytest.raises(Exception, match="stopped on request"):
        compare_pairs(numbered(*map(str, range(60))), parts)
    assert len(service.calls) == home


def test_a_dead_service_costs_home_and_then_one_call_at_a_time():
    service = SerialQueue(work_seconds=1000.0, time_limit=0.5)
    said = []
    parts = at(
        service, warn=said.append, breaker=BreakerLimits(first_pause=0.05, longest_pause=0.05, probes=3)
    )
    with pytest.raises(Unavailable, match="3 probes"):
        compare_pairs(numbered(*map(str, range(60))), parts)
    assert 5 + 3 <= len(service.calls) <= 6 + 3  # home, one in the place of the first lost, and the probes
    assert "the service is down" in said[0]

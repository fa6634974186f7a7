import math

import pytest

from maskmatch.core.codes import rule_for
from maskmatch.core.errors import CallFailed, Unavailable
from maskmatch.engine.breaker import Breaker, BreakerLimits
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine, numbered
from tests.fakes import FakeClock, FakeComparer

LOST = CallFailed(rule_for("ClientNetworkError"), "lost")
UNREACHED = CallFailed(rule_for("ClientNetworkError"), "refused", never_sent=True)


class Service:
    """A breaker, its clock and what it said."""

    def __init__(self, **limits):
        self.clock, self.said = FakeClock(), []
        self.breaker = Breaker(BreakerLimits(**limits), clock=self.clock, say=self.said.append)

    def call(self, failure=None):
        ticket = self.breaker.admit()
        assert ticket is not None
        self.end(ticket, failure)

    def end(self, ticket, failure=None):
        self.breaker.failed(ticket, failure) if failure else self.breaker.answered(ticket)

    def open(self):
        self.half_fail(10)

    def half_fail(self, times):
        """Let every second call fail, so many times: never two in a row."""
        for _ in range(times):
            self.call()
            self.call(LOST)


def test_it_opens_when_half_of_at_least_twenty_calls_failed():
    service = Service()
    service.half_fail(9)
    service.call()
    assert service.breaker.allowed_calls == math.inf
    service.call(LOST)
    assert (service.breaker.allowed_calls, service.breaker.admit()) == (0, None)
    assert "no call for 5 s" in service.said[0]


def test_it_opens_when_five_calls_were_lost_in_silence_however_few_there_were():
    service = Service()
    for _ in range(2):
        service.call()
        service.clock.sleep(5)
        for _ in range(4):
            service.call(LOST)
    assert service.breaker.allowed_calls == math.inf
    service.call(LOST)
    assert service.breaker.allowed_calls == 0


def test_a_service_that_has_just_answered_may_lose_some_in_a_row():
    service = Service()
    service.call()
    service.clock.sleep(4.9)
    for _ in range(9):
        service.call(LOST)
    assert service.breaker.allowed_calls == math.inf


def test_five_that_were_never_sent_cost_nothing_and_do_not_open_it():
    service = Service()
    service.call()
    for _ in range(15):
        service.call(UNREACHED)
    assert service.breaker.allowed_calls == math.inf


def test_what_closes_it_is_told():
    back = []
    service = Service()
    service.breaker = Breaker(
        BreakerLimits(), clock=service.clock, say=service.said.append, on_back=lambda: back.append(1)
    )
    service.open()
    service.clock.sleep(5)
    service.call()
    service.call()
    assert back == [1]


def test_fewer_than_half_never_open_it():
    service = Service()
    for _ in range(1000):
        service.call()
        service.call(LOST)
        service.call()
    assert service.breaker.allowed_calls == math.inf


def test_what_is_older_than_a_minute_is_forgotten():
    service = Service()
    service.half_fail(9)
    service.clock.sleep(61)
    service.half_fail(9)
    assert service.breaker.allowed_calls == math.inf


def test_it_opens_within_a_hundred_calls_after_many_good_ones():
    service = Service()
    for _ in range(5000):
        service.call()
    service.half_fail(49)
    service.call()
    assert service.breaker.allowed_calls == math.inf
    service.call(LOST)
    assert service.breaker.allowed_calls == 0


def test_after_the_pause_one_probe_is_admitted_and_its_answer_closes_it():
    service = Service()
    service.open()
    service.clock.sleep(4.9)
    assert service.breaker.allowed_calls == 0
    service.clock.sleep(0.1)
    assert service.breaker.allowed_calls == 1
    ticket = service.breaker.admit()
    assert ticket is not None
    assert (service.breaker.allowed_calls, service.breaker.admit()) == (0, None)
    service.breaker.answered(ticket)
    assert service.breaker.allowed_calls == math.inf
    assert "answers again" in service.said[-1]


def test_pauses_double_up_to_a_minute_and_the_eighth_failed_probe_in_a_row_ends_the_run():
    service = Service()
    service.open()
    pauses = []
    for _ in range(7):
        opened = service.clock.now()
        while not service.breaker.allowed_calls:
            service.clock.sleep(1)
        pauses.append(service.clock.now() - opened)
        service.call(LOST)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    service.clock.sleep(60)
    with pytest.raises(Unavailable, match=r"8 probes came to nothing.*status page"):
        service.call(LOST)


def test_an_answer_in_between_starts_the_count_of_probes_anew():
    service = Service()
    for _ in range(5):
        service.open()
        for pause in (5, 10, 20):
            service.clock.sleep(pause)
            service.call(LOST)
        service.clock.sleep(40)
        service.call()
    assert service.breaker.allowed_calls == math.inf


def test_what_comes_back_from_before_it_opened_neither_closes_nor_opens_it():
    service = Service()
    early = [service.breaker.admit() for _ in range(50)]
    service.open()
    for ticket in early[:25]:
        service.end(ticket)
    assert service.breaker.allowed_calls == 0
    service.clock.sleep(5)
    service.call()
    for ticket in early[25:]:
        service.end(ticket, LOST)
    assert service.breaker.allowed_calls == math.inf


def test_a_service_that_nothing_ever_reached_ends_the_run_without_a_probe():
    service = Service()
    for _ in range(19):
        service.call(UNREACHED)
    with pytest.raises(Unavailable, match="all of 20 calls"):
        service.call(UNREACHED)


def test_a_service_that_cannot_be_reached_any_more_is_waited_for():
    service = Service()
    service.call()
    for _ in range(19):
        service.call(UNREACHED)
    assert service.breaker.allowed_calls == 0


def test_an_outage_in_the_middle_is_waited_out_and_no_pair_is_lost():
    said = []
    parts = engine(client=FakeComparer(), warn=said.append, calls_in_flight=8)
    started = parts.clock.now()
    names = [str(n) for n in range(300)]
    down = (started + 1, started + 28)

    def code(pair_names):
        parts.clock.sleep(0.01)
        parts.client.calls.append(pair_names[1])
        return "ServiceUnavailable" if down[0] <= parts.clock.now() < down[1] else None

    parts.client._code = code
    compare_pairs(numbered(*names), parts)
    assert parts.progress.counts == {"scored": 300}
    failed = parts.client.sent - 300
    assert 20 <= failed < 130
    assert [line.split(":")[0] for line in said].count("the service answers again") == 1
    assert sum(o.calls.attempts for o in parts.journal.entries) == parts.client.sent


def test_an_outage_that_lasts_ends_the_run_with_all_calls_in_the_books():
    parts = engine(client=FakeComparer({str(n): ["InternalError"] * 99 for n in range(10, 500)}))
    with pytest.raises(Unavailable, match="8 probes came to nothing"):
        compare_pairs(numbered(*map(str, range(500))), parts)
    assert parts.clock.now() - 1000 >= 5 + 10 + 20 + 40 + 4 * 60
    assert sum(o.calls.attempts for o in parts.journal.entries) == parts.client.sent
    assert parts.client.sent < 10 + 20 + 8 + 8

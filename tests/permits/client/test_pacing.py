import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import BudgetSpent, Drained, Interrupted, Replaced, Unavailable
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import Budget, Budgets, Grant
from maskmatch.permits.steps.orders import Order
from tests.fakes import A_CLAIM, FakeClock, FreeCoordinator
from tests.permits.callers import call_until
from tests.permits.documents import MemoryDocument


def pacer_over(coordinator, clock, **changes):
    return Pacer(coordinator, A_CLAIM, calls_per_second=50, clock=clock, **changes)


class ScriptedCoordinator(FreeCoordinator):
    """Answers as a list says, then grants."""

    def __init__(self, clock, *answers):
        super().__init__(clock)
        self.answers = list(answers)

    def reserve(self, calls, claim, *, unbilled=0):
        if not self.answers:
            return super().reserve(calls, claim, unbilled=unbilled)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class OneSecondApart(FreeCoordinator):
    """Books slots a second apart."""

    next = 1000.0

    def reserve(self, calls, claim, *, unbilled=0):
        first, self.next = self.next, self.next + calls
        self.granted += calls
        return Grant(delays=tuple(first + i - self.clock.now() for i in range(calls)))


def test_calls_pass_at_their_slots_one_by_one():
    clock = FakeClock()
    coordinator = OneSecondApart(clock)
    pacer = pacer_over(coordinator, clock)
    passed = []
    for _ in range(10):
        pacer.wait_for_permit()
        passed.append(clock.now())
    assert passed == [1000.0 + second for second in range(10)]
    assert coordinator.granted == 10


def test_no_more_is_booked_than_is_wanted_nor_more_than_a_tenth_of_a_second():
    clock = FakeClock()
    coordinator = FreeCoordinator(clock)
    pacer = pacer_over(coordinator, clock)
    assert pacer.book(lambda: 2) == [1000.0] * 2
    assert pacer.book(lambda: 0) == []
    for _ in range(2):
        assert pacer.passed(1000.0, used=True)
    assert pacer.book(lambda: 64) == [1000.0] * 5  # at 50 calls a second
    assert coordinator.granted == 7


def test_what_is_wanted_is_asked_when_half_of_the_slots_have_passed():
    clock = FakeClock()
    coordinator = FreeCoordinator(clock)
    pacer = pacer_over(coordinator, clock)
    pacer.book(lambda: 5)
    wanted, booked = [2], []
    thread = threading.Thread(target=lambda: booked.extend(pacer.book(lambda: wanted[0])))
    thread.start()
    pacer.passed(1000.0, used=True)
    pacer.passed(1000.0, used=True)
    thread.join(0.1)
    assert thread.is_alive()
    wanted[0] = 3
    pacer.passed(1000.0, used=True)
    thread.join(5)
    assert len(booked) == 3


def test_slots_keep_to_the_rate_and_use_it():
    document = MemoryDocument()
    document.now = time.monotonic
    change = document.change

    def change_now(step, **options):
        document.time = time.monotonic()
        return change(step, **options)

    document.change = change_now
    pacer = Pacer(
        PermitCoordinator(document, calls_per_second=200), A_CLAIM, calls_per_second=200, clock=SystemClock()
    )
    stop, passed = threading.Event(), []
    threading.Timer(2, stop.set).start()
    call_until(pacer, stop, passed)
    in_first_second = sum(at < passed[0] + 1 for at in passed)
    assert len(passed) >= 380
    assert in_first_second <= 206


def test_a_stop_ends_the_wait_for_a_permit_without_taking_a_slot():
    clock, stop = FakeClock(), threading.Event()
    coordinator = FreeCoordinator(clock)
    stop.set()
    with pytest.raises(Interrupted):
        pacer_over(coordinator, clock).wait_for_permit(stop)
    assert coordinator.granted == 0


def test_a_stop_during_the_sleep_until_a_slot_gives_it_back():
    stop = threading.Event()

    class StoppedOnSleep(FakeClock):
        def wait(self, event, seconds):
            stop.set()

    clock = StoppedOnSleep()
    coordinator = ScriptedCoordinator(clock, Grant(delays=(0.3,)))
    pacer = pacer_over(coordinator, clock)
    with pytest.raises(Interrupted):
        pacer.wait_for_permit(stop)
    pacer.close()
    assert coordinator.given_back == 1


def call_for_ever(pacer, stop):
    while True:
        pacer.book(lambda: 5, stop)


@pytest.mark.parametrize("grants", [[Grant(retry_after=30.0)] * 20, [Grant(delays=(0.0,) * 5)]])
def test_booking_ends_soon_after_a_stop(grants):
    clock, stop = SystemClock(), threading.Event()
    coordinator = ScriptedCoordinator(clock, *grants)
    pacer = pacer_over(coordinator, clock)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        call_for_ever(pacer, stop)
    assert time.monotonic() - began < 2  # though the next look would come after 30 s


def test_a_slot_that_comes_far_too_late_is_thrown_away_given_back_and_booked_anew():
    class Stalls(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds + 5)

    clock = Stalls()
    coordinator = ScriptedCoordinator(clock, Grant(delays=(0.1,)))
    pacer = pacer_over(coordinator, clock)
    pacer.wait_for_permit()
    assert (coordinator.granted, coordinator.given_back) == (1, 1)


def test_a_slot_from_long_ago_stays_counted_as_spent():
    class Sleeps(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds + 3600)

    clock = Sleeps()
    coordinator = ScriptedCoordinator(clock, Grant(delays=(0.1,)))
    pacer = pacer_over(coordinator, clock)
    pacer.wait_for_permit()
    pacer.close()
    assert (coordinator.granted, coordinator.given_back) == (1, 0)


def test_a_process_that_was_stopped_meets_the_fence_when_it_goes_on():
    """A zombie: stopped with slots booked, replaced meanwhile."""
    clock, store = FakeClock(), MemoryDocument()
    store.now = clock.now
    coordinator = PermitCoordinator(store, calls_per_second=50)
    epoch = coordinator.take_lease("s")
    claim = replace(A_CLAIM, leases={"s": epoch})

    class Stopped(FakeClock):
        def sleep(self, seconds):
            coordinator.take_lease("s")
            super().sleep(seconds + 3)

    zombie = Pacer(coordinator, claim, calls_per_second=50, clock=Stopped())
    coordinator.reserve(5, claim)
    with pytest.raises(Replaced):
        zombie.wait_for_permit()


def test_a_pacer_proves_every_lease_that_it_holds_until_it_lets_go():
    clock, store = FakeClock(), MemoryDocument()
    store.now = clock.now
    coordinator = PermitCoordinator(store, calls_per_second=50)
    pacer = Pacer(coordinator, A_CLAIM, calls_per_second=50, clock=clock)
    for shard in ("one", "other"):
        pacer.hold(shard, coordinator.take_lease(shard))
    pacer.wait_for_permit()
    coordinator.take_lease("one")
    with pytest.raises(Replaced, match="try 2 of one has taken over from 1"):
        pacer.wait_for_permit()
    assert not pacer.let_go("one")
    pacer.wait_for_permit()
    assert pacer.let_go("other")


@pytest.mark.parametrize(
    "error", [Replaced("other"), Drained("over"), BudgetSpent("spent", window="day", until=None)]
)
def test_what_the_coordinator_refuses_for_good_ends_the_wait(error):
    clock = FakeClock()
    with pytest.raises(type(error)):
        pacer_over(ScriptedCoordinator(clock, error), clock).wait_for_permit()


def test_while_the_store_is_away_callers_wait_say_so_and_go_on_when_it_is_back():
    clock, said = FakeClock(), []
    coordinator = ScriptedCoordinator(clock, *[Unavailable("redis://h is away")] * 5)
    pacer_over(coordinator, clock, say=said.append).wait_for_permit()
    assert len(said) == 2
    assert said[0] == "no call is sent while the permit store is away, we keep asking: redis://h is away"
    assert said[1].startswith("the permit store is back after")
    assert 0.5 < clock.now() - 1000 < 10


def test_a_store_that_stays_away_for_longer_than_our_patience_ends_the_wait():
    clock, said = FakeClock(), []
    coordinator = ScriptedCoordinator(clock, *[Unavailable("away")] * 1000)
    pacer = pacer_over(coordinator, clock, say=said.append, patience_seconds=300)
    with pytest.raises(Unavailable, match=r"no permits for 30\d s: away"):
        pacer.wait_for_permit()
    assert 5 <= len(said) <= 6


def test_a_pause_and_its_end_are_said_once():
    clock, said = FakeClock(), []
    coordinator = ScriptedCoordinator(
        clock, *[Grant(retry_after=0.5, paused=True)] * 4, Grant(retry_after=0.1)
    )
    at = datetime(2026, 1, 1, 3, 4, 5, tzinfo=UTC)
    order = Order(at=at, by="ann in Airflow", what="pause", whom="a-run")
    coordinator.pause_order = lambda run_id: order if run_id == "a-run" else None
    pacer_over(coordinator, clock, say=said.append).wait_for_permit()
    who, how = said[0].split(": ")
    assert who == "paused (this run) by ann in Airflow at 2026-01-01 03:04:05 UTC"
    assert how.startswith("`maskmatch resume --run a-run`, or Resume on")
    assert said[1:] == ["resumed through the permit store"]
    assert clock.now() == 1002.1


def test_unbilled_calls_go_along_with_the_next_booking_once():
    clock = FakeClock()
    coordinator = FreeCoordinator(clock)
    pacer = pacer_over(coordinator, clock)
    pacer.wait_for_permit()
    pacer.unbilled()
    pacer.wait_for_permit()
    pacer.wait_for_permit()
    assert coordinator.given_back == 1
    pacer.unbilled()
    pacer.close()
    pacer.close()
    assert coordinator.given_back == 2


def test_what_may_have_been_given_back_is_not_given_back_again():
    clock = FakeClock()
    coordinator = ScriptedCoordinator(clock, Unavailable("cut off"))
    pacer = pacer_over(coordinator, clock)
    pacer.unbilled()
    pacer.wait_for_permit()
    assert coordinator.given_back == 0


def test_a_refusal_is_passed_on_and_a_store_that_is_away_need_not_know():
    class Away(FreeCoordinator):
        def throttled(self, scope):
            super().throttled(scope)
            raise Unavailable("away")

    coordinator = Away(FakeClock())
    pacer = pacer_over(coordinator, FakeClock())
    pacer.throttled(ThrottleScope.IP)
    assert coordinator.scopes == []  # it is not told by the thread that is told
    assert pacer.book(lambda: 1)
    assert coordinator.scopes == [ThrottleScope.IP]
    pacer.throttled(ThrottleScope.ACCOUNT)
    pacer.close()
    assert coordinator.scopes == [ThrottleScope.IP, ThrottleScope.ACCOUNT]


def test_closing_does_not_fail_while_the_store_is_away():
    class Away(FreeCoordinator):
        def refund(self, calls, claim):
            raise Unavailable("away")

    pacer = pacer_over(Away(FakeClock()), FakeClock())
    pacer.unbilled()
    pacer.close()


def test_a_budget_that_ends_lets_the_slots_pass_that_are_paid_for():
    clock = FakeClock()
    coordinator = ScriptedCoordinator(
        clock, Grant(delays=(0.0, 0.0)), BudgetSpent("spent", window="day", until=None)
    )
    pacer = pacer_over(coordinator, clock)
    first, *_ = slots = pacer.book(lambda: 5)
    thread = threading.Thread(target=lambda: [pacer.passed(slot, used=True) for slot in slots])
    threading.Timer(0.05, thread.start).start()
    with pytest.raises(BudgetSpent):
        pacer.book(lambda: 5)
    thread.join(5)
    assert pacer._held == 0
    assert first == 1000.0


def test_a_budget_is_shared_to_the_last_call():
    store = MemoryDocument()
    coordinator = PermitCoordinator(store, calls_per_second=1e6)
    claim = replace(A_CLAIM, budgets=Budgets(run=Budget(calls=100)))
    passed = []

    def call():
        pacer = Pacer(coordinator, claim, calls_per_second=1e6, clock=FakeClock())
        with suppress(BudgetSpent):
            while True:
                pacer.wait_for_permit()
                passed.append(1)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100

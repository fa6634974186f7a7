"""What every store does for a coordinator: the same, over a file, Redis and Postgres."""

import multiprocessing
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import BudgetSpent, InputError, Replaced
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.steps.claims import Budget, Budgets, Claim, Priority
from tests.permits.callers import call_until
from tests.permits.stores.racing import Race, claim_of, collect_slots
from tests.waiting import wait_until

CLAIM = Claim(run_id="r", priority=Priority.NIGHTLY)


class OtherHostsClock(SystemClock):
    """A host whose clock is wrong."""

    def __init__(self, off_by):
        self.off_by = off_by

    def now(self):
        return super().now() + self.off_by


def race(race, processes):
    """Return the sorted slots of processes that book at the same time."""
    context = multiprocessing.get_context("spawn")
    queue, started = context.Queue(), context.Event()
    racers = [context.Process(target=collect_slots, args=(race, queue, started)) for _ in range(processes)]
    for racer in racers:
        racer.start()
    slots = [queue.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    queue.close()
    queue.join_thread()
    return slots


def test_two_coordinators_share_one_timeline(open_):
    one, two = open_(), open_()
    one.reserve(5, CLAIM)  # so far ahead that the time of a trip does not matter
    booked = [
        coordinator.reserve(1, CLAIM).delays[0] + time.monotonic() for coordinator in (two, one, two, one)
    ]
    assert all(0.01 < after - before < 0.03 for before, after in pairwise(booked))


def test_other_accounts_have_a_timeline_of_their_own(open_):
    one, two = open_(secret_id="one"), open_(secret_id="two")
    for _ in range(5):
        one.reserve(5, CLAIM)
    assert two.reserve(1, CLAIM).delays[0] < 0.02


def test_processes_that_race_never_get_the_same_slot_nor_pass_the_rate(address, request):
    slots = sorted(slot for each in race(Race(address, request.node.nodeid, 500.0, 2.0), 4) for slot in each)
    assert len(slots) >= 900
    # Each process knows the server's time to a fraction of a millisecond; a slot given twice differs by less.
    assert sum(after - before < 0.0005 for before, after in pairwise(slots)) <= 0.01 * len(slots)
    for second in (slots[0] + tenth / 10 for tenth in range(15)):
        assert sum(second <= slot < second + 1 for slot in slots) <= 500 * 1.02 + 2


def test_sixty_four_racing_workers_spend_the_budget_to_the_last_call(address, open_, request):
    """Sixteen of them in each of four processes would take longer to start than to race."""
    claim, spent = replace(CLAIM, budgets=Budgets(run=Budget(calls=400))), []

    def spend(coordinator):
        try:
            while True:
                spent.append(len(coordinator.reserve(2, claim).delays))
        except BudgetSpent:
            pass

    coordinators = [open_(calls_per_second=1e6) for _ in range(64)]
    threads = [threading.Thread(target=spend, args=(coordinator,)) for coordinator in coordinators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(spent) == 400


def test_racing_processes_spend_the_budget_to_the_last_call(address, request):
    slots = race(Race(address, request.node.nodeid, 1e6, 20.0, budget=500), 4)
    assert sum(len(each) for each in slots) == 500


def test_of_processes_that_take_the_same_shard_only_the_last_goes_on(address, open_, request):
    context = multiprocessing.get_context("spawn")
    queue, started = context.Queue(), context.Event()
    here = Race(address, request.node.nodeid, 100.0, 30.0, shard="shard-1")
    zombie = context.Process(target=collect_slots, args=(here, queue, started))
    zombie.start()
    assert started.wait(30)
    coordinator = open_(secret_id=request.node.nodeid, calls_per_second=100.0)
    epoch = coordinator.take_lease("shard-1")
    taken = time.monotonic()
    last = max(queue.get(timeout=20), default=0)
    zombie.join()
    queue.close()
    queue.join_thread()
    assert last < taken + 0.7  # the lead of the slots it had booked before
    assert coordinator.reserve(1, claim_of(here, epoch)).delays
    with pytest.raises(Replaced):
        coordinator.reserve(1, claim_of(here, epoch - 1))


def test_racing_tries_of_a_shard_all_get_epochs_of_their_own(open_):
    epochs, coordinators = [], [open_() for _ in range(8)]
    threads = [
        threading.Thread(
            target=lambda coordinator=coordinator: epochs.extend(
                coordinator.take_lease("s") for _ in range(5)
            )
        )
        for coordinator in coordinators
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epochs) == list(range(1, 41))


@pytest.mark.parametrize("order", ["pause", "drain"])
def test_an_order_is_obeyed_within_two_seconds_while_calls_are_made(open_, order):
    pacer = Pacer(open_(), CLAIM, calls_per_second=50, clock=SystemClock())
    stop, passed = threading.Event(), []

    caller = threading.Thread(target=call_until, args=(pacer, stop, passed), daemon=True)
    caller.start()
    orders = open_()
    wait_until(lambda: len(passed) >= 10, "ten calls")
    getattr(orders, order)("r")
    ordered = time.monotonic()
    caller.join(1.5)
    assert caller.is_alive() is (order == "pause")
    stop.set()
    caller.join()
    assert max(passed) < ordered + 1  # half of what is promised, for the rest of the way takes time too
    orders.resume("r")
    resumed = time.monotonic()
    pacer.wait_for_permit()
    assert time.monotonic() - resumed < 1  # the pause was looked at again within half of what is promised


def test_refunds_and_refusals_and_floors_reach_the_others(open_):
    one, two = open_(), open_()
    claim = replace(CLAIM, budgets=Budgets(run=Budget(calls=2)))
    one.reserve(2, claim)
    two.refund(1, claim)
    assert len(one.reserve(2, claim).delays) == 1
    one.throttled(ThrottleScope.ACCOUNT)
    one.set_floor(Priority.BACKFILL, 0.2)
    seen = two.snapshot()
    assert seen.margin > 0.011
    assert {each.priority: each.floor for each in seen.priorities}[Priority.BACKFILL] == 0.2


def test_orders_are_recorded_with_who_when_and_what_the_newest_first(open_):
    one, two, other = open_(), open_(), open_(secret_id="other")
    before = datetime.now(UTC) - timedelta(seconds=1)
    one.pause("r", by="ann@here")
    two.set_floor(Priority.BACKFILL, 0.25, by="bob@there")
    one.reserve(1, CLAIM)  # which is no order
    one.drain(by="ann@here")
    two.resume()
    other.pause(by="carl@elsewhere")
    orders = one.orders(10)
    assert [(each.by, each.what, each.whom, each.share) for each in orders] == [
        (f"{os.uname().nodename}:{os.getpid()}", "resume", "*", None),
        ("ann@here", "drain", "*", None),
        ("bob@there", "floor", "backfill", 0.25),
        ("ann@here", "pause", "r", None),
    ]
    assert two.orders(2) == orders[:2]
    assert all(before < each.at < datetime.now(UTC) + timedelta(seconds=1) for each in orders)
    assert [each.by for each in other.orders(10)] == ["carl@elsewhere"]


def test_racing_orders_are_all_recorded_each_once(open_):
    coordinators = [open_() for _ in range(8)]

    def order(number):
        for count in range(5):
            coordinators[number].pause(f"run {number} {count}")

    threads = [threading.Thread(target=order, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorded = [each.whom for each in coordinators[0].orders(100)]
    assert sorted(recorded) == sorted(coordinators[0].snapshot().paused)
    assert len(recorded) == 40


def test_an_order_that_cannot_be_carried_out_is_not_recorded(open_):
    coordinator = open_()
    with pytest.raises(InputError):
        coordinator.set_floor(Priority.NIGHTLY, 0.1)
    assert coordinator.orders(10) == []


def test_a_look_at_an_account_that_nobody_has_used_makes_nothing(address, open_, tmp_path):
    coordinator = open_()
    for _ in range(2):
        seen = coordinator.snapshot()
        assert (seen.is_known, seen.runs, coordinator.orders(5)) == (False, (), [])
    assert list(tmp_path.iterdir()) == []
    open_().reserve(1, CLAIM)
    seen = coordinator.snapshot()
    assert (seen.is_known, seen.runs) == (True, ("r",))


def test_a_store_proves_that_it_can_be_changed_and_makes_no_account(open_):
    coordinator = open_()
    coordinator.prove()
    assert not coordinator.snapshot().is_known
    open_().reserve(1, CLAIM)
    coordinator.prove()
    assert coordinator.snapshot().runs == ("r",)


def test_many_that_begin_a_new_account_at_once_all_get_in(open_):
    coordinators, epochs = [open_() for _ in range(8)], []
    threads = [
        threading.Thread(target=lambda each=each: epochs.append(each.take_lease("s")))
        for each in coordinators
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epochs) == list(range(1, 9))


def test_two_hosts_whose_clocks_are_two_seconds_apart_share_one_timeline(address, open_):
    if address.startswith("sqlite"):
        pytest.skip("a file is shared by the processes of one host")
    here, there = open_(), open_(clock=OtherHostsClock(2.0))
    slots = []
    for coordinator in [here, there] * 5:
        grant = coordinator.reserve(1, CLAIM)
        slots += [time.monotonic() + delay for delay in grant.delays]
    gaps = [after - before for before, after in pairwise(slots)]
    assert len(slots) == 10
    assert all(abs(gap) < 1 for gap in gaps)  # nobody is two seconds off
    assert max(slots) - min(slots) > 0.1  # nine gaps of a fiftieth: no slot was given twice

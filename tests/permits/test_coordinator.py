import json
import math
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import BudgetSpent, Drained, InputError, LeaseHeld, Replaced, StopRun, Unavailable
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import CHECK_RUN, Budget, Budgets, Claim, Grant, Priority
from tests.permits.documents import MemoryDocument

RATE = 100.0
NIGHTLY = Claim(run_id="night", priority=Priority.NIGHTLY)
BACKFILL = Claim(run_id="back", priority=Priority.BACKFILL)
AD_HOC = Claim(run_id="hoc", priority=Priority.AD_HOC)


@pytest.fixture
def store():
    return MemoryDocument()


@pytest.fixture
def coordinator(store):
    return PermitCoordinator(store, calls_per_second=RATE, who="host-a:1")


def budgeted(**budgets):
    return replace(NIGHTLY, budgets=Budgets(**budgets))


def simulate(store, askers, *, seconds):
    """Let askers (coordinator, claim, calls wanted at once) ask as a pacer does; return what each got.

    An asker asks again when its slots have passed but a few, or when it was told to.
    """
    due = [store.time] * len(askers)
    got = [0] * len(askers)
    ends = store.time + seconds
    while store.time < ends:
        for number, (coordinator, claim, calls) in enumerate(askers):
            if due[number] <= store.time:
                grant = coordinator.reserve(calls, claim)
                got[number] += len(grant.delays)
                wait = grant.retry_after if grant.retry_after is not None else grant.delays[-1] - 0.03
                due[number] = store.time + max(0.001, wait)
        store.pass_time(0.001)
    return got


def test_slots_follow_one_another_at_the_rate(coordinator):
    first, second, third = coordinator.reserve(3, NIGHTLY).delays
    assert second - first == pytest.approx(third - second) == pytest.approx(1 / (RATE * 0.992))


def test_a_permit_says_how_many_processes_share_the_rate(store, coordinator):
    other = PermitCoordinator(store, calls_per_second=RATE, who="host-b:1")
    assert coordinator.reserve(1, NIGHTLY).processes == 1
    assert other.reserve(1, BACKFILL).processes == 2
    store.pass_time(29)
    assert coordinator.reserve(1, NIGHTLY).processes == 2
    store.pass_time(2)
    assert coordinator.reserve(1, NIGHTLY).processes == 1


def test_who_gives_up_its_lease_shares_the_rate_no_longer(store, coordinator):
    other = PermitCoordinator(store, calls_per_second=RATE, who="host-b:1")
    epoch = other.take_lease("shard")
    other.reserve(1, NIGHTLY)
    assert coordinator.reserve(1, NIGHTLY).processes == 2
    other.release("shard", epoch)
    assert coordinator.reserve(1, NIGHTLY).processes == 1


def test_nobody_books_when_the_timeline_is_far_ahead(coordinator):
    while (grant := coordinator.reserve(10, NIGHTLY)).retry_after is None:
        assert grant.delays[-1] < 0.32
    assert 0 < grant.retry_after <= 0.12


def test_users_share_what_may_be_booked_ahead(store):
    coordinators = [
        PermitCoordinator(store, calls_per_second=RATE, who=f"host-a:{number}") for number in range(6)
    ]
    for each in coordinators:
        each.reserve(1, NIGHTLY)
    *others, last = coordinators
    assert [len(each.reserve(10, NIGHTLY).delays) for each in others] == [3] * 5
    store.pass_time(last.reserve(10, NIGHTLY).retry_after + 0.001)
    assert len(last.reserve(10, NIGHTLY).delays) == 3


def test_at_a_low_rate_each_user_may_book_two_calls_ahead(store):
    coordinators = [
        PermitCoordinator(store, calls_per_second=20, who=f"host-a:{number}") for number in range(5)
    ]
    booked = [each.reserve(1, NIGHTLY).delays for each in coordinators * 2]
    assert all(booked)
    assert booked[-1][0] > 0.4


def test_without_a_limit_every_call_may_be_sent_at_once(store):
    coordinator = PermitCoordinator(store, calls_per_second=math.inf)
    assert coordinator.reserve(500, NIGHTLY) == Grant(delays=(0.0,) * 500)
    coordinator.throttled(ThrottleScope.ACCOUNT)
    coordinator.throttled(ThrottleScope.IP)
    assert coordinator.reserve(2, BACKFILL).delays == (0.0, 0.0)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_costs_no_more_than_a_moment(coordinator, store, jump):
    assert simulate(store, [(coordinator, NIGHTLY, 10)], seconds=2)[0] >= 195
    store.pass_time(jump)
    assert 195 <= simulate(store, [(coordinator, NIGHTLY, 10)], seconds=2)[0] <= 210


def test_a_refusal_slows_everybody_on_the_timeline(store):
    one, two = (PermitCoordinator(store, calls_per_second=RATE, who=who) for who in ("a:1", "b:1"))
    one.throttled(ThrottleScope.ACCOUNT)
    first, second = two.reserve(2, NIGHTLY).delays
    assert second - first == pytest.approx(1 / (RATE * (1 - 0.012)), rel=1e-4)


def test_refusals_are_told_once_a_second_or_with_the_next_booking(coordinator, store):
    changes = []
    change = store.change
    store.change = lambda *asked, **options: changes.append(1) or change(*asked, **options)
    for _ in range(10):
        coordinator.throttled(ThrottleScope.ACCOUNT)
    assert len(changes) == 1
    coordinator.reserve(1, NIGHTLY)
    assert coordinator.snapshot().margin == pytest.approx(0.02, abs=1e-4)


def test_a_refusal_by_address_slows_one_host_only(store):
    here, there = (PermitCoordinator(store, calls_per_second=RATE, who=who) for who in ("a:1", "b:1"))
    here.throttled(ThrottleScope.IP)
    assert here.snapshot().slowed_hosts == ("a",)
    got_here, got_there = simulate(store, [(here, NIGHTLY, 10), (there, NIGHTLY, 10)], seconds=2)
    assert got_here + got_there >= 190
    alone = simulate(store, [(here, NIGHTLY, 10)], seconds=0.9)
    assert alone[0] <= 0.9 * 80


def test_a_later_try_shuts_the_earlier_one_out(coordinator):
    first = coordinator.take_lease("shard-1")
    second = coordinator.take_lease("shard-1", at_least=7)
    assert (first, second) == (1, 7)
    assert coordinator.reserve(1, replace(NIGHTLY, leases={"shard-1": 7})).delays
    with pytest.raises(Replaced, match="try 7 of shard-1 has taken over from 1"):
        coordinator.reserve(1, replace(NIGHTLY, leases={"shard-1": 1}))


def test_who_holds_several_leases_is_shut_out_by_a_later_try_of_any(coordinator):
    held = {"one": coordinator.take_lease("one"), "other": coordinator.take_lease("other")}
    assert coordinator.reserve(1, replace(NIGHTLY, leases=held)).delays
    coordinator.take_lease("other")
    with pytest.raises(Replaced, match="try 2 of other has taken over from 1"):
        coordinator.reserve(1, replace(NIGHTLY, leases=held))
    assert coordinator.reserve(1, replace(NIGHTLY, leases={"one": 1})).delays


def test_who_gives_up_one_lease_of_several_still_counts_among_those_that_share_the_rate(store):
    here, there = (PermitCoordinator(store, calls_per_second=RATE, who=who) for who in ("a:1", "b:1"))
    epoch = here.take_lease("one")
    here.reserve(1, NIGHTLY)
    here.release("one", epoch, leaves=False)
    assert there.reserve(1, NIGHTLY).processes == 2
    here.release("one", epoch)
    assert there.reserve(1, NIGHTLY).processes == 1


def test_a_try_that_wakes_after_the_end_of_the_next_is_still_shut_out(coordinator, store):
    coordinator.take_lease("s")
    coordinator.release("s", coordinator.take_lease("s"))
    store.pass_time(3000)
    with pytest.raises(Replaced):
        coordinator.reserve(1, replace(NIGHTLY, leases={"s": 1}))


@pytest.mark.parametrize("kind", ["run", "day", "month"])
def test_a_spent_budget_says_which_and_until_when(coordinator, kind):
    holder = budgeted(**{kind: Budget(calls=3)})
    assert len(coordinator.reserve(10, holder).delays) == 3
    with pytest.raises(BudgetSpent, match=rf"the budget of the {kind} .* is spent \(3 calls") as caught:
        coordinator.reserve(1, holder)
    ends = {
        "run": None,
        "day": datetime(2026, 1, 15, 16, tzinfo=UTC),
        "month": datetime(2026, 1, 31, 16, tzinfo=UTC),
    }
    assert (caught.value.window, caught.value.until) == (kind, ends[kind])


def test_a_day_budget_is_there_again_after_midnight_in_shanghai(coordinator, store):
    holder = budgeted(day=Budget(cny=Decimal("0.0064")))
    store.utc = datetime(2026, 1, 15, 15, 59, 59, tzinfo=UTC)
    assert len(coordinator.reserve(5, holder).delays) == 2
    with pytest.raises(BudgetSpent):
        coordinator.reserve(1, holder)
    store.pass_time(1.5)
    assert len(coordinator.reserve(5, holder).delays) == 2


def test_what_was_not_billed_is_given_back_with_the_next_booking_even_a_refused_one(coordinator):
    holder = budgeted(run=Budget(calls=2))
    coordinator.reserve(2, holder)
    assert len(coordinator.reserve(5, holder, unbilled=1).delays) == 1
    coordinator.drain("night")
    with pytest.raises(Drained):
        coordinator.reserve(1, holder, unbilled=2)
    coordinator.resume()
    assert len(coordinator.reserve(5, holder).delays) == 2


def test_refunded_calls_can_be_had_again(coordinator):
    holder = budgeted(run=Budget(calls=2))
    coordinator.reserve(2, holder)
    coordinator.refund(2, holder)
    assert len(coordinator.reserve(2, holder).delays) == 2


def test_sixty_four_threads_never_spend_more_than_the_budget(store):
    holder = budgeted(run=Budget(calls=500))
    granted = []

    def spend():
        coordinator = PermitCoordinator(store, calls_per_second=math.inf)
        try:
            while True:
                granted.append(len(coordinator.reserve(3, holder).delays))
        except BudgetSpent:
            pass

    threads = [threading.Thread(target=spend) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 500


def test_a_lower_priority_gives_way_within_a_second_and_keeps_its_floor(coordinator, store):
    simulate(store, [(coordinator, BACKFILL, 10)], seconds=3)
    askers = [(coordinator, BACKFILL, 10), (coordinator, NIGHTLY, 10)]
    simulate(store, askers, seconds=1)
    back, night = simulate(store, askers, seconds=20)
    assert night >= 0.95 * RATE * 20
    assert 0.015 <= back / (RATE * 20) <= 0.025


def test_three_priorities_share_by_rank_and_floor(coordinator, store):
    askers = [(coordinator, NIGHTLY, 10), (coordinator, AD_HOC, 10), (coordinator, BACKFILL, 10)]
    simulate(store, askers, seconds=1)
    night, hoc, back = (got / (RATE * 20) for got in simulate(store, askers, seconds=20))
    assert night >= 0.93
    assert 0.025 <= hoc <= 0.035
    assert 0.015 <= back <= 0.025


def test_a_run_by_hand_goes_before_a_backfill_which_keeps_its_floor(coordinator, store):
    simulate(store, [(coordinator, BACKFILL, 10)], seconds=3)
    askers = [(coordinator, BACKFILL, 10), (coordinator, AD_HOC, 10)]
    simulate(store, askers, seconds=1)
    back, hoc = simulate(store, askers, seconds=20)
    assert hoc >= 0.95 * RATE * 20
    assert 0.015 <= back / (RATE * 20) <= 0.025


def test_a_floor_can_be_changed_while_all_are_running(coordinator, store):
    askers = [(coordinator, NIGHTLY, 10), (coordinator, BACKFILL, 10)]
    simulate(store, askers, seconds=2)
    coordinator.set_floor(Priority.BACKFILL, 0.3)
    back = simulate(store, askers, seconds=10)[1]
    assert 0.27 <= back / (RATE * 10) <= 0.33
    coordinator.set_floor(Priority.BACKFILL, 0)
    simulate(store, askers, seconds=1)
    assert simulate(store, askers, seconds=5)[1] == 0


def test_what_a_higher_priority_leaves_unused_a_lower_one_takes(coordinator, store):
    """Nightly asks for one call every 20 ms, half of the rate."""
    night = back = 0
    due = {"night": store.time, "back": store.time}
    ends = store.time + 20
    while store.time < ends:
        if due["night"] <= store.time:
            night += len(coordinator.reserve(1, NIGHTLY).delays)
            due["night"] += 0.02
        if due["back"] <= store.time:
            grant = coordinator.reserve(10, BACKFILL)
            back += len(grant.delays)
            due["back"] = store.time + max(0.001, grant.retry_after or grant.delays[-1] - 0.005)
        store.pass_time(0.001)
    assert night >= 0.97 * 50 * 20
    assert night + back >= 0.93 * RATE * 20


def test_a_priority_whose_higher_one_has_gone_has_it_all_after_a_second(coordinator, store):
    simulate(store, [(coordinator, NIGHTLY, 10), (coordinator, BACKFILL, 10)], seconds=2)
    store.pass_time(1)
    assert simulate(store, [(coordinator, BACKFILL, 10)], seconds=2)[0] >= 190


@pytest.mark.parametrize("run_id", ["night", None])
def test_a_paused_run_gets_nothing_until_it_is_resumed(coordinator, run_id):
    coordinator.pause(run_id)
    assert coordinator.reserve(1, NIGHTLY) == Grant(retry_after=0.5, paused=True)
    assert bool(coordinator.reserve(1, BACKFILL).delays) is (run_id is not None)
    coordinator.resume(run_id)
    assert coordinator.reserve(1, NIGHTLY).delays


@pytest.mark.parametrize("run_id", ["night", None])
def test_a_drained_run_ends(coordinator, run_id):
    coordinator.drain(run_id)
    with pytest.raises(Drained, match="run night was drained"):
        coordinator.reserve(1, NIGHTLY)
    coordinator.resume(run_id)
    assert coordinator.reserve(1, NIGHTLY).delays


@pytest.mark.parametrize(
    ("priority", "share"), [(Priority.BACKFILL, 0.6), (Priority.AD_HOC, -1), (Priority.NIGHTLY, 0.1)]
)
def test_a_floor_that_cannot_be_is_refused(coordinator, priority, share):
    with pytest.raises(InputError, match="a floor is a share from 0 to"):
        coordinator.set_floor(priority, share)


@pytest.mark.parametrize("rate", [0, -1, math.nan])
def test_a_wrong_rate_is_refused(store, rate):
    with pytest.raises(InputError, match="calls_per_second"):
        PermitCoordinator(store, calls_per_second=rate)


def test_the_snapshot_shows_rate_users_priorities_and_budgets(coordinator, store):
    holder = budgeted(day=Budget(calls=10_000, cny=Decimal("20.5")))
    simulate(store, [(coordinator, holder, 10)], seconds=15)
    coordinator.take_lease("shard-1")
    coordinator.pause("other")
    seen = coordinator.snapshot()
    assert seen.calls_per_second == RATE
    assert seen.effective == pytest.approx(RATE, rel=0.02)
    (user,) = seen.users
    assert (user.who, user.run_id, user.priority) == ("host-a:1", "night", Priority.NIGHTLY)
    assert user.calls_per_second == pytest.approx(RATE, rel=0.1)
    assert [(each.priority, each.floor, each.asks) for each in seen.priorities] == [
        (Priority.NIGHTLY, 1.0, True),
        (Priority.AD_HOC, 0.03, False),
        (Priority.BACKFILL, 0.02, False),
    ]
    day = next(window for window in seen.windows if window.kind == "day")
    assert (day.most_calls, day.most_cny, day.cny) == (10_000, Decimal("20.5"), day.calls * Decimal("0.0032"))
    assert (seen.paused, seen.leases) == (("other",), {"shard-1": 1})
    assert (seen.is_known, seen.runs) == (True, ("night", "other"))


def test_the_opening_call_is_no_run_that_anybody_could_order(coordinator):
    check = replace(AD_HOC, run_id=CHECK_RUN)
    coordinator.reserve(1, check)
    coordinator.throttled(ThrottleScope.ACCOUNT)
    coordinator.refund(1, check)
    seen = coordinator.snapshot()
    assert (seen.is_known, seen.runs) == (False, ())


@pytest.mark.parametrize(
    "use",
    [
        lambda coordinator: coordinator.reserve(1, AD_HOC),
        lambda coordinator: coordinator.take_lease("shard-1"),
        lambda coordinator: coordinator.pause(),
        lambda coordinator: coordinator.set_floor(Priority.BACKFILL, 0.1),
    ],
)
def test_an_account_that_a_run_or_an_order_has_named_stays_known(coordinator, store, use):
    use(coordinator)
    store.pass_time(400 * 86400)
    coordinator.reserve(1, replace(AD_HOC, run_id=CHECK_RUN))
    assert coordinator.snapshot().is_known


def test_who_waits_in_a_pause_is_seen_but_does_not_share_the_rate(coordinator, store):
    other = PermitCoordinator(store, calls_per_second=RATE, who="host-b:2")
    coordinator.reserve(1, NIGHTLY)
    coordinator.pause("night")
    for _ in range(120):
        store.pass_time(0.5)
        coordinator.reserve(1, NIGHTLY)
    (user,) = other.snapshot().users
    assert (user.who, user.run_id, user.is_there, user.seen_seconds_ago) == ("host-a:1", "night", True, 0)
    grant = other.reserve(100, BACKFILL)
    assert (grant.processes, len(grant.delays)) == (1, 20)  # a fifth of a second, alone
    coordinator.resume("night")
    assert coordinator.reserve(1, NIGHTLY).processes == 2


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"at": "now"}'])
def test_a_damaged_record_is_said_to_be_so(coordinator, store, record):
    store.kept.append(record)
    with pytest.raises(Unavailable, match="a record of an order in the permit store is damaged"):
        coordinator.orders(1)


def test_the_document_stays_small_over_months_of_runs(store):
    for day in range(100):
        for number in range(8):
            coordinator = PermitCoordinator(store, calls_per_second=RATE, who=f"host-{number}:{day}")
            shard = f"plans/ds=2026-01-{day}/0123456789abcdef/shard-{number:05d}"
            epoch = coordinator.take_lease(shard)
            coordinator.reserve(
                1, Claim(run_id=f"run-{day}", priority=Priority.NIGHTLY, leases={shard: epoch})
            )
            coordinator.release(shard, epoch)
        store.pass_time(86400)
    store.pass_time(20)
    coordinator.reserve(1, NIGHTLY)
    kept = json.loads(store.document)
    assert len(store.document) < 16_000
    assert len(kept["users"]) == 1
    assert kept["leases"] == {}


def test_a_run_that_is_resumed_after_many_others_finds_its_budget_spent(store):
    coordinator, ours = (
        PermitCoordinator(store, calls_per_second=RATE),
        replace(NIGHTLY, budgets=Budgets(run=Budget(calls=1))),
    )
    assert coordinator.reserve(1, ours).delays
    for number in range(80):
        store.pass_time(60)
        coordinator.reserve(1, replace(BACKFILL, run_id=f"run-{number}"))
    with pytest.raises(BudgetSpent):
        coordinator.reserve(1, ours)


def test_a_lease_in_use_is_kept_over_any_pause_of_a_week(coordinator, store):
    epoch = coordinator.take_lease("s")
    store.pass_time(6 * 86400)
    coordinator.reserve(1, replace(NIGHTLY, leases={"s": epoch}))
    store.pass_time(6 * 86400)
    assert coordinator.take_lease("s") == epoch + 1


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"timeline": 3}', b'{"format": 1}', b"\xff"])
def test_a_damaged_document_is_said_to_be_so_with_the_cure(coordinator, store, document):
    store.document = document
    with pytest.raises(StopRun, match="delete it where the permit store's address points"):
        coordinator.reserve(1, NIGHTLY)
    assert store.document == document


def test_a_document_of_an_earlier_format_is_named_as_such(coordinator, store):
    store.document = b'{"format": 1, "users": {"host:1": {"run_id": "r", "run_class": "nightly"}}}'
    with pytest.raises(StopRun, match="has format 1, not 2: delete it"):
        coordinator.reserve(1, NIGHTLY)


def test_a_document_of_a_later_format_is_left_to_the_version_that_wrote_it(coordinator, store):
    store.document = b'{"format": 3, "users": []}'
    with pytest.raises(StopRun, match="has format 3, not 2: a newer version of maskmatch wrote it"):
        coordinator.reserve(1, NIGHTLY)


def spent_calls(coordinator):
    return {window.kind: (window.calls, window.most_calls) for window in coordinator.snapshot().windows}


def test_what_a_restored_store_has_forgotten_is_counted_and_not_spent_again(coordinator, store):
    claim = budgeted(day=Budget(calls=10), month=Budget(calls=100))
    coordinator.reserve(6, claim)
    backup = store.document
    store.pass_time(1)
    coordinator.reserve(4, claim)
    store.document = backup
    coordinator.count_spent("day", 10, claim, by="ann@host")
    assert spent_calls(coordinator) == {"run": (6, None), "day": (10, 10), "month": (10, 100)}
    store.pass_time(1)
    with pytest.raises(BudgetSpent):
        coordinator.reserve(1, claim)
    (order,) = coordinator.orders(1)
    assert (order.what, order.by, order.calls) == ("spent", "ann@host", 10)
    assert order.whom.startswith("day:")


@pytest.mark.parametrize("kind", ["run", "day", "month"])
def test_nothing_is_counted_down(coordinator, kind):
    claim = budgeted(day=Budget(calls=10))
    coordinator.reserve(6, claim)
    before = coordinator.snapshot().windows
    coordinator.count_spent(kind, 5, claim)
    assert coordinator.snapshot().windows == before


def test_what_was_spent_costs_what_it_costs(coordinator, store):
    claim = budgeted(day=Budget(cny=Decimal("0.03")))
    coordinator.count_spent("day", 9, claim)
    cost = {window.kind: window.cny for window in coordinator.snapshot().windows}
    store.document = None
    coordinator.reserve(9, claim)
    assert cost["day"] == {window.kind: window.cny for window in coordinator.snapshot().windows}["day"]


def test_old_windows_are_forgotten(coordinator, store):
    coordinator.reserve(1, NIGHTLY)
    store.utc += timedelta(days=41)
    store.time += 60
    coordinator.reserve(1, BACKFILL)
    assert {window.name for window in coordinator.snapshot().windows} == {"back", "2026-02-25", "2026-02"}


SHARD, DATE = "s3://w/work/ds=2026-01-02/plan=a/shard-00000.parquet", "s3://w/work/ds=2026-01-02/"


def test_another_run_of_the_date_waits_until_the_first_has_given_up_its_lease(coordinator):
    epoch = coordinator.take_lease(SHARD, holder="first", among=DATE)
    for shard in (SHARD, SHARD.replace("plan=a", "plan=b")):
        with pytest.raises(LeaseHeld, match="first compares this date") as held:
            coordinator.take_lease(shard, holder="second", among=DATE)
        assert (held.value.holder, held.value.seen_seconds_ago) == ("first", 0.0)
    other_date = SHARD.replace("01-02", "01-03")
    assert coordinator.take_lease(other_date, holder="second", among="s3://w/work/ds=2026-01-03/")
    coordinator.release(SHARD, epoch)
    assert coordinator.take_lease(SHARD, holder="second", among=DATE) == epoch + 1


def test_a_try_of_the_same_run_takes_over_at_once(coordinator):
    first = coordinator.take_lease(SHARD, holder="night", among=DATE)
    second = coordinator.take_lease(SHARD, holder="night", among=DATE)
    claim = replace(NIGHTLY, holder="night", leases={SHARD: first})
    with pytest.raises(Replaced, match=f"try {second} of .* has taken over from {first}"):
        coordinator.reserve(1, claim)


def test_a_run_that_was_not_seen_for_a_minute_is_gone_and_one_that_shows_itself_is_not(coordinator, store):
    epoch = coordinator.take_lease(SHARD, holder="first", among=DATE)
    claim = replace(NIGHTLY, holder="first", leases={SHARD: epoch})
    for show in (lambda: coordinator.reserve(1, claim), lambda: coordinator.renew(claim)):
        store.pass_time(59)
        show()
        store.pass_time(59)
        with pytest.raises(LeaseHeld, match="was seen 59 s ago"):
            coordinator.take_lease(SHARD, holder="second", among=DATE)
    store.pass_time(1)
    assert coordinator.take_lease(SHARD, holder="second", among=DATE) == epoch + 1
    coordinator.renew(claim)  # which takes nothing back
    with pytest.raises(Replaced, match="of second has taken over"):
        coordinator.reserve(1, claim)


def test_a_lease_without_a_holder_keeps_nobody_waiting(coordinator):
    coordinator.take_lease(SHARD)
    assert coordinator.take_lease(SHARD, holder="second", among=DATE) == 2

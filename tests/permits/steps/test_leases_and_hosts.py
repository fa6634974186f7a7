from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.permits.steps import hosts, leases
from maskmatch.permits.steps.leases import Lease


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=20))
def test_each_try_gets_a_later_epoch(floors):
    kept, epochs = {}, [0]
    for at_least in floors:
        kept["s"] = leases.take(kept, "s", at_least=at_least, utc=1.0)
        epochs.append(kept["s"].epoch)
        assert epochs[-1] >= at_least
    assert epochs == sorted(set(epochs))


def test_only_the_newest_try_holds_the_lease():
    assert leases.hold(Lease(3, 0.0), 2, utc=5.0) is None
    assert leases.hold(Lease(3, 0.0), 3, utc=5.0) == Lease(3, 5.0)


def test_a_store_that_forgot_takes_the_newest_that_comes():
    adopted = leases.hold(None, 2, utc=5.0)
    assert adopted == Lease(2, 5.0)
    assert leases.hold(leases.hold(adopted, 3, utc=6.0), 2, utc=7.0) is None


def test_a_released_lease_still_keeps_late_comers_out_for_a_day():
    released = leases.release(Lease(3, 0.0), 3, utc=100.0)
    assert leases.hold(released, 2, utc=101.0) is None
    assert not leases.is_stale(released, 86_500.0)
    assert leases.is_stale(released, 86_501.0)


def test_nobody_releases_the_lease_of_another():
    assert leases.release(Lease(4, 0.0), 3, utc=1.0) == Lease(4, 0.0)
    assert leases.release(None, 3, utc=1.0) is None


def test_a_host_that_is_refused_slows_down_once_a_second_and_grows_back():
    slow = hosts.cut(None, now=10.0, calls_per_second=100)
    assert hosts.pace_of(slow, 10.0) == 70
    assert hosts.cut(slow, now=10.5, calls_per_second=100) == slow
    assert hosts.pace_of(hosts.cut(slow, now=11.0, calls_per_second=100), 11.0) < 50.1
    assert not hosts.is_stale(slow, now=20.0, calls_per_second=100)
    assert hosts.is_stale(slow, now=29.0, calls_per_second=100)


def test_a_slowed_host_books_no_more_than_its_pace():
    host, booked = hosts.cut(None, now=10.0, calls_per_second=100), 0
    for tick in range(100):
        now = 10.0 + tick / 100
        calls = hosts.allowance(host, 50, now)
        if calls:
            host = hosts.note(host, calls, now)
            booked += calls
    assert 60 <= booked <= 85

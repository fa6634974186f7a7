import multiprocessing
import sqlite3
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from maskmatch.adapters.broker import SqliteBroker, open_broker, quota_key
from maskmatch.core.errors import InputError, Unavailable
from maskmatch.core.pacing import SystemClock
from tests.fakes import FakeClock


def broker_at(path, *, key="k", rate=50.0, clock=None):
    return SqliteBroker(path, quota_key=key, calls_per_second=rate, clock=clock or FakeClock())


def test_two_brokers_on_one_file_share_the_timeline(tmp_path):
    clock = FakeClock()
    one, two = (broker_at(tmp_path / "b", clock=clock) for _ in range(2))
    slots = [*one.reserve(3), *two.reserve(2), *one.reserve(1)]
    gaps = {round(after - before, 6) for before, after in pairwise(slots)}
    assert gaps == {0.02}
    one.close()
    two.close()


def test_other_accounts_have_a_timeline_of_their_own(tmp_path):
    clock = FakeClock()
    one, two = (broker_at(tmp_path / "b", key=key, clock=clock) for key in "ab")
    assert one.reserve(1) == two.reserve(1)
    one.close()
    two.close()


def test_a_refusal_slows_everybody_on_the_timeline(tmp_path):
    clock = FakeClock()
    one, two = (broker_at(tmp_path / "b", clock=clock) for _ in range(2))
    one.throttled()
    first, second = two.reserve(2)
    assert second - first == pytest.approx(0.02 / (1 - 0.012))
    one.close()
    two.close()


def reserve_many(path: Path, count: int, slots: "multiprocessing.Queue[list[float]]") -> None:
    broker = broker_at(path, clock=SystemClock(), rate=10_000)
    slots.put([slot for _ in range(count) for slot in broker.reserve(2)])
    broker.close()


def test_processes_that_race_never_get_the_same_slot(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    racers = [context.Process(target=reserve_many, args=(tmp_path / "b", 200, queue)) for _ in range(4)]
    for racer in racers:
        racer.start()
    slots = sorted(slot for _ in racers for slot in queue.get(timeout=60))
    for racer in racers:
        racer.join()
    queue.close()
    queue.join_thread()
    gaps = [after - before for before, after in pairwise(slots)]
    assert len(slots) == 1600
    assert min(gaps) >= 1 / 10_000 - 1e-6


def test_a_file_that_another_process_keeps_locked_is_waited_for(tmp_path):
    broker = broker_at(tmp_path / "b", clock=SystemClock())
    other = sqlite3.connect(tmp_path / "b", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    started = time.monotonic()
    broker.reserve(1)
    assert time.monotonic() - started >= 0.25
    timer.join()
    other.close()
    broker.close()


def test_a_file_that_is_no_database_is_unavailable_and_named(tmp_path):
    (tmp_path / "b").write_text("this is no database" * 100)
    with pytest.raises(Unavailable, match=r"the broker's file .*/b cannot be used"):
        broker_at(tmp_path / "b")


def test_the_quota_key_does_not_hold_the_secret_id():
    assert "AKID" not in quota_key("AKIDsecret")
    assert quota_key("a") != quota_key("b")


@pytest.mark.parametrize("uri", ["redis://x", "sqlite://relative", "sqlite:///still/relative", ""])
def test_what_is_no_broker_address_is_refused(uri):
    with pytest.raises(InputError, match="sqlite:////absolute/path"):
        open_broker(uri, secret_id="a", calls_per_second=1, clock=FakeClock())


def test_an_address_opens_its_file(tmp_path):
    broker = open_broker(f"sqlite:///{tmp_path}/x/b", secret_id="a", calls_per_second=1, clock=FakeClock())
    assert (tmp_path / "x" / "b").exists()
    broker.close()

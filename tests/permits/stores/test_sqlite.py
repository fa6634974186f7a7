import os
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import Unavailable
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import SqliteDocument, open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from tests.fakes import FakeClock

CLAIM = Claim(run_id="r", priority=Priority.NIGHTLY)


def coordinator_at(path, clock=None):
    document = SqliteDocument(path, quota_key="k", clock=clock or FakeClock())
    return PermitCoordinator(document, calls_per_second=50)


def test_a_file_that_another_process_keeps_locked_is_waited_for(tmp_path):
    coordinator = coordinator_at(tmp_path / "b", SystemClock())
    coordinator.reserve(1, CLAIM)
    other = sqlite3.connect(tmp_path / "b", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    started = time.monotonic()
    coordinator.reserve(1, CLAIM)
    assert time.monotonic() - started >= 0.25  # it waited for the other's 0.3 s
    timer.join()
    other.close()
    coordinator.close()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_file_and_folders_made_here_are_for_their_user_alone(tmp_path, umask):
    before = os.umask(umask)
    path = tmp_path / "a" / "b" / "permits"
    coordinator = coordinator_at(path)
    coordinator.reserve(1, CLAIM)
    os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")}
    coordinator.close()
    files = {"permits": 0o600, "permits-wal": 0o600, "permits-shm": 0o600}
    assert modes == {"a": 0o700, "b": 0o700} | files


def test_a_file_that_was_made_for_several_users_keeps_its_mode(tmp_path):
    path = tmp_path / "permits"
    path.touch()
    path.chmod(0o660)
    coordinator = coordinator_at(path)
    coordinator.reserve(1, CLAIM)
    modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    coordinator.close()
    assert modes == {0o660}


def test_a_file_of_an_earlier_version_gets_its_table_of_orders(tmp_path):
    with closing(sqlite3.connect(tmp_path / "b")) as earlier:
        earlier.execute(
            "CREATE TABLE permit_documents (quota_key TEXT PRIMARY KEY, document BLOB NOT NULL)"
            " STRICT, WITHOUT ROWID"
        )
    coordinator = coordinator_at(tmp_path / "b")
    assert coordinator.orders(5) == []
    coordinator.pause()
    assert [each.what for each in coordinator.orders(5)] == ["pause"]
    coordinator.close()


def test_many_that_open_a_new_file_at_once_all_get_in(tmp_path):
    for number in range(25):  # without waiting about one in five of these rounds fails
        coordinators = [coordinator_at(tmp_path / f"b{number}") for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            epochs = list(pool.map(lambda coordinator: coordinator.take_lease("s"), coordinators))
        assert sorted(epochs) == list(range(1, 9))
        for coordinator in coordinators:
            coordinator.close()


def test_a_file_that_is_no_database_is_unavailable_and_named_with_the_cure(tmp_path):
    (tmp_path / "b").write_text("this is no database" * 100)
    with pytest.raises(Unavailable, match=r"the permit store's file .*/b cannot be used.*move it away"):
        coordinator_at(tmp_path / "b").reserve(1, CLAIM)


def test_a_folder_that_cannot_be_made_is_unavailable_and_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="/file/b cannot be used"):
        coordinator_at(tmp_path / "file" / "b").reserve(1, CLAIM)


def test_a_damaged_page_is_unavailable_and_a_new_file_is_taken_up(tmp_path):
    coordinator = coordinator_at(tmp_path / "b")
    coordinator.take_lease("s")
    for name in ("b", "b-wal"):
        path = tmp_path / name
        path.write_bytes(b"\x5a" * path.stat().st_size)
    with pytest.raises(Unavailable):
        coordinator_at(tmp_path / "b").take_lease("s")
    for path in tmp_path.iterdir():
        path.unlink()
    assert coordinator.take_lease("s") == 1
    coordinator.close()


def test_all_follow_when_the_file_is_moved_away(tmp_path):
    one, two = (coordinator_at(tmp_path / "b") for _ in range(2))
    assert (one.take_lease("s"), two.take_lease("s")) == (1, 2)
    (tmp_path / "b").rename(tmp_path / "old")
    for rest in ("b-wal", "b-shm"):
        (tmp_path / rest).unlink()
    assert (two.take_lease("s"), one.take_lease("s")) == (1, 2)
    one.close()
    two.close()


def test_a_file_of_an_earlier_version_is_used_on(tmp_path):
    old = sqlite3.connect(tmp_path / "b")
    old.execute(
        "CREATE TABLE timelines (quota_key TEXT PRIMARY KEY, next_slot REAL NOT NULL) STRICT, WITHOUT ROWID"
    )
    old.execute("INSERT INTO timelines VALUES ('k', 9e9)")
    old.commit()
    old.close()
    coordinator = coordinator_at(tmp_path / "b")
    assert coordinator.reserve(1, CLAIM).delays[0] <= 0
    coordinator.close()


def test_a_coordinator_that_was_closed_opens_its_file_again(tmp_path):
    coordinator = open_coordinator(
        f"sqlite:///{tmp_path}/new folder/b", secret_id="a", calls_per_second=1, clock=FakeClock()
    )
    assert not (tmp_path / "new folder").exists()
    coordinator.take_lease("s")
    coordinator.close()
    assert coordinator.take_lease("s") == 2
    coordinator.close()

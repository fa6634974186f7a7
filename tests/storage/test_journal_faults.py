"""Stores that are slow, away or full while outcomes are recorded."""

import errno
import logging
import subprocess
import threading
import time
from contextlib import suppress

import boto3
import pytest
from botocore.client import Config

from devstack.netfaults import Relay
from maskmatch.core import outage
from maskmatch.core.errors import Interrupted, StopRun, Unavailable
from maskmatch.storage.journal import Origin, ShardJournal, writing
from maskmatch.storage.object_stores import FileStore, S3Store
from maskmatch.storage.object_stores.s3_client import s3_config
from tests.storage.journals import (
    PREFIX,
    Faulty,
    MemoryStore,
    keys_in,
    known,
    names_in,
    record,
    record_durably,
    scored,
)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr(outage, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(outage, "LONGEST_PAUSE_SECONDS", 0.1)


def journal_in(store, **options):
    return ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True, **options)


class Weather:
    """Lets a store fail with what is set."""

    def __init__(self, store):
        self.error = None
        self.tries = 0
        self.tried = threading.Condition()
        store.before = self

    def __call__(self, operation, key):
        if operation == "put":
            with self.tried:
                self.tries += 1
                self.tried.notify_all()
            if self.error:
                raise self.error

    def wait_for_tries(self, count):
        with self.tried:
            assert self.tried.wait_for(lambda: self.tries >= count, 10)


def record_while(store, error, *, raising=None, **options):
    """Record one outcome in a store that fails with this error from the opening of the journal on."""
    weather = Weather(store)
    with journal_in(store, patience_seconds=0.1, **options) as journal:
        weather.error = error
        record(journal, scored("a"))
        if raising:
            raise raising


def test_while_the_store_is_away_recording_waits_and_then_goes_on(caplog):
    store = Faulty(MemoryStore())
    weather = Weather(store)
    with caplog.at_level(logging.WARNING), journal_in(store, most_pending=2) as journal:
        weather.error = Unavailable("the store is away: start it")
        done = threading.Event()

        def work():
            for number in range(6):
                record(journal, scored(f"p{number}"))
            done.set()

        worker = threading.Thread(target=work)
        worker.start()
        weather.wait_for_tries(6)
        assert not done.is_set()
        weather.error = None
        worker.join()
    assert sorted(names_in(store)) == [f"p{number}" for number in range(6)]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "calls wait until it can, at most 600 s: the store is away: start it" in said[0]
    assert "is written again" in said[1]


def test_a_store_that_stays_away_is_told_to_every_thread_with_the_number_of_outcomes_at_stake():
    store = Faulty(MemoryStore())
    weather, told = Weather(store), []
    journal = journal_in(store, most_pending=1, patience_seconds=0.3)
    weather.error = Unavailable("the store is away")

    def work(name):
        try:
            record_durably(journal, scored(name))
        except Unavailable as error:
            told.append(str(error))

    def work_together():
        with journal:
            workers = [threading.Thread(target=work, args=(name,)) for name in "abc"]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

    with pytest.raises(Unavailable, match=r"3 outcomes \(3 paid\) are not durable"):
        work_together()
    assert len(told) == 3
    assert all("cannot be written: the store is away; " in message for message in told)


def test_closing_tries_once_more_after_all_patience(tmp_path):
    store = Faulty(FileStore(tmp_path))
    weather = Weather(store)
    with journal_in(store, patience_seconds=0.2) as journal:
        weather.error = Unavailable("away")
        with pytest.raises(Unavailable):
            record_durably(journal, scored("a"))
        weather.error = None
    assert names_in(store) == ["a"]


def test_a_journal_that_cannot_be_flushed_says_so_whatever_else_went_wrong():
    stopped = Interrupted("stopped on request")
    with pytest.raises(Unavailable, match="1 outcomes") as caught:
        record_while(Faulty(MemoryStore()), Unavailable("away"), raising=stopped)
    assert caught.value.__cause__ is stopped


def test_a_store_that_refuses_asks_a_person():
    with pytest.raises(StopRun, match="refused: fix the key; 1 outcomes"):
        record_while(Faulty(MemoryStore()), StopRun("refused: fix the key"))


def test_an_error_of_any_kind_is_told():
    with pytest.raises(Unavailable, match="out of order; 1 outcomes"):
        record_while(Faulty(MemoryStore()), RuntimeError("out of order"))


def test_a_task_that_is_asked_to_stop_does_not_wait_for_a_store_that_is_away():
    stop = threading.Event()
    stop.set()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="away; 1 outcomes"):
        record_while(Faulty(MemoryStore()), Unavailable("away"), stop=stop)
    assert time.monotonic() - started < 5  # it would be minutes without the stop


def test_a_task_that_is_asked_to_stop_does_not_wait_for_a_store_that_hangs(monkeypatch):
    monkeypatch.setattr(writing, "STOPPING_SECONDS", 0.3)
    store, stop, release = Faulty(MemoryStore()), threading.Event(), threading.Event()
    journal = journal_in(store, stop=stop)
    store.before = lambda operation, key: release.wait(30)
    started = time.monotonic()

    def record():
        with journal:
            record_durably(journal, scored("a"))

    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Unavailable, match="the store does not answer"):
        record()
    assert time.monotonic() - started < 5  # it would be minutes without the stop
    release.set()
    journal._thread.join()


@pytest.mark.parametrize("only_new", [True, False])
def test_a_put_whose_answer_was_lost_is_written_once(only_new):
    store = Faulty(MemoryStore())
    lost = []

    def lose_answers(operation, key):
        if operation == "put" and lost.count(key) < 2:
            lost.append(key)
            raise Unavailable("timed out")

    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=only_new) as journal:
        store.after = lose_answers
        for name in "abc":
            record_durably(journal, scored(name))
    assert names_in(store) == ["a", "b", "c"]
    assert len(lost) == (3 if only_new else 6)


def s3_through(link, seaweed, name):
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{link.port}",
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
        region_name="us-east-1",
        config=s3_config(addressing_style="path").merge(
            Config(retries={"total_max_attempts": 1}, read_timeout=5)
        ),
    )
    return S3Store(client, bucket="maskmatch", prefix=f"tests/{name}")


def port_of(seaweed):
    return int(seaweed.endpoint_url.rpartition(":")[2])


def test_answers_and_requests_of_s3_that_are_lost_on_the_way_cost_nothing(seaweed, tmp_path):
    with Relay(port_of(seaweed)) as link:
        store = s3_through(link, seaweed, tmp_path.name)
        with journal_in(store, patience_seconds=10) as journal:
            for number in range(12):
                link.answers_to_lose, link.requests_to_tear = number % 3, number % 2
                record_durably(journal, scored(f"p{number}"))
        assert (link.answers_lost, link.requests_torn) == (12, 6)
        assert names_in(store) == [f"p{number}" for number in range(12)]
        store._client.close()


def test_a_part_of_a_segment_that_a_store_kept_is_replaced_by_the_whole():
    store, torn = Faulty(MemoryStore()), []

    def tear(operation, key):
        if operation == "put" and not torn:
            torn.append(key)
            store.put(key, b"")
            raise Unavailable("connection lost")

    with journal_in(store) as journal:
        store.before = tear
        record_durably(journal, scored("a"))
    assert names_in(store) == ["a"]


def test_an_s3_that_goes_away_and_comes_back_loses_nothing(seaweed, tmp_path):
    with Relay(port_of(seaweed)) as link:
        store = s3_through(link, seaweed, tmp_path.name)
        with journal_in(store, most_pending=4) as journal:
            record_durably(journal, scored("first"))
            link.is_cut = True
            threading.Timer(0.5, lambda: setattr(link, "is_cut", False)).start()
            for number in range(20):
                record(journal, scored(f"p{number}"))
            assert not link.is_cut
        assert len(names_in(store)) == 21
        store._client.close()


def test_a_full_disk_says_what_to_do_and_waits_for_it(tmp_path, caplog):
    class Small(FileStore):
        is_full = False

        def _move(self, temporary, path, check):
            if self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            super()._move(temporary, path, check)

    store = Small(tmp_path)
    said = threading.Event()
    with journal_in(store) as journal:
        store.is_full = True
        record(journal, scored("a"))
        caplog.handler.addFilter(lambda record: said.set() or True)
        assert said.wait(10)
        store.is_full = False
    assert names_in(store) == ["a"]
    assert "No space left on device: free space below file://" in caplog.text
    assert keys_in(store)[0] == "claim-0001.json"
    assert not list(tmp_path.rglob(".writing-*"))


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "maskmatch-test", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_disk_that_was_full_and_is_freed_again_has_everything(small_disk, caplog):
    store = FileStore(small_disk)
    ballast = small_disk / "ballast"
    said = threading.Event()
    caplog.handler.addFilter(lambda record: said.set() or True)
    with journal_in(store, most_pending=4) as journal:
        fill(ballast)
        freed = threading.Thread(target=lambda: said.wait(10) and ballast.unlink())
        freed.start()
        for number in range(100):
            record(journal, scored(f"p{number}"))
        freed.join()
    assert said.is_set()
    assert set(known(store)) == {f"p{number}" for number in range(100)}

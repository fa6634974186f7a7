"""A compacted journal says the same as before, whatever happens meanwhile."""

import shutil
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskmatch.core.errors import BooksError, Unavailable
from maskmatch.storage.journal import Counts, Origin, ShardJournal, compact, last_epoch, read_journal
from maskmatch.storage.journal.records import to_lines
from maskmatch.storage.object_stores import FileStore
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
    unknown,
)


class Killed(BaseException):
    """Ends a compaction where kill -9 would."""


def append(store, *groups, epoch=None):
    """Write one segment per group of names."""
    epoch = epoch or last_epoch(store, PREFIX) + 1
    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=epoch, only_new=True) as journal:
        for group in groups:
            for name in group[:-1]:
                record(journal, scored(name))
            record_durably(journal, scored(group[-1]))


def compact_killed_before(store, operation_number):
    """Compact, ended before its n-th change or reading of an object; say whether it ended by itself."""
    left = iter(range(operation_number))
    lock = threading.Lock()

    def count(operation, key):
        with lock:
            if operation in {"put", "put_file", "delete", "get"} and next(left, None) is None:
                raise Killed

    faulty = Faulty(store)
    faulty.before = count
    try:
        compact(faulty, PREFIX)
    except Killed:
        return False
    return True


def test_many_objects_become_one_that_says_the_same(store):
    append(store, *"abcdef")
    append(store, "gh", "i")
    before = read_journal(store, PREFIX)
    compact(store, PREFIX)
    assert read_journal(store, PREFIX) == before
    *claims, only = keys_in(store)
    assert claims == ["claim-0001.json", "claim-0002.json"]
    assert only.startswith("compact-0002-000002-")
    assert only.endswith("-s9-f0-a0.parquet")


def test_a_later_try_appends_to_what_was_compacted_and_that_is_compacted_again(store):
    append(store, "a", "b")
    compact(store, PREFIX)
    assert last_epoch(store, PREFIX) == 1
    append(store, "c", "a")
    assert names_in(store) == ["a", "b", "c", "a"]
    compact(store, PREFIX)
    assert names_in(store) == ["a", "b", "c", "a"]
    assert len(keys_in(store)) == 3


def test_a_compacted_journal_is_left_alone(store):
    compact(store, PREFIX)
    assert keys_in(store) == []
    append(store, "a", "b")
    compact(store, PREFIX)
    before = keys_in(store)
    compact(store, PREFIX)
    assert keys_in(store) == before


def test_entries_of_unknown_fate_keep_their_calls(store):
    with ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True) as journal:
        record_durably(journal, unknown("a"))
        record_durably(journal, scored("a"))
        record_durably(journal, unknown("b"))
    before = known(store)
    compact(store, PREFIX)
    assert known(store) == before
    assert (before["a"].calls.attempts, before["a"].calls.maybe_billed) == (2, 1)


def test_a_compaction_that_is_killed_at_any_point_leaves_the_journal_as_it_was():
    point = 0
    while True:
        store = MemoryStore()
        append(store, "a", "b", "c")
        compact(store, PREFIX)
        append(store, "d", "e")
        ended = compact_killed_before(store, point)
        assert names_in(store) == list("abcde")
        compact(store, PREFIX)
        assert names_in(store) == list("abcde")
        assert len(keys_in(store)) == 3
        if ended:
            break
        point += 1
    assert point >= 6


def test_a_writer_that_was_replaced_may_still_land_a_segment_after_the_compaction(store):
    zombie = ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True)
    append(store, "b", "c", epoch=2)
    compact(store, PREFIX)
    with zombie:
        record(zombie, scored("late"))
    assert names_in(store) == ["late", "b", "c"]
    compact(store, PREFIX)
    assert names_in(store) == ["late", "b", "c"]


def test_a_segment_that_lands_a_second_time_after_it_was_compacted_counts_once(store):
    append(store, "a", "b")
    segments = {key: store.get(f"{PREFIX}/{key}") for key in keys_in(store)}
    compact(store, PREFIX)
    for key, text in segments.items():
        store.put(f"{PREFIX}/{key}", text)
    assert names_in(store) == ["a", "b"]


def test_several_that_compact_at_once_lose_and_double_nothing(store):
    append(store, *"abcdefgh")
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(compact, store, PREFIX) for _ in range(4)]:
            done.result()
    assert names_in(store) == list("abcdefgh")
    compact(store, PREFIX)
    assert len(keys_in(store)) == 2


def test_readers_see_everything_once_while_others_write_and_compact(store):
    durable, failures, end = [], [], threading.Event()

    def read():
        while not end.is_set():
            before = set(durable)
            counts = Counter(names_in(store))
            if set(counts.values()) - {1} or not before <= set(counts):
                failures.append((before, counts))

    def compact_again():
        while not end.is_set():
            compact(store, PREFIX)

    journal = ShardJournal(store, PREFIX, origin=Origin("r"), epoch=1, only_new=True)
    with journal, ThreadPoolExecutor(3) as pool:
        others = [pool.submit(read), pool.submit(read), pool.submit(compact_again)]
        for number in range(50):
            record_durably(journal, scored(f"p{number}"))
            durable.append(f"p{number}")
        end.set()
        for other in others:
            other.result()
    assert failures == []
    assert len(names_in(store)) == 50


def test_a_listing_that_missed_what_was_moved_while_it_was_made_is_made_again():
    class Moving(MemoryStore):
        is_moving = True

        def list(self, prefix, **options):
            if self.is_moving and prefix == f"{PREFIX}/":
                self.is_moving = False
                compact(self, PREFIX)  # after the place of the new object, before that of the old ones
                return iter(())
            return super().list(prefix, **options)

    store = Moving()
    store.is_moving = False
    append(store, "a", "b")
    store.is_moving = True
    assert names_in(store) == ["a", "b"]


@pytest.mark.parametrize(
    "data", [b"", b"{broken\n", b'{"maskmatch.journal": "3", "rows": 1}\n{"run_id": "r"']
)
def test_a_damaged_segment_is_named_and_stays(tmp_path, data):
    store = FileStore(tmp_path)
    append(store, "a")
    store.put(f"{PREFIX}/segment-999997-999998-aaaaaa-s1-f0-a0.jsonl", data)
    with pytest.raises(BooksError, match=r"segment-999997-999998-aaaaaa-s1-f0-a0\.jsonl is damaged"):
        compact(store, PREFIX)
    assert len(keys_in(store)) == 3


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: data[100:], lambda data: b""])
def test_a_damaged_compact_object_is_named(tmp_path, damage):
    store = FileStore(tmp_path)
    append(store, "a", "b")
    compact(store, PREFIX)
    (key,) = [found.key for found in store.list(f"{PREFIX}/compact-")]
    store.put(key, damage(store.get(key)))
    with pytest.raises(BooksError, match=r"compact-0001-000002-.* is damaged .*restore it"):
        read_journal(store, PREFIX)


def test_nothing_is_deleted_when_the_store_did_not_keep_the_compact_object(tmp_path):
    class Forgetful(FileStore):
        def put_file(self, key, path):
            pass

    store = Forgetful(tmp_path)
    append(store, "a", "b")
    with pytest.raises(BooksError, match="nothing is deleted"):
        compact(store, PREFIX)
    assert names_in(store) == ["a", "b"]


def test_a_store_that_fails_while_compacting_is_told_and_the_journal_stays(tmp_path):
    store = Faulty(FileStore(tmp_path))
    append(store, "a", "b")

    def refuse(operation, key):
        if operation == "put_file":
            raise Unavailable("away")

    store.before = refuse
    with pytest.raises(Unavailable, match="away"):
        compact(store, PREFIX)
    assert names_in(store) == ["a", "b"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), st.lists(st.integers(1, 4), max_size=4)),
        st.tuples(st.just("zombie"), st.integers(1, 4)),
        st.tuples(st.just("compact"), st.none()),
        st.tuples(st.just("killed"), st.integers(0, 12)),
        st.tuples(st.just("lands again"), st.integers(0, 100)),
    ),
    max_size=10,
)


class Model:
    """A journal, and what must be in it by writer in the order of writing."""

    def __init__(self):
        self.store = MemoryStore()
        self.written = {}
        self.puts = []
        self.journals = []
        self.count = 0

    def attempt(self, sizes):
        epoch = last_epoch(self.store, PREFIX) + 1
        journal = ShardJournal(self.store, PREFIX, origin=Origin("r"), epoch=epoch, only_new=True)
        self.journals.append(journal)
        self.written[epoch] = []
        for size in sizes:
            self._append(journal, epoch, size)

    def zombie(self, size):
        if self.journals:
            self._append(self.journals[0], 1, size)

    def compact(self, _):
        compact(self.store, PREFIX)

    def killed(self, point):
        compact_killed_before(self.store, point)

    def lands_again(self, number):
        if self.puts:
            key, data = self.puts[number % len(self.puts)]
            self.store.put(key, data)

    def _append(self, journal, epoch, size):
        names = [f"p{self.count + number}" for number in range(size)]
        self.count += size
        before = set(self.store.objects)
        lines = to_lines([scored(name) for name in names], Origin("r"), shard_try=epoch)
        journal._segments.append(lines, Counts())
        self.puts += [(key, self.store.objects[key]) for key in set(self.store.objects) - before]
        self.written[epoch] += names


@given(STEPS)
@settings(deadline=None)
def test_reading_never_depends_on_what_was_compacted_when(steps):
    model = Model()
    for step, argument in steps:
        getattr(model, step.replace(" ", "_"))(argument)
        expected = [name for epoch in sorted(model.written) for name in model.written[epoch]]
        assert names_in(model.store) == expected


def test_no_room_for_the_compact_object_on_this_host_is_told(tmp_path, monkeypatch):
    store = FileStore(tmp_path / "store")
    append(store, "a", "b")
    gone = tempfile.mkdtemp()
    monkeypatch.setattr(tempfile, "tempdir", gone)
    shutil.rmtree(gone)
    with pytest.raises(Unavailable, match="has no room to compact"):
        compact(store, PREFIX)
    with suppress(FileNotFoundError):
        shutil.rmtree(gone)

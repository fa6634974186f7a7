import json
import threading
import time

import pytest

from maskmatch.core.errors import BooksError, Replaced, Unavailable
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason
from maskmatch.storage.journal import (
    Origin,
    ShardJournal,
    compact,
    last_epoch,
    read_journal,
    scan_journal,
)
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


def journal_in(store, *, epoch=None, run_id="r", only_new=True, **options):
    epoch = epoch or last_epoch(store, PREFIX) + 1
    return ShardJournal(store, PREFIX, origin=Origin(run_id), epoch=epoch, only_new=only_new, **options)


def record_all(store, names, *, threads=8, **options):
    with journal_in(store, **options) as journal:
        queue = iter(names)
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    name = next(queue, None)
                if name is None:
                    return
                record(journal, scored(name))

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


@pytest.mark.parametrize("only_new", [True, False])
def test_what_was_recorded_is_read_back(store, only_new):
    names = [f"p{number}" for number in range(200)]
    record_all(store, names, only_new=only_new, most_pending=20)
    assert sorted(names_in(store)) == sorted(names)


def test_all_that_was_recorded_is_durable_when_flush_returns(store):
    with journal_in(store) as journal:
        for names in ("a", "bcd", "efghi"):
            for name in names:
                record(journal, scored(name))
            journal.flush()
            assert "".join(names_in(store)).endswith(names)


def test_flush_of_each_of_many_threads_returns_when_its_own_outcomes_are_durable(store):
    missed = []

    def work(thread):
        for number in range(5):
            record_durably(journal, scored(f"{thread}-{number}"))
            if f"{thread}-{number}" not in names_in(store):
                missed.append((thread, number))

    with journal_in(store) as journal:
        workers = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert not missed


def test_there_is_nothing_to_wait_for_when_all_is_durable_or_nothing_was_recorded():
    store, tried = Faulty(MemoryStore()), []
    with journal_in(store) as journal:
        store.before = lambda operation, key: operation == "put" and tried.append(key)
        journal.flush()
        assert tried == []
        record_durably(journal, scored("a"))
        journal.flush()
        assert len(tried) == 1
    journal.flush()


def test_recording_does_not_wait_for_the_store(tmp_path):
    store = Faulty(FileStore(tmp_path))
    may_answer = threading.Event()
    journal = journal_in(store, most_pending=10)
    store.before = lambda operation, key: may_answer.wait(30)
    with journal:
        for number in range(10):
            record(journal, scored(f"p{number}"))
        assert names_in(FileStore(tmp_path)) == []
        may_answer.set()
    assert len(names_in(FileStore(tmp_path))) == 10


def test_no_more_than_one_group_and_one_per_thread_is_ever_not_durable(tmp_path):
    store, most, threads = Faulty(MemoryStore()), 5, 4
    journal = journal_in(store, most_pending=most)
    recorded, gate = [], threading.Semaphore(0)
    store.before = lambda operation, key: operation == "put" and gate.acquire(timeout=30)

    def work():
        for number in range(25):
            recorded.append(number)
            record(journal, scored(f"{threading.get_ident()}-{number}"))

    with journal:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for _ in range(60):
            so_far = len(recorded)  # before what is durable, which may be more by then
            assert so_far <= len(names_in(store)) + most + 2 * threads  # recorded, or counted and about to be
            gate.release()
        gate.release(1000)
        for worker in workers:
            worker.join()
    assert len(names_in(store)) == threads * 25


def test_outcomes_that_come_together_go_into_one_object(tmp_path):
    store = FileStore(tmp_path)
    record_all(store, [f"p{number}" for number in range(64)], threads=32)
    assert len(list(store.list(f"{PREFIX}/"))) <= 8


def test_a_group_is_written_at_once_when_it_is_half_full(tmp_path):
    store, written = Faulty(MemoryStore()), threading.Event()
    with journal_in(store, most_pending=8) as journal:
        record_durably(journal, scored("first"))
        store.after = lambda operation, key: operation == "put" and written.set()
        journal._commit_at += 1000
        for number in range(4):
            assert not written.is_set()
            record(journal, scored(f"p{number}"))
        assert written.wait(10)


def test_a_group_that_nobody_waits_for_is_not_due_before_its_time():
    journal = journal_in(MemoryStore(), most_pending=8)
    journal._commit_at = time.monotonic() + 1000
    for number in range(3):
        record(journal, scored(f"p{number}"))
    assert not journal._is_due()
    journal._commit_at = time.monotonic()
    assert journal._is_due()


def test_flush_does_not_wait_until_a_group_is_due(store):
    with journal_in(store) as journal:
        record_durably(journal, scored("first"))
        journal._commit_at += 1000
        record_durably(journal, scored("second"))
        assert names_in(store) == ["first", "second"]


def test_a_single_outcome_is_written_before_long_though_nobody_waits(tmp_path):
    store, written = Faulty(MemoryStore()), threading.Event()
    with journal_in(store, most_pending=1000) as journal:
        record_durably(journal, scored("first"))
        store.after = lambda operation, key: operation == "put" and written.set()
        record(journal, scored("second"))
        assert written.wait(10)


def test_segments_are_named_by_epoch_sequence_and_the_token_of_their_writer(store):
    with journal_in(store, epoch=3) as journal:
        record_durably(journal, scored("a"))
        record_durably(journal, scored("b"))
    token = json.loads(store.get(f"{PREFIX}/claim-0003.json"))["token"]
    assert len(token) == 6
    second, first = [key for key in keys_in(store) if token in key]
    assert first == f"segment-999996-999998-{token}-s1-f0-a0.jsonl"
    assert second == f"segment-999996-999997-{token}-s2-f0-a0.jsonl"


@pytest.mark.parametrize(
    "name",
    [
        "0001-000000.json",
        "0001-000000.jsonl",
        "0001-000001-a1b2c3.jsonl",
        "0001-000001-a1b2c3-s1-f0-a0.jsonl",
        "compact-0001-000001-a1b2c3.jsonl",
    ],
)
def test_a_journal_of_an_earlier_version_is_refused_with_the_cure(store, name):
    store.put(f"{PREFIX}/{name}", b"{}")
    for look in (last_epoch, read_journal, compact, journal_in):
        with pytest.raises(BooksError, match=rf"{name} was written by an earlier version.* recompare"):
            look(store, PREFIX) if look is not journal_in else journal_in(store, epoch=1)


def test_a_segment_of_another_format_is_refused(store):
    with journal_in(store) as journal:
        record_durably(journal, scored("a"))
    (segment,) = [found.key for found in store.list(f"{PREFIX}/segment-")]
    store.put(segment, store.get(segment).replace(b'"maskmatch.journal":"3"', b'"maskmatch.journal":"2"'))
    with pytest.raises(
        BooksError,
        match=r"segment-999998-999998.* has format 2, and this version of maskmatch reads 3: finish",
    ):
        read_journal(store, PREFIX)


def test_a_later_epoch_wins_and_never_touches_the_objects_of_an_earlier_one(store):
    record_all(store, ["a", "b"])
    before = {found.key: store.get(found.key) for found in store.list(f"{PREFIX}/")}
    with journal_in(store) as journal:
        record(journal, scored("a", score=99.0))
    assert known(store)["a"].score == 99.0
    assert {key: store.get(key) for key in before} == before


@pytest.mark.parametrize("only_new", [True, False])
@pytest.mark.parametrize("later", [2, 5])
def test_a_writer_that_was_replaced_keeps_what_it_paid_for_and_stops(store, only_new, later):
    one = journal_in(store, epoch=1, only_new=only_new)
    two = journal_in(store, epoch=later, only_new=only_new)
    with one, two:
        with pytest.raises(Replaced, match=r"another run has taken over s\.journal"):
            record_durably(one, scored("a"))
        with pytest.raises(Replaced):
            record(one, scored("b"))
        record_durably(two, scored("c"))
    assert set(known(store)) == {"a", "b", "c"}


@pytest.mark.parametrize("only_new", [True, False])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_epoch_that_is_over_cannot_be_opened(store, epoch, only_new):
    journal_in(store, epoch=3, only_new=only_new)
    with pytest.raises(Replaced):
        journal_in(store, epoch=epoch, only_new=only_new)


def test_of_many_that_open_one_epoch_at_once_one_goes_on(store):
    opened, refused, barrier = [], [], threading.Barrier(4)

    def work():
        barrier.wait()
        try:
            opened.append(journal_in(store, epoch=1))
        except Replaced as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(refused)) == (1, 3)


def test_two_writers_of_one_epoch_in_a_store_without_conditions_lose_nothing_and_one_stops():
    store, barrier, refused = Faulty(MemoryStore()), threading.Barrier(2), []
    store.before = lambda operation, key: operation == "put" and barrier.wait(10)  # both have looked by then
    journals = []
    openers = [
        threading.Thread(target=lambda: journals.append(journal_in(store, epoch=1, only_new=False)))
        for _ in range(2)
    ]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    store.before = lambda operation, key: None
    for name, journal in zip("ab", journals, strict=True):
        with journal:
            try:
                record_durably(journal, scored(name))
            except Replaced as error:
                refused.append(error)
    assert sorted(names_in(store)) == ["a", "b"]
    assert len(refused) == 1


def test_a_failure_keeps_its_reason(tmp_path):
    store = FileStore(tmp_path)
    reason = Reason(failure_class=FailureClass.DATA, code="image_missing", message="no object")
    with journal_in(store) as journal:
        record(journal, Outcome(pair_id="a", reason=reason))
    assert known(store)["a"].reason == reason


def test_the_calls_of_all_tries_of_a_pair_are_added_up(tmp_path):
    store = FileStore(tmp_path)
    reason = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="network_error", message="timed out")
    first = Outcome(pair_id="a", reason=reason, calls=Calls(attempts=1, maybe_billed=1))
    for outcome in (*[first] * 5, scored("a")):
        with journal_in(store) as journal:
            record(journal, outcome)
    calls = known(store)["a"].calls
    assert (calls.attempts, calls.billed, calls.maybe_billed) == (6, 1, 5)


def test_calls_of_unknown_fate_that_were_entered_one_by_one_are_part_of_the_pair(tmp_path):
    store = FileStore(tmp_path)
    with journal_in(store) as journal:
        record_durably(journal, unknown("a"))
        record_durably(journal, unknown("a"))
        record(journal, scored("a"))
        record_durably(journal, unknown("b"))
    found = known(store)
    calls = found["a"].calls
    assert (calls.attempts, calls.billed, calls.maybe_billed) == (3, 1, 2)
    assert found["a"].score == 50.0
    assert not found["b"].is_final


def test_an_answer_that_was_paid_for_is_not_hidden_by_a_later_failure_of_another_try(tmp_path):
    store = FileStore(tmp_path)
    for outcome in (scored("a"), unknown("a")):
        with journal_in(store) as journal:
            record(journal, outcome)
    found = known(store)["a"]
    assert (found.score, found.calls.attempts, found.calls.maybe_billed) == (50.0, 2, 1)


def test_every_entry_says_which_run_made_its_calls(tmp_path):
    store = FileStore(tmp_path)
    for run_id in ("one", "two"):
        with journal_in(store, run_id=run_id) as journal:
            record(journal, scored(run_id))
    assert [entry.run_id for entry in read_journal(store, PREFIX)] == ["one", "two"]


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda data: data[:-20], lambda data: data[9:], lambda data: data.splitlines()[0]],
)
def test_a_damaged_object_is_named(tmp_path, damage):
    store = FileStore(tmp_path)
    with journal_in(store) as journal:
        record_durably(journal, scored("a"))
    (segment,) = [found.key for found in store.list(f"{PREFIX}/segment-")]
    store.put(segment, damage(store.get(segment)))
    with pytest.raises(BooksError, match=r"s\.journal/segment-999998-999998-.* is damaged"):
        read_journal(store, PREFIX)


def test_an_object_that_somebody_deleted_is_missed(store):
    record_all(store, ["a"])
    with journal_in(store) as journal:
        for name in "bcd":
            record_durably(journal, scored(name))
    (second,) = [found.key for found in store.list(f"{PREFIX}/segment-999997-999997-")]
    store.delete(second)
    with pytest.raises(BooksError, match=r"lacks an object .*segment-999997-999997-.* restore it"):
        read_journal(store, PREFIX)


def test_only_some_objects_are_in_memory_while_a_journal_is_read():
    store, gets = Faulty(MemoryStore()), []
    with journal_in(store) as journal:
        for number in range(300):
            record_durably(journal, scored(f"p{number}"))
    store.before = lambda operation, key: operation == "get" and gets.append(key)
    next(scan_journal(store, PREFIX))
    assert len(gets) <= 64


def test_a_foreign_file_beside_the_journal_does_no_harm(tmp_path):
    store = FileStore(tmp_path)
    store.put(f"{PREFIX}/note.txt", b"hello")
    store.put(f"{PREFIX}/compact-notes.jsonl", b"hello")
    store.put(f"{PREFIX}/segment-000001-000001-a1b2c3-s1.jsonl", b"hello")
    record_all(store, ["a"])
    assert set(known(store)) == {"a"}


def test_recording_into_a_closed_journal_is_an_error_and_no_wait(tmp_path):
    with journal_in(FileStore(tmp_path)) as journal:
        pass
    with pytest.raises(Unavailable, match="is closed"):
        record(journal, scored("a"))

import threading

import pytest

from maskmatch.adapters.journal import ShardJournal, final_outcomes, read_journal
from maskmatch.adapters.stores import FileStore
from maskmatch.core.errors import BooksError, StopRun, Unavailable
from maskmatch.core.outcomes import Calls, FailureClass, Outcome, Reason


def scored(name, score=50.0):
    return Outcome(pair_id=name, score=score, model_version="3.0", calls=Calls(attempts=1, billed=1))


def known(store):
    return final_outcomes(read_journal(store, "s.journal"))


def record_all(store, names, *, only_new=True, threads=8):
    with ShardJournal(store, "s.journal", run_id="r", only_new=only_new) as journal:
        queue = iter(names)
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    name = next(queue, None)
                if name is None:
                    return
                journal.record(scored(name))

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


@pytest.mark.parametrize("only_new", [True, False])
def test_what_was_recorded_is_read_back(store, only_new):
    names = [f"p{number}" for number in range(40)]
    record_all(store, names, only_new=only_new)
    assert set(known(store)) == set(names)


def test_an_outcome_is_durable_when_record_returns(tmp_path):
    store = FileStore(tmp_path)
    with ShardJournal(store, "s.journal", run_id="r", only_new=True) as journal:
        journal.record(scored("a"))
        assert "a" in known(store)


def test_outcomes_that_come_together_go_into_one_object(tmp_path):
    store = FileStore(tmp_path)
    record_all(store, [f"p{number}" for number in range(64)], threads=32)
    assert len(list(store.list("s.journal/"))) <= 8


def test_a_later_epoch_wins_and_never_touches_the_objects_of_an_earlier_one(tmp_path):
    store = FileStore(tmp_path)
    record_all(store, ["a", "b"])
    before = {found.key: store.get(found.key) for found in store.list("s.journal/")}
    with ShardJournal(store, "s.journal", run_id="r", only_new=True) as journal:
        journal.record(scored("a", score=99.0))
    assert known(store)["a"].score == 99.0
    assert {key: store.get(key) for key in before} == before


def test_a_writer_that_was_replaced_keeps_what_it_paid_for_and_stops(tmp_path):
    store = FileStore(tmp_path)
    one = ShardJournal(store, "s.journal", run_id="one", only_new=True)
    two = ShardJournal(store, "s.journal", run_id="two", only_new=True)
    with one, two:
        with pytest.raises(StopRun, match=r"another run has taken over s\.journal"):
            one.record(scored("a"))
        two.record(scored("b"))
    assert set(known(store)) == {"a", "b"}


def test_two_that_open_at_once_get_different_epochs(store):
    journals = []
    threads = [
        threading.Thread(
            target=lambda: journals.append(ShardJournal(store, "s.journal", run_id="r", only_new=True))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(journal._epoch for journal in journals) == [1, 2, 3, 4]


def test_a_put_whose_answer_was_lost_is_no_conflict(tmp_path):
    class AnswerLost(FileStore):
        def put(self, key, data, *, only_new=False):
            super().put(key, data, only_new=only_new)
            if data:
                super().put(key, data, only_new=only_new)

    store = AnswerLost(tmp_path)
    with ShardJournal(store, "s.journal", run_id="r", only_new=True) as journal:
        journal.record(scored("a"))
    assert "a" in known(store)


def test_a_store_that_fails_is_told_to_every_thread_that_records(tmp_path):
    class Full(FileStore):
        def put(self, key, data, *, only_new=False):
            if data:
                raise OSError("no space left on device")

    with ShardJournal(Full(tmp_path), "s.journal", run_id="r", only_new=True) as journal:
        for name in ("a", "b"):
            with pytest.raises(Unavailable, match="no space left"):
                journal.record(scored(name))


def test_a_failure_keeps_its_reason(tmp_path):
    store = FileStore(tmp_path)
    reason = Reason(failure_class=FailureClass.DATA, code="image_missing", message="no object")
    with ShardJournal(store, "s.journal", run_id="r", only_new=True) as journal:
        journal.record(Outcome(pair_id="a", reason=reason))
    assert known(store)["a"].reason == reason


def test_the_calls_of_all_attempts_at_a_pair_are_added_up(tmp_path):
    store = FileStore(tmp_path)
    reason = Reason(failure_class=FailureClass.INFRASTRUCTURE, code="network_error", message="timed out")
    first = Outcome(pair_id="a", reason=reason, calls=Calls(attempts=5, maybe_billed=5))
    for outcome in (first, scored("a")):
        with ShardJournal(store, "s.journal", run_id="r", only_new=True) as journal:
            journal.record(outcome)
    calls = known(store)["a"].calls
    assert (calls.attempts, calls.billed, calls.maybe_billed) == (6, 1, 5)


def test_every_entry_says_which_run_made_its_calls(tmp_path):
    store = FileStore(tmp_path)
    for run_id in ("one", "two"):
        with ShardJournal(store, "s.journal", run_id=run_id, only_new=True) as journal:
            journal.record(scored(run_id))
    assert [entry.run_id for entry in read_journal(store, "s.journal")] == ["one", "two"]


@pytest.mark.parametrize("text", [b"{broken", b"{}", b'{"run_id": "r", "pair_id": 1}'])
def test_a_damaged_object_is_named(tmp_path, text):
    store = FileStore(tmp_path)
    store.put("s.journal/0001-000001.jsonl", text)
    with pytest.raises(BooksError, match=r"s\.journal/0001-000001\.jsonl is damaged"):
        read_journal(store, "s.journal")


def test_a_foreign_file_beside_the_journal_does_no_harm(tmp_path):
    store = FileStore(tmp_path)
    store.put("s.journal/note.txt", b"hello")
    record_all(store, ["a"])
    assert set(known(store)) == {"a"}


def test_recording_into_a_closed_journal_is_an_error_and_no_wait(tmp_path):
    with ShardJournal(FileStore(tmp_path), "s.journal", run_id="r", only_new=True) as journal:
        pass
    with pytest.raises(Unavailable, match="is closed"):
        journal.record(scored("a"))

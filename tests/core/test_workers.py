"""Threads for what blocks."""

import threading

import pytest

from maskmatch.core.workers import Workers
from tests.waiting import wait_until


def alive(name):
    return sum(thread.name.startswith(f"{name}-") for thread in threading.enumerate())


def test_jobs_that_follow_each_other_take_one_thread():
    workers = Workers("one", most=8)
    threads = {workers.submit(threading.current_thread).result() for _ in range(50)}
    assert len(threads) == 1
    workers.shutdown()


def test_jobs_that_block_take_a_thread_each_up_to_the_most():
    workers, release = Workers("many", most=3), threading.Event()
    jobs = [workers.submit(release.wait, 10) for _ in range(5)]
    wait_until(lambda: alive("many") == 3, "three threads")
    assert not any(job.done() for job in jobs)
    release.set()
    assert all(job.result(10) for job in jobs)
    workers.shutdown()
    assert alive("many") == 0


def test_an_error_is_raised_where_the_result_is_taken():
    workers = Workers("bad", most=1)
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 // 0).result()
    assert workers.submit(len, "abc").result() == 3
    workers.shutdown()


def test_a_job_that_hangs_holds_up_no_shutdown_and_those_behind_it_are_cancelled():
    workers, release = Workers("hangs", most=1), threading.Event()
    workers.submit(release.wait, 10)
    behind = workers.submit(len, "abc")
    workers.shutdown()
    assert behind.cancelled()
    release.set()
    wait_until(lambda: alive("hangs") == 0, "the end of the thread")


def test_a_thread_that_cannot_be_started_is_done_without():
    workers, release = Workers("few", most=3), threading.Event()
    workers.submit(release.wait, 10)
    wait_until(lambda: alive("few") == 1, "a thread")
    usual = threading.stack_size(1 << 46)  # more than any host has for the stack of a thread
    try:
        later = workers.submit(len, "abc")
    finally:
        threading.stack_size(usual)
    assert alive("few") == 1
    release.set()
    assert later.result(10) == 3
    workers.shutdown()


def test_where_not_even_one_thread_can_be_started_it_is_said():
    workers = Workers("none", most=3)
    usual = threading.stack_size(1 << 46)
    try:
        with pytest.raises(RuntimeError, match="start new thread"):
            workers.submit(len, "abc")
    finally:
        threading.stack_size(usual)

import threading
import time

from maskmatch.pipeline.task_process import LEAVE_SECONDS, Reporter


def test_the_listener_gets_the_newest_facts_and_the_last_ones_before_the_end():
    heard = []
    busy, may_go_on = threading.Event(), threading.Event()

    def listen(facts):
        heard.append(facts["done"])
        busy.set()
        assert may_go_on.wait(5)

    with Reporter(listen) as reporter:
        reporter.report({"done": 1})
        assert busy.wait(5)
        for done in (2, 3, 4):
            reporter.report({"done": done})
        may_go_on.set()
    assert heard == [1, 4]


def test_a_listener_that_fails_is_asked_again_and_said_once(caplog):
    heard = []
    failed = threading.Event()

    def listen(facts):
        heard.append(facts["done"])
        failed.set()
        raise ConnectionError("away")

    with Reporter(listen) as reporter:
        reporter.report({"done": 1})
        assert failed.wait(5)
        reporter.report({"done": 2})
    assert heard == [1, 2]
    assert [record.getMessage() for record in caplog.records] == ["progress cannot be shown: away"]


def test_nobody_waits_for_a_listener_that_hangs():
    hanging = threading.Event()
    started = time.monotonic()
    with Reporter(lambda _: hanging.wait(60)) as reporter:
        reporter.report({"done": 1})
    assert time.monotonic() - started < LEAVE_SECONDS + 1  # the promise, and a second for a busy host
    hanging.set()

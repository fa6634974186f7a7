"""Calls of one comparer: prepared in many threads, many in flight at once in one."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from maskmatch.core.codes import Action, Billed
from maskmatch.core.errors import CallFailed, SlotMissed
from maskmatch.core.image_rules import Picture
from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.exchanges import STALE_SECONDS
from tests.tencent.answers import (
    ONE,
    OTHER,
    SCORED,
    answering,
    error,
    hanging_up,
    listening,
    peer,
    reply,
)

pytestmark = pytest.mark.server


def comparer_of(account, *, connections=16):
    return closing(TencentComparer(account, connections=connections))


def prepared(comparer, url="http://p.test/a"):
    return comparer.prepare(Picture(url=url), OTHER, quality_control=0)


def ended(comparer, count):
    calls, give_up_at = [], time.monotonic() + 20
    while len(calls) < count and time.monotonic() < give_up_at:
        calls += comparer.wait(0.05)
    assert len(calls) == count
    return calls


def failure_of(comparer, call):
    with pytest.raises(CallFailed) as caught:
        comparer.answer(call)
    return caught.value


def test_many_calls_are_in_flight_at_once_and_each_gets_its_own_score():
    ports, together = set(), threading.Barrier(16)

    def answer(handler):
        ports.add(handler.client_address[1])
        together.wait(10)
        score = int(json.loads(handler.body)["UrlA"])
        reply(handler, 200, {"Response": {**SCORED["Response"], "Score": score, "RequestId": f"r{score}"}})

    with answering(answer) as account, comparer_of(account) as comparer, ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            names = [str(number) for number in range(16)]
            calls = list(pool.map(lambda name: prepared(comparer, name), names))
            for call in calls:
                comparer.start(call)
            assert set(ended(comparer, 16)) == set(calls)
            answers = [comparer.answer(call) for call in calls]
            assert [answer.score for answer in answers] == list(range(16))
            assert [answer.request_id for answer in answers] == [f"r{name}" for name in names]
    assert len(ports) == 16


def test_the_failure_of_one_is_not_that_of_others():
    def answer(handler):
        match json.loads(handler.body)["UrlA"]:
            case "cut":
                handler.close_connection = True
            case "throttled":
                reply(handler, 200, error("RequestLimitExceeded"))
            case _:
                reply(handler, 200, SCORED)

    with answering(answer) as account, comparer_of(account) as comparer:
        calls = [prepared(comparer, name) for name in ("cut", "scored", "throttled", "scored", "cut")]
        for call in calls:
            comparer.start(call)
        ended(comparer, 5)
        for call in (calls[1], calls[3]):
            assert comparer.answer(call).score == 1
        codes = [failure_of(comparer, calls[index]).rule.code for index in (0, 2, 4)]
    assert codes == ["ClientNetworkError", "RequestLimitExceeded", "ClientNetworkError"]


def test_a_call_that_is_late_is_told_apart_from_one_that_failed_and_not_sent():
    seen = []

    def answer(handler):
        seen.append(handler.path)
        reply(handler, 200, SCORED)

    with answering(answer) as account, comparer_of(account) as comparer:
        with pytest.raises(SlotMissed):
            comparer.start(prepared(comparer), send_by=time.monotonic() - 0.001)
        assert seen == []
        comparer.start(in_time := prepared(comparer), send_by=time.monotonic() + 60)
        assert ended(comparer, 1) == [in_time]
        assert comparer.answer(in_time).score == 1
        comparer.check()  # which has no permit to keep to


def test_a_call_whose_connection_may_be_forgotten_is_not_sent():
    seen = []
    with answering(lambda handler: seen.append(handler.path)) as account, comparer_of(account) as comparer:
        call = prepared(comparer)
        call.ready_at -= STALE_SECONDS + 1
        with pytest.raises(SlotMissed):
            comparer.start(call)
        assert comparer.wait(0) == []
    assert seen == []


def test_a_call_that_is_given_up_leaves_its_connection_to_the_next():
    with answering(lambda handler: reply(handler, 200, SCORED)) as account, comparer_of(account) as comparer:
        given_up = prepared(comparer)
        comparer.give_up(given_up)
        assert prepared(comparer).sock is given_up.sock
        comparer.give_up(given_up)


def test_a_call_that_has_not_ended_has_no_answer():
    with answering(lambda handler: reply(handler, 200, SCORED)) as account, comparer_of(account) as comparer:
        call = prepared(comparer)
        with pytest.raises(ValueError, match="has not ended"):
            comparer.answer(call)
        comparer.give_up(call)


@pytest.mark.parametrize(
    ("said", "code"),
    [(b"", "ClientNetworkError"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "ConnectionError")],
)
def test_a_call_without_a_whole_answer_in_time_may_have_been_billed(said, code):
    heard, released = threading.Event(), threading.Event()

    def answer(handler):
        handler.wfile.write(said)
        heard.set()
        released.wait(10)

    with answering(answer) as account, comparer_of(account) as comparer:
        comparer.start(call := prepared(comparer))
        assert heard.wait(10)
        assert comparer.wait(0) == []
        call.sent_at -= 10
        assert ended(comparer, 1) == [call]
        failure = failure_of(comparer, call)
        released.set()
    assert (failure.rule.code, failure.rule.billed) == (code, Billed.UNKNOWN)
    assert not failure.never_sent


def test_a_call_whose_request_did_not_leave_whole_is_not_billed_and_tried_again():
    picture = Picture(data=b"x" * 30_000_000)
    with hanging_up(100_000) as endpoint:
        account = Account(secret_id="i", secret_key="k", endpoint=endpoint, protocol="http")
        with comparer_of(account) as comparer, pytest.raises(CallFailed) as caught:
            comparer.compare(picture, ONE, quality_control=0)
    failure = caught.value
    assert (failure.rule.billed, failure.rule.action) == (Billed.NO, Action.RETRY)
    assert "hung up before it had the whole request" in failure.rule.meaning
    assert not failure.never_sent


def test_megabytes_arrive_as_they_were_sent():
    bodies = []

    def answer(handler):
        bodies.append(json.loads(handler.body))
        reply(handler, 200, SCORED)

    picture = Picture(data=bytes(range(256)) * 12_000)
    with answering(answer) as account, comparer_of(account) as comparer:
        comparer.compare(picture, OTHER, quality_control=0)
    assert [base64.b64decode(bodies[0][name]) for name in ("ImageA", "ImageB")] == [picture.data, OTHER.data]


def test_close_hangs_up_the_calls_in_flight():
    heard = threading.Event()
    with peer(listening(heard)) as endpoint:
        comparer = TencentComparer(
            Account(secret_id="i", secret_key="k", endpoint=endpoint, protocol="http"), connections=1
        )
        comparer.start(prepared(comparer))
        assert comparer.wait(0) == []
        comparer.close()
        assert heard.wait(10)

"""The service stops in bounded time, whatever its calls are doing."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import uvicorn
from comparemaskface.faults.named_faults import plan_of
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web.app import build_app
from comparemaskface.web.running import address_of, build_server, listen

from tests.comparemaskface.service import SETTINGS, accepted_calls, outcome
from tests.waiting import wait_until

pytestmark = pytest.mark.server

LONGEST_STOP = 20
"""Seconds, within which each service here stops: much less than its call would take by itself."""


@contextmanager
def call_under_way(
    *faults: str, latency: timedelta = timedelta(0), grace_seconds: int = 30
) -> Iterator[tuple[Future[str], uvicorn.Server]]:
    """Start a service with faults, and a call to it; stop both in the end."""
    settings = replace(SETTINGS, faults=plan_of(faults), latency=latency)
    with listen("127.0.0.1", 0) as listener, ThreadPoolExecutor(1) as caller:
        server = build_server(build_app(settings, scorer=HashScorer()))
        server.config.timeout_graceful_shutdown = grace_seconds
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = address_of(listener)
            call = caller.submit(outcome, address)
            wait_until(lambda: accepted_calls(address), "the call is accepted")
            yield call, server
        finally:
            server.should_exit = True
            thread.join(timeout=LONGEST_STOP)
            assert not thread.is_alive()


@pytest.mark.parametrize("median_seconds", ["0.8", "60"])
def test_a_slow_call_is_answered_before_the_service_stops(median_seconds: str) -> None:
    with call_under_way(f"slow={median_seconds},0") as (call, server):
        server.should_exit = True
    assert call.result(timeout=1) == "Scored"


def test_a_hanging_call_does_not_hold_the_service_up() -> None:
    with call_under_way("hang=600") as (call, server):
        server.should_exit = True
    assert call.result(timeout=1) == "ClientNetworkError"


def test_a_call_that_takes_too_long_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with call_under_way(latency=timedelta(minutes=1), grace_seconds=1) as (call, server):
        server.should_exit = True
    assert call.result(timeout=1) in {"ClientNetworkError", "ServerNetworkError"}

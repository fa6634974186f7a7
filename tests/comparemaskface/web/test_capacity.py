"""A service that manages less than it is sent: how long calls take, and what changes while they wait."""

import asyncio
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from comparemaskface.faults.capacity import Capacity, CapacityName, Workload, parse_capacity

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import TLS, outcome


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("queue=20", 20, math.inf),
        ("queue=20,25", 20, 25),
        ("shared=0.5", 0.5, 0.5),
        ("shared=20,0.25", 20, 0.25),
        ("workers=10,5", 10, 5),
    ],
)
def test_a_capacity_is_a_name_and_one_number_or_two(text: str, first: float, second: float) -> None:
    capacity = parse_capacity(text)
    assert capacity == Capacity(CapacityName(text.partition("=")[0]), first, second)
    assert parse_capacity(str(capacity)) == capacity


@pytest.mark.parametrize(
    "text", ["", "queue", "queue=", "queue=0", "queue=x", "queue=1,2,3", "moon=1", "shared=.."]
)
def test_anything_else_is_no_capacity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_capacity(text)


def seconds_of(calls: int, workload: Workload, *, change: Capacity | None = None) -> list[float]:
    """Return after how many seconds each of some calls at once was done."""

    async def one() -> float:
        began = time.monotonic()
        await workload.do()
        return time.monotonic() - began

    async def all_of_them() -> list[float]:
        jobs = [asyncio.create_task(one()) for _ in range(calls)]
        await asyncio.sleep(0)
        if change:
            workload.configure(change)
        return await asyncio.gather(*jobs)

    return sorted(asyncio.run(all_of_them()))


def test_a_queue_works_on_one_call_at_a_time() -> None:
    seconds = seconds_of(20, Workload(parse_capacity("queue=100")))
    assert seconds[-1] > 0.1  # a fifth of a second in the mean
    assert seconds[9] < seconds[-1] * 0.9


def test_a_shared_processor_works_on_all_at_once() -> None:
    seconds = seconds_of(20, Workload(parse_capacity("shared=100,0.01")))
    assert seconds[-1] > 0.1
    assert seconds[0] > 0.01  # alone it would take no longer


def test_workers_take_so_many_at_a_time() -> None:
    seconds = seconds_of(4, Workload(parse_capacity("workers=2,0.05")))
    assert seconds[-1] > 1.5 * 0.05


@pytest.mark.parametrize(
    ("slow", "quick"),
    [("queue=1", "queue=10000"), ("shared=1", "shared=10000,0.001"), ("workers=1,0.01", "workers=99,0.01")],
)
def test_those_that_wait_go_on_at_other_numbers(slow: str, quick: str) -> None:
    workload = Workload(parse_capacity(slow))
    assert seconds_of(20, workload, change=parse_capacity(quick))[-1] < 5
    assert str(workload.capacity) == quick


def test_all_that_wait_go_on_as_soon_as_there_are_workers() -> None:
    workload = Workload(parse_capacity("workers=1,0.2"))
    assert seconds_of(20, workload, change=parse_capacity("workers=99,0.2"))[-1] < 10 * 0.2


def test_without_a_capacity_nothing_waits() -> None:
    workload = Workload()
    assert (workload.capacity, workload.is_full) == (None, False)
    assert seconds_of(1, workload)[0] < 1


def at_once(address: str, calls: int) -> list[str]:
    """Make calls at once; return what became of each."""
    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(outcome, [address] * calls))


def send(address: str, method: str = "GET", **request: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, verify=TLS) as client:
        return client.request(method, f"{address}/capacity", **request)


@pytest.mark.server
def test_a_full_queue_refuses_and_does_not_accept(start_service: StartService) -> None:
    address = start_service(capacity=parse_capacity("queue=4,1"))
    ends = at_once(address, 6)
    assert {"Scored", "RequestLimitExceeded"} == set(ends)
    meter = httpx.get(f"{address}/meter", trust_env=False, verify=TLS).json()
    assert (meter["throttled"], meter["billed"]) == (
        ends.count("RequestLimitExceeded"),
        ends.count("Scored"),
    )


@pytest.mark.server
def test_a_capacity_is_shown_and_replaced_while_the_service_runs(start_service: StartService) -> None:
    address = start_service(admin=True)
    assert send(address).json() == {"capacity": None}
    assert send(address, "POST", json={"capacity": "workers=1,0.1"}).json() == {"capacity": "workers=1,0.1"}
    assert set(at_once(address, 3)) == {"Scored"}
    assert send(address, "POST", json={"capacity": None}).json() == {"capacity": None}


@pytest.mark.server
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"capacity": "moon=1"}}, 400),
        ({"json": ["queue=1"]}, 400),
        ({"data": {"capacity": "queue=1"}}, 415),
    ],
)
def test_an_invalid_capacity_is_refused(
    start_service: StartService, request_: dict[str, Any], status: int
) -> None:
    address = start_service(admin=True)
    answer = send(address, "POST", **request_)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert send(address).json() == {"capacity": None}


@pytest.mark.server
def test_it_can_be_neither_seen_nor_set_unless_asked_for(start_service: StartService) -> None:
    assert send(start_service()).status_code == 404

"""Many large bodies at once: they wait for one another, and the memory of the service stays bounded."""

import asyncio
import json
import re
import time
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path

import pytest
from comparemaskface.web.body_memory import LARGEST_BODY_MEMORY, BodyMemoryLimiter

from devstack.service import LocalService
from tests.comparemaskface.service import HandMade

pytestmark = pytest.mark.server

BODY = json.dumps({"ImageA": "A" * (4 << 20), "ImageB": "A" * (4 << 20)}).encode()
CALLERS = 60


def test_a_body_waits_until_there_is_memory_for_it() -> None:
    async def take_and_give_back() -> None:
        memory = BodyMemoryLimiter(10)
        first = await memory.acquire(6)
        await memory.acquire(3)  # a smaller one still fits
        second = asyncio.create_task(memory.acquire(6))
        await asyncio.sleep(0)  # lets the task run to where it waits
        assert not second.done()
        memory.release(first)
        assert await second == 6

    asyncio.run(take_and_give_back())


def test_a_body_larger_than_all_the_memory_takes_all_of_it() -> None:
    assert asyncio.run(BodyMemoryLimiter(10).acquire(99)) == 10


def test_one_that_stops_waiting_takes_nothing() -> None:
    async def stop_waiting() -> None:
        memory = BodyMemoryLimiter(10)
        await memory.acquire(6)
        waiting = asyncio.create_task(memory.acquire(6))
        await asyncio.sleep(0)  # lets the task run to where it waits
        waiting.cancel()
        assert await memory.acquire(4) == 4

    asyncio.run(stop_waiting())


def test_a_large_body_is_not_overtaken_by_small_ones_for_ever() -> None:
    async def come_late() -> None:
        memory = BodyMemoryLimiter(10)
        first = await memory.acquire(6)
        large = asyncio.create_task(memory.acquire(8))
        await asyncio.sleep(0)  # lets the task run to where it waits
        small = asyncio.create_task(memory.acquire(1))
        await asyncio.sleep(0)  # lets the task run to where it waits
        assert not small.done()
        memory.release(first)
        assert (await large, await small) == (8, 1)

    asyncio.run(come_late())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    with LocalService(tmp_path, scores="hash", calls_per_second=0) as running:
        yield running


def test_many_large_requests_at_once_are_all_answered_in_little_memory(service: LocalService) -> None:
    before = peak_bytes(service.pid)
    answers = asyncio.run(at_once(send(service, secret_id=service.secret_id) for _ in range(CALLERS)))
    assert all(b'"Code": "AuthFailure.SignatureFailure"' in answer for answer in answers)  # known when read
    assert peak_bytes(service.pid) - before < 1.5 * LARGEST_BODY_MEMORY < CALLERS * len(BODY)


def test_unknown_callers_are_refused_before_they_send_their_bodies(service: LocalService) -> None:
    unknown = [send(service, secret_id="AKIDnobody", sent=0) for _ in range(CALLERS)]
    answers = asyncio.run(at_once(unknown))
    assert all(b'"Code": "AuthFailure.SecretIdNotFound"' in answer for answer in answers)


async def at_once(calls: Iterable[Coroutine[None, None, bytes]]) -> list[bytes]:
    return await asyncio.gather(*calls)


async def send(service: LocalService, *, secret_id: str, sent: int = len(BODY)) -> bytes:
    """Send a request with a wrong signature and so many bytes of its body; return the answer."""
    signed = HandMade(at=time.time(), body=BODY, secret_id=secret_id)
    head = [f"{name}: {value}" for name, value in signed.headers_signed().items()]
    reader, writer = await asyncio.open_connection(*service.endpoint.split(":"))
    lines = ["POST / HTTP/1.1", *head, f"Content-Length: {len(BODY)}", "", ""]
    writer.write("\r\n".join(lines).encode() + BODY[:sent])
    answer = await reader.readuntil(b"}}")
    writer.close()
    await writer.wait_closed()
    return answer


def peak_bytes(pid: int) -> int:
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024

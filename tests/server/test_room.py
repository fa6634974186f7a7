"""Many large bodies at once: they wait for one another, and the memory of the service stays bounded."""

import asyncio
import json
import re
from pathlib import Path

from maskmatch.embedded.service import LocalService
from maskmatch.server.room import ROOM, Room

BODY = json.dumps({"ImageA": "A" * (4 << 20), "ImageB": "A" * (4 << 20)}).encode()
CALLERS = 60


def test_a_body_waits_until_there_is_room_for_it() -> None:
    async def take_and_give_back() -> None:
        room = Room(10)
        first = await room.take(6)
        second = asyncio.create_task(room.take(6))
        await room.take(3)  # a smaller one still fits
        assert not second.done()
        await room.give_back(first)
        assert await second == 6

    asyncio.run(take_and_give_back())


def test_a_body_larger_than_all_the_room_takes_all_of_it() -> None:
    assert asyncio.run(Room(10).take(99)) == 10


def test_one_that_stops_waiting_takes_nothing() -> None:
    async def stop_waiting() -> None:
        room = Room(10)
        await room.take(6)
        waiting = asyncio.create_task(room.take(6))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await room.take(4) == 4

    asyncio.run(stop_waiting())


def test_sixty_large_requests_at_once_are_all_answered_in_little_memory(tmp_path: Path) -> None:
    with LocalService(tmp_path, scores="hash", calls_per_second=0) as service:
        before = peak_bytes(service.pid)
        answers = asyncio.run(send_at_once(int(service.endpoint.partition(":")[2])))
        assert all(b'"Code": "MissingParameter"' in answer for answer in answers)
        assert peak_bytes(service.pid) - before < 2 * ROOM < CALLERS * len(BODY)


async def send_at_once(port: int) -> list[bytes]:
    return await asyncio.gather(*(send(port) for _ in range(CALLERS)))


async def send(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = ("POST / HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(BODY)}")
    writer.write("\r\n".join([*head, "", ""]).encode() + BODY)
    answer = await reader.readuntil(b"}}")
    writer.close()
    await writer.wait_closed()
    return answer


def peak_bytes(pid: int) -> int:
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024

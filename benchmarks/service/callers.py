"""Connections that behave well or badly, and a judge of the answers they get."""

import asyncio
import contextlib
import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n:]+: [^\r\n]*\r\n)*)\r\n")
_LENGTH = re.compile(rb"(?i)content-length: (\d+)\r\n")
_PATIENCE_SECONDS = 90


class Verdict(StrEnum):
    """What one request came to."""

    ANSWERED = "answered_well"
    CLOSED = "closed_orderly"
    LEFT = "left"
    """The caller went first."""
    ILL_FORMED = "ill_formed"
    UNANSWERED = "unanswered"
    """Where an answer was due."""


def judge(received: bytes, *, due: int) -> Verdict:
    """Judge all that came over one connection; `due`: complete answers without which it is not well."""
    answers, rest = 0, received
    while rest:
        head = _HEAD.match(rest)
        length = _LENGTH.search(head[2]) if head else None
        if head is None or length is None:
            return Verdict.ILL_FORMED
        content = rest[head.end() : head.end() + int(length[1])]
        if len(content) != int(length[1]) or (head[1] == b"200" and not _is_envelope(content)):
            return Verdict.ILL_FORMED
        rest = rest[head.end() + len(content) :]
        answers += 1
    if answers < due:
        return Verdict.UNANSWERED
    return Verdict.ANSWERED if answers else Verdict.CLOSED


def _is_envelope(content: bytes) -> bool:
    try:
        response = json.loads(content)["Response"]
    except (ValueError, KeyError, TypeError):
        return False
    return len(response["RequestId"]) == 36 and ("Score" in response) != ("Error" in response)


@dataclass
class Callers:
    """Connections to one port of the loopback, and the count of what became of them."""

    port: int
    draw: random.Random
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    scores: int = 0
    by_manner: Counter[str] = field(default_factory=Counter)

    async def repeat(self, until: float, choose: Callable[[], tuple[str, Awaitable[Verdict]]]) -> None:
        """Call again and again with the manners that `choose` draws."""
        while asyncio.get_running_loop().time() < until:
            manner, call = choose()
            verdict = await call
            self.verdicts[verdict] += 1
            self.by_manner[f"{manner}: {verdict}"] += 1

    async def ask(self, *requests: bytes, due: int = 1, half_close: bool = False) -> Verdict:
        """Send requests in one go, and read until so many answers are there or the service closes."""
        async with self._connected() as (reader, writer):
            writer.write(b"".join(requests))
            if half_close:
                with contextlib.suppress(OSError):  # the service has already answered and closed
                    writer.write_eof()
            received = await self._read(reader, answers=len(requests))
        self.scores += received.count(b'"Score"')
        return judge(received, due=due)

    async def drip(self, start: bytes, *, pause: float, until: float) -> Verdict:
        """Send a start, then byte after byte until the service has had enough or the time is over."""
        async with self._connected() as (reader, writer):
            writer.write(start)
            reading = asyncio.create_task(self._read(reader, answers=1))
            while not reading.done() and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(pause)
                writer.write(b"x")
            if not reading.done():
                reading.cancel()
                return Verdict.LEFT
            return judge(await reading, due=0)

    async def leave(self, request: bytes, *, after: int, with_reset: bool) -> Verdict:
        """Send the first bytes of a request and go, politely or not."""
        async with self._connected() as (_, writer):
            writer.write(request[:after])
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(self.draw.random() / 10)
            if with_reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return Verdict.LEFT

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, *, answers: int) -> bytes:
        received = b""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while _complete(received) < answers and (chunk := await reader.read(65536)):
                    received += chunk
        except ConnectionError:
            pass
        except TimeoutError:
            received += b"... and no more in time"
        return received


class Idlers:
    """Connections that are opened and never used; opened anew when the service closes them."""

    def __init__(self, port: int, *, count: int) -> None:
        self._port = port
        self._count = count
        self.fewest = count

    async def stay(self, until: float) -> None:
        """Keep them all open, and note how few there were."""
        loop = asyncio.get_running_loop()
        kept: list[asyncio.Transport] = []
        while loop.time() < until:
            while len(kept) < self._count:
                transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", self._port)
                kept.append(transport)
            await asyncio.sleep(0.5)
            kept = [transport for transport in kept if not transport.is_closing()]
        self.fewest = len(kept)
        for transport in kept:
            transport.abort()


def _complete(received: bytes) -> int:
    """Return how many whole answers there are, at a glance."""
    answers = 0
    while head := _HEAD.match(received):
        length = _LENGTH.search(head[2])
        end = head.end() + int(length[1] if length else 0)
        if end > len(received):
            break
        received, answers = received[end:], answers + 1
    return answers

"""How the local service bears ten minutes of honest, broken and hostile callers.

One process serves with the face model. Sixteen callers send good pairs, damaged and costly pictures, fuzzed
bodies, broken HTTP, URLs with traps behind them; 32 send theirs byte by byte; 1000 connections say nothing.
Every answer is read and judged; the memory of the process is compared between two parts of the time, from 30
to 60 % and from 70 to 100 % of it.
"""

import asyncio
import contextlib
import gzip
import json
import random
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from benchmarks.report import main
from benchmarks.service.bad_requests import PORTRAITS, Bodies, mutilated
from benchmarks.service.callers import Callers, Idlers, Verdict
from benchmarks.service.load import signed_request
from devstack.service import LocalService

SECONDS, QUICK_SECONDS = 600, 35
QUICK_CALLERS, SLOW_CALLERS, IDLE_CONNECTIONS = 16, 32, 1000
SEED = 20260101
GOALS = {
    "crashed": ("<=", 0),
    "ill_formed": ("<=", 0),
    "unanswered": ("<=", 0),
    "memory_growth_share": ("<=", 0.10),
    "idle_connections": (">=", 1000),
}
Manner = Callable[[], Awaitable[Verdict]]


def run(quick: bool) -> dict[str, float]:
    """Soak the service and return what became of the requests."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        service = LocalService(Path(folder), scores="model", calls_per_second=0, meter=False)
        with service:
            return asyncio.run(Soak(service, seconds=seconds).run())


class Soak:
    """All callers together, and a watch on the memory of the process."""

    def __init__(self, service: LocalService, *, seconds: float) -> None:
        self._service = service
        self._seconds = seconds
        self._draw = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        self._web = Web((PORTRAITS / "obama-1.jpg").read_bytes())
        port = int(service.endpoint.rpartition(":")[2])
        self._callers = Callers(port, self._draw)
        self._idlers = Idlers(port, count=IDLE_CONNECTIONS)
        self._megabytes: list[float] = []

    async def run(self) -> dict[str, float]:
        """Let everybody call until the time is over, or the service is."""
        crashed = 0
        try:
            await self._everybody()
            await self._callers.ask(self._signed(self._bodies.honest()))
        except* (FileNotFoundError, ConnectionRefusedError):  # no such process, nobody at its port
            crashed = 1
        sys.stdout.write(json.dumps(dict(sorted(self._callers.by_manner.items())), indent=1) + "\n")
        return self._figures(crashed)

    async def _everybody(self) -> None:
        async with self._web.serving(), asyncio.TaskGroup() as everybody:
            self._bodies = Bodies(self._draw, pictures_at=self._web.address)
            self._until = until = asyncio.get_running_loop().time() + self._seconds
            everybody.create_task(self._watch(until))
            everybody.create_task(self._idlers.stay(until))
            for _ in range(QUICK_CALLERS):
                everybody.create_task(self._callers.repeat(until, self._quick))
            for _ in range(SLOW_CALLERS):
                everybody.create_task(self._callers.repeat(until, self._slow))

    def _quick(self) -> tuple[str, Awaitable[Verdict]]:
        ask, bodies, draw = self._callers.ask, self._bodies, self._draw
        manners: dict[str, tuple[int, Manner]] = {
            "honest": (30, lambda: ask(self._signed(bodies.honest()))),
            "damaged": (20, lambda: ask(self._signed(bodies.damaged()))),
            "hostile": (2, lambda: ask(self._signed(bodies.hostile()))),
            "linked": (4, lambda: ask(self._signed(bodies.linked()))),
            "large": (2, lambda: ask(self._signed(bodies.large()))),
            "fuzzed": (20, lambda: ask(self._signed(bodies.fuzzed()))),
            "unsigned": (5, lambda: ask(self._signed(bodies.fuzzed(), forged=True))),
            "pipelined": (5, lambda: ask(*(self._signed(bodies.fuzzed()) for _ in range(20)), due=20)),
            "half closed": (5, lambda: ask(self._signed(bodies.fuzzed()), due=0, half_close=True)),
            "mutilated": (20, self._mutilated),
            "huge head": (1, lambda: ask(b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000, due=0)),
            "leaves": (10, self._leaves),
        }
        name = draw.choices(list(manners), [weight for weight, _ in manners.values()])[0]
        return name, manners[name][1]()

    def _slow(self) -> tuple[str, Awaitable[Verdict]]:
        drip, pause = self._callers.drip, self._draw.choice((0.1, 0.5, 1))
        if self._draw.random() < 0.5:
            return "drips its head", drip(b"POST / HTTP/1.1\r\nX: ", pause=pause, until=self._until)
        whole = self._signed(self._bodies.honest())
        return "drips its body", drip(whole[: whole.index(b"{") + 1], pause=pause, until=self._until)

    def _mutilated(self) -> Awaitable[Verdict]:
        request = mutilated(self._signed(self._bodies.fuzzed()), self._draw)
        return self._callers.ask(request, due=0, half_close=True)

    def _leaves(self) -> Awaitable[Verdict]:
        request = self._signed(self._bodies.honest())
        after = self._draw.randrange(len(request) + 1)
        return self._callers.leave(request, after=after, with_reset=self._draw.random() < 0.5)

    def _signed(self, body: bytes, *, forged: bool = False) -> bytes:
        service = self._service
        key = "forged" if forged else service.secret_key
        return signed_request(body, endpoint=service.endpoint, secret_id=service.secret_id, secret_key=key)

    async def _watch(self, until: float) -> None:
        while asyncio.get_running_loop().time() < until:
            self._megabytes.append(_resident_megabytes(self._service.pid))
            await asyncio.sleep(0.25)

    def _figures(self, crashed: int) -> dict[str, float]:
        tenth = len(self._megabytes) // 10
        # Not before a third of the time: the networks and the allocator have to warm up.
        early = statistics.median(self._megabytes[3 * tenth : 6 * tenth] or self._megabytes)
        late = statistics.median(self._megabytes[7 * tenth :])
        verdicts = self._callers.verdicts
        return {
            "seconds": self._seconds,
            "requests": verdicts.total(),
            **{str(verdict): verdicts[verdict] for verdict in Verdict},
            "scores": self._callers.scores,
            "crashed": crashed,
            "idle_connections": self._idlers.fewest,
            "memory_mb_early": round(early),
            "memory_mb_late": round(late),
            "memory_mb_most": round(max(self._megabytes)),
            "memory_growth_share": round(late / early - 1, 4),
        }


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


_BOMB = gzip.compress(bytes(30_000_000))


class Web:
    """A web server on loopback with one good picture and much that is wrong.

    It answers by path: good, slow, endless, loop, cut, gzip, anything else not found.
    """

    def __init__(self, picture: bytes) -> None:
        self._picture = picture
        self.address = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].strip(b"/").decode()
            async for piece in self._pieces(path):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _pieces(self, path: str) -> AsyncIterator[bytes]:
        if path == "loop":
            yield b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"
        elif path == "cut":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx"
        elif path == "endless":
            yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            for _ in range(1000):
                yield b"4000\r\n" + bytes(0x4000) + b"\r\n"
        elif path == "slow":
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            for _ in range(200):
                yield b"x"
                await asyncio.sleep(0.1)
        elif path == "gzip":
            yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB)
            yield _BOMB
        elif path == "good":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self._picture)
            yield self._picture
        else:
            yield b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


if __name__ == "__main__":
    sys.exit(main("service_soak", __doc__, run, GOALS))

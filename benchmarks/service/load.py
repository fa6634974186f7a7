"""A load generator that costs little: signed requests made beforehand, on kept connections."""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop
from tencentcloud.common.sign import Sign

_SIGNED = "content-type;host"


@dataclass(frozen=True)
class Load:
    """What came of one run; `milliseconds` holds the time of each call, in ascending order."""

    seconds: float
    milliseconds: Sequence[float]

    @property
    def per_second(self) -> float:
        """Return the answered calls per second."""
        return len(self.milliseconds) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the milliseconds that this share of the calls stayed under."""
        return self.milliseconds[int(share * (len(self.milliseconds) - 1))]


def signed_request(body: bytes, *, endpoint: str, secret_id: str, secret_key: str) -> bytes:
    """Return a whole HTTP request with TC3 signature, valid for five minutes."""
    now = datetime.now(UTC)
    timestamp, date = str(int(now.timestamp())), now.strftime("%Y-%m-%d")
    values = f"content-type:application/json\nhost:{endpoint}\n"
    canonical = f"POST\n/\n\n{values}\n{_SIGNED}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date}/iai/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    signature = Sign.sign_tc3(secret_key, date, "iai", text)
    head = (
        f"POST / HTTP/1.1\r\nHost: {endpoint}\r\nContent-Type: application/json\r\n"
        f"Authorization: TC3-HMAC-SHA256 Credential={secret_id}/{scope}, "
        f"SignedHeaders={_SIGNED}, Signature={signature}\r\n"
        "X-TC-Action: CompareMaskFace\r\nX-TC-Version: 2020-03-03\r\nX-TC-Region: ap-guangzhou\r\n"
        f"X-TC-Timestamp: {timestamp}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, requests: Sequence[bytes], *, calls: int, connections: int) -> Load:
    """Send so many calls over kept loopback connections, each waiting for its answer; all must score."""
    return uvloop.run(_send(port, requests, calls=calls, connections=connections))


async def _send(port: int, requests: Sequence[bytes], *, calls: int, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    queue = itertools.islice(itertools.cycle(requests), calls)
    started = time.perf_counter()
    callers = [
        (await loop.create_connection(lambda: _Caller(queue), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    seconds = time.perf_counter() - started
    return Load(seconds, sorted(taken for caller in callers for taken in caller.milliseconds))


class _Caller(asyncio.Protocol):
    """One connection: send, wait for the whole answer, send the next."""

    def __init__(self, queue: Iterable[bytes]) -> None:
        self._queue = iter(queue)
        self.milliseconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP gives no other
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"}}"):
            return
        self.milliseconds.append((time.perf_counter() - self._sent_at) * 1000)
        if b'"Score"' not in self._answer:
            self.done.set_exception(RuntimeError(f"no score: {self._answer.decode()}"))
            return
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the service closed the connection"))

    def _next(self) -> None:
        request = next(self._queue, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

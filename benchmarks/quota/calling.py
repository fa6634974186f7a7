"""Processes with many threads that call the stand-in gateway, each behind a rate limiter of one kind."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Protocol

from benchmarks.quota.gateway import FRAME
from benchmarks.quota.permit_gate import PermitGate
from maskmatch.core.clock import SystemClock
from maskmatch.core.codes import ThrottleScope
from maskmatch.core.errors import MaskmatchError
from maskmatch.permits.client.pacing import Pacer
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority

_STACK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingProcess:
    """What one process does: so many threads call until a time (monotonic).

    `limiter` is one of LIMITERS; `store` the address of what it shares with the others, under
    the name `account`.
    """

    number: int
    port: int
    threads: int
    quota: float
    until: float
    limiter: str = "permit_store"
    store: str = ""
    account: str = "bench"
    processes: int = 1
    priority: Priority = Priority.NIGHTLY


class RateLimiter(Protocol):
    """Keeps one process to the rate."""

    def wait(self, stop: threading.Event) -> None:
        """Return when a call may be sent; raise MaskmatchError when none will be."""
        ...

    def refused(self, times: int) -> None:
        """Record that the gateway refused a call, for the nth time in a row."""
        ...


class CoordinatorLimiter:
    """Our own: permits of the coordinator."""

    def __init__(self, caller: CallingProcess) -> None:
        coordinator = open_coordinator(
            caller.store, secret_id=caller.account, calls_per_second=caller.quota, clock=SystemClock()
        )
        claim = Claim(run_id=f"{caller.priority}", priority=caller.priority)
        self._pacer = Pacer(coordinator, claim, calls_per_second=caller.quota, clock=SystemClock())
        self._gate = PermitGate(self._pacer)

    def wait(self, stop: threading.Event) -> None:
        """Wait for a permit."""
        self._gate.wait(stop)

    def refused(self, times: int) -> None:  # noqa: ARG002 - others need it
        """Tell the coordinator."""
        self._pacer.throttled(ThrottleScope.ACCOUNT)


class PyrateLimiter:
    """The best library limiter measured: GCRA in Redis with a burst of a tenth and a small buffer."""

    def __init__(self, caller: CallingProcess) -> None:
        import redis  # noqa: PLC0415 - only this limiter needs it
        from pyrate_limiter import GCRA, Limiter, Rate, RedisStateStore, StateBucket  # noqa: PLC0415

        rate = Rate(int(caller.quota), 1000, burst=max(1, int(caller.quota / 10)))
        store = RedisStateStore(redis.Redis.from_url(caller.store), caller.account)
        self._limiter = Limiter(StateBucket([rate], GCRA(), store), buffer_ms=2)

    def wait(self, stop: threading.Event) -> None:
        """Wait for the library."""
        while not stop.is_set() and not self._limiter.try_acquire("calls", timeout=1):
            pass

    def refused(self, times: int) -> None:
        """Go on: the library takes no feedback."""


class ShareLimiter:
    """What people write first: a limiter in each process for its share, and tenacity's pauses."""

    def __init__(self, caller: CallingProcess) -> None:
        from pyrate_limiter import Duration, Limiter, Rate  # noqa: PLC0415 - only this limiter needs it
        from tenacity import RetryCallState, wait_random_exponential  # noqa: PLC0415

        self._limiter = Limiter(
            Rate(max(1, int(caller.quota / caller.processes)), Duration.SECOND), buffer_ms=2
        )
        self._pause = wait_random_exponential(multiplier=0.1, max=2)
        self._retry_state = RetryCallState

    def wait(self, stop: threading.Event) -> None:
        """Wait for the library."""
        while not stop.is_set() and not self._limiter.try_acquire("calls", timeout=1):
            pass

    def refused(self, times: int) -> None:
        """Pause as tenacity does before a retry."""
        state = self._retry_state(None, None, (), {})  # type: ignore[arg-type]  # only the number counts
        state.attempt_number = times
        time.sleep(self._pause(state))


LIMITERS: dict[str, type[CoordinatorLimiter | PyrateLimiter | ShareLimiter]] = {
    "permit_store": CoordinatorLimiter,
    "pyrate-redis": PyrateLimiter,
    "static": ShareLimiter,
}


def work(caller: CallingProcess) -> None:
    """Call with all threads until the time is over."""
    threading.stack_size(_STACK_BYTES)
    limiter, stop = LIMITERS[caller.limiter](caller), threading.Event()
    threads = [
        threading.Thread(target=call, args=(caller, limiter, stop), daemon=True)
        for _ in range(caller.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:  # they end at once when the gateway has gone
        thread.join(max(0.0, caller.until - time.monotonic()))
    stop.set()


def call(
    caller: CallingProcess,
    limiter: RateLimiter,
    stop: threading.Event,
    *,
    await_work: Callable[[], None] = lambda: None,
) -> None:
    """Call over one connection until told to stop, each piece of work as often as it takes to be accepted."""
    with (
        suppress(MaskmatchError, OSError),
        socket.create_connection(("127.0.0.1", caller.port)) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not stop.is_set():
            await_work()
            _until_accepted(caller, limiter, connection, stop)


def _until_accepted(
    caller: CallingProcess, limiter: RateLimiter, connection: socket.socket, stop: threading.Event
) -> None:
    frame, refusals = FRAME.pack(caller.number, 0), 0
    while not stop.is_set():
        limiter.wait(stop)
        if stop.is_set():
            return
        connection.sendall(frame)
        if connection.recv(16).endswith(b"\1"):
            return
        refusals += 1
        limiter.refused(refusals)


@contextmanager
def working(callers: list[CallingProcess]) -> Iterator[list[BaseProcess]]:
    """Start a process for each caller; kill what is left at the end."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(caller,), daemon=True) for caller in callers]
    for process in processes:
        process.start()
    try:
        yield list(processes)
    finally:
        for process in processes:
            process.kill()
            process.join()

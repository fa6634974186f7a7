"""Kill -9 at random points of a night: tasks, supervisors, whole hosts, the store, the permit store."""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Protocol

from _attempts import Attempt, Night


class Victim(StrEnum):
    """What is killed; a host is half of the supervisors and all their tasks at once."""

    TASK = "task"
    SUPERVISOR = "supervisor"
    HOST = "host"
    STORE = "store"
    BROKER = "permit_store"


SHARES = {Victim.TASK: 50, Victim.SUPERVISOR: 20, Victim.HOST: 10, Victim.STORE: 10, Victim.BROKER: 10}
_AWAY_SECONDS = (0.2, 2.0)
_FIRST, _LAST = 0.02, 0.95


class Server(Protocol):
    """A server that can be killed and started again."""

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def start(self) -> None:
        """Start it, and return when it can be used."""
        ...


class Killer:
    """Strikes so many times, at random shares of the work; every server killed is started again."""

    def __init__(
        self, night: Night, servers: Mapping[Victim, Server], *, kills: int, work: int, draw: random.Random
    ) -> None:
        self._night = night
        self._servers = servers
        self._draw = draw
        self._due = sorted(draw.uniform(_FIRST, _LAST) * work for _ in range(kills))
        self._next = _mixed(kills, draw)
        self._starting: dict[Victim, threading.Thread] = {}
        self.kills: Counter[Victim] = Counter()
        self.tasks_killed = 0
        self._began = time.monotonic()

    def strike(self, done: int) -> None:
        """Kill what is due when so much of the work is done; what is down already is left for later."""
        while self._due and done >= self._due[0]:
            victim = next((it for it in self._next if self._kill(it)), None)
            if victim is None:
                return
            self._next.remove(victim)
            self._due.pop(0)
            self.kills[victim] += 1
            sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s, {done:,} pairs: killed a {victim}\n")

    def wait(self) -> None:
        """Return when every server that was killed is up again."""
        for thread in self._starting.values():
            thread.join()

    def close(self) -> None:
        """Let no server start any more after its owner has stopped it."""
        self.wait()

    def _kill(self, victim: Victim) -> bool:
        if victim in self._servers:
            return self._kill_server(victim)
        attempts = [it for it in self._night.running.values() if it.exit_code is None and it.task]
        if not attempts:
            return False
        self._kill_attempts(victim, attempts)
        return True

    def _kill_attempts(self, victim: Victim, attempts: list[Attempt]) -> None:
        chosen = self._draw.sample(attempts, k=-(-len(attempts) // 2) if victim is Victim.HOST else 1)
        self.tasks_killed += len(chosen)
        for attempt in chosen:
            if victim is not Victim.TASK:
                _kill(attempt.supervisor)
            if victim is not Victim.SUPERVISOR and attempt.task:
                _kill(attempt.task)

    def _kill_server(self, victim: Victim) -> bool:
        if victim in self._starting and self._starting[victim].is_alive():
            return False
        self._servers[victim].kill()
        start = threading.Thread(target=self._start, args=(victim, self._draw.uniform(*_AWAY_SECONDS)))
        self._starting[victim] = start
        start.start()
        return True

    def _start(self, victim: Victim, away_seconds: float) -> None:
        time.sleep(away_seconds)
        self._servers[victim].start()


def _mixed(kills: int, draw: random.Random) -> list[Victim]:
    """Return victims in the given shares, each kind at least once when there are enough kills."""
    kinds = list(SHARES)
    rest = max(0, kills - len(kinds))
    victims = kinds[:kills] + draw.choices(kinds, list(SHARES.values()), k=rest)
    draw.shuffle(victims)
    return victims


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_while(claim: Callable[[], bool], *, seconds: float, look: Callable[[], None]) -> None:
    """Return when the claim has ceased to hold, looking meanwhile; raise TimeoutError when time is up."""
    deadline = time.monotonic() + seconds
    while claim():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished after {seconds:g} s")
        look()
        time.sleep(0.05)

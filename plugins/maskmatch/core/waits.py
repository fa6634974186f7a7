"""What a task waits for, and since when, over all its tries: after two minutes a person is told, once.

    goes_on ─first─> waiting ─120 s─> being told ─heard─> told ─is_over, or silence─> forgotten

What nobody has heard of, since no notifier works, is told again each minute.

Who waits says so each time that it asks in vain, at least once a minute. A task that is tried again begins
with what the try before had noted: the wait goes on when the same cause is still there.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from maskmatch.core.alerts import Alert, Kind, Tell, tell_nobody
from maskmatch.core.records import known

PATIENCE_SECONDS = 120.0
"""A restart is over by then, and nobody needs to hear of it."""
_SILENCE_SECONDS = 300.0
"""Who has not said for so long that it waits has not waited: a try begins a minute after the one before, and
takes its time to start."""
_KEEP_EVERY_SECONDS = 20.0
_TELL_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait; times in seconds since 1970."""

    since: float
    last: float
    is_told: bool = False
    tried_at: float = 0.0


def _keep_nothing(_: dict[str, Any]) -> None:
    pass


class Waits:
    """The waits of one task, by what is waited for; for many threads.

    `tell` and `keep` are called by whoever waits, which may be an event loop: they return at once.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        tell: Tell = tell_nobody,
        keep: Callable[[dict[str, Any]], None] = _keep_nothing,
        before: Mapping[str, Mapping[str, Any]] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Begin with what `keep` was given `before`, by an earlier try."""
        self._now = now
        self._tell = tell
        self._keep = keep
        self._waits = {what: Wait(**known(Wait, each)) for what, each in (before or {}).items()}
        self._kept_at = 0.0
        self._patience = patience_seconds
        self._lock = threading.Lock()

    def goes_on(self, what: str, why: str) -> None:
        """Note that something was asked in vain; tell a person when that has been so for two minutes."""
        with self._lock:
            now = self._now()
            wait = self._waits.get(what)
            if wait is None or now - wait.last > _SILENCE_SECONDS:
                wait = Wait(now, now)
            is_due = (
                now - wait.since >= self._patience
                and not wait.is_told
                and now - wait.tried_at >= _TELL_AGAIN_SECONDS
            )
            self._waits[what] = replace(wait, last=now, tried_at=now if is_due else wait.tried_at)
            self._keep_now_and_then(now, at_once=is_due or wait.since == now)
        if is_due:
            text = (
                f"{what} has been away for {now - wait.since:.0f} s; the task goes on once it is back: {why}"
            )
            self._tell(Alert(kind=Kind.WAITING, cause=what, text=text))

    def heard(self, what: str) -> None:
        """Note that a person has heard of a wait, or that nobody is to: it is not told again."""
        with self._lock:
            if wait := self._waits.get(what):
                self._waits[what] = replace(wait, is_told=True)
                self._keep_now_and_then(self._now(), at_once=True)

    def is_over(self, what: str) -> None:
        """Note that something answers again."""
        with self._lock:
            if self._waits.pop(what, None):
                self._keep_now_and_then(self._now(), at_once=True)

    def _keep_now_and_then(self, now: float, *, at_once: bool) -> None:
        if at_once or now - self._kept_at >= _KEEP_EVERY_SECONDS:
            self._kept_at = now
            self._keep({what: asdict(each) for what, each in self._waits.items()})

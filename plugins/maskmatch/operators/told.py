"""Who has heard of an alert, as mapped tasks and later tries of a task know it.

    first task    note [], goes on ──tells──> note [SmtpNotifier 1]
    another one        waits for that ────────> tells by what is not in the note

The other mapped tasks see XCom, later tries the task state store: before each try XCom is cleared.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

_MOST_TURNS, _TURN_SECONDS = 31, 1.0
"""Mapped tasks meet the same trouble at the same moment: each lets those of lower numbers tell first."""
_OTHERS_SECONDS, _LOOK_SECONDS = 20.0, 0.5
"""How long another task may take to tell; it may have been killed meanwhile. With all turns that is less than
the minute for which a task that ends waits for what it tells."""


class Told:
    """What is noted of one alert, under a key."""

    def __init__(self, context: "Context", key: str) -> None:
        self._context = context
        self._key = key

    def await_turn(self) -> None:
        """Wait until tasks of lower numbers had their turn, and until nobody else is telling this alert."""
        time.sleep(_TURN_SECONDS * min(_MOST_TURNS, max(0, getattr(self._context["ti"], "map_index", -1))))
        for _ in range(int(_OTHERS_SECONDS / _LOOK_SECONDS)):
            if not any(note.get("goes_on") for note in self._of_all()):
                return
            time.sleep(_LOOK_SECONDS)

    def names(self) -> set[str]:
        """Return by what this task, an earlier try of it or one that is mapped with it has told."""
        return {name for note in [self._own(), *self._of_all()] for name in note.get("told", ())}

    def note(self, names: Iterable[str], *, goes_on: bool) -> None:
        """Note by what it was told, and whether somebody is about to tell more."""
        at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        noted: dict[str, Any] = {"told": sorted(names), "goes_on": goes_on, "at": at}
        with suppress(Exception):
            self._context["ti"].xcom_push(key=self._key, value=noted)
        with suppress(Exception):
            self._context["task_state_store"].set(self._key, noted)

    def _own(self) -> dict[str, Any]:
        with suppress(Exception):
            noted: Any = self._context["task_state_store"].get(self._key)
            return dict(noted or {})
        return {}

    def _of_all(self) -> list[dict[str, Any]]:
        with suppress(Exception):
            found = self._context["ti"].xcom_pull(key=self._key)
            return [note for note in (found if isinstance(found, list) else [found]) if note]
        return []

"""Tell a person what a run meets while nobody looks at it, through any notifier of Airflow, each cause once.

    default_args = alerts_to(SmtpNotifier(to="faces@example.com", subject="{{ alert.title }}", ...))

Of a cause one task of a run tells: mapped tasks look whether another of them has told, the lower number
first, and a later try remembers what the ones before it have told. After a clear all are news again.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.errors import BudgetSpent, Drained, MaskmatchError, ModelChanged
from maskmatch.core.shown import without_url_secrets
from maskmatch.core.waits import PATIENCE_SECONDS, Waits
from maskmatch.core.workers import Workers

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

One: TypeAlias = "Callable[[Any], Any] | str"
Notifier: TypeAlias = "One | Iterable[One] | None"
"""Notifiers, other callables that take a context, or their import paths."""

WAITS_KEY = "waits"
_MOST_TURNS, _TURN_SECONDS = 31, 1.0
"""Mapped tasks meet the same trouble at the same moment: each lets those of lower numbers tell first."""
_LEAVE_SECONDS = 60.0
"""How long a task that ends waits for what is being told: a mail server may take half of it."""
_LOST = "the task was lost: killed, out of memory, or its worker is gone"


def alerts_to(notifier: Notifier = None) -> dict[str, Any]:
    """Return who is told, as default arguments of a Dag.

    Without a notifier it is what the option `notifier` in section `maskmatch` of Airflow's configuration
    names, else nobody.
    """
    return {"on_failure_callback": [AlertOnFailure(notifier)], "on_retry_callback": [leave]}


def notifier_in(callbacks: Iterable[Any]) -> Notifier:
    """Return the notifier of a task, from its callbacks for failures."""
    return next((each.notifier for each in callbacks if isinstance(each, AlertOnFailure)), None)


def leave(_: "Context") -> None:
    """Wait for what this process is telling; also a callback of tasks."""
    wait(_under_way, timeout=_LEAVE_SECONDS)


class AlertOnFailure:
    """A callback of tasks: tells that one has failed, unless a person has ordered it."""

    def __init__(self, notifier: Notifier = None) -> None:
        self.notifier = notifier

    def __call__(self, context: "Context") -> None:
        """Tell it, and wait until it is told."""
        error = known_error(context.get("exception"))
        if not isinstance(error, Drained):
            Alerts(self.notifier, context).tell(_failure(error, context))
        leave(context)


class Alerts:
    """The alerts of one task, which a thread of their own tells."""

    def __init__(self, notifier: Notifier, context: "Context") -> None:
        self._notifiers = _found(notifier)
        self._context = context
        self._workers = Workers("alerts", most=1)

    def tell(self, alert: Alert) -> None:
        """Tell a person, once for each kind and cause of a run; return at once."""
        if self._notifiers:
            self._soon(partial(self._tell, alert))

    def tell_now(self, alert: Alert) -> None:
        """Tell a person as `tell` does, and wait until that is done."""
        self.tell(alert)
        leave(self._context)

    @cached_property
    def waits(self) -> Waits:
        """Return the waits of the task, which go on where the try before has left them."""
        store: Any = self._context.get("task_state_store")
        before: Mapping[str, Any] = {}
        with suppress(Exception):
            before = store.get(WAITS_KEY) or {}
        return Waits(
            now=time.time,
            tell=self.tell,
            keep=lambda waits: self._soon(partial(store.set, WAITS_KEY, waits)),
            before=before,
            patience_seconds=conf.getfloat("maskmatch", "alert_after", fallback=PATIENCE_SECONDS),
        )

    def _soon(self, work: Callable[[], None]) -> None:
        future = self._workers.submit(partial(_quietly, work))
        _under_way.add(future)
        future.add_done_callback(_under_way.discard)

    def _tell(self, alert: Alert) -> None:
        context = self._context
        key = f"told_{alert.key}_{getattr(context['dag_run'], 'clear_number', 0)}"
        time.sleep(_TURN_SECONDS * min(_MOST_TURNS, max(0, getattr(context["ti"], "map_index", -1))))
        if self._is_told(key):
            log.info("a person was told before: %s", alert.text)
            return
        self._note(key, alert)
        shown = shown_to_a_person(alert, context)
        for notifier in self._notifiers:
            # A notifier fills in its own templates, for good.
            _quietly(partial(copy.copy(notifier), {**context, "alert": shown}))
        stats.incr(f"maskmatch.alerts.{alert.kind}")
        log.warning("a person is told: %s", shown["title"])

    def _is_told(self, key: str) -> bool:
        """Return True if this task, or another one that is mapped with it, has told."""
        with suppress(Exception):
            if self._context["task_state_store"].get(key):
                return True
        with suppress(Exception):
            found = self._context["ti"].xcom_pull(key=key)
            return any(found) if isinstance(found, list) else bool(found)
        return False

    def _note(self, key: str, alert: Alert) -> None:
        words = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {alert.kind}"
        with suppress(Exception):
            self._context["ti"].xcom_push(key=key, value=words)
        with suppress(Exception):
            self._context["task_state_store"].set(key, words)


_under_way: set[Future[None]] = set()
"""What the threads of this process are about to do; each takes itself out."""


def shown_to_a_person(alert: Alert, context: "Context") -> dict[str, str]:
    """Return what templates of a notifier find under `alert`."""
    task = context["ti"]
    day = getattr(context.get("task"), "day", "") or context.get("ds", "")
    return {
        "kind": alert.kind.value,
        "title": " ".join(filter(None, [task.dag_id, f"{day}:", alert.words])),
        "text": without_url_secrets(alert.text),
        "dag_id": task.dag_id,
        "task_id": task.task_id,
        "run_id": task.run_id,
        "date": str(day),
        "url": str(getattr(task, "log_url", "")),
    }


def known_error(error: Any) -> Any:
    """Return the error of ours that has led to another one, else that one itself."""
    found = error
    while isinstance(found, BaseException):
        if isinstance(found, MaskmatchError):
            return found
        found = found.__cause__ or found.__context__
    return error


def _failure(error: Any, context: "Context") -> Alert:
    """Return what is told of a task that has failed; an error that is not ours may hold anything."""
    kind, cause, text = Kind.FAILED, type(error).__name__, f"{error}"
    if isinstance(error, BudgetSpent):
        kind, cause = Kind.BUDGET_SPENT, error.window
    elif isinstance(error, ModelChanged):
        kind = Kind.MODEL_CHANGED
    elif not isinstance(error, MaskmatchError):
        text = f"{cause}: the log of the task says more" if isinstance(error, BaseException) else _LOST
    task_id = context["ti"].task_id
    return Alert(kind=kind, cause=f"{task_id}: {cause}", text=f"task {task_id}: {text}")


def _found(setting: Notifier) -> list[Callable[[Any], Any]]:
    """Return the notifiers of a setting; a package of theirs that is not installed here ends no run."""
    try:
        return list(_notifiers(setting))
    except (ImportError, AttributeError) as error:  # no such package, no such name in it
        log.error("nobody is told, %s: install what the notifier needs, on every host that runs tasks", error)  # noqa: TRY400
    except Exception as error:  # noqa: BLE001  its text may hold anything
        log.error("nobody is told, the notifier cannot be made: %s", type(error).__name__)  # noqa: TRY400
    return []


def _notifiers(setting: Notifier) -> Iterable[Callable[[Any], Any]]:
    """Yield the notifiers of a setting; an import path may name several, or a class of which one is made."""
    setting = setting or conf.get("maskmatch", "notifier", fallback="")
    if not setting:
        return
    for each in [setting] if isinstance(setting, str) or callable(setting) else setting:
        if isinstance(each, str):
            yield from _notifiers(resolve_name(each))
        else:
            yield each() if isinstance(each, type) else each


def _quietly(work: Callable[[], Any]) -> None:
    """Do something on which no pair depends."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  a run that works is not ended because nobody hears of it
        log.error("an alert did not arrive: %s", type(error).__name__)  # noqa: TRY400  its text and trace may hold a key

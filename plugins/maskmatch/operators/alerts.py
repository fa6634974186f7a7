"""Tell a person what a run meets while nobody looks at it, through any notifier of Airflow, each cause once.

    default_args = alerts_to(SmtpNotifier(to="faces@example.com", subject="{{ alert.title }}", ...))

Of a cause one task of a run tells: mapped tasks look whether another of them has told, the lower number
first, and a later try remembers what the ones before it have told. After a clear all are news again.
What no notifier could tell is told when the task meets it again. Metrics count each cause once all the same.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.errors import BudgetSpent, Drained, MaskmatchError, ModelChanged
from maskmatch.core.shown import without_url_secrets
from maskmatch.core.waits import PATIENCE_SECONDS, Waits
from maskmatch.core.workers import Workers
from maskmatch.hooks.exporters import is_measured
from maskmatch.operators.notifiers import Notifier, notifiers_of
from maskmatch.operators.told import Told

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

WAITS_KEY = "waits"
_LEAVE_SECONDS = 60.0
"""How long a task that ends waits for what is being told: a mail server may take half of it."""
_COUNTED = "metrics"
"""What counts an alert, among the names of notifiers, which all have a number."""
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
        self._notifiers = notifiers_of(notifier)
        self._context = context
        self._workers = Workers("alerts", most=1)

    def tell(self, alert: Alert, heard: Callable[[], None] = lambda: None) -> None:
        """Tell a person and count it, once for each kind and cause of a run; return at once.

        `heard` is called, by a thread, once somebody has heard; without a notifier once it was counted.
        """
        if self._notifiers or is_measured():
            self._soon(partial(self._tell, alert, heard))

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
        waits = Waits(
            now=time.time,
            tell=lambda alert: self.tell(alert, heard=partial(waits.heard, alert.cause)),
            keep=lambda waits: self._soon(partial(store.set, WAITS_KEY, waits)),
            before=before,
            patience_seconds=conf.getfloat("maskmatch", "alert_after", fallback=PATIENCE_SECONDS),
        )
        return waits

    def _soon(self, work: Callable[[], Any]) -> None:
        future = self._workers.submit(partial(_quietly, work))
        _under_way.add(future)
        future.add_done_callback(_under_way.discard)

    def _tell(self, alert: Alert, heard: Callable[[], None]) -> None:
        shown = shown_to_a_person(alert, self._context)
        told = Told(self._context, f"told_{alert.key}_{getattr(self._context['dag_run'], 'clear_number', 0)}")
        told.await_turn()
        names = told.names()
        if means := {name: work for name, work in self._means(shown).items() if name not in names}:
            told.note(names, goes_on=True)
            now = {name for name, work in means.items() if _quietly(work)}
            names |= now
            told.note(names, goes_on=False)
            self._log(shown["title"], now - {_COUNTED}, names - {_COUNTED})
        else:
            log.info("this was told before: %s", alert.text)
        if names - {_COUNTED} or not self._notifiers:
            heard()

    def _means(self, shown: dict[str, str]) -> dict[str, Callable[[], Any]]:
        """Return what counts an alert and what tells it, by name."""
        means: dict[str, Callable[[], Any]] = {
            _COUNTED: partial(stats.incr, f"maskmatch.alerts.{shown['kind']}")
        }
        for name, notifier in self._notifiers.items():
            # A notifier fills in its own templates, for good.
            means[name] = partial(copy.copy(notifier), {**self._context, "alert": shown})
        return means

    def _log(self, title: str, now: set[str], ever: set[str]) -> None:
        """Say who has heard of an alert now, which may be others than those that ever have."""
        if now:
            log.warning("a person is told: %s", title)
        elif self._notifiers and not ever:
            log.error("nobody is told until the task meets it again, no notifier works: %s", title)


_under_way: set[Future[Any]] = set()
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


def _quietly(work: Callable[[], Any]) -> bool:
    """Do something on which no pair depends; return True if it was done."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  a run that works is not ended because nobody hears of it
        log.error("an alert did not arrive: %s", type(error).__name__)  # noqa: TRY400  its text and trace may hold a key
        return False
    return True

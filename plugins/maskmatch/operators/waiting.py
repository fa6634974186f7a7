"""A task waits, without a slot, while another run compares the same date.

By reschedule: a deferral would need a triggerer, which not every Airflow has.

Decision: docs/adr/0031-two-runs-of-one-date.md
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

    from maskmatch.core.errors import LeaseHeld, Replaced

log = logging.getLogger(__name__)

WAITING_KEY = "waiting"
SHORTEST_SECONDS, LONGEST_SECONDS = 10.0, 60.0
"""A task that is queued again before the scheduler has seen its process end is, to Airflow 3.3, one that was
killed: it counts a try. On a busy host that takes seconds."""
_SHARE_OF_WAITED = 1 / 3
"""Each look costs the start of a task, so that a long wait is looked at less often."""


def take_waiting(context: "Context") -> datetime:
    """Return since when the task waits, now if it does not; what the page shows of it is taken away."""
    now = datetime.now(UTC)
    try:
        store = context["task_state_store"]
        if not isinstance(told := store.get(WAITING_KEY), dict):
            return now
        store.delete(WAITING_KEY)
        return datetime.fromisoformat(str(told["since"]))
    except Exception as error:  # noqa: BLE001  it is only shown, nothing depends on it
        log.warning("how long this task has waited is not known: %s", error)
        return now


def after_the_other_run(
    other: "LeaseHeld | Replaced", context: "Context", since: datetime
) -> AirflowRescheduleException:
    """Return what makes Airflow run the task again in a while; log and task state say for whom it waits."""
    now = datetime.now(UTC)
    waited = (now - since).total_seconds()
    back = now + timedelta(seconds=min(LONGEST_SECONDS, max(SHORTEST_SECONDS, waited * _SHARE_OF_WAITED)))
    log.warning(
        "%s; this run waits until that one has ended or was not seen for a minute, calls nothing, holds no "
        "slot, and looks again at %s UTC",
        other,
        f"{back:%H:%M:%S}",
    )
    told: JsonValue = {"for": str(other), "since": since.isoformat(), "looks_again": back.isoformat()}
    try:
        context["task_state_store"].set(WAITING_KEY, told)
    except Exception as error:  # noqa: BLE001
        log.warning("that this task waits cannot be shown: %s", error)
    return AirflowRescheduleException(back)  # type: ignore[no-untyped-call]  # it has no annotations

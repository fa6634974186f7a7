"""The task that starts a run of another Dag for the date that an event names."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowRuntimeError

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown_value
from maskmatch.operators.known_errors import tells_known_errors

if TYPE_CHECKING:
    from airflow.sdk import Context

_NOT_FOUND = 404
_MEND_THE_EVENT = (
    'Let its sender give the extra {"date": "2026-11-22"}, with a date that has begun, and trigger the Dag '
    "by hand for the one that is meant: clearing reads the same event again."
)


class StartDateOperator(TriggerDagRunOperator):
    """Start the run of a date, or clear it where there was one; refuse a Dag that is paused or missing.

    :param day: the date that an event names, as it does
    :param time_zone: that of the schedule of the Dag
    """

    template_fields: Sequence[str] = (*TriggerDagRunOperator.template_fields, "day")

    def __init__(self, *, day: str, time_zone: str, **kwargs: Any) -> None:
        super().__init__(reset_dag_run=True, **kwargs)
        self.day = day
        self.time_zone = time_zone

    @property
    def place(self) -> str:
        """Return which piece of work this is, for messages."""
        return f"task {self.task_id}, event with the date {shown_value(self.day)}"

    @tells_known_errors
    def execute(self, context: "Context") -> Any:
        """Let Airflow start the run."""
        self.logical_date = _midnight(self.day, self.time_zone)
        self._check_dag(context)
        return super().execute(context)

    def _check_dag(self, context: "Context") -> None:
        task: Any = context["ti"]
        try:
            is_paused = task.get_dag(self.trigger_dag_id).is_paused
        except AirflowRuntimeError as error:
            if (error.error.detail or {}).get("status_code") != _NOT_FOUND:
                raise
            raise InputError(f"there is no Dag {self.trigger_dag_id} to start") from None
        if is_paused:
            raise InputError(f"the Dag {self.trigger_dag_id} is paused, so that no run of it would begin")


def _midnight(day: str, timezone: str) -> str:
    """Return when a date begins in a time zone, as the logical date of its run.

    Raises InputError for a date to come: Airflow makes a run of it, and does not start it.
    """
    try:
        begins = datetime.combine(date.fromisoformat(day), time(), ZoneInfo(timezone))
    except ValueError:
        wrong = InputError(f"the event of the asset does not say its date: {shown_value(day)}")
    else:
        if begins <= datetime.now(UTC):
            return begins.isoformat()
        wrong = InputError(f"the event of the asset names {day}, which has not begun in {timezone}")
    wrong.cure = _MEND_THE_EVENT
    raise wrong

"""A schedule whose runs have their date in their names, since Airflow's list of runs has no column for it."""

from datetime import date, datetime, time
from typing import Any

from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronTriggerTimetable


class DatedCronTimetable(CronTriggerTimetable):
    """Starts runs at the times of a cron expression; their ids begin with kind and date.

    Such as `manual__2026-11-22__2026-11-29T09:15:00+00:00`. Backfills name theirs by `run_after` alone,
    whatever the timetable says: hence it is in our time zone.
    """

    def next_dagrun_info(self, **around: Any) -> DagRunInfo | None:
        """Return the next run, with its time in the time zone of the schedule."""
        info = super().next_dagrun_info(**around)
        return info and info._replace(run_after=info.run_after.in_timezone(self._timezone))

    def generate_run_id(self, *, run_type: Any, run_after: Any, data_interval: Any, **_: Any) -> str:
        """Return the name of a run, begun with its kind and the date that it compares."""
        day = (data_interval.end if data_interval else run_after).in_timezone(self._timezone)
        return str(run_type.generate_run_id(suffix=f"{day:%Y-%m-%d}__{run_after.isoformat()}"))

    @property
    def zone(self) -> str:
        """Return the name of the time zone in which a run's date is meant."""
        return str(self._timezone.name)

    def minutes_of(self, day: date) -> tuple[datetime, datetime]:
        """Return the first and the last minute of a date: a backfill between them has its runs alone."""
        first, last = (datetime.combine(day, at, self._timezone) for at in (time(), time(23, 59)))
        return first, last

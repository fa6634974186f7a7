"""What Airflow loads of this package beside its provider: a schedule, a page, and tabs at runs and tasks.

Every process of Airflow loads it, each task too, so it imports little: the pages build themselves at the
first request.

Decision: docs/adr/0032-a-run-is-seen-in-one-place.md
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from maskmatch.links import URL_PREFIX, page
from maskmatch.timetables import DatedCronTimetable
from maskmatch.web import LazyApp

_RUN = "dag_id={DAG_ID}&run_id={RUN_ID}"


def _tab(destination: str, route: str, path: str) -> dict[str, str]:
    return {"name": "Maskmatch", "destination": destination, "url_route": route, "href": page(path)}


_APPS: list[Any] = [{"name": "Maskmatch", "app": LazyApp(), "url_prefix": URL_PREFIX}]
_TIMETABLES: list[Any] = [DatedCronTimetable]
_VIEWS: list[Any] = [
    {**_tab("nav", "maskmatch", ""), "nav_top_level": True},
    _tab("dag_run", "maskmatch-run", f"run?{_RUN}"),
    _tab("task", "maskmatch-task", "runs?dag_id={DAG_ID}"),
    _tab(
        "task_instance", "maskmatch-task-instance", f"run?{_RUN}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}"
    ),
]


class MaskmatchPlugin(AirflowPlugin):
    """The page in the navigation, and a tab at each run, task and task instance."""

    name = "maskmatch"
    fastapi_apps = _APPS
    timetables = _TIMETABLES
    external_views = _VIEWS

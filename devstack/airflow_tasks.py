"""Find the processes in which Airflow runs tasks on this host."""

from contextlib import suppress

import psutil

from devstack.airflow_api import Json


def process_of(instance: Json) -> psutil.Process | None:
    """Return the process that runs a task instance now."""
    title = f"airflow worker -- {instance['id']}"
    return next((found for found in psutil.process_iter() if _title(found) == title), None)


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""

"""The options of section [maskmatch] of Airflow's own configuration, as a provider tells them."""

from types import MappingProxyType
from typing import Any

from maskmatch.core.waits import PATIENCE_SECONDS


def _option(
    description: str, *, kind: str = "string", default: str = "", example: str = ""
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example or None,
        "default": default,
    }


AIRFLOW_OPTIONS = MappingProxyType(
    {
        "notifier": _option(
            "Import path of a notifier, of several, or of a class: they are told what a person should know, "
            "where a Dag names no other.",
            example="our_alerts.everybody",
        ),
        "alert_after": _option(
            "Seconds for which a task may wait for the service, a store or the permit store until a person "
            "is told.",
            kind="float",
            default=f"{PATIENCE_SECONDS:g}",
        ),
        "backfill_pool": _option("Pool of the tasks of backfills.", example="backfills"),
        "ad_hoc_pool": _option("Pool of the tasks of runs that a person has triggered.", example="by_hand"),
    }
)

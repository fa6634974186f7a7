"""From a table of fields to the form of a connection."""

from collections.abc import Iterable
from typing import Any

from maskmatch.settings.fields import Field


def conn_fields(fields: Iterable[Field]) -> dict[str, Any]:
    """Return what Airflow's provider schema calls `conn-fields`."""
    return {
        field.name: {
            "label": field.label,
            "description": field.help,
            "schema": {"default": field.default, **field.schema},
        }
        for field in fields
    }

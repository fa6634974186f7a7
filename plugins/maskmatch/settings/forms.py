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
            # An empty list would be shown as an empty line, and kept in the connection as a list.
            "schema": {"default": field.default if field.default != () else None, **field.schema},
        }
        for field in fields
    }

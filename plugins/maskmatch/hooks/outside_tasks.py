"""Connections of Airflow for who runs no task: from its variables, its secrets backend or its database."""

from typing import Any

from airflow.models.connection import Connection  # a task asks its supervisor, a command has none
from airflow.sdk.exceptions import AirflowNotFoundException

from maskmatch.core.errors import WrongSetting
from maskmatch.hooks.connections import place_of, refuse_unreadable


def known_connection(conn_id: str) -> Any:
    """Return a connection; raise AirflowNotFoundException when Airflow does not know it."""
    return Connection.get_connection_from_secrets(conn_id)


def find_connection(conn_id: str) -> Any:
    """Return a connection; raise WrongSetting when Airflow, as it is set up here, cannot know or read it."""
    try:
        return known_connection(conn_id)
    except AirflowNotFoundException:
        refuse_unreadable(conn_id)
        raise WrongSetting(
            f"{place_of(conn_id)}: Airflow, as it is set up here, knows no connection of this name; run the "
            "command where tasks run, as their user"
        ) from None

"""What the connections of Airflow have in common: a type of their own, and fields by name."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from airflow.sdk.exceptions import AirflowNotFoundException

from maskmatch.core.errors import WrongSetting
from maskmatch.core.shown import shown_value, without_secrets
from maskmatch.settings.fields import Entered, Field
from maskmatch.settings.sources import in_connection

_CURE = (
    'write JSON, {"conn_type": "...", "login": "...", "password": "...", "extra": {}}, or a URI whose port '
    "is a number and in whose other parts @, :, / and blanks are escapes such as %40"
)


def place_of(conn_id: str) -> str:
    """Return how messages name a connection, for whose name an address may have been given."""
    return f"connection {without_secrets(conn_id)}"


def found_by(find: Callable[[str], Any], conn_id: str) -> Any:
    """Return a connection; raise WrongSetting for one that is there and cannot be read."""
    try:
        return find(conn_id)
    except AirflowNotFoundException:
        refuse_unreadable(conn_id)
        raise


def refuse_unreadable(conn_id: str) -> None:
    """Raise WrongSetting if a connection that Airflow calls unknown is one that it could not read."""
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    for backend in ensure_secrets_backend_loaded():
        value = None
        with suppress(Exception):  # not every one keeps texts, and any may be away
            value = backend.get_conn_value(conn_id)
        if value:
            raise WrongSetting(
                f"{place_of(conn_id)}: {type(backend).__name__} has it, but Airflow cannot read it: {_CURE}"
            )


def entered_in(
    connection: Any,
    *,
    conn_id: str,
    conn_type: str,
    named: Mapping[str, tuple[str, Any]],
    extra: Iterable[Field],
) -> dict[str, Entered]:
    """Return what a connection holds by field; `named` has label and value of what is not in its extra.

    Raise WrongSetting for a connection of another type, and for a name that is not known.
    """
    place = place_of(conn_id)
    if connection.conn_type != conn_type:
        found = shown_value(connection.conn_type) if connection.conn_type else "not set"
        raise WrongSetting(f"{place}: its type is {found}: make it {conn_type}")
    own = {name: Entered(value, f"{place}, {label}") for name, (label, value) in named.items()}
    return in_connection(place, own, connection.extra, fields=extra)


def address_of(connection: Any) -> str | None:
    """Return host, port and path as they are typed into an address, None where there is nothing of it."""
    host = (connection.host or "").strip()
    with suppress(ValueError):
        host = f"[{ipaddress.IPv6Address(host)}]"  # a URI gives it without its brackets
    port = "" if connection.port is None else f":{connection.port}"
    path = f"/{connection.schema}" if connection.schema else ""
    return f"{host}{port}{path}" or None

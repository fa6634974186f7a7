"""Names that users of an earlier version set, and the names that have taken their place.

A name that is silently ignored would let a setting fall back to its default: a permit store that
nobody else uses, for example, and so a second budget. So each is refused, with the new name.

Decision: docs/adr/0011-rooms-and-names.md
"""

from collections.abc import Iterable, Mapping

from maskmatch.core.errors import InputError

VARIABLES = {
    "MASKMATCH_BROKER": "MASKMATCH_PERMIT_STORE",
    "MASKMATCH_SOURCE_CONN_ID": "source_conn_id, an argument of the functions in maskmatch.dags",
    "MASKMATCH_WAREHOUSE_CONN_ID": "warehouse_conn_id, an argument of the functions in maskmatch.dags",
}
CONNECTION_FIELDS = {"broker": "permit_store", "broker_password": "permit_store_password"}
OPTIONS = {"--broker": "--permit-store", "--class": "--priority"}


def refuse_renamed(given: Iterable[str], renamed: Mapping[str, str], *, kind: str) -> None:
    """Raise InputError for a given name that has been renamed; `kind` says what it names."""
    for name in given:
        if name in renamed:
            raise InputError(f"the {kind} {name} is now called {renamed[name]}: rename it where you set it")

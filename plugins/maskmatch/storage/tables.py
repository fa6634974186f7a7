"""Where the tables that analysts read lie in a warehouse; their columns are in `maskmatch.storage.schemas`.

    outcomes/current/ds=2026-11-22/data.parquet           what all read: one object per date
    outcomes/_runs/ds=2026-11-22/000042-1f9c...parquet    every publication, which nobody changes
    outcomes/_manifest/ds=2026-11-22.json                 which of them is the current one
    runs/..., attempts/..., images/...                    the same

Decision: docs/adr/0027-publication.md
"""

import io
import re
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.storage.object_stores import Store

PUBLICATION_NAME = re.compile(r"\d{6,}-[0-9a-f]+", re.ASCII)
"""Of a date: its number among those of the date, and what nobody can guess."""


def current_key(table: str, day: date) -> str:
    """Return the object that holds a table of a date."""
    return f"{table}/current/ds={day.isoformat()}/data.parquet"


def history_prefix(table: str, day: date) -> str:
    """Return where all publications of a table of a date lie."""
    return f"{table}/_runs/ds={day.isoformat()}/"


def history_key(table: str, day: date, publication: str) -> str:
    """Return the object of one publication."""
    return f"{history_prefix(table, day)}{publication}.parquet"


def pointer_key(table: str, day: date) -> str:
    """Return the object that names the current publication, for readers that read one and no other."""
    return f"{table}/_manifest/ds={day.isoformat()}.json"


def refused_key(day: date, publication: str) -> str:
    """Return where rows go that are not to replace the table of their date."""
    return f"outcomes/refused/ds={day.isoformat()}/{publication}.parquet"


def outcomes_address(warehouse: Store, day: date) -> str:
    """Return where the outcomes of a date lie."""
    return f"{warehouse.uri}/{current_key('outcomes', day)}"


def read_table(store: Store, table: str, day: date) -> pa.Table:
    """Return a published table of a date; raise ObjectMissing when there is none."""
    return pq.ParquetFile(io.BytesIO(store.get(current_key(table, day)))).read()

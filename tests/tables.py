"""Tables that no run has made, for tests of whatever reads them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from maskmatch.storage.object_stores import Store
from maskmatch.storage.publications import Facts
from maskmatch.storage.schemas import OUTCOMES
from maskmatch.storage.table_files import TableWriter
from maskmatch.storage.tables import current_key


def outcomes_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of outcomes; a field that a row lacks is null."""
    return pa.table({name: [row.get(name) for row in rows] for name in OUTCOMES.names}, schema=OUTCOMES)


def table_bytes(table: pa.Table, *, run_seq: int = 1) -> bytes:
    """Return the file of a table."""
    file = TableWriter(table.schema, salt=run_seq)
    file.add(table)
    file.finish(Facts(publication=f"p{run_seq}", run_seq=run_seq, content="", runs={}).metadata())
    return Path(file.path).read_bytes()


def write_outcomes(store: Store, day: date, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows where the outcomes of a date lie."""
    store.put(current_key("outcomes", day), table_bytes(outcomes_table(rows)))

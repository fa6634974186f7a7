"""The file of a table, written group by group to disk in columns; no more than a group is in memory.

The first column is the publication, whose name differs in length from that of the one before; and before the
first group stand some bytes that belong to no column, of another number each time. So columns stand at other
places in each file of a table, and a reader that is overtaken by a new file fails instead of mixing two.

Decision: docs/adr/0027-publication.md
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.storage.spools import Nameless, room

GROUP_ROWS = 131_072
GROUP_BYTES = 256 * 1024 * 1024
"""Of a group in memory, where rows are so large; a column of 2 GiB could not be written at all."""
LOOKED_UP = {"attempts": ["pair_id"], "images": ["content"], "outcomes": ["row_id", "pair_id"]}
"""Columns by which single rows are looked up: a filter tells which groups do not hold them."""
_BLOOM_SHARE = 0.05
"""Of groups that a look-up reads in vain; less would cost 256 KB of memory for each group, and not 128."""
_UNLIKE = {pa.string(), pa.timestamp("us", tz="UTC"), pa.float32()}
"""Types of columns of which nearly every value is another: a dictionary would cost time alone."""


class TableWriter:
    """Writes rows of one schema into a file without a name; `salt` is how many bytes stand before them."""

    def __init__(self, schema: pa.Schema, *, salt: int, looked_up: Sequence[str] = ()) -> None:
        self.schema = schema
        self.rows = 0
        self._file = Nameless()
        self._sink = pa.OSFile(self._file.path, "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=_columns_with_dictionary(schema),
            write_page_index=True,
            bloom_filter_options={name: {"ndv": GROUP_ROWS, "fpp": _BLOOM_SHARE} for name in looked_up}
            or None,
        )
        self._sink.write(b"\0" * salt)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    @property
    def path(self) -> str:
        """Return where the file can be read once it is finished."""
        return self._file.path

    def add(self, table: pa.Table) -> None:
        """Take in more rows."""
        self.rows += table.num_rows
        for portion in _portions(table):
            self._waiting.append(portion)
            self._waiting_rows += portion.num_rows
            self._waiting_bytes += portion.nbytes
            while self._waiting_rows >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
                self._write(min(GROUP_ROWS, self._waiting_rows))

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write the rest, and facts that stand in the file's metadata."""
        if self._waiting_rows:
            self._write(self._waiting_rows)
        with room():
            self._writer.add_key_value_metadata(dict(facts))
            self._writer.close()
            self._sink.close()

    def sha256(self) -> str:
        """Return the digest of the file."""
        with open(self.path, "rb") as file:  # noqa: PTH123  a descriptor has no path that pathlib knows
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """Give the room on the disk back."""
        self._file.close()

    def _write(self, rows: int) -> None:
        table = pa.concat_tables(self._waiting)
        group, rest = table.slice(0, rows), table.slice(rows)
        with room():
            self._writer.write_table(group.unify_dictionaries().combine_chunks(), row_group_size=GROUP_ROWS)
        self._waiting, self._waiting_rows = ([rest] if rest.num_rows else []), rest.num_rows
        self._waiting_bytes = rest.nbytes if rest.num_rows else 0


def _portions(table: pa.Table) -> Iterator[pa.Table]:
    """Yield a table whole, or in slices of half a group's bytes."""
    most = max(1, table.num_rows * GROUP_BYTES // (2 * max(1, table.nbytes)))
    for start in range(0, table.num_rows, most):
        yield table.slice(start, most)


def _columns_with_dictionary(schema: pa.Schema) -> list[str]:
    return [
        f"{field.name}.key_value.{part}" if part else field.name
        for field in schema
        if field.type not in _UNLIKE
        for part in (("key", "value") if pa.types.is_map(field.type) else ("",))
    ]

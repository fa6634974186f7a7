"""One manifest from an object to batches of rows that are pairs, and bad rows with their reasons."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import BadRow
from maskmatch.core.shown import plain, shown
from maskmatch.storage.manifests.checks import Checker
from maskmatch.storage.manifests.columns import Naming
from maskmatch.storage.manifests.content import (
    HEAD_BYTES,
    Compression,
    Form,
    compression_of,
    form_of_text,
    refuse_binary,
    refuse_strangers,
)
from maskmatch.storage.manifests.csv_reader import CsvReader
from maskmatch.storage.manifests.encodings import Decoder
from maskmatch.storage.manifests.fetching import copied, fetched
from maskmatch.storage.manifests.folder_columns import read_folders, with_folders
from maskmatch.storage.manifests.json_array import read_elements
from maskmatch.storage.manifests.json_reader import JsonReader
from maskmatch.storage.manifests.lines import read_blocks
from maskmatch.storage.manifests.parquet import ParquetReader
from maskmatch.storage.manifests.records import Records
from maskmatch.storage.manifests.unpacking import UNREADABLE, is_workbook, unpacked
from maskmatch.storage.manifests.xlsx import XlsxReader
from maskmatch.storage.object_stores import Store

MOST_BAD_ROWS = 1_000_000
"""Of one file; each becomes a row of the table, and so many are no mistake of single rows."""
_MOST_LAYERS = 3
_SHOWN_NAMES = 20
_PARQUET = b"PAR1"


class Portion(NamedTuple):
    """Some records of a manifest: pairs, in columns as `ROWS` has them, and those that are none."""

    rows: pa.RecordBatch
    bad_rows: list[BadRow]


@dataclass(slots=True)
class FileSummary:
    """What a manifest turned out to be; whole when it was read to its end."""

    file: str
    form: str = ""
    encoding: str | None = None
    compressions: tuple[Compression, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    """Names in the file, and what they are to us."""
    passed_over: list[str] = field(default_factory=list)
    rows: int = 0
    bad_rows: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the same as JSON values, names as they may be shown."""
        return asdict(self) | {
            "compressions": [each.value for each in self.compressions],
            "columns": {plain(name): ours for name, ours in self.columns.items()},
            "passed_over": [plain(name) for name in self.passed_over],
        }

    def __str__(self) -> str:
        return describe_file(self.to_record())


def describe_file(record: Mapping[str, Any]) -> str:
    """Return the record of a manifest as a line of the log."""
    traits = [record["form"], " in ".join(record["compressions"]), record["encoding"]]
    renamed = [f"{shown(name)} as {ours}" for name, ours in record["columns"].items() if name != ours]
    passed_over = [shown(name) for name in record["passed_over"]]
    return (
        f"{record['file']}: {', '.join(filter(None, traits))}, "
        f"{record['rows']:,} rows, {record['bad_rows']:,} of them bad"
        + (f"; read: {_some(renamed)}" if renamed else "")
        + (f"; passed over: {_some(passed_over)}" if passed_over else "")
    )


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN_NAMES:,} more" if len(texts) > _SHOWN_NAMES else ""
    return ", ".join(texts[:_SHOWN_NAMES]) + more


class Manifest:
    """One manifest; iterating over it reads it, and raises InputError for what is no manifest.

    `source` is where its images lie, by default the store that it lies in itself.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        options: ManifestOptions | None = None,
        source: SourcePlace | None = None,
    ) -> None:
        self._store = store
        self._source = source or SourcePlace.of(store.uri, store.host)
        self._key = key
        self._options = options or ManifestOptions()
        self.summary = FileSummary(plain(key.split("/", 2)[-1]))  # below the folder of its date

    def __iter__(self) -> Iterator[Portion]:
        """Yield its rows, some thousands at a time, in their order."""
        where = f"{self._store.uri}/{plain(self._key)} cannot be read"
        with fetched(self._store, self._key) as path:
            try:
                yield from self._read(path, ())
            except InputError as error:
                raise InputError(f"{where}: {error}") from error
            except UNREADABLE as error:
                how = (
                    f", unpacked from {' and '.join(map(str, self.summary.compressions))},"
                    if (self.summary.compressions)
                    else ""
                )
                raise InputError(
                    f"{where}: it{how} is damaged or cut short ({error}); write or fetch it anew"
                ) from error

    def _read(self, path: Path, layers: tuple[Compression, ...]) -> Iterator[Portion]:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        self.summary.compressions = tuple(layers)
        refuse_strangers(head)
        naming = Naming(self._options)
        compression = compression_of(head)
        if compression is Compression.ZIP and is_workbook(path):
            yield from self._check(Form.XLSX, XlsxReader(path, naming), naming)
        elif head.startswith(_PARQUET):
            yield from self._check(Form.PARQUET, ParquetReader(path, naming), naming)
        else:
            yield from self._read_stream(path, compression, layers, naming)

    def _read_stream(
        self, path: Path, compression: Compression | None, layers: tuple[Compression, ...], naming: Naming
    ) -> Iterator[Portion]:
        if compression:
            layers = (*layers, compression)
            self.summary.compressions = tuple(layers)
        with unpacked(path, compression) as stream:
            head = stream.read(HEAD_BYTES)
            if compression and (compression_of(head) or head.startswith(_PARQUET)):
                if len(layers) >= _MOST_LAYERS:
                    raise InputError(f"it is packed {len(layers)} times: pack it once")
                with copied(cast("BinaryIO", _Joined(head, stream))) as inner:
                    yield from self._read(inner, layers)
            else:
                refuse_strangers(head)
                yield from self._read_text(head, stream, naming)

    def _read_text(self, head: bytes, stream: BinaryIO, naming: Naming) -> Iterator[Portion]:
        decoder = Decoder(head, self._options.encoding)
        text = Decoder(head, self._options.encoding).widen(head, is_last=False)
        refuse_binary(text, "" if self.summary.compressions else self._key)
        form = self._form(text)
        if form is Form.CSV:
            reader: Iterable[Records] = CsvReader(read_blocks(stream, head, decoder), naming, decoder)
        elif form is Form.JSON_LINES:
            reader = JsonReader(read_blocks(stream, head, decoder), naming, decoder)
        else:
            reader = JsonReader(read_elements(stream, head, decoder), naming, decoder)
        for portion in self._check(form, reader, naming):
            self.summary.encoding = decoder.name
            yield portion
        self.summary.encoding = decoder.name

    def _form(self, text: bytes) -> Form:
        form = form_of_text(text.removeprefix(b"\xef\xbb\xbf"))
        is_json = any(part in {"jsonl", "ndjson"} for part in self._key.lower().rpartition("/")[2].split("."))
        return Form.JSON_LINES if is_json and form is Form.CSV and text.strip() else form

    def _check(self, form: Form, reader: Iterable[Records], naming: Naming) -> Iterator[Portion]:
        summary = self.summary
        summary.form = form.value
        checker = Checker(summary.file, self._source, is_by_line=form is not Form.JSON_ARRAY)
        folders = read_folders(self._key, naming)
        for records in (with_folders(each, folders) if folders else each for each in reader):
            lacks = records.lacks_pair_id or "pair_id" in naming.lacks
            portion = Portion(*checker.check(records, lacks_pair_id=lacks))
            summary.rows += portion.rows.num_rows + len(portion.bad_rows)
            summary.bad_rows += len(portion.bad_rows)
            summary.columns, summary.passed_over = naming.mapped, naming.passed_over
            if summary.bad_rows > MOST_BAD_ROWS:
                first = f"; the last: {portion.bad_rows[-1].message}" if portion.bad_rows else ""
                raise InputError(f"more than {MOST_BAD_ROWS:,} of its rows are no pairs{first}")
            yield portion
        summary.columns, summary.passed_over = naming.mapped, naming.passed_over


class _Joined(io.RawIOBase):
    """Bytes that were read already, and the stream that they are from."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._stream.read(size)

"""One file of rows, whatever it is and however packed, as columns of text: the part that all kinds share.

Decision: docs/adr/0024-pairs-are-numbers.md
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.shown import plain
from maskmatch.storage.fetching import copied, fetched
from maskmatch.storage.manifests.columns import PAIR_ROWS, Naming, Vocabulary
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
from maskmatch.storage.manifests.json_array import read_elements
from maskmatch.storage.manifests.json_reader import JsonReader
from maskmatch.storage.manifests.lines import read_blocks
from maskmatch.storage.manifests.parquet import ParquetReader
from maskmatch.storage.manifests.records import Records
from maskmatch.storage.manifests.summaries import FileSummary
from maskmatch.storage.manifests.unpacking import UNREADABLE, is_workbook, unpacked
from maskmatch.storage.manifests.xlsx import XlsxReader
from maskmatch.storage.object_stores import Store

_MOST_LAYERS = 3
_PARQUET = b"PAR1"


class RecordFile:
    """Reads one file; form, encoding, packing and columns are told by the summary as they are found."""

    def __init__(
        self,
        store: Store,
        key: str,
        options: ManifestOptions,
        vocabulary: Vocabulary = PAIR_ROWS,
    ) -> None:
        self._store = store
        self._key = key
        self._encoding = options.encoding
        self._setting = vocabulary.encoding_setting
        self.naming = Naming(options, vocabulary)
        self.summary = FileSummary(plain(key.split("/", 2)[-1]))  # below the folder of its date

    def __iter__(self) -> Iterator[Records]:
        """Yield its records, some thousands at a time, in their order; raise InputError for no such file."""
        with fetched(self._store, self._key) as path:
            try:
                yield from self._read(path, ())
            except InputError as error:
                raise self.unreadable(error) from error
            except UNREADABLE as error:
                packings = self.summary.compressions
                how = f", unpacked from {' and '.join(map(str, packings))}," if packings else ""
                why = f"it{how} is damaged or cut short ({error}); write or fetch it anew"
                raise self.unreadable(why) from error

    def unreadable(self, why: object) -> InputError:
        """Return an error that names the file."""
        return InputError(f"{self._store.uri}/{plain(self._key)} cannot be read: {why}")

    def _read(self, path: Path, layers: tuple[Compression, ...]) -> Iterator[Records]:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        self.summary.compressions = tuple(layers)
        refuse_strangers(head)
        compression = compression_of(head)
        if compression is Compression.ZIP and is_workbook(path):
            yield from self._told(Form.XLSX, XlsxReader(path, self.naming))
        elif head.startswith(_PARQUET):
            yield from self._told(Form.PARQUET, ParquetReader(path, self.naming))
        else:
            yield from self._read_stream(path, compression, layers)

    def _read_stream(
        self, path: Path, compression: Compression | None, layers: tuple[Compression, ...]
    ) -> Iterator[Records]:
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
                yield from self._read_text(head, stream)

    def _read_text(self, head: bytes, stream: BinaryIO) -> Iterator[Records]:
        decoder = self._decoder(head)
        text = self._decoder(head).widen(head, is_last=False)
        refuse_binary(text, "" if self.summary.compressions else self._key)
        form = self._form(text)
        if form is Form.CSV:
            reader: Iterable[Records] = CsvReader(read_blocks(stream, head, decoder), self.naming, decoder)
        elif form is Form.JSON_LINES:
            reader = JsonReader(read_blocks(stream, head, decoder), self.naming, decoder)
        else:
            elements = read_elements(stream, head, decoder, is_array=form is Form.JSON_ARRAY)
            reader = JsonReader(elements, self.naming, decoder)
        for records in self._told(form, reader):
            self.summary.encoding = decoder.name
            yield records
        self.summary.encoding = decoder.name

    def _decoder(self, head: bytes) -> Decoder:
        return Decoder(head, self._encoding, setting=self._setting)

    def _form(self, text: bytes) -> Form:
        form = form_of_text(text.removeprefix(b"\xef\xbb\xbf"))
        is_json = any(part in {"jsonl", "ndjson"} for part in self._key.lower().rpartition("/")[2].split("."))
        return Form.JSON_LINES if is_json and form is Form.CSV and text.strip() else form

    def _told(self, form: Form, reader: Iterable[Records]) -> Iterator[Records]:
        self.summary.form = form.value
        for records in reader:
            self._tell_columns()
            yield records
        self._tell_columns()

    def _tell_columns(self) -> None:
        self.summary.columns = self.naming.mapped
        self.summary.passed_over = self.naming.passed_over

    @property
    def is_by_line(self) -> bool:
        """Return True if a line finds a record; known with the first records."""
        return self.summary.form not in {Form.JSON_ARRAY.value, Form.JSON_OBJECTS.value}


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

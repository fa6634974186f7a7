"""Parquet: batches of any plain type as columns of text, in bounded memory whatever the file claims."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, MAX_LENGTH
from maskmatch.core.shown import shown
from maskmatch.storage.manifests import own_attributes
from maskmatch.storage.manifests.columns import MOST_COLUMNS, Naming
from maskmatch.storage.manifests.numbers import MOST_EXACT
from maskmatch.storage.manifests.parquet_pages import refuse_hostile_texts
from maskmatch.storage.manifests.records import Fault, Records

_MAGIC = b"PAR1"
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_OUT_OF_RANGE = "<value out of range"
"""How Arrow writes a date beyond the year 9999, and the like."""
_EXACT = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): MOST_EXACT}
"""Above it a float of the type stands for more than one whole number."""
_TAIL_BYTES = 8
_BATCH_ROWS = 16_384
_BATCH_VALUES = 1 << 19
MOST_ROWS = 100_000_000
"""Of one file; a footer of some bytes can claim any number."""
MOST_CHUNK_BYTES = 512 * 1024 * 1024
"""Of one column in a row group, unpacked; writers make groups of 128 MiB in all."""
_MOST_FOOTER_BYTES = 16 * 1024 * 1024
_TRIMMED = MAX_LENGTH + 1
"""Characters that are enough to see that a text is too long."""


class ParquetReader:
    """Reads one file; raise InputError for one that is no manifest."""

    def __init__(self, path: Path, naming: Naming) -> None:
        _look_at_footer(path)
        self._file = pq.ParquetFile(
            path,
            pre_buffer=False,
            buffer_size=1 << 20,
            thrift_string_size_limit=_MOST_FOOTER_BYTES,
            thrift_container_size_limit=10 * MOST_COLUMNS * 1000,
        )
        schema = self._file.schema_arrow
        targets = naming.read_header(schema.names)
        self._columns = {name: target for name, target in zip(schema.names, targets, strict=True) if target}
        _refuse_types(schema, self._columns)
        _refuse_hostile(self._file)
        texts = [name for name in self._columns if _is_text(_plain_type(schema.field(name).type))]
        self._naming = naming
        self._has_attributes = own_attributes.is_ours(schema)
        if self._has_attributes:
            naming.read_apart(own_attributes.NAME)
            texts += own_attributes.paths_in(self._file)
        lengths = refuse_hostile_texts(self._file, path, texts)
        texts = [name for name in texts if name not in lengths]
        self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20, read_dictionary=texts)

    def __iter__(self) -> Iterator[Records]:
        """Yield the records of each batch."""
        read = 0
        names = [*self._columns, *([own_attributes.NAME] if self._has_attributes else ())]
        rows = min(_BATCH_ROWS, _BATCH_VALUES // (MOST_COLUMNS if self._has_attributes else len(names)))
        for batch in self._file.iter_batches(rows, columns=names, use_threads=False):
            columns, faults = {}, []
            for target, column in self._columns_of(batch):
                is_id = not target.startswith(ATTRIBUTE_PREFIX)
                columns[target], wrong = as_text(column, is_id=is_id)
                faults += [Fault(row, target, why) for row, why in wrong.items()]
            records = read + 1 + np.arange(batch.num_rows)
            read += batch.num_rows
            yield Records(columns, records, None, (), faults)

    def _columns_of(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
        found = set(self._columns.values())
        for name, target in self._columns.items():
            yield target, batch.column(name)
        if self._has_attributes:
            for name, column in own_attributes.columns_of(batch.column(own_attributes.NAME)):
                target = self._naming.attribute_target(name)
                if target not in found:
                    found.add(target)
                    yield target, column


def _look_at_footer(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read()
    if size < 2 * _TAIL_BYTES - 4 or not tail.endswith(_MAGIC):
        raise InputError("it is cut short: the footer of parquet is missing; write or fetch it anew")
    footer = int.from_bytes(tail[:4], "little")
    if footer > _MOST_FOOTER_BYTES:
        raise InputError(f"its footer has {footer:,} bytes, at most {_MOST_FOOTER_BYTES:,}: omit columns")


def _refuse_types(schema: pa.Schema, columns: dict[str, str]) -> None:
    for name in columns:
        kind = _plain_type(schema.field(name).type)
        if pa.types.is_nested(kind) or any(is_kind(kind) for is_kind in _BYTES):
            raise InputError(f"column {shown(name)} is {kind}: make it text, a number, a date or a boolean")
        if pa.types.is_timestamp(kind) and not _has_known_zone(kind):
            raise InputError(
                f"column {shown(name)} has the unknown time zone {shown(kind.tz)}: write times of UTC, "
                "or text"
            )


def _has_known_zone(kind: pa.DataType) -> bool:
    try:
        pa.array([0], kind).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_hostile(file: pq.ParquetFile) -> None:
    if file.metadata.num_rows > MOST_ROWS:
        raise InputError(f"it has {file.metadata.num_rows:,} rows, at most {MOST_ROWS:,}: split it")
    for group in range(file.metadata.num_row_groups):
        row_group = file.metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            if column.total_uncompressed_size > MOST_CHUNK_BYTES:
                raise InputError(
                    f"column {shown(column.path_in_schema)} has {column.total_uncompressed_size:,} bytes in "
                    f"a row group, at most {MOST_CHUNK_BYTES:,}: write smaller row groups"
                )


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    is_text: bool = (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
    return is_text


def as_text(column: pa.Array, *, is_id: bool) -> tuple[pa.Array, dict[int, str]]:
    """Return values of any plain type as text, and why some of them have none, by row.

    A float that is an id must be exact in its own type, any other as a double.
    """
    if pa.types.is_dictionary(column.type):
        texts, wrong = as_text(_shortened(column.dictionary), is_id=is_id)
        indices = column.indices
        rows = indices.to_numpy(zero_copy_only=False) if wrong else ()
        return texts.take(indices), {row: wrong[each] for row, each in enumerate(rows) if each in wrong}
    kind = column.type
    if pa.types.is_floating(kind):
        return _floats_as_text(column, _EXACT[kind] if is_id else MOST_EXACT)
    if _is_text(kind):
        return _sound_text(_shortened(column))
    texts = _exact_as_text(column)
    beyond = np.flatnonzero(pc.fill_null(pc.starts_with(texts, _OUT_OF_RANGE), False))
    return texts, {int(row): "the date is beyond the year 9999: write it as text" for row in beyond}


def _exact_as_text(column: pa.Array) -> pa.Array:
    if isinstance(column.type, pa.UuidType):
        values = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.array(values, pa.string())
    texts = column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        return _without_zeros(texts)
    has_fraction = pa.types.is_timestamp(column.type) or pa.types.is_time(column.type)
    return _without_fraction(texts) if has_fraction else texts


def _shortened(texts: pa.Array) -> pa.Array:
    """Cut what is too long for a value anyway, before it is repeated for each row."""
    if not _is_text(texts.type) or not len(texts):
        return texts
    if pa.types.is_string_view(texts.type):
        texts = texts.cast(pa.large_string())
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest <= 4 * _TRIMMED:
        return texts.cast(pa.string())
    cut = pc.binary_slice(texts.cast(pa.large_string()).cast(pa.large_binary()), 0, 4 * _TRIMMED)
    texts = [None if value is None else value.decode("utf-8", "ignore") for value in cut.to_pylist()]
    return pa.array(texts, pa.string())


def _sound_text(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Return texts; what is no UTF-8 has none."""
    column = column.cast(pa.string())
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.binary()).to_pylist()
        texts = [None if value is None else value.decode("utf-8", "replace") for value in values]
        wrong = {
            row: "the value is not UTF-8: write it as UTF-8"
            for row, (value, text) in enumerate(zip(values, texts, strict=True))
            if value is not None and (text or "").encode() != value
        }
        return pa.array(texts, pa.string()), wrong
    return column, {}


def _floats_as_text(column: pa.Array, most: int) -> tuple[pa.Array, dict[int, str]]:
    values = column.to_numpy(zero_copy_only=False)
    size = np.abs(values.astype(np.float64))
    known = np.asarray(column.is_valid()) & ~np.isnan(values)
    whole = known & (np.floor(values) == values) & (size <= most)
    texts = pa.array(np.where(whole, values, 0).astype(np.int64), mask=~known).cast(pa.string())
    odd = known & ~whole
    if odd.any():
        exact = pa.array([str(value) for value in values[odd]], pa.string())
        texts = pc.replace_with_mask(texts, pa.array(odd), exact)
    inexact = np.flatnonzero(odd & ~(size < most))
    why = (
        f"the number {{}} is a float above 2**{most.bit_length() - 1} and no longer exact: write ids as text"
    )
    return texts, {int(row): why.format(values[row]) for row in inexact}


def _without_zeros(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0*$|^(-?[0-9]+\.[0-9]*[1-9])0+$", r"\1\2")


def _without_fraction(texts: pa.Array) -> pa.Array:
    zone = "(Z?|[+-][0-9]{4})$"
    return pc.replace_substring_regex(texts, rf"(\.[0-9]*[1-9])0+{zone}|\.0+{zone}", r"\1\2\3")

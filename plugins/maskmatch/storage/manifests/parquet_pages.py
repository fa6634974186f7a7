"""How texts of a parquet file are coded: what could fill the memory from a few bytes is refused.

Format: https://parquet.apache.org/docs/file-format/data-pages/
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown

MOST_DICTIONARY_BYTES = 32 * 1024 * 1024
"""Of one column in a row group, unpacked; writers stop at one mebibyte, Arrow needs eight times as much."""
_DELTAS = "DELTA_BYTE_ARRAY"
_LENGTHS = "DELTA_LENGTH_BYTE_ARRAY"
_HEAD_BYTES = 32
_NUMBER_FOLLOWS = 0x15
"""Of Thrift: the next field is a number."""
_DICTIONARY = 2


def refuse_hostile_texts(file: pq.ParquetFile, path: Path, texts: Sequence[str]) -> set[str]:
    """Return the columns whose texts are coded as lengths, which have no dictionary; raise InputError.

    A text coded as what it shares with the one before can be of any size in a few bytes.
    """
    lengths: set[str] = set()
    with path.open("rb") as stream:
        for group in range(file.metadata.num_row_groups):
            row_group = file.metadata.row_group(group)
            for column in map(row_group.column, range(row_group.num_columns)):
                if column.path_in_schema in texts and _has_lengths(column, stream):
                    lengths.add(column.path_in_schema)
    return lengths


def _has_lengths(column: Any, stream: BinaryIO) -> bool:
    name, codings = shown(column.path_in_schema), column.encodings
    size = _dictionary_bytes(column, stream)
    if size > MOST_DICTIONARY_BYTES:
        raise InputError(
            f"column {name} has a dictionary of {size:,} bytes, at most {MOST_DICTIONARY_BYTES:,}: write it "
            "without one"
        )
    if _DELTAS in codings or (_LENGTHS in codings and size):
        coding = _DELTAS if _DELTAS in codings else _LENGTHS
        raise InputError(
            f"column {name} is coded as {coding}: write it plain or with a dictionary, as version 1 of the "
            "format does"
        )
    return _LENGTHS in codings


def _dictionary_bytes(column: Any, stream: BinaryIO) -> int:
    """Return how large the dictionary of a column is, unpacked, by the head of its first page."""
    places = [each for each in (column.dictionary_page_offset, column.data_page_offset) if each]
    if not places:
        return 0
    stream.seek(min(places))
    head = stream.read(_HEAD_BYTES)
    kind, at = _number(head, 0)
    size, _ = _number(head, at)
    return size if kind == _DICTIONARY else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """Return the number in a field of the head, and where the next field begins."""
    if head[at : at + 1] != bytes([_NUMBER_FOLLOWS]):
        raise InputError("the head of a page is damaged: write or fetch it anew")
    value, shift = 0, 0
    for place in range(at + 1, len(head)):
        value |= (head[place] & 0x7F) << shift
        shift += 7
        if head[place] < 0x80:
            return value >> 1, place + 1
    raise InputError("the head of a page is damaged: write or fetch it anew")

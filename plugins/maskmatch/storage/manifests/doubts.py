"""Which values of a column the row function must look at: a screen over all bytes of a column at once.

It may doubt a value that is sound, never pass one that is not: `core.pairs` alone says what a value may be.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, IMAGE_COLUMNS, MAX_LENGTH
from maskmatch.storage.manifests.csv_lines import Mask

_CONTROLS = bytes(range(32)) + b"\x7f"
_BREAKS = b"\t\r\n"


def _marks(doubtful: bytes) -> bytes:
    return bytes(int(byte in doubtful) for byte in range(256))


_OF_SECRETS = b"?%&#@\\"
_IN_TEXT = _marks(_CONTROLS + _OF_SECRETS)
_IN_ATTRIBUTE = _marks(bytes(set(_CONTROLS) - set(_BREAKS)) + _OF_SECRETS)
_IN_IMAGE = _marks(_CONTROLS + _OF_SECRETS + b':;"[]{}')
_HOST = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|https://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_PLAIN_KEY = r"[A-Za-z0-9_][A-Za-z0-9_/.=-]*"
_PLAIN_ADDRESS = rf"^(?:{_HOST})/[A-Za-z0-9_/.=+ -]+$"


def without_own_address(column: pa.Array, source: SourcePlace) -> pa.Array:
    """Return images in which plain addresses of objects below the source are their keys."""
    own = source.own_addresses()
    data = _bytes(column) if own else b""
    there = [each for each in own if each.encode() in data]
    if not there:
        return column
    pattern = rf"^(?:{'|'.join(map(re.escape, there))})({_PLAIN_KEY})$"
    keys = pc.replace_substring_regex(column, pattern, r"\1")
    if (pc.max(pc.binary_length(column)).as_py() or 0) <= MAX_LENGTH:
        return keys
    return pc.if_else(pc.greater(pc.utf8_length(column), MAX_LENGTH), column, keys)


def doubtful_values(name: str, column: pa.Array, source: SourcePlace) -> Mask:
    """Return which texts of a column may not be what they should be; null never is in doubt."""
    doubt = _holding(column, _table(name))
    if b"//" in _bytes(column):
        doubt |= _flags(pc.match_substring(column, "//"))
    if name in IMAGE_COLUMNS:
        if doubt.any():
            plain = _flags(pc.match_substring_regex(column, _PLAIN_ADDRESS))
            doubt &= ~plain | _flags(pc.match_substring_regex(column, source.doubtful()))
        doubt |= _flags(pc.starts_with(column, "/"))
        if b".." in _bytes(column):
            doubt |= _flags(pc.match_substring(column, ".."))
    lengths = pc.binary_length(column)
    if (pc.max(lengths).as_py() or 0) > MAX_LENGTH:
        doubt |= _flags(pc.greater(lengths, MAX_LENGTH))
    return doubt


def _table(name: str) -> bytes:
    if name in IMAGE_COLUMNS:
        return _IN_IMAGE
    return _IN_ATTRIBUTE if name.startswith(ATTRIBUTE_PREFIX) else _IN_TEXT


def _bytes(column: pa.Array) -> bytes:
    """Return the bytes of all texts of a column, one behind the other."""
    offsets, data = _offsets(column), column.buffers()[2]
    return b"" if data is None else memoryview(data)[offsets[0] : offsets[-1]].tobytes()


def _offsets(column: pa.Array) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    first = column.offset
    return np.frombuffer(column.buffers()[1], np.int32)[first : first + len(column) + 1]


def _holding(column: pa.Array, marks: bytes) -> Mask:
    """Return which texts hold a byte that is marked."""
    found = np.zeros(len(column), bool)
    if len(column):
        offsets = _offsets(column)
        places = np.flatnonzero(np.frombuffer(_bytes(column).translate(marks), bool))
        found[np.searchsorted(offsets, places + offsets[0], "right") - 1] = True
    return found


def _flags(values: pa.Array) -> Mask:
    flags: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return flags.copy()

"""Hashes of whole columns, as numbers that numpy sorts in the order of their bytes.

A loop over `hashlib` is the fastest: SHA-256 of a key takes 0.35 us, DuckDB's 0.44 and 0.6 with its text made
bytes again, and it has MD5 alone for less.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.comparisons import COMPARISON_BYTES

Words = npt.NDArray[np.uint64]
_DIGITS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), "V2")


class Hashes(NamedTuple):
    """The first and the second 64 bits of hashes."""

    high: Words
    low: Words


def digests(texts: pa.Array) -> Hashes:
    """Return the first 128 bits of the SHA-256 of each text."""
    sha256 = hashlib.sha256
    data = b"".join([sha256(text).digest()[:16] for text in texts.cast(pa.binary()).to_pylist()])
    return words(data)


def words(data: bytes) -> Hashes:
    """Return hashes that lie one behind the other as numbers."""
    both = np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, 2)
    return Hashes(both[:, 0], both[:, 1])


def as_bytes(high: Words, low: Words) -> bytes:
    """Return hashes one behind the other."""
    return np.stack([high, low], axis=1).astype(">u8").tobytes()


def fixed_bytes(column: pa.FixedSizeBinaryArray) -> bytes:
    """Return values of 16 bytes one behind the other."""
    start = column.offset * COMPARISON_BYTES
    return memoryview(column.buffers()[1])[start : start + len(column) * COMPARISON_BYTES].tobytes()


def hexadecimal(data: "npt.NDArray[np.uint8]", prefix: bytes = b"") -> pa.Array:
    """Return rows of bytes as texts, each behind a prefix."""
    count, width = data.shape
    texts = np.empty((count, len(prefix) + 2 * width), np.uint8)
    texts[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    texts[:, len(prefix) :] = _DIGITS[data].view(np.uint8).reshape(count, 2 * width)
    offsets = np.arange(count + 1, dtype=np.int32) * texts.shape[1]
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(texts))


def content_names(
    image_ids: pa.Array,
    have_names: "npt.NDArray[np.bool_]",
    names: "npt.NDArray[np.uint8]",
    are_md5s: "npt.NDArray[np.bool_]",
) -> pa.Array:
    """Return what images are known by, as `core.comparisons.content_name` does."""
    texts = hexadecimal(names, b"md5:")
    if not are_md5s.all():
        texts = pc.if_else(pa.array(are_md5s), texts, hexadecimal(names, b"tag:"))
    if have_names.all():
        return texts
    ids = pc.binary_join_element_wise("id:", image_ids, "")
    return pc.if_else(pa.array(have_names), texts, ids)


def comparisons(reference: pa.Array, probe: pa.Array, level: pa.Array) -> Hashes:
    """Return the names of comparisons, as `core.comparisons.comparison_of` does."""
    first, second = pc.min_element_wise(reference, probe), pc.max_element_wise(reference, probe)
    return digests(pc.binary_join_element_wise(first, second, level.cast(pa.string()), "\n"))

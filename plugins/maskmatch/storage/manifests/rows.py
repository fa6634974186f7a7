"""Rows that are pairs as columns, and what names them: made pair ids, fingerprints, row ids."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.pairs import Pair, made_pair_id

ROWS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("reference_id", pa.string(), nullable=False),
        pa.field("probe_id", pa.string(), nullable=False),
        ("is_mated", pa.bool_()),
        ("reference_subject_id", pa.string()),
        ("probe_subject_id", pa.string()),
        ("quality_control", pa.int8()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("row_id", pa.string()),
        ("manifest_row", pa.int64()),
        ("manifest_record", pa.int64()),
        ("manifest_line", pa.int64()),
        pa.field("fingerprint", pa.binary(16), nullable=False),
    ]
)
"""`row_id` is what a manifest brings; `fingerprint` is of pair id, both images and quality control."""
FINGERPRINT_BYTES = 16


def with_pair_ids(pair_ids: pa.Array, columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return pair ids in which those that are missing are made."""
    places = np.flatnonzero(pair_ids.is_null().to_numpy(zero_copy_only=False))
    if not len(places):
        return pair_ids
    wanted = pa.array(places)
    parts = [
        columns[name].take(wanted).to_pylist() for name in ("reference_id", "probe_id", "quality_control")
    ]
    made = [made_pair_id(*each) for each in zip(*parts, strict=True)]
    mask = np.zeros(len(pair_ids), bool)
    mask[places] = True
    return pc.replace_with_mask(pair_ids, pa.array(mask), pa.array(made, pa.string()))


def fingerprints(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return a hash of pair id, both images and quality control of each row."""
    level = pc.fill_null(columns["quality_control"].cast(pa.string()), "")
    joined = pc.binary_join_element_wise(
        columns["pair_id"], columns["reference_id"], columns["probe_id"], level, "\n"
    )
    digest = hashlib.sha256
    hashes = [digest(text).digest() for text in joined.cast(pa.binary()).to_pylist()]
    cut = b"".join([each[:FINGERPRINT_BYTES] for each in hashes])
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(FINGERPRINT_BYTES), len(hashes), [None, pa.py_buffer(cut)]
    )


def attribute_maps(columns: Mapping[str, pa.Array], count: int) -> pa.Array:
    """Return the attributes of each row as a map, without those that are null."""
    if not columns:
        return pa.array([[]] * count, pa.map_(pa.string(), pa.string()))
    valid = np.stack(
        [column.is_valid().to_numpy(zero_copy_only=False) for column in columns.values()], axis=1
    )
    row, number = np.nonzero(valid)
    values = pa.concat_arrays(list(columns.values())).take(pa.array(number * count + row))
    names = pa.array(list(columns), pa.string()).take(pa.array(number))
    offsets = np.concatenate([[0], np.cumsum(valid.sum(axis=1))]).astype(np.int32)
    return pa.MapArray.from_arrays(pa.array(offsets), names, values)


def batch_of_pairs(pairs: Sequence[tuple[int, int | None, Pair]]) -> pa.RecordBatch:
    """Return pairs, each with its record and line, as a batch."""
    columns = {
        name: pa.array([getattr(pair, name) for _, _, pair in pairs], ROWS.field(name).type)
        for name in ROWS.names
        if name not in {"manifest_record", "manifest_line", "fingerprint"}
    }
    columns["manifest_record"] = pa.array([record for record, _, _ in pairs], pa.int64())
    columns["manifest_line"] = pa.array([line for _, line, _ in pairs], pa.int64())
    columns["fingerprint"] = fingerprints(columns)
    return pa.RecordBatch.from_arrays([columns[name] for name in ROWS.names], schema=ROWS)


def row_ids(fingerprints: pa.Array, brought: pa.Array) -> pa.Array:
    """Return the id of each row of a date: one that was brought, or a hash that tells equal rows apart.

    The n-th of equal rows has the same id whatever file, order or format it comes in. An id that a row brings
    is not made for another.
    """
    without = brought.is_null()
    keys: list[bytes] = fingerprints.filter(without).to_pylist()
    ids = [key.hex() for key in keys]
    for place, ordinal in _repeats(np.frombuffer(b"".join(keys), f"V{FINGERPRINT_BYTES}")):
        ids[place] = _made_row_id(keys[place], ordinal)
    if len(ids) < len(brought):
        _avoid(ids, keys, set(brought.drop_null().to_pylist()))
    return pc.replace_with_mask(brought, without, pa.array(ids, pa.string()))


def _made_row_id(key: bytes, ordinal: int) -> str:
    return hashlib.sha256(key + b"%d" % ordinal).hexdigest()[:32] if ordinal else key.hex()


def _avoid(ids: list[str], keys: Sequence[bytes], taken: set[str]) -> None:
    """Give equal rows the next ids where one of theirs is taken."""
    again = {key for made, key in zip(ids, keys, strict=True) if made in taken}
    following = {key: _free_ids(key, taken) for key in again}
    for place, key in enumerate(keys if again else ()):
        if key in again:
            ids[place] = next(following[key])


def _free_ids(key: bytes, taken: set[str]) -> Iterator[str]:
    ids = (_made_row_id(key, ordinal) for ordinal in itertools.count())
    return (each for each in ids if each not in taken)


def _repeats(keys: "np.ndarray[tuple[int], np.dtype[np.void]]") -> Sequence[tuple[int, int]]:
    """Return the place and the ordinal, from 1, of each key that stood before."""
    if not len(keys):
        return []
    words = keys.view(">u8").reshape(-1, 2)
    order = np.lexsort((np.arange(len(keys)), words[:, 1], words[:, 0]))
    ordered = words[order]
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    begins = np.maximum.accumulate(np.where(is_new, np.arange(len(keys)), 0))
    ordinal = np.arange(len(keys)) - begins
    again = np.flatnonzero(ordinal)
    return list(zip(order[again].tolist(), ordinal[again].tolist(), strict=True))

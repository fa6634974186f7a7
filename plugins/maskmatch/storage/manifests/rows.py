"""Rows that are pairs as columns, and what names them: made pair ids, fingerprints, row ids."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.pairs import Pair, made_pair_id
from maskmatch.storage.pair_columns import FINGERPRINT, FINGERPRINT_BYTES, PAIR_COLUMNS

ROWS = pa.schema([*PAIR_COLUMNS, FINGERPRINT])
"""`row_id` is what a manifest brings; `fingerprint` is of pair id, both images and quality control."""


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
    texts = joined.cast(pa.binary()).to_pylist()
    cut = b"".join([digest(text).digest()[:FINGERPRINT_BYTES] for text in texts])
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(FINGERPRINT_BYTES), len(texts), [None, pa.py_buffer(cut)]
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

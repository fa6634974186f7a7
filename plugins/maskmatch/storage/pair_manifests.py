"""A manifest of generated pairs, written block by block as parquet: the same pairs are the same bytes.

Decision: docs/adr/0024-pairs-are-numbers.md
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, IMAGE_COLUMNS, SUBJECT_COLUMNS, hashed_pair_id
from maskmatch.storage.image_lists import ImageList
from maskmatch.storage.manifests.columns import MOST_COLUMNS
from maskmatch.storage.object_stores import Store
from maskmatch.storage.pair_columns import PAIR_COLUMNS

METADATA = b"maskmatch"
"""The key in the schema's metadata under which a JSON object says where the pairs come from."""
_COLUMNS = pa.schema(
    PAIR_COLUMNS.field(name) for name in ("pair_id", *IMAGE_COLUMNS, "is_mated", *SUBJECT_COLUMNS)
)
BLOCK_ROWS = 65_536
_BLOCK_VALUES = 1 << 20
_GROUP_BLOCKS = 4
"""Blocks of a row group, which is held in memory, packed, until it is full."""

Numbers = npt.NDArray[np.int64]


class Mating:
    """Which pairs of two lists, which may be the same one, show one subject."""

    def __init__(self, references: ImageList, probes: ImageList) -> None:
        lists = [references] if references is probes else [references, probes]
        encoded = pa.concat_arrays([each.subjects for each in lists]).dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        self._of_references, self._of_probes = codes[: len(references)], codes[-len(probes) :]

    def is_mated(self, references: Numbers, probes: Numbers) -> pa.BooleanArray:
        """Return True for pairs of one subject, null where a subject is not known."""
        one, other = self._of_references[references], self._of_probes[probes]
        return pa.array(one == other, mask=(one < 0) | (other < 0))


class PairManifest:
    """What is written: pairs of images of two lists, which may be the same one.

    `said` is what it says of itself, besides who made it.
    """

    def __init__(
        self, references: ImageList, probes: ImageList, said: Mapping[str, Any], *, with_attributes: bool
    ) -> None:
        self._references, self._probes = references, probes
        self._attributes = dict(_attributes(references, probes)) if with_attributes else {}
        self._mating = Mating(references, probes)
        metadata = {"generator": "maskmatch pairs", "version": version("maskmatch"), **said}
        fields = [*_COLUMNS, *(pa.field(name, pa.string()) for name in self._attributes)]
        if len(fields) > MOST_COLUMNS:
            raise InputError(
                f"with its attributes a row has {len(fields):,} columns, and a manifest {MOST_COLUMNS:,} at "
                "most: leave some out, or --attributes"
            )
        self._schema = pa.schema(fields, {METADATA: json.dumps(metadata, sort_keys=True)})
        self.block_rows = min(BLOCK_ROWS, max(1, _BLOCK_VALUES // len(fields)))
        """Pairs that are best written together."""

    @contextmanager
    def writing(self, store: Store, key: str) -> Iterator[pq.ParquetWriter]:
        """Yield what takes batches; the manifest is there, whole, when the context ends well."""
        with (
            store.writing(key) as stream,
            pq.ParquetWriter(
                stream,
                self._schema,
                compression="zstd",
                use_dictionary=[name for name in self._schema.names if name != "pair_id"],
                write_statistics=False,
            ) as writer,
        ):
            yield writer

    @property
    def group_rows(self) -> int:
        """Return the rows of a row group."""
        return self.block_rows * _GROUP_BLOCKS

    def batch(self, references: Numbers, probes: Numbers) -> pa.RecordBatch:
        """Return the rows of some pairs, given by the places of their images."""
        of_reference, of_probe = pa.array(references), pa.array(probes)
        columns = {
            "reference_id": _taken(self._references.ids, of_reference),
            "probe_id": _taken(self._probes.ids, of_probe),
            "is_mated": self._mating.is_mated(references, probes),
            "reference_subject_id": _taken(self._references.subjects, of_reference),
            "probe_subject_id": _taken(self._probes.subjects, of_probe),
        }
        columns["pair_id"] = _pair_ids(columns["reference_id"], columns["probe_id"])
        for name, (column, is_of_reference) in self._attributes.items():
            columns[name] = _taken(column, of_reference if is_of_reference else of_probe)
        return pa.RecordBatch.from_arrays([columns[name] for name in self._schema.names], schema=self._schema)


def _taken(column: pa.LargeStringArray, places: pa.Array) -> pa.StringArray:
    return column.take(places).cast(pa.string())


def _pair_ids(references: pa.Array, probes: pa.Array) -> pa.Array:
    """Return what `core.pairs.made_pair_id` makes of each pair, without quality control."""
    joined = pc.binary_join_element_wise(references, probes, "", "\n").cast(pa.binary())
    return pa.array([hashed_pair_id(text) for text in joined.to_pylist()], pa.string())


def _attributes(references: ImageList, probes: ImageList) -> Iterator[tuple[str, tuple[pa.Array, bool]]]:
    for images, side in ((references, "reference"), (probes, "probe")):
        for name, column in images.attributes.items():
            short = name.removeprefix(ATTRIBUTE_PREFIX)
            yield f"{ATTRIBUTE_PREFIX}{side}_{short}", (column, side == "reference")

"""Fourth step: rows of one comparison are one call, or none: which row is called, and what becomes of others.

Of equal comparisons all rows lie in one part, so each part is settled by itself.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from maskmatch.core.comparisons import COMPARISON_BYTES
from maskmatch.core.planning import SameImage
from maskmatch.pipeline.plan.hashes import Words, as_bytes
from maskmatch.pipeline.plan.repeats import Flags, Numbers, is_among
from maskmatch.pipeline.plan.row_ids import begins_of, in_order
from maskmatch.storage.plans import KNOWN, answer_columns
from maskmatch.storage.spools import PARTS, ScatteredRecords, ScatteredTables


class Answers(Protocol):
    """Answers that stand somewhere and may be taken over."""

    @property
    def digest(self) -> str:
        """Return a name of the state that they were gathered from."""
        ...

    def lookup(self, comparisons: pa.FixedSizeBinaryArray, pairs: Words, /) -> pa.Table:
        """Return the answers to some comparisons, with the column `place` and those of an outcome.

        `pairs` are `text_hashes` of the pairs that ask. `place` is the number of the comparison, each at
        most once.
        """
        ...


class Kind(IntEnum):
    """What becomes of a row; in this order they stand in a shard, called ones first."""

    CALL = 0
    DEDUP = 1
    SWAPPED = 2
    SKIPPED = 3
    KNOWN = 4


DECISIONS = np.dtype(
    [
        ("order", np.uint64),
        ("row", np.int64),
        ("head", np.int64),
        ("ordinal", np.int32),
        ("stratum", np.uint16),
        ("kind", np.uint8),
    ]
)
"""The seeded hash of the comparison, the row, the row that stands for it, and what becomes of it."""
ANSWERS = pa.schema([("head", pa.int64()), *answer_columns(KNOWN)])
"""An answer that was taken over, and the row that stands for its comparison."""
_ORDER_PART = np.uint64(2**64 // PARTS)


@dataclass(slots=True)
class Settled:
    """What becomes of all rows, in parts by the seeded hash, how many, and the answers taken over."""

    decisions: ScatteredRecords = field(default_factory=lambda: ScatteredRecords(DECISIONS))
    answers: ScatteredTables = field(default_factory=lambda: ScatteredTables(ANSWERS))
    counts: Counter[Kind] = field(default_factory=Counter)
    repeated: int = 0
    """Of those that another row settles, the further rows of its own pair or of a third."""
    digest: str = ""
    """Of all comparisons that will be called, in their order."""
    model_versions: set[str] = field(default_factory=set)
    """Those of the face model that gave the scores which were taken over."""


def settle(
    comparisons: ScatteredRecords,
    bad_rows: Numbers,
    *,
    taken_ids: Words,
    same_image: SameImage,
    answers: Answers | None,
    seed: str,
    windows: int,
) -> Settled:
    """Decide on all rows but the bad ones; `windows` parts of the order hold what is taken over.

    `taken_ids` are the first words of row ids that are brought.
    """
    settled, digest = Settled(), hashlib.sha256()
    mask = np.uint64(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    for unordered in comparisons.parts():
        ordered, ordinals = in_order(unordered, taken_ids)
        good = np.flatnonzero(~is_among(ordered["row"], bad_rows))
        part, ordinals = ordered.take(good), ordinals[good]
        begins = begins_of(part["high"], part["low"])
        kinds = _kinds(part, begins, same_image)
        orders = _mixed(part["low"] ^ mask)
        if answers is not None:
            found_versions = _take_over(answers, part, kinds, orders, settled.answers, windows)
            settled.model_versions |= found_versions
        called = kinds == Kind.CALL
        digest.update(as_bytes(part["high"][called], part["low"][called]))
        settled.repeated += _repeated(part, kinds)
        settled.counts.update({Kind(kind): n for kind, n in enumerate(np.bincount(kinds).tolist()) if n})
        found = np.empty(len(part), DECISIONS)
        found["order"], found["row"], found["head"] = orders, part["row"], part["row"][begins]
        found["ordinal"], found["stratum"], found["kind"] = ordinals, part["stratum"], kinds
        settled.decisions.append(found, orders // _ORDER_PART)
    settled.digest = digest.hexdigest()
    return settled


def _kinds(part: "npt.NDArray[np.void]", begins: Numbers, same_image: SameImage) -> "npt.NDArray[np.uint8]":
    is_head = begins == np.arange(len(part))
    is_swapped = part["is_swapped"] != part["is_swapped"][begins]
    kinds = np.where(is_head, Kind.CALL, np.where(is_swapped, Kind.SWAPPED, Kind.DEDUP))
    if same_image is SameImage.SKIP:
        kinds[part["is_same_image"]] = Kind.SKIPPED
    return kinds.astype(np.uint8)


def _take_over(
    answers: Answers,
    part: "npt.NDArray[np.void]",
    kinds: "npt.NDArray[np.uint8]",
    orders: Words,
    found: ScatteredTables,
    windows: int,
) -> set[str]:
    """Ask for answers to what would be called, and keep them; all rows of their comparisons are known.

    Return the versions of the face model that gave their scores.
    """
    heads = np.flatnonzero(kinds == Kind.CALL)
    if not len(heads):
        return set()
    names = as_bytes(part["high"][heads], part["low"][heads])
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(COMPARISON_BYTES), len(heads), [None, pa.py_buffer(names)]
    )
    table = answers.lookup(column, part["pair"][heads])
    known = heads[table["place"].to_numpy()]
    if not len(known):
        return set()
    is_known = np.zeros(len(part), bool)
    is_known[known] = True
    kinds[is_known[begins_of(part["high"], part["low"])]] = Kind.KNOWN
    columns = [pa.array(part["row"][known]), *_columns(table)]
    batch = pa.RecordBatch.from_arrays(columns, schema=ANSWERS)
    found.append(batch, window_of(position_of(orders[known]), windows), windows)
    return {version for version in table["model_version"].unique().to_pylist() if version}


def _columns(table: pa.Table) -> Iterator[pa.Array]:
    for column in ANSWERS.names[1:]:
        found = table[column.removeprefix("answer_")].cast(ANSWERS.field(column).type)
        yield found.combine_chunks()


def _repeated(part: "npt.NDArray[np.void]", kinds: "npt.NDArray[np.uint8]") -> int:
    """Return how many rows stand for a pair that an earlier row stands for, of those that others settle."""
    is_first: Flags = np.zeros(len(part), bool)
    is_first[np.unique(part["pair"], return_index=True)[1]] = True
    return int((~is_first & np.isin(kinds, (Kind.DEDUP, Kind.SWAPPED))).sum())


def position_of(orders: Words) -> "npt.NDArray[np.float64]":
    """Return where in the order of calls something stands whose hash decides, from 0 to 1."""
    return orders / 2.0**64


def window_of(positions: "npt.NDArray[np.float64]", windows: int) -> "npt.NDArray[np.int64]":
    """Return in which of so many parts of the order something stands."""
    return np.minimum((positions * windows).astype(np.int64), windows - 1)


def _mixed(words: Words) -> Words:
    """Return numbers, any of which tells nothing of another: the last step of splitmix64."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))

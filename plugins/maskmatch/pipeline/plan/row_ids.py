"""The ids of rows: those that manifests bring, and for others one that is made of the fingerprint.

The n-th of equal rows has the same id whatever file, order or format it comes in. An id that a row brings is
not made for another.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from maskmatch.pipeline.plan.hashes import Hashes, Words, as_bytes, words

BROUGHT_IDS = np.dtype([("high", np.uint64), ("low", np.uint64), ("row", np.int64)])
"""A hash of a row id that is brought, and the number of the row."""


def brought_hashes(row_ids: Sequence[str]) -> Hashes:
    """Return hashes of ids that are brought; one that looks as those do that are made is its own."""
    sha256 = hashlib.sha256
    return words(
        b"".join(
            bytes.fromhex(text) if _looks_made(text) else sha256(text.encode()).digest()[:16]
            for text in row_ids
        )
    )


def made_row_id(fingerprint: bytes, ordinal: int) -> str:
    """Return the row id of the n-th row with a fingerprint, from 0."""
    return hashlib.sha256(fingerprint + b"%d" % ordinal).hexdigest()[:32] if ordinal else fingerprint.hex()


def in_order(
    part: "npt.NDArray[np.void]", taken: Words
) -> "tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]":
    """Return comparisons in order, equal ones by fingerprint, and the ordinal of each row among equal ones.

    `taken` are the first words of ids that rows bring, sorted: no ordinal makes one of them.
    """
    part = by_hash(part, "high", "low", "fingerprint_high", "fingerprint_low", "row")
    begins = begins_of(part["fingerprint_high"], part["fingerprint_low"])
    without = (~part["brings_row_id"]).astype(np.int64)
    before = np.cumsum(without) - without
    ordinals = before - before[begins]
    if len(taken):
        _avoid(part, begins, ordinals, taken)
    return part, ordinals


def by_hash(part: "npt.NDArray[np.void]", *names: str) -> "npt.NDArray[np.void]":
    """Return records in the order of some fields, of which the first is a hash: few have equal ones."""
    order = np.argsort(part[names[0]])
    first = part[names[0]][order]
    is_next = np.concatenate([first[1:] == first[:-1], [False]])
    tied = np.flatnonzero(is_next | np.roll(is_next, 1))
    some = part.take(order[tied])
    order[tied] = order[tied][np.lexsort([some[name] for name in reversed(names)])]
    return part.take(order)


def begins_of(high: Words, low: Words) -> "npt.NDArray[np.int64]":
    """Return for each of sorted hashes where the run of its equals begins."""
    is_new = np.ones(len(high), bool)
    is_new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return np.maximum.accumulate(np.where(is_new, np.arange(len(high)), 0))


def _avoid(
    part: "npt.NDArray[np.void]",
    begins: "npt.NDArray[np.int64]",
    ordinals: "npt.NDArray[np.int64]",
    taken: Words,
) -> None:
    """Give equal rows the next ordinals where one of theirs makes an id that is taken."""
    made = part["fingerprint_high"].copy()
    for place in np.flatnonzero(ordinals).tolist():
        made[place] = _first_word(part[place], int(ordinals[place]))
    again = np.isin(made, taken) & ~part["brings_row_id"]
    is_in_run = np.isin(begins, begins[again]) & ~part["brings_row_id"]
    free: dict[int, Iterator[int]] = {}
    for place in np.flatnonzero(is_in_run).tolist():
        begin = int(begins[place])
        if begin not in free:
            free[begin] = _free_ordinals(part[place], taken)
        ordinals[place] = next(free[begin])


def _free_ordinals(row: np.void, taken: Words) -> Iterator[int]:
    for ordinal in itertools.count():
        if not np.isin(_first_word(row, ordinal), taken):
            yield ordinal


def _first_word(row: np.void, ordinal: int) -> np.uint64:
    fingerprint = as_bytes(*(np.array([row[f"fingerprint_{word}"]]) for word in Hashes._fields))
    name = made_row_id(fingerprint, ordinal)
    return np.uint64(words(bytes.fromhex(name)).high[0])


def _looks_made(text: str) -> bool:
    return len(text) == 32 and not text.strip("0123456789abcdef")

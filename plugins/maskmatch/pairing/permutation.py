"""The numbers below a size in a seeded order: a permutation that needs no memory.

A Feistel network over a grid whose sides are near the root of the size: each round adds to one coordinate a
number that a hash makes of the other, which can be undone, so that no cell is met twice. Cells beyond the
size are sent on until they land within it (cycle walking; Black and Rogaway, *Ciphers with Arbitrary Finite
Domains*, 2002). The k first numbers of the order are a uniform sample of k.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ROUNDS = 12
"""Four of ideal random functions suffice on large grids (Luby and Rackoff, 1988), small ones need more."""

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def keys_of(seed: str, purpose: str) -> Sequence[int]:
    """Return a key for each round; another purpose has other ones."""
    digests = (hashlib.sha256(f"{seed}\n{purpose}\n{number}".encode()).digest() for number in range(ROUNDS))
    return [int.from_bytes(digest[:8], "big") for digest in digests]


def permuted(
    numbers: Numbers, sizes: int | Numbers, keys: Sequence[int], salts: int | Numbers = 0
) -> Numbers:
    """Return where numbers go in the seeded order of the numbers below a size.

    Each number may have a size of its own; another salt is another order.
    """
    size = np.broadcast_to(np.asarray(sizes, np.int64), numbers.shape).astype(np.uint64)
    salt = mixed(np.broadcast_to(np.asarray(salts, np.int64), numbers.shape).astype(np.uint64))
    width = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint64)
    height = (size + width - np.uint64(1)) // width
    found = _once(numbers.astype(np.uint64), width, height, salt, keys)
    while len(beyond := np.flatnonzero(found >= size)):
        found[beyond] = _once(found[beyond], width[beyond], height[beyond], salt[beyond], keys)
    return found.astype(np.int64)


def mixed(words: Words) -> Words:
    """Return words whose bits all depend on all bits, as SplitMix64 ends (Steele, Lea, Flood, 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _once(numbers: Words, width: Words, height: Words, salt: Words, keys: Sequence[int]) -> Words:
    row, column = numbers // width, numbers % width
    for round_number, key in enumerate(keys):
        if round_number % 2:
            row = (row + mixed(mixed(column ^ np.uint64(key)) ^ salt) % height) % height
        else:
            column = (column + mixed(mixed(row ^ np.uint64(key)) ^ salt) % width) % width
    return row * width + column

"""The pairs of one date: some small images, and as many pairs of them as wanted."""

import itertools
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import ceil, sqrt

from comparemaskface.wire.comparison import read_comparison

from devstack.pictures import JPEG_HEAD
from maskmatch.storage.object_stores import Store

DAY = date(2026, 1, 1)
_HEADER = "pair_id,reference_id,probe_id\n"


@dataclass(frozen=True, slots=True)
class NumberedPair:
    """A pair of the manifest: its id, and the numbers of its images."""

    pair_id: str
    reference: int
    probe: int


def pairs_of(count: int) -> Iterator[NumberedPair]:
    """Yield so many pairs, no two of the same images."""
    images = ceil((1 + sqrt(1 + 8 * count)) / 2)
    chosen = itertools.islice(itertools.combinations(range(images), 2), count)
    for number, (reference, probe) in enumerate(chosen):
        yield NumberedPair(f"p{number:06d}", reference, probe)


def image_key(number: int) -> str:
    """Return the key of an image below the source."""
    return f"images/{number}.jpg"


def image(number: int) -> bytes:
    """Return what passes for a JPEG where nobody looks for a face."""
    return JPEG_HEAD + b"%d" % number


def write_dataset(source: Store, count: int, *, day: date = DAY, at: str = "") -> None:
    """Write images and a manifest; every `PAIRS_PER_SHARD` of its pairs are a shard.

    `at` is the address under which the vendor finds the images; without it they are keys.
    """
    pairs = list(pairs_of(count))
    for number in sorted({number for pair in pairs for number in (pair.reference, pair.probe)}):
        source.put(image_key(number), image(number))
    sides = ((pair.pair_id, at + image_key(pair.reference), at + image_key(pair.probe)) for pair in pairs)
    lines = (",".join(line) + "\n" for line in sides)
    source.put(f"manifests/ds={day}/pairs.csv", (_HEADER + "".join(lines)).encode())


@dataclass(frozen=True, slots=True)
class Expected:
    """The service's key of a pair, and its score in hash mode."""

    key: str
    score: float


def expected(count: int) -> dict[str, Expected]:
    """Return key and score by pair id, computed with the service's own reading of a request."""
    return {pair.pair_id: _expected(pair) for pair in pairs_of(count)}


def _expected(pair: NumberedPair) -> Expected:
    sides = {"ImageA": image(pair.reference), "ImageB": image(pair.probe)}
    body = json.dumps({name: b64encode(content).decode() for name, content in sides.items()})
    key = read_comparison(body.encode()).pair
    return Expected(key.hex(), int.from_bytes(key[:8]) % 10_001 / 100)

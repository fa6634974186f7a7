"""How many bytes a call sends, by the sizes of the images of a sample."""

import math
from collections.abc import Iterable

from maskmatch.core.errors import MaskmatchError
from maskmatch.core.forecast import Unknown
from maskmatch.core.pairs import Pair
from maskmatch.core.workers import Workers
from maskmatch.storage.object_stores import Store

_ASKERS = 16
"""Requests at a time: a store answers each in some dozen milliseconds."""


def bytes_per_call(source: Store, pairs: Iterable[Pair]) -> tuple[float | Unknown, int]:
    """Return what is sent for a call on average, and over how many pairs.

    Only pairs with both images in the source are looked at. Pairs are called in an order that is drawn by
    lot, so the first ones are a fair sample.
    """
    known = [pair for pair in pairs if not any("://" in name for name in _names(pair))]
    names = {name for pair in known for name in _names(pair)}
    try:
        with Workers("image-sizes", most=_ASKERS) as workers:
            found = dict(zip(names, workers.map(source.head, names), strict=True))
    except MaskmatchError as error:
        return Unknown(f"the sizes of images were not told: {error}"), 0
    sizes = {name: _base64_bytes(info.size) for name, info in found.items() if info}
    sampled = [pair for pair in known if all(name in sizes for name in _names(pair))]
    if not sampled:
        return Unknown("no pair of the sample has both its images in the source"), 0
    return sum(sizes[name] for pair in sampled for name in _names(pair)) / len(sampled), len(sampled)


def _names(pair: Pair) -> tuple[str, str]:
    return pair.reference_id, pair.probe_id


def _base64_bytes(size: int) -> int:
    return 4 * math.ceil(size / 3)

"""What images of a store are known by before they are read: its tags, best where they are MD5s.

They come by listing the folder of all images or by a HEAD for each, whichever is fewer requests. How long a
listing is, only the listing tells: it goes on while each page brings more than one wanted image on average,
so that it never costs more than the HEADs it saves, but for the first pages.

Images are known by a hash of their keys, as a date may have millions.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from maskmatch.core.comparisons import COMPARISON_BYTES, md5_of_tag, state_of
from maskmatch.core.errors import MaskmatchError, StoreAway
from maskmatch.core.workers import Workers
from maskmatch.storage.object_stores import ObjectInfo, PatientStore
from maskmatch.storage.sorted_hashes import Hashes, SortedHashes, text_hashes

log = logging.getLogger(__name__)

T = TypeVar("T")
_Digests = npt.NDArray[np.uint8]

_HEADS_AT_A_TIME = 16
"""A store answers each in some milliseconds."""
_HEADS_WAITING = 1000
"""Each holds a kilobyte of memory."""
_FIRST_PAGES = 2
_IDLE_SHARE = 50
"""Of so many HEADs one page may bring nothing: images may lie at the end of a folder."""
_UNASKED, _NAMELESS, _TAGGED, _KNOWN = range(4)


class ImageTags:
    """What the wanted images are known by, by the hashes of their keys; `wanted` is sorted, each once.

    That is an MD5, or what tells one state of an image from another; without `trust` no tag counts as an MD5.
    """

    def __init__(self, wanted: Hashes, *, trust: bool = True) -> None:
        self._wanted = SortedHashes(wanted)
        self._trust = trust
        self._names: _Digests = np.zeros((len(wanted), COMPARISON_BYTES), np.uint8)
        self._states = np.zeros(len(wanted), np.uint8)
        self.heads = self.pages = 0

    @property
    def count(self) -> int:
        """Return how many images are wanted."""
        return len(self._wanted)

    def places(self, hashes: Hashes) -> npt.NDArray[np.int32]:
        """Return for each hash the place of its name, -1 where it has none."""
        found = self._wanted.places(hashes)
        is_named = found >= 0
        is_named[is_named] = self._states[found[is_named]] >= _TAGGED
        return np.where(is_named, found, -1).astype(np.int32)

    def names(self, places: npt.NDArray[np.int32]) -> tuple[_Digests, npt.NDArray[np.bool_]]:
        """Return the names at these places, and which are MD5s; what stands at -1 means nothing."""
        if not len(self._wanted):
            return np.zeros((len(places), COMPARISON_BYTES), np.uint8), np.zeros(len(places), bool)
        return self._names[places], np.asarray(self._states[places] == _KNOWN)

    def are_unasked(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which of these wanted images no request has told of."""
        states = self._states[self._wanted.places(hashes)]
        return np.asarray(states == _UNASKED)

    def note(self, found: Iterable[ObjectInfo], begin: str = "") -> int:
        """Take in what a store told of objects; return how many of them are wanted.

        Their image ids are `begin` and the key. Two with one hash are told apart by nothing: neither gets a
        name.
        """
        objects = list(found)
        every = self._wanted.places(text_hashes([begin + each.key for each in objects]))
        numbers = np.flatnonzero(every >= 0)
        places, first, counts = np.unique(every[numbers], return_index=True, return_counts=True)
        named = [self._name(begin, objects[number]) for number in numbers[first].tolist()]
        is_first = (counts == 1) & (self._states[places] == _UNASKED)
        self._states[places] = np.where(is_first, [state for state, _ in named], _NAMELESS)
        names = np.frombuffer(b"".join(name for _, name in named), np.uint8)
        self._names[places] = names.reshape(-1, COMPARISON_BYTES)
        return len(numbers)

    def note_none(self, key: str) -> None:
        """Take in that nothing is known of an image: it may be missing, or forbidden."""
        self._states[self._wanted.places(text_hashes([key]))] = _NAMELESS

    def _name(self, begin: str, found: ObjectInfo) -> tuple[int, bytes]:
        if not found.tag:
            return _NAMELESS, bytes(COMPARISON_BYTES)
        if self._trust and (md5 := md5_of_tag(found.tag)):
            return _KNOWN, bytes.fromhex(md5)
        return _TAGGED, state_of(begin + found.key, found.tag)


@dataclass(frozen=True, slots=True)
class Sought:
    """The images of a source: the begin that all ids share, and the ids, a hash beside each, in blocks.

    Those of a bucket begin with its address, the `place`. There are `most` of them, if not fewer.
    """

    prefix: str
    blocks: Callable[[], Iterator[tuple[list[str], Hashes]]]
    place: str
    most: int


def find_tags(store: PatientStore, tags: ImageTags, sought: Sought) -> None:
    """Ask a store for the tags of images; what it does not tell stays unknown, and fails nothing.

    Raise StoreAway when it is away for longer than its patience.
    """
    if not tags.count:
        return
    if store.uri.startswith("file:") or not _list(store, tags, sought):  # no request is saved
        _ask_one_by_one(store, tags, sought)
    log.info(
        "%s tells tags of images: so far %s requests listed some, %s looked at one each",
        store.uri,
        f"{tags.pages:,}",
        f"{tags.heads:,}",
    )


def _list(store: PatientStore, tags: ImageTags, sought: Sought) -> bool:
    """Note what a listing tells; return False when it is left, for HEADs are fewer."""
    prefix, most, found, after = sought.prefix.removeprefix(sought.place), min(sought.most, tags.count), 0, ""
    for number in itertools.count(1):
        page = _unless_refused(store, partial(store.bare.page, prefix, after=after))
        if not page:
            break
        tags.pages += 1
        found += tags.note(page.objects, sought.place)
        if page.is_last:
            return True
        after = page.objects[-1].key
        if number >= min(found + max(_FIRST_PAGES, most // _IDLE_SHARE), most):
            break
    return False


def _ask_one_by_one(store: PatientStore, tags: ImageTags, sought: Sought) -> None:
    with Workers("image-tags", most=_HEADS_AT_A_TIME) as workers:
        for keys, hashes in sought.blocks():
            unasked = tags.are_unasked(hashes)
            wanted = list(dict.fromkeys(key for key, is_new in zip(keys, unasked, strict=True) if is_new))
            for start in range(0, len(wanted), _HEADS_WAITING):
                some = wanted[start : start + _HEADS_WAITING]
                tags.heads += len(some)
                for key, found in zip(
                    some, workers.map(partial(_head, store, sought.place), some), strict=True
                ):
                    if found is None:
                        tags.note_none(key)
                    else:
                        tags.note([found], sought.place)


def _head(store: PatientStore, place: str, image_id: str) -> ObjectInfo | None:
    return _unless_refused(store, partial(store.bare.head, image_id.removeprefix(place)))


def _unless_refused(store: PatientStore, ask: Callable[[], T | None]) -> T | None:
    """Return an answer, None for what the store refuses; only a store that is away is waited for."""

    def answer() -> T | None:
        try:
            return ask()
        except StoreAway:
            raise
        except MaskmatchError:  # the pair tells it when it is compared
            return None

    return store.patiently(answer)

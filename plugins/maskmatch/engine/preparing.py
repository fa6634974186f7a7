"""From a pair to a call that only has to be sent: both images, the signature, a connection.

An answer at hand to the same two images, which the plan could not know, takes the place of the call. A
picture that was replaced since its content was planned is not sent: rows with the same content under other
keys would take over its score. The next plan knows what it is now.

All that blocks here runs in worker threads, for several pairs in a row while images are quick. While the
source is in trouble its pairs wait, and one of them at a time looks whether it is over; an image in a store
that is away is tried again later, and if it stays unreadable its pair fails, and is called by the next run.

Decision: docs/adr/0013-one-loop-for-all-calls.md
Decision: docs/adr/0021-answers-are-taken-over.md
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from maskmatch.core.errors import CallFailed, ImageUnusable, SourceWaits
from maskmatch.core.image_pairs import ImagePair, is_replaced
from maskmatch.core.image_rules import VENDOR_CODES, Picture, fit_one_request
from maskmatch.core.outcomes import FailureClass, Images, Reason, Side
from maskmatch.core.pairs import Pair
from maskmatch.core.shown import plain
from maskmatch.core.store_troubles import IMAGE_MISSING, IMAGE_UNAVAILABLE
from maskmatch.core.workers import Workers
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.work import KnownAnswer, WorkItem

IMAGE_REPLACED = "image_replaced"
_TRIES = 3
"""Of each image, seconds apart: a store that has just started a node again needs no more."""
_LOOK_SECONDS = 2.0
"""Between two looks whether a trouble of the source is over."""
_SLOW_SECONDS, _REMEMBERED = 0.005, 20
"""While a pair takes less, one thread makes one after the other: to hand each over costs more."""
_MOST_SECONDS = 0.02
"""So long a thread goes on before it hands over what it has made."""
_HANGS_SECONDS = 0.1
"""A preparation that takes longer holds up no other pair: others take its place."""


@dataclass(frozen=True, slots=True)
class Prepared(Generic[C]):
    """A call, and the bytes of its images."""

    call: C
    image_bytes: int


@dataclass(frozen=True, slots=True)
class Later:
    """A pair cannot be prepared now, but perhaps in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """An image that was not read, and why."""

    side: Side
    image_id: str
    error: ImageUnusable | SourceWaits

    @property
    def is_gone(self) -> bool:
        """Return True if the store says that there is no such image."""
        return isinstance(self.error, ImageUnusable) and self.error.code == IMAGE_MISSING


@dataclass(frozen=True, slots=True)
class _Made(Generic[C]):
    """What became of a pair in a thread, whether the store gave any image of it, and what they were.

    `known_as` is None where not both were seen, and so is `comparison`, which the plan knew, too, as a rule.
    """

    result: Prepared[C] | KnownAnswer | Unread | Reason | CallFailed | BaseException
    was_read: bool
    images: Images
    known_as: ImagePair | None
    comparison: bytes | None


class Preparer(Generic[C]):
    """Makes calls ready."""

    def __init__(self, context: CompareContext[C]) -> None:
        self._images = context.images
        self._now = context.clock.now
        self._client = context.client
        self._answers, self._trust_tags = context.answers, context.trust_tags
        self._workers = Workers("compare-load", most=context.memory.loaders)
        self._waiting: deque[tuple[WorkItem, asyncio.Future[_Made[C]]]] = deque()  # the workers take from it
        self._made: deque[tuple[asyncio.Future[_Made[C]], _Made[C], float]] = deque()  # and add to this
        self._jobs: set[asyncio.Future[None]] = set()
        self._since: dict[WorkItem, float] = {}
        self._load_seconds = 2 * _SLOW_SECONDS  # until it is known: at the start all images are new
        self._looked_at = 0.0
        self._will_submit = False
        self._longest_pause = context.limits.longest_pause
        self._look_at: float | None = None
        """When to look whether the trouble of the source is over; None without any."""

    def close(self) -> None:
        """Let go of the threads; those that hang end with the process."""
        for job in list(self._jobs):
            job.cancel()
        self._workers.shutdown()

    @property
    def hanging(self) -> int:
        """Return how many pairs take so long to be prepared that they are not worth waiting for."""
        since = self._now() - _HANGS_SECONDS
        return next((n for n, at in enumerate(self._since.values()) if at > since), len(self._since))

    def is_held_up(self, ready: int) -> bool:
        """Return True while the source is in trouble, but for one pair at a time that looks at it.

        `ready` are the pairs on their way to a call.
        """
        return self._look_at is not None and (ready > 0 or self._now() < self._look_at)

    async def prepare(self, item: WorkItem) -> Prepared[C] | KnownAnswer | Reason | CallFailed | Later:
        """Return a call, or what takes its place.

        That is an answer at hand, why the pair fails without one, what kept it from being made, or that it
        must wait.

        Raise StoreRefused or StoreAway when the source is in trouble for too long.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Made[C]] = loop.create_future()
        self._waiting.append((item, done))
        self._since[item] = self._now()
        if not self._will_submit:
            self._will_submit = True
            loop.call_soon(self._submit)
        try:
            return self._understood(item, await done)
        finally:
            del self._since[item]

    def look(self) -> None:
        """Take what is made from threads that hang, and let others go on in their place."""
        self._deliver()
        if self._waiting and self._now() - self._looked_at > _HANGS_SECONDS:
            self._load_seconds = max(self._load_seconds, 2 * _SLOW_SECONDS)
            self._submit()

    def _submit(self) -> None:
        """Let workers take what waits: one, or where images are slow one for each pair."""
        loop = asyncio.get_running_loop()
        self._will_submit, self._looked_at = False, self._now()
        for _ in range(len(self._waiting) if self._load_seconds > _SLOW_SECONDS else 1):
            job = loop.run_in_executor(self._workers, self._make)
            self._jobs.add(job)
            job.add_done_callback(self._on_made)

    def _on_made(self, job: asyncio.Future[None]) -> None:
        self._jobs.discard(job)
        if job.cancelled():
            return
        job.result()
        self._deliver()
        if self._waiting and not self._jobs:
            self._submit()

    def _deliver(self) -> None:
        while self._made:
            done, made, seconds = self._made.popleft()
            self._load_seconds += (seconds - self._load_seconds) / _REMEMBERED
            if not done.done():
                done.set_result(made)

    def _make(self) -> None:
        """Make calls of pairs that wait, in a worker, until none is left or some time has passed."""
        began = now = self._now()
        while now - began < _MOST_SECONDS:
            try:
                item, done = self._waiting.popleft()
            except IndexError:
                break
            since, made = now, self._one(item)
            now = self._now()
            self._made.append((done, made, now - since))

    def _one(self, item: WorkItem) -> _Made[C]:
        pictures: list[Picture] = []
        unread: Unread | None = None
        result: Prepared[C] | KnownAnswer | Unread | Reason | BaseException
        known_as: ImagePair | None = None
        comparison: bytes | None = None
        try:
            unread = self._load(item.pair, pictures)
            if not unread:
                known_as = self._seen(item, pictures)
                comparison = None if known_as == item.planned else known_as.comparison
                unread = _replaced(item, pictures)
            answer = self._answers.find(comparison) if comparison and not unread else None
            if unread and unread.is_gone:
                gone = ImagePair.by_ids(item.pair)
                answer = self._answers.find_gone(gone.comparison)
                known_as = gone if answer else None
            result = answer or unread or self._call(item, *pictures)
        except BaseException as error:  # noqa: BLE001  raised on the loop, for this pair alone
            result = error
        is_there = (
            unread is not None
            and isinstance(unread.error, ImageUnusable)
            and unread.error.code != IMAGE_UNAVAILABLE  # another store
        )
        images = Images(*(picture.facts for picture in pictures))
        return _Made(result, is_there or _are_read(pictures), images, known_as, comparison)

    def _seen(self, item: WorkItem, pictures: Sequence[Picture]) -> ImagePair:
        images = Images(*(picture.facts for picture in pictures))
        return ImagePair.seen(item.pair, images, trust_tags=self._trust_tags)

    def _load(self, pair: Pair, pictures: list[Picture]) -> Unread | None:
        """Load both images into the list; return the first that cannot be, if any."""
        for side, image_id in ((Side.REFERENCE, pair.reference_id), (Side.PROBE, pair.probe_id)):
            try:
                pictures.append(self._images.load(image_id))
            except (ImageUnusable, SourceWaits) as error:
                return Unread(side, image_id, error)
        return None

    def _call(self, item: WorkItem, reference: Picture, probe: Picture) -> Prepared[C] | Reason:
        if not fit_one_request(reference, probe):
            return _TOO_LARGE
        call = self._client.prepare(reference, probe, quality_control=item.pair.quality_control or 0)
        return Prepared(call, len(reference.data or b"") + len(probe.data or b""))

    def _understood(
        self, item: WorkItem, made: _Made[C]
    ) -> Prepared[C] | KnownAnswer | Reason | CallFailed | Later:
        result, item.images = made.result, made.images
        if made.known_as:
            item.known_as, item.comparison = made.known_as, made.comparison
        if made.was_read:
            self._look_at = None
        if isinstance(result, Unread):
            return self._not_read(item, result)
        if isinstance(result, (Prepared, KnownAnswer, Reason, CallFailed)):
            return result
        raise result

    def _not_read(self, item: WorkItem, unread: Unread) -> Reason | Later:
        error = unread.error
        if isinstance(error, SourceWaits):
            item.give_back_unfetched()
            if error.is_sure:
                self._look_at = self._now() + _LOOK_SECONDS
            return Later(_LOOK_SECONDS)
        kind = FailureClass.DATA
        if error.code == IMAGE_UNAVAILABLE:
            kind = FailureClass.INFRASTRUCTURE
            item.unread += 1
            if item.unread < _TRIES:
                return Later(self._longest_pause)
        text = f"{unread.side} {plain(unread.image_id)}: {error.message}"
        return Reason(
            failure_class=kind, code=error.code, message=text, vendor_code=error.vendor_code, side=unread.side
        )


def _replaced(item: WorkItem, pictures: Sequence[Picture]) -> Unread | None:
    """Return the first picture that was replaced since the plan, if any."""
    ids, planned = (item.pair.reference_id, item.pair.probe_id), (item.planned.reference, item.planned.probe)
    for side, image_id, content, picture in zip(Side, ids, planned, pictures, strict=True):
        if is_replaced(content, picture.facts):
            why = "the picture was replaced after the date was planned: run the date again"
            return Unread(side, image_id, ImageUnusable(IMAGE_REPLACED, why))
    return None


def _are_read(pictures: Sequence[Picture]) -> bool:
    """Return True if any of them comes from the store, and not from memory."""
    return any(not picture.is_kept for picture in pictures)


_TOO_LARGE = Reason(
    failure_class=FailureClass.DATA,
    code="request_too_large",
    vendor_code=VENDOR_CODES["request_too_large"],
    message="both images together exceed one request of 10 MB: use URLs or smaller images",
)

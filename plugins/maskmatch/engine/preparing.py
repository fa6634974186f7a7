"""From a pair to a call that only has to be sent: both images, the signature, a connection.

All that blocks here runs in worker threads, for several pairs in a row while images are quick. An image that
cannot be read now is tried again later; one that stays unreadable fails its pair, to be called again by a
later run; a store that is away, which fails for every image, ends the run.

Decision: docs/adr/0013-one-loop-for-all-calls.md
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from maskmatch.core.errors import CallFailed, ImageUnusable, Unavailable
from maskmatch.core.image_rules import Picture, fit_one_request
from maskmatch.core.outcomes import FailureClass, Reason, Side
from maskmatch.engine.context import C, CompareContext
from maskmatch.engine.work import WorkItem
from maskmatch.engine.workers import Workers

_TRIES = 3
_AWAY_AT = 20
"""Images in a row that could not be read mean that the store is away; three, when none was read before."""
_AWAY_AT_START = 3
_IN_A_ROW = 64
"""Pairs for one thread while images are quick: to hand each over by itself costs more than it takes."""
_SLOW_SECONDS, _REMEMBERED = 0.005, 20
_HANGS_SECONDS = 0.1
"""A preparation that takes longer holds up no other pair."""


@dataclass(frozen=True, slots=True)
class Prepared(Generic[C]):
    """A call, and the bytes of its images."""

    call: C
    image_bytes: int
    was_read: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """An image that was not read, and why."""

    side: Side
    image_id: str
    error: ImageUnusable | Unavailable


_Result = Prepared[C] | Unread | Reason | CallFailed | BaseException


class Preparer(Generic[C]):
    """Makes calls ready."""

    def __init__(self, context: CompareContext[C]) -> None:
        self._images = context.images
        self._client = context.client
        self._workers = Workers("compare-load", most=context.memory.loaders)
        self._queued: list[tuple[WorkItem, asyncio.Future[_Result[C]]]] = []
        self._since: dict[WorkItem, float] = {}
        self._load_seconds = 0.0
        self._unread: set[str] = set()
        self._has_read = False
        self._jobs: set[asyncio.Future[tuple[list[_Result[C]], float]]] = set()

    def close(self) -> None:
        """Let go of the threads; those that hang end with the process."""
        for job in list(self._jobs):
            job.cancel()
        self._workers.shutdown()

    @property
    def size(self) -> int:
        """Return how many pairs are being prepared."""
        return len(self._since)

    @property
    def hanging(self) -> int:
        """Return how many of them take so long that they are not worth waiting for."""
        since = asyncio.get_running_loop().time() - _HANGS_SECONDS
        return next((n for n, at in enumerate(self._since.values()) if at > since), self.size)

    async def prepare(self, item: WorkItem) -> Prepared[C] | Reason | CallFailed | None:
        """Return a call, why the pair fails without one, what kept it from being made, or None: later.

        Raise Unavailable when the store of the images is away.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result[C]] = loop.create_future()
        if not self._queued:
            loop.call_soon(self._submit)
        self._queued.append((item, done))
        self._since[item] = loop.time()
        try:
            return self._understood(item, await done)
        finally:
            del self._since[item]

    def _submit(self) -> None:
        """Hand what was queued to the workers."""
        queued, self._queued = self._queued, []
        size = 1 if self._load_seconds > _SLOW_SECONDS else _IN_A_ROW
        for start in range(0, len(queued), size):
            part = queued[start : start + size]
            loop = asyncio.get_running_loop()
            try:
                job = loop.run_in_executor(self._workers, self._make, [item for item, _ in part])
            except RuntimeError as error:  # the host allows no thread
                _deliver([done for _, done in part], [error] * len(part))
                continue
            self._jobs.add(job)
            job.add_done_callback(lambda job, part=part: self._on_made(part, job))  # type: ignore[misc]

    def _on_made(
        self,
        part: Sequence[tuple[WorkItem, asyncio.Future[_Result[C]]]],
        job: asyncio.Future[tuple[list[_Result[C]], float]],
    ) -> None:
        self._jobs.discard(job)
        if job.cancelled():
            return
        results, seconds = job.result()
        self._load_seconds += (seconds / len(part) - self._load_seconds) * min(1, len(part) / _REMEMBERED)
        _deliver([done for _, done in part], results)

    def _make(self, items: Sequence[WorkItem]) -> tuple[list[_Result[C]], float]:
        """Make the calls of some pairs, in a worker; return them and the seconds that it took."""
        began = time.monotonic()
        return [self._one(item) for item in items], time.monotonic() - began

    def _one(self, item: WorkItem) -> _Result[C]:
        pair, pictures = item.pair, []
        try:
            for side, image_id in ((Side.REFERENCE, pair.reference_id), (Side.PROBE, pair.probe_id)):
                try:
                    pictures.append(self._images.load(image_id))
                except (ImageUnusable, Unavailable) as error:
                    return Unread(side, image_id, error)
            return self._call(item, *pictures)
        except BaseException as error:  # noqa: BLE001  raised on the loop, for this pair alone
            return error

    def _call(self, item: WorkItem, reference: Picture, probe: Picture) -> Prepared[C] | Reason:
        if not fit_one_request(reference, probe):
            return _TOO_LARGE
        call = self._client.prepare(reference, probe, quality_control=item.pair.quality_control or 0)
        size = len(reference.data or b"") + len(probe.data or b"")
        return Prepared(call, size, was_read=not (reference.is_kept and probe.is_kept))

    def _understood(self, item: WorkItem, result: _Result[C]) -> Prepared[C] | Reason | CallFailed | None:
        if isinstance(result, Unread):
            if isinstance(result.error, Unavailable):
                return self._not_now(item, result, result.error)
            self._note_read()
            text = f"{result.image_id}: {result.error.message}"
            return _reason(FailureClass.DATA, result.error.code, result.side, text)
        if isinstance(result, Prepared):
            if result.was_read:
                self._note_read()
            return result
        if isinstance(result, (Reason, CallFailed)):
            return result
        raise result

    def _note_read(self) -> None:
        self._has_read = True
        self._unread.clear()

    def _not_now(self, item: WorkItem, unread: Unread, error: Unavailable) -> Reason | None:
        item.unread += 1
        self._unread.add(unread.image_id)
        if len(self._unread) >= (_AWAY_AT if self._has_read else _AWAY_AT_START):
            raise error
        if item.unread < _TRIES:
            return None
        text = f"{unread.image_id}: {error}"
        return _reason(FailureClass.INFRASTRUCTURE, "image_unavailable", unread.side, text)


def _deliver(waiting: Sequence[asyncio.Future[_Result[C]]], results: Sequence[_Result[C]]) -> None:
    for done, result in zip(waiting, results, strict=True):
        if not done.done():
            done.set_result(result)


def _reason(failure_class: FailureClass, code: str, side: Side, text: str) -> Reason:
    return Reason(failure_class=failure_class, code=code, message=f"{side} {text}", side=side)


_TOO_LARGE = Reason(
    failure_class=FailureClass.DATA,
    code="request_too_large",
    message="both images together exceed one request of 10 MB: use URLs or smaller images",
)

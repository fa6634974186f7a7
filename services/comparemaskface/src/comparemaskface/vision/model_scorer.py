"""Score with the face model: fetch, decode, find the faces, compare them.

Link -> fetch -> seen before? -> decode -> read the largest face -> quality -> similarity
Picture -------> seen before? -> ...       (in a thread of the model's own)
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from queue import SimpleQueue
from typing import Protocol

import cv2
import numpy as np

from comparemaskface.settings import Settings
from comparemaskface.vision.decoding import decode
from comparemaskface.vision.examination import Examination, PictureFindings
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.fetching import Fetcher, is_any, is_public
from comparemaskface.vision.score_scale import score as similarity
from comparemaskface.wire.comparison import Comparison, Link, Side
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

FACES_REMEMBERED = 4096
"""About 2 kB each."""

Reading = Face | BaseException | None
"""A face, None when there is none, or the error that kept the picture from being read."""


class FaceReader(Protocol):
    """Read the largest face of a BGR picture; used by one thread at a time."""

    def read(self, image: np.ndarray) -> Face | None:
        """Return None when the picture shows no face."""


class ModelScorer:
    """Compare faces. Each reader serves one thread; an image seen before is not read again."""

    def __init__(
        self, readers: Sequence[FaceReader], *, fetcher: Fetcher, faces_remembered: int = FACES_REMEMBERED
    ) -> None:
        self._readers: SimpleQueue[FaceReader] = SimpleQueue()
        for reader in readers:
            self._readers.put(reader)
        self._threads = ThreadPoolExecutor(len(readers), thread_name_prefix="face-model")
        self._fetcher = fetcher
        self._faces_remembered = faces_remembered
        self._faces: OrderedDict[bytes, asyncio.Future[Face | None]] = OrderedDict()

    async def score(self, comparison: Comparison) -> float:
        """Return the similarity of the two faces; raise for the first side that has a problem."""
        return _compared(await self._faces_of(comparison), comparison.quality_control)

    async def examine(self, comparison: Comparison) -> Examination:
        """Return the score or its error, and what was found on each picture."""
        faces = await self._faces_of(comparison)
        a, b = (_findings(face) for face in faces)
        try:
            score = _compared(faces, comparison.quality_control)
        except ServiceError as problem:
            return Examination(a, b, problem=problem)
        return Examination(a, b, score=score)

    async def aclose(self) -> None:
        """Wait for the pictures in progress and close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        await self._fetcher.aclose()

    async def _faces_of(self, comparison: Comparison) -> list[Reading]:
        sides = (comparison.a, comparison.b)
        return list(await asyncio.gather(*(self._face(side) for side in sides), return_exceptions=True))

    async def _face(self, side: Side) -> Reading:
        try:
            return await self._found(side)
        except ServiceError as error:
            # Its traceback holds the caller's picture, and in a circle the error itself: only the garbage
            # collector would part them, megabytes later.
            return error.with_traceback(None)

    async def _found(self, side: Side) -> Face | None:
        if isinstance(side, Link):
            content = await self._fetcher.fetch(side.url)
            return await self._remembered(await asyncio.to_thread(_digest, content), content)
        return await self._remembered(side.key, side.content)

    async def _remembered(self, key: bytes, content: bytes) -> Face | None:
        """Read an image once, however many calls show it, at the same time or later."""
        reading = self._faces.get(key)
        if reading is None:
            loop = asyncio.get_running_loop()
            reading = self._faces[key] = loop.run_in_executor(self._threads, self._read, content)
            if len(self._faces) > self._faces_remembered:
                self._faces.popitem(last=False)
        self._faces.move_to_end(key)
        try:
            return await asyncio.shield(reading)
        except BaseException:
            self._faces.pop(key, None)
            raise

    def _read(self, content: bytes) -> Face | None:
        image = decode(content)
        reader = self._readers.get()
        try:
            return reader.read(image)
        finally:
            self._readers.put(reader)


def load(settings: Settings) -> ModelScorer:
    """Load one model per worker; raises WeightsError when the files are missing or not the expected ones."""
    cv2.setNumThreads(1)
    fetcher = Fetcher(allows=is_any if settings.allow_private_urls else is_public)
    return ModelScorer([FaceModel(settings.models) for _ in range(settings.workers)], fetcher=fetcher)


def _compared(faces: Sequence[Reading], quality_control: int) -> float:
    seen = [_certain(face) for face in faces]
    if any(face.quality.level < quality_control for face in seen):
        raise ServiceError(VendorError.POOR_QUALITY)
    return similarity(*seen)


def _certain(face: Reading) -> Face:
    if isinstance(face, ServiceError):
        raise ServiceError(face.vendor_error, **face.details)  # a new one: this would be in its own traceback
    if isinstance(face, BaseException):
        raise face
    if face is None:
        raise ServiceError(VendorError.NO_FACE)
    return face


def _findings(reading: Reading) -> PictureFindings:
    try:
        face = _certain(reading)
    except ServiceError as problem:
        return PictureFindings(problem=problem)
    quality = face.quality
    return PictureFindings(box=face.box, quality_level=quality.level, shortcomings=quality.shortcomings)


def _digest(content: bytes) -> bytes:
    return sha256(content).digest()

"""Score with the face model: fetch, decode, find the faces, compare them.

Link -> fetch -> seen before? -> decode -> read the largest face -> quality -> likeness
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

from maskmatch.server.comparison import Comparison, Link, Side
from maskmatch.server.errors import Mistake, ServiceError
from maskmatch.server.faces import Face, FaceModel
from maskmatch.server.fetching import Fetcher, is_any, is_public
from maskmatch.server.images import decode
from maskmatch.server.scores import score as likeness
from maskmatch.server.settings import Settings

FACES_REMEMBERED = 4096
"""About 2 kB each."""


class FaceReader(Protocol):
    """Read the largest face of a BGR picture; used by one thread at a time."""

    def read(self, image: np.ndarray) -> Face | None:
        """Return None when the picture shows no face."""


class ModelScorer:
    """Compare faces. Each reader serves one thread; an image seen before is not read again."""

    def __init__(self, readers: Sequence[FaceReader], *, fetcher: Fetcher) -> None:
        self._readers: SimpleQueue[FaceReader] = SimpleQueue()
        for reader in readers:
            self._readers.put(reader)
        self._threads = ThreadPoolExecutor(len(readers), thread_name_prefix="face-model")
        self._fetcher = fetcher
        self._faces: OrderedDict[bytes, asyncio.Future[Face | None]] = OrderedDict()

    async def score(self, comparison: Comparison) -> float:
        """Return the likeness of the two faces; raise for the first side that has a problem."""
        sides = (comparison.a, comparison.b)
        faces = await asyncio.gather(*(self._face(side) for side in sides), return_exceptions=True)
        seen = [_certain(face) for face in faces]
        if any(face.quality.level < comparison.quality_control for face in seen):
            raise ServiceError(Mistake.POOR_QUALITY)
        return likeness(*seen)

    async def aclose(self) -> None:
        """Wait for the pictures under way and close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        await self._fetcher.aclose()

    async def _face(self, side: Side) -> Face | None:
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
            if len(self._faces) > FACES_REMEMBERED:
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


def _certain(face: Face | BaseException | None) -> Face:
    if isinstance(face, BaseException):
        raise face
    if face is None:
        raise ServiceError(Mistake.NO_FACE)
    return face


def _digest(content: bytes) -> bytes:
    return sha256(content).digest()

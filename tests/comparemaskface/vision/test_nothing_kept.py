"""Pictures leave memory with their call, whatever became of it, not only when garbage is collected."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from comparemaskface.vision.fetching import Fetcher, is_any
from comparemaskface.vision.model_scorer import ModelScorer
from comparemaskface.wire.comparison import Comparison, Link, Picture
from comparemaskface.wire.errors import ServiceError

from tests.comparemaskface.drawn import encoded, gradient
from tests.comparemaskface.pictures_host import pictures_host

pytestmark = pytest.mark.server


class Faceless:
    """A reader that sees no face in any picture."""

    def read(self, image: np.ndarray) -> None:
        return None


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def picture(content: bytes) -> Picture:
    return Picture(content=content, key=content[:32])


def code_and_what_is_left(a: bytes, b: bytes) -> tuple[str, list[Picture]]:
    async def once() -> tuple[str, list[Picture]]:
        scorer = ModelScorer([Faceless()], fetcher=Fetcher())
        sides = picture(a), picture(b)
        left = [weakref.ref(side) for side in sides]
        outcome = await failure(scorer, Comparison(*sides, quality_control=0))
        del sides
        await asyncio.sleep(0)  # lets the loop let go of the call
        await scorer.aclose()
        return outcome, [side for ref in left if (side := ref()) is not None]

    return asyncio.run(once())


async def failure(scorer: ModelScorer, comparison: Comparison) -> str:
    try:
        await scorer.score(comparison)
    except ServiceError as error:
        return error.code
    return "no failure"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (b"no picture", b"nor this", "FailedOperation.ImageDecodeFailed"),
        (encoded(gradient(), "PNG"), b"no picture", "InvalidParameterValue.NoFaceInPhoto"),
        (b"no picture", encoded(gradient(), "PNG"), "FailedOperation.ImageDecodeFailed"),
        (encoded(gradient(), "PNG"), encoded(gradient(), "BMP"), "InvalidParameterValue.NoFaceInPhoto"),
    ],
    ids=["both broken", "second broken", "first broken", "no face"],
)
def test_a_failed_call_leaves_no_picture_behind(a: bytes, b: bytes, expected: str) -> None:
    assert code_and_what_is_left(a, b) == (expected, [])


def test_a_failed_fetch_leaves_nothing_behind() -> None:
    with pictures_host() as host:

        async def once() -> tuple[str, bool]:
            scorer = ModelScorer([Faceless()], fetcher=Fetcher(allows=is_any))
            side = Link(url=host.url("/endless"), key=b"a")
            left = weakref.ref(side)
            outcome = await failure(scorer, Comparison(side, side, quality_control=0))
            del side
            await scorer.aclose()
            return outcome, left() is None

        assert asyncio.run(once()) == ("FailedOperation.ImageSizeExceed", True)

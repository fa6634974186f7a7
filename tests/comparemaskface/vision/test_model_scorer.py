"""The face model behind the wire: real portraits, the real model, the vendor's SDK."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.fetching import Fetcher, is_any
from comparemaskface.vision.model_scorer import FaceReader, ModelScorer
from comparemaskface.vision.quality import Quality
from comparemaskface.web.app import build_app
from comparemaskface.wire.comparison import Comparison, Picture, read_comparison
from comparemaskface.wire.errors import ServiceError
from PIL import Image, ImageFilter
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface.pictures_host import PicturesHost, pictures_host
from tests.comparemaskface.service import SETTINGS, compare, running, sdk_client

pytestmark = pytest.mark.server

PORTRAITS = Path(__file__).parents[3] / "demo" / "portraits"
OBAMA, OBAMA_AGAIN, BIDEN = (
    (PORTRAITS / f"{name}.jpg").read_bytes() for name in ("obama-1", "obama-2", "biden-1")
)


def png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


FACELESS = png(Image.linear_gradient("L"))
BLURRED = png(Image.open(BytesIO(OBAMA)).resize((400, 500)).filter(ImageFilter.GaussianBlur(6)))


class Sharp:
    """Read every picture as a sharp face, counting; `rendezvous` makes two threads read at once."""

    def __init__(self, rendezvous: threading.Barrier | None = None) -> None:
        self.pictures = 0
        self._rendezvous = rendezvous

    def read(self, image: np.ndarray) -> Face | None:
        self.pictures += 1
        if self._rendezvous:
            self._rendezvous.wait(timeout=10)
        embedding = np.zeros(128, np.float32)
        embedding[int(image[0, 0, 0]) % 128] = 1
        sharpest = Quality(
            sharpness=0.0, luminance=128.0, clipped=0.0, dark=0.0, vector_length=14.0, eye_distance=90.0
        )
        return Face(box=(0, 0, 1, 1), landmarks=np.zeros((5, 2)), embedding=embedding, quality=sharpest)


def plain(shade: int) -> bytes:
    return png(Image.new("L", (64, 64), shade))


def pair(a: bytes, b: bytes) -> Comparison:
    return read_comparison(b'{"ImageA": "%s", "ImageB": "%s"}' % (text(a).encode(), text(b).encode()))


def score_with(readers: list[FaceReader], *pairs: Comparison) -> list[float | BaseException]:
    async def score_all() -> list[float | BaseException]:
        scorer = ModelScorer(readers, fetcher=Fetcher())
        try:
            return await asyncio.gather(*(scorer.score(one) for one in pairs), return_exceptions=True)
        finally:
            await scorer.aclose()

    return asyncio.run(score_all())


def test_a_repeated_image_is_read_once_even_at_the_same_time() -> None:
    reader = Sharp()
    scores = score_with(
        [reader], pair(plain(1), plain(2)), pair(plain(2), plain(1)), pair(plain(1), plain(1))
    )
    assert scores[0] == scores[1]
    assert scores[2] == 100
    assert reader.pictures == 2


def test_only_the_latest_images_are_remembered() -> None:
    async def faces_held(images: int) -> tuple[int, int]:
        reader = Sharp()
        scorer = ModelScorer([reader], fetcher=Fetcher(), faces_remembered=4)
        try:
            for number in range(images):
                await scorer.score(pair(plain(number), plain(200)))
            await scorer.score(pair(plain(images - 1), plain(200)))
        finally:
            await scorer.aclose()
        return len(scorer._faces), reader.pictures

    assert asyncio.run(faces_held(20)) == (4, 21)


def test_two_readers_read_at_the_same_time() -> None:
    rendezvous = threading.Barrier(2)
    first, second = Sharp(rendezvous), Sharp(rendezvous)
    assert not isinstance(score_with([first, second], pair(plain(1), plain(2)))[0], BaseException)
    assert (first.pictures, second.pictures) == (1, 1)


def test_of_two_broken_sides_the_first_is_answered() -> None:
    outcome = score_with([Sharp()], pair(b"broken", png(Image.new("L", (10, 10)))))[0]
    assert isinstance(outcome, ServiceError)
    assert outcome.code == "FailedOperation.ImageDecodeFailed"


def test_a_comparison_does_not_show_its_pictures() -> None:
    assert "broken" not in repr(pair(b"broken", b"broken"))
    assert isinstance(pair(b"1", b"2").a, Picture)


@pytest.fixture(scope="module")
def pictures() -> Iterator[PicturesHost]:
    with pictures_host({"/obama.jpg": OBAMA, "/again.jpg": OBAMA_AGAIN}) as host:
        yield host


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a service with the real model, allowed to fetch from this machine."""
    scorer = ModelScorer([FaceModel()], fetcher=Fetcher(allows=is_any))
    with running(build_app(SETTINGS, scorer=scorer)) as base:
        yield base


def score(address: str, a: bytes, b: bytes, **parameters: Any) -> float:
    with sdk_client(address) as client:
        return float(compare(client, ImageA=text(a), ImageB=text(b), **parameters).Score)


def code(address: str, **parameters: Any) -> str:
    with sdk_client(address) as client, pytest.raises(TencentCloudSDKException) as caught:
        compare(client, **parameters)
    return str(caught.value.get_code())


def test_two_pictures_of_one_person_score_above_50_and_of_two_below_40(address: str) -> None:
    assert score(address, OBAMA, OBAMA_AGAIN) > 50
    assert score(address, OBAMA, BIDEN) < 40
    assert score(address, OBAMA, OBAMA) == 100


def test_a_url_scores_like_the_bytes_behind_it(address: str, pictures: PicturesHost) -> None:
    with sdk_client(address) as client:
        by_url = compare(client, UrlA=pictures.url("/obama.jpg"), UrlB=pictures.url("/again.jpg?sign=1"))
    assert by_url.Score == score(address, OBAMA, OBAMA_AGAIN)


def test_a_url_that_leads_nowhere_is_a_failed_download(address: str, pictures: PicturesHost) -> None:
    missing = {"UrlA": pictures.url("/obama.jpg"), "UrlB": pictures.url("/missing.jpg")}
    assert code(address, **missing) == "FailedOperation.ImageDownloadError"


def test_a_private_url_is_refused_unless_allowed(pictures: PicturesHost) -> None:
    scorer = ModelScorer([Sharp()], fetcher=Fetcher())
    with running(build_app(SETTINGS, scorer=scorer)) as address:
        private = {"UrlA": pictures.url("/obama.jpg"), "UrlB": pictures.url("/again.jpg")}
        assert code(address, **private) == "FailedOperation.ImageDownloadError"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FACELESS, "InvalidParameterValue.NoFaceInPhoto"),
        (OBAMA[: len(OBAMA) // 2], "FailedOperation.ImageDecodeFailed"),
        (png(Image.new("L", (63, 100))), "FailedOperation.ImageResolutionTooSmall"),
        (png(Image.new("L", (2001, 100))), "FailedOperation.ImageResolutionExceed"),
    ],
)
def test_a_picture_that_cannot_be_compared_has_its_code_on_either_side(
    address: str, content: bytes, expected: str
) -> None:
    assert code(address, ImageA=text(content), ImageB=text(OBAMA)) == expected
    assert code(address, ImageA=text(OBAMA), ImageB=text(content)) == expected


def test_quality_control_refuses_a_blurred_face_on_either_side_and_its_absence_does_not(address: str) -> None:
    poor = "FailedOperation.FaceQualityNotQualified"
    assert code(address, ImageA=text(BLURRED), ImageB=text(OBAMA), QualityControl=3) == poor
    assert code(address, ImageA=text(OBAMA), ImageB=text(BLURRED), QualityControl=3) == poor
    assert score(address, OBAMA, OBAMA_AGAIN, QualityControl=3) > 50
    assert score(address, BLURRED, OBAMA) > 0

"""Whole JPEGs of every usual kind are read; those with a hole are not, whatever their end looks like."""

import itertools
import random

import numpy as np
import pytest
from comparemaskface.vision.decoding import decode
from comparemaskface.vision.jpeg import MOST_SCANS, MOST_SEGMENTS, read_structure
from comparemaskface.vision.structure import BrokenStructure
from comparemaskface.wire.errors import ServiceError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.comparemaskface.drawn import encoded, gradient, last_scan, noise, start_of_scan

END = b"\xff\xd9"
DECODE_FAILED = "FailedOperation.ImageDecodeFailed"
KINDS = [
    {},
    {"progressive": True},
    {"optimize": True, "quality": 30},
    {"subsampling": 0},
    {"restart_marker_blocks": 1},
    {"restart_marker_rows": 1},
    {"progressive": True, "restart_marker_rows": 1},
]


def outcome(content: bytes) -> str:
    try:
        decode(content)
    except ServiceError as error:
        return error.code
    return "decoded"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_whole_picture_is_read_with_the_pixels_of_its_decoder(
    mode: str, options: dict[str, object]
) -> None:
    image = gradient().convert(mode)
    content = encoded(image, "JPEG", **options)
    pixels = decode(content)
    assert pixels.shape == (80, 120, 3)
    expected = np.asarray(image.convert("RGB"))[:, :, ::-1]
    assert np.abs(pixels.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_picture_cut_anywhere_is_refused_though_its_end_is_put_back(
    mode: str, options: dict[str, object]
) -> None:
    whole = encoded(noise().convert(mode), "JPEG", **options)
    draw = random.Random(2)
    for _ in range(20):
        cut = draw.randrange(start_of_scan(whole), len(whole) - 10)
        assert outcome(whole[:cut] + END) == DECODE_FAILED, cut


def test_a_picture_cut_at_a_restart_is_refused_too() -> None:
    whole = encoded(noise(), "JPEG", restart_marker_rows=1)
    place = whole.index(b"\xff\xd2", start_of_scan(whole))
    assert outcome(whole[:place] + END) == DECODE_FAILED
    assert outcome(whole[: place + 2] + END) == DECODE_FAILED


def test_a_progressive_picture_without_its_last_scan_is_refused() -> None:
    whole = encoded(noise(), "JPEG", progressive=True)
    assert outcome(whole[: -2 - len(last_scan(whole))] + END) == DECODE_FAILED


def test_a_picture_without_its_end_marker_is_refused() -> None:
    assert outcome(encoded(gradient(), "JPEG")[:-2]) == DECODE_FAILED


def test_what_follows_the_end_of_the_first_picture_is_not_looked_at() -> None:
    first, second = encoded(gradient(), "JPEG"), encoded(noise(), "JPEG")
    for rest in (second, second[:200], b"\x00" * 5000, b"\xff\xd8\xff"):
        assert np.array_equal(decode(first + rest), decode(first))


def test_a_multi_picture_file_shows_its_first_picture() -> None:
    mpo = encoded(gradient(), "MPO", save_all=True, append_images=[noise()])
    assert np.array_equal(decode(mpo), decode(encoded(gradient(), "JPEG")))


def test_a_thumbnail_in_the_metadata_is_not_taken_for_the_picture() -> None:
    thumbnail = encoded(noise(64, 64), "JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = encoded(gradient(), "JPEG")
    assert np.array_equal(decode(whole[:2] + segment + whole[2:]), decode(whole))


def test_junk_between_segments_and_fill_bytes_do_no_harm() -> None:
    whole = encoded(gradient(), "JPEG")
    table = whole.index(b"\xff\xdb")
    assert np.array_equal(decode(whole[:table] + b"\x00junk\xff\xff" + whole[table:]), decode(whole))


def test_inverted_cmyk_and_ycck_are_understood() -> None:
    cmyk = encoded(gradient().convert("CMYK"), "JPEG", quality=95)
    place = cmyk.index(b"Adobe") + 11
    assert cmyk[place] == 0
    ycck = cmyk[:place] + b"\x02" + cmyk[place + 1 :]
    assert decode(ycck).shape == (80, 120, 3)
    assert not np.array_equal(decode(ycck), decode(cmyk))


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC7, 0xC9, 0xCA, 0xCB, 0xCF])
def test_lossless_hierarchical_and_arithmetic_pictures_are_refused(marker: int) -> None:
    whole = encoded(gradient(), "JPEG")
    frame = whole.index(b"\xff\xc0")
    assert outcome(whole[: frame + 1] + bytes((marker,)) + whole[frame + 2 :]) == DECODE_FAILED


@pytest.mark.parametrize("copies", [0, 2])
def test_a_picture_has_exactly_one_frame(copies: int) -> None:
    whole = encoded(gradient(), "JPEG")
    start, end = whole.index(b"\xff\xc0"), whole.index(b"\xff\xc4")
    assert outcome(whole[:start] + whole[start:end] * copies + whole[end:]) == DECODE_FAILED


def test_a_flood_of_scans_is_refused_before_any_is_decoded() -> None:
    whole = encoded(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    flood = whole[:-2] + last_scan(whole) * 2000 + END
    assert outcome(flood) == DECODE_FAILED
    with pytest.raises(BrokenStructure):
        read_structure(flood)  # which decodes no pixel
    scans = whole.count(b"\xff\xda")
    read_structure(whole[:-2] + last_scan(whole) * (MOST_SCANS - scans) + END)
    with pytest.raises(BrokenStructure):
        read_structure(whole[:-2] + last_scan(whole) * (MOST_SCANS - scans + 1) + END)


@pytest.mark.timeout(20)  # it takes milliseconds; a search that begins again at each byte would take hours
@pytest.mark.parametrize(
    "flood",
    [b"\xff\xe0\x00\x02" * 900_000, b"\xff" * 3_700_000, b"\x00" * 3_700_000, b"\xff\x00" * 1_800_000],
    ids=["empty segments", "fill bytes", "zeros", "stuffed bytes"],
)
def test_a_flood_of_nothing_is_refused_quickly(flood: bytes) -> None:
    assert outcome(b"\xff\xd8\xff\xe0\x00\x02" + flood) == DECODE_FAILED


def test_as_much_metadata_as_real_pictures_have_is_no_flood() -> None:
    whole = encoded(gradient(), "JPEG", comment=b"c" * 60_000, icc_profile=b"p" * 900_000)
    comments = b"\xff\xfe\x00\x03c" * (MOST_SEGMENTS - 100)
    assert np.array_equal(decode(whole[:2] + comments + whole[2:]), decode(encoded(gradient(), "JPEG")))


@given(data=st.binary(max_size=400), options=st.sampled_from(KINDS), place=st.floats(0, 1))
def test_any_bytes_put_anywhere_give_a_structure_or_an_error(
    data: bytes, options: dict[str, object], place: float
) -> None:
    whole = encoded(gradient(64, 64), "JPEG", **options)
    cut = int(place * len(whole))
    for content in itertools.chain([b"\xff\xd8" + data], [whole[:cut] + data + whole[cut:]]):
        assert outcome(content) in {
            "decoded",
            DECODE_FAILED,
            "FailedOperation.ImageResolutionExceed",
            "FailedOperation.ImageResolutionTooSmall",
        }

"""Format and size by the head of a file, held against Pillow."""

import io

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from devstack.pictures import JPEG_HEAD
from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_heads import HEAD_BYTES, Format, Head, read_head
from maskmatch.core.image_rules import check_head

KINDS = {"JPEG": Format.JPEG, "PNG": Format.PNG, "BMP": Format.BMP}


def drawn(kind, width, height, mode="RGB", **options):
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, kind, **options)
    return stream.getvalue()


def pillow_head(data):
    try:
        with Image.open(io.BytesIO(data), formats=[*KINDS]) as image:
            return Head(KINDS[image.format], *image.size)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


SAMPLES = [
    drawn("JPEG", 100, 70),
    drawn("JPEG", 100, 70, progressive=True),
    drawn("JPEG", 90, 64, mode="L", exif=b"Exif\x00\x00" + bytes(30_000)),
    drawn("PNG", 120, 65),
    drawn("PNG", 120, 65, mode="P"),
    drawn("BMP", 70, 100),
    drawn("BMP", 70, 100, mode="1"),
]


@pytest.mark.parametrize("data", SAMPLES)
def test_the_head_shows_what_pillow_sees(data):
    assert read_head(data) == pillow_head(data)
    assert read_head(data[:HEAD_BYTES]) == pillow_head(data)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_whatever_is_done_to_a_file_pillow_and_the_head_agree_where_pillow_reads_it(sample, data):
    spoilt = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(spoilt), 700) - 1))
        spoilt[place] = data.draw(st.integers(0, 255))
    spoilt = bytes(spoilt[: data.draw(st.integers(1, len(spoilt)))])
    seen = pillow_head(spoilt)
    assert seen is None or read_head(spoilt) == seen


@given(st.binary(max_size=300))
@example(b"\xff\xd8\xff" + b"\xff" * 100)
@example(b"\xff\xd8\xff\xe0\x00\x00")
def test_rubbish_is_read_without_an_error(data):
    for magic in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"):
        read_head(magic + data)


@pytest.mark.parametrize(
    ("data", "code", "vendor_code"),
    [
        (drawn("JPEG", 4032, 3024), "image_too_many_pixels", "FailedOperation.ImageResolutionExceed"),
        (drawn("PNG", 2001, 100), "image_too_many_pixels", "FailedOperation.ImageResolutionExceed"),
        (drawn("BMP", 64, 2001, mode="1"), "image_too_many_pixels", "FailedOperation.ImageResolutionExceed"),
        (drawn("JPEG", 60, 80), "image_too_few_pixels", "FailedOperation.ImageResolutionTooSmall"),
        (JPEG_HEAD[:12], "image_undecodable", "FailedOperation.ImageDecodeFailed"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), "image_undecodable", "FailedOperation.ImageDecodeFailed"),
        (b"", "image_empty", "InvalidParameterValue.ImageEmpty"),
    ],
)
def test_what_the_vendor_is_sure_to_refuse_is_told_with_the_vendors_code(data, code, vendor_code):
    with pytest.raises(ImageUnusable) as caught:
        check_head(data, size=len(data))
    assert (caught.value.code, caught.value.vendor_code) == (code, vendor_code)


@pytest.mark.parametrize(
    "data", [drawn("JPEG", 4000, 64), drawn("PNG", 2000, 64), drawn("BMP", 2000, 64, mode="1"), JPEG_HEAD]
)
def test_what_is_just_within_the_limits_is_sent(data):
    check_head(data, size=len(data))


def test_a_head_that_ends_before_the_size_is_no_reason_to_refuse():
    check_head(JPEG_HEAD[:12], size=100_000)

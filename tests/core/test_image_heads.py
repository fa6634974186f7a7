"""Format and size by the head of a file, held against Pillow."""

import io
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from devstack.pictures import JPEG_HEAD
from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_heads import HEAD_BYTES, Format, Head, is_decided, read_head
from maskmatch.core.image_rules import check_head

KINDS = {"JPEG": Format.JPEG, "PNG": Format.PNG, "BMP": Format.BMP}


def drawn(kind, width, height, mode="RGB", **options):
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, kind, **options)
    return stream.getvalue()


def pillow_head(data):
    """Return what Pillow sees in a file, if any of its picture is there."""
    try:
        with Image.open(io.BytesIO(data), formats=[*KINDS]) as image:
            is_there = image.tile and image.tile[0][2] < len(data)
            return Head(KINDS[image.format], *image.size) if is_there else None
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


def verdict(data, size):
    try:
        check_head(data, size=size)
    except ImageUnusable as error:
        return error.code, error.message
    return None


PNG, BMP, JPEG = drawn("PNG", 120, 65), drawn("BMP", 70, 100), drawn("JPEG", 100, 70)


def png_with(*, depth=8, colour=2, filtering=0):
    """Return a PNG whose header says so, with the right checksum."""
    header = b"IHDR" + PNG[16:24] + bytes([depth, colour, 0, filtering, 0])
    return PNG[:12] + header + zlib.crc32(header).to_bytes(4) + PNG[33:]


def spoilt(data, at, *values):
    return data[:at] + bytes(values) + data[at + len(values) :]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (PNG[:24], "a damaged PNG (it breaks off"),
        (PNG[:33], "a damaged PNG (it breaks off"),
        (PNG[:33] + PNG[-12:], "a damaged PNG (it has no picture data"),
        (PNG[:8] + PNG[33:], "a damaged PNG (it has no header"),
        (spoilt(PNG, 24, 16), "a damaged PNG (its header (IHDR) is damaged"),
        (spoilt(PNG, 33 + 4, 0), "a damaged PNG (it has a chunk without a name"),
        (png_with(depth=3), "a damaged PNG (there is no bit depth 3 with colour type 2"),
        (png_with(depth=4, colour=6), "a damaged PNG (there is no bit depth 4 with colour type 6"),
        (png_with(colour=7), "a damaged PNG (there is no bit depth 8 with colour type 7"),
        (png_with(filtering=1), "a damaged PNG (nobody knows its filter method 1"),
        (
            PNG[:33] + 20_000 * bytes.fromhex("0000000074655874 00000000"),
            "a damaged PNG (it has 10,000 chunks",
        ),
        (JPEG[: JPEG.index(b"\xff\xda")], "a damaged JPG (it breaks off"),
        (JPEG[: JPEG.index(b"\xff\xda") + 6], "a damaged JPG (it breaks off"),
        (b"\xff\xd8" + JPEG[JPEG.index(b"\xff\xda") :], "a damaged JPG (its picture data comes without"),
        (spoilt(JPEG, JPEG.index(b"\xff\xc0") + 4, 12), "a damaged JPG (it has 12 bits of 3 colours"),
        (spoilt(JPEG, JPEG.index(b"\xff\xc0") + 9, 2), "a damaged JPG (it has 8 bits of 2 colours"),
        (b"\xff\xd8" + 20_000 * b"\xff\xfe\x00\x02", "a damaged JPG (it has 10,000 segments"),
        (BMP[:25], "a damaged BMP (it breaks off"),
        (BMP[:54], "a damaged BMP (it ends before its pixels"),
        (spoilt(BMP, 28, 7), "a damaged BMP (there is no bit depth 7"),
        (spoilt(BMP, 30, 4), "a damaged BMP (there is no compression 4"),
        (b"BMW drives on, and so does this text of a page.", "a damaged BMP (it begins with BM"),
        (b"BM", "a damaged BMP (it breaks off"),
    ],
)
def test_what_its_head_shows_to_be_broken_is_not_paid_for(data, told):
    code, message = verdict(data, len(data))
    assert pillow_head(data) is None or "segments" in told or "chunks" in told
    assert code == "image_undecodable"
    assert f"the image is {told}" in message
    assert "replace it" in message


def test_a_bitmap_that_counts_no_planes_is_sent_since_readers_do_not_look_at_them():
    data = spoilt(BMP, 26, 0, 0)
    assert read_head(data) == pillow_head(data) == Head(Format.BMP, 70, 100)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (drawn("GIF", 100, 100), "a GIF"),
        (drawn("WEBP", 100, 100), "a WebP"),
        (drawn("TIFF", 100, 100), "a TIFF"),
        (drawn("AVIF", 100, 100), "an AVIF"),
        (drawn("JPEG2000", 100, 100), "a JPEG 2000"),
        (drawn("ICO", 100, 100), "an icon (ICO)"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), "a HEIC"),
        (b"\x00\x00\x00\x18ftypmif1" + bytes(100), "a HEIC or AVIF"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "a video"),
        (b"\xff\x0a" + bytes(100), "a JPEG XL"),
        (b"MM\x00*" + bytes(100), "a TIFF"),
        (b"%PDF-1.7", "a PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "HTML or XML"),
        (b'{"error": 1}', "JSON"),
    ],
)
def test_another_format_is_named_with_the_cure(data, name):
    code, message = verdict(data, len(data))
    assert code == "image_undecodable"
    assert f"the image is {name}" in message
    assert "convert it to JPG or PNG" in message


NOTES = b"\xff\xe2\xff\xff" + bytes(0xFFFD)
LONG = [
    JPEG[:2] + 3 * NOTES + JPEG[2:],
    PNG[:33] + (90_000).to_bytes(4) + b"juNk" + bytes(90_004) + PNG[33:],
    drawn("BMP", 200, 200),
    drawn("GIF", 2000, 2000) + bytes(HEAD_BYTES),
    drawn("PNG", 60, 60) + bytes(HEAD_BYTES),
    b"BM, and a long text" + 9 * bytes(HEAD_BYTES),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LONG), st.data())
def test_the_head_of_a_file_settles_what_the_whole_would_or_more_is_read(sample, data):
    changed = bytearray(sample[: data.draw(st.integers(1, len(sample)))])
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, min(len(changed), 300) - 1))] = data.draw(st.integers(0, 255))
    whole, head = bytes(changed), bytes(changed[:HEAD_BYTES])
    if is_decided(head, size=len(whole)):
        assert verdict(head, len(whole)) == verdict(whole, len(whole))
    else:
        assert verdict(head, len(whole)) is None


@pytest.mark.parametrize("sample", [*SAMPLES, LONG[2]])
def test_ordinary_files_are_settled_by_their_head(sample):
    assert is_decided(sample[:HEAD_BYTES], size=len(sample))


def test_a_head_that_ends_before_the_size_is_no_reason_to_refuse():
    check_head(JPEG_HEAD[:12], size=100_000)

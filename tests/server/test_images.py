"""Real encoders make each picture; only the header of a bomb is made by hand."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskmatch.server.errors import ServiceError
from maskmatch.server.images import decode

FORMATS = ["JPEG", "PNG", "BMP"]


def gradient(width: int = 120, height: int = 80) -> Image.Image:
    x = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    y = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    return Image.fromarray(np.dstack([x, y, np.full_like(x, 40)]))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def code(content: bytes) -> str:
    with pytest.raises(ServiceError) as caught:
        decode(content)
    return caught.value.code


def decode_or_code(content: bytes) -> np.ndarray | str:
    try:
        return decode(content)
    except ServiceError as error:
        return error.code


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_comes_out_as_bgr(kind: str) -> None:
    pixels = decode(encoded(gradient(), kind))
    assert (pixels.shape, pixels.dtype) == ((80, 120, 3), np.uint8)
    expected = np.asarray(gradient())[:, :, ::-1]
    assert np.abs(pixels.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
def test_every_kind_of_png_becomes_three_channels(mode: str) -> None:
    assert decode(encoded(gradient().convert(mode), "PNG")).shape == (80, 120, 3)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = np.linspace(0, 65535, 120).astype(np.uint16)[None, :].repeat(80, axis=0)
    pixels = decode(encoded(Image.fromarray(grey), "PNG"))
    assert pixels[0, [0, 60, 119], 0].tolist() == [0, 129, 255]


def test_a_cmyk_jpeg_is_understood() -> None:
    pixels = decode(encoded(gradient().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - np.asarray(gradient())[:, :, ::-1]).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = gradient()
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(stored, kind, exif=exif))
    assert np.abs(pixels.astype(int) - np.asarray(upright)[:, :, ::-1]).mean() < 3


def test_broken_exif_around_a_sound_picture_does_no_harm() -> None:
    assert decode(encoded(gradient(), "JPEG", exif=b"Exif\x00\x00nonsense")).shape == (80, 120, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_other_formats_are_refused(kind: str) -> None:
    assert code(encoded(gradient(), kind)) == "FailedOperation.ImageDecodeFailed"


@pytest.mark.parametrize(
    "content", [b"\x00", b"no picture at all", b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    assert code(content) == "FailedOperation.ImageDecodeFailed"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (90, 100, 3), np.uint8))
    whole = encoded(noise, kind)
    assert code(whole[: int(len(whole) * share)]) == "FailedOperation.ImageDecodeFailed"


def test_a_png_with_altered_pixels_is_refused() -> None:
    whole = bytearray(encoded(gradient(), "PNG"))
    whole[len(whole) // 2] ^= 0xFF
    assert code(bytes(whole)) == "FailedOperation.ImageDecodeFailed"


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("JPEG", (4001, 64), "FailedOperation.ImageResolutionExceed"),
        ("JPEG", (64, 4001), "FailedOperation.ImageResolutionExceed"),
        ("PNG", (2001, 64), "FailedOperation.ImageResolutionExceed"),
        ("BMP", (64, 2001), "FailedOperation.ImageResolutionExceed"),
        ("JPEG", (63, 64), "FailedOperation.ImageResolutionTooSmall"),
        ("PNG", (64, 63), "FailedOperation.ImageResolutionTooSmall"),
        ("BMP", (1, 1), "FailedOperation.ImageResolutionTooSmall"),
    ],
)
def test_sizes_beyond_the_limits_have_their_codes(kind: str, size: tuple[int, int], expected: str) -> None:
    assert code(encoded(Image.new("RGB", size), kind)) == expected


@pytest.mark.parametrize(("kind", "size"), [("JPEG", (4000, 64)), ("PNG", (2000, 64)), ("BMP", (64, 2000))])
def test_sizes_at_the_limits_are_accepted(kind: str, size: tuple[int, int]) -> None:
    assert decode(encoded(Image.new("RGB", size), kind)).shape[:2] == size[::-1]


@pytest.mark.parametrize("side", [30_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header_alone(side: int) -> None:
    bomb = png_header(side, side)
    assert len(bomb) < 100
    assert code(bomb) == "FailedOperation.ImageResolutionExceed"


def test_a_text_chunk_that_unpacks_to_much_more_is_refused() -> None:
    bomb = zlib.compress(b"\x00" * 80_000_000, 9)
    sound = encoded(gradient(), "PNG")
    after_header = 8 + 25
    content = sound[:after_header] + png_chunk(b"zTXt", b"k\x00\x00" + bomb) + sound[after_header:]
    assert code(content) == "FailedOperation.ImageDecodeFailed"


@given(
    kind=st.sampled_from(FORMATS),
    damage=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_a_damaged_picture_gives_pixels_or_one_of_our_codes(
    kind: str, damage: list[tuple[float, int]]
) -> None:
    content = bytearray(encoded(gradient(), kind))
    for place, value in damage:
        content[int(place * len(content))] = value
    outcome = decode_or_code(bytes(content))
    assert isinstance(outcome, np.ndarray) or outcome.startswith("FailedOperation.Image")

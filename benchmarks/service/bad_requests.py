"""What callers send a service, from honest to hostile: pictures, bodies and raw bytes, all from one seed."""

import base64
import json
import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image

PORTRAITS = Path(__file__).resolve().parents[2] / "demo" / "portraits"


def body(**parameters: object) -> bytes:
    """Return a request's body; bytes become base64."""
    texts = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in parameters.items()
    }
    return json.dumps(texts).encode()


class Pictures:
    """Portraits, and what can be made of them."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._portraits = [path.read_bytes() for path in sorted(PORTRAITS.glob("*.jpg"))]
        self._bombs = [_flood_of_scans(), _wide_png(), _text_bomb(), _short_bmp(), _encoded("GIF", 200)]
        self._odd = [_encoded("PNG", 30), _encoded("PNG", 2001), _encoded("BMP", 500), _encoded("JPEG", 1500)]

    def portrait(self) -> bytes:
        """Return a portrait, one in four in a file that was not seen before."""
        whole = self._draw.choice(self._portraits)
        if self._draw.random() > 0.25:
            return whole
        return whole[:2] + b"\xff\xfe\x00\x0a" + self._draw.randbytes(8) + whole[2:]

    def damaged(self) -> bytes:
        """Return a portrait with some bytes changed or its end cut off."""
        content = bytearray(self.portrait())
        for _ in range(self._draw.randrange(1, 8)):
            content[self._draw.randrange(len(content))] = self._draw.randrange(256)
        return bytes(content[: self._draw.choice((len(content), self._draw.randrange(len(content))))])

    def hostile(self) -> bytes:
        """Return a picture made to cost much, or no usual picture."""
        return self._draw.choice((*self._bombs, *self._odd))


class Bodies:
    """Signed bodies; all but `honest` may be wrong in any way, and still deserve an answer."""

    def __init__(self, draw: random.Random, *, pictures_at: str) -> None:
        self._draw = draw
        self._pictures = Pictures(draw)
        self._paths = [
            f"{pictures_at}/{word}" for word in ("good", "slow", "endless", "loop", "cut", "gzip", "none")
        ]

    def honest(self) -> bytes:
        """Return what a score is due for."""
        return body(ImageA=self._pictures.portrait(), ImageB=self._pictures.portrait())

    def damaged(self) -> bytes:
        """Return one damaged picture beside a good one."""
        return body(ImageA=self._pictures.damaged(), ImageB=self._pictures.portrait())

    def hostile(self) -> bytes:
        """Return one costly picture beside another."""
        return body(ImageA=self._pictures.hostile(), ImageB=self._pictures.hostile())

    def linked(self) -> bytes:
        """Return two URLs, most of them with something wrong behind them."""
        return body(UrlA=self._draw.choice(self._paths), UrlB=self._draw.choice(self._paths))

    def large(self) -> bytes:
        """Return a body about as long as may be, or too long."""
        length = self._draw.choice((5_242_880, 5_300_000, 4_900_000))
        return body(ImageA="A" * length, ImageB="/" * length)

    def fuzzed(self) -> bytes:
        """Return a body with random places overwritten, cut out or doubled, or no JSON at all."""
        content = bytearray(body(ImageA=b"\xff\xd8\xff" * 50, UrlB="http://h/x", QualityControl=1))
        for _ in range(self._draw.randrange(1, 10)):
            start = self._draw.randrange(len(content))
            end = start + self._draw.randrange(20)
            content[start:end] = self._draw.choice(
                (b"", b'"', b"{", b"\\u", b"\x00", self._draw.randbytes(9))
            )
        return self._draw.choice((bytes(content), b"[" * 50_000, b'{"ImageA":' * 9_000, b"1" * 9_000, b""))


def mutilated(request: bytes, draw: random.Random) -> bytes:
    """Return the bytes of a request with its head damaged."""
    content = bytearray(request)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(min(len(content), 500))
        content[place : place + draw.randrange(6)] = draw.choice((b"\r\n", b"\x00", b":", draw.randbytes(4)))
    return bytes(content)


def _encoded(kind: str, side: int) -> bytes:
    out = BytesIO()
    Image.effect_noise((side, 100 if side > 2000 else side), 60).convert("RGB").save(out, kind)
    return out.getvalue()


def _flood_of_scans() -> bytes:
    out = BytesIO()
    Image.new("RGB", (2000, 2000), "gray").save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole[whole.rindex(b"\xff\xc4") : -2]
    return whole[:-2] + last * 20 + whole[-2:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _wide_png() -> bytes:
    header = struct.pack(">IIBBBBB", 2000, 2000, 16, 6, 0, 0, 0)
    rows = zlib.compress(bytes(2000 * 16_001), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    whole = _encoded("PNG", 100)
    return whole[:33] + _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000), 9)) + whole[33:]


def _short_bmp() -> bytes:
    return _encoded("BMP", 500)[:-1000]

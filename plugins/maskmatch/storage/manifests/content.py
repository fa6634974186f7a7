"""What a file is, told by its first bytes and never by its name alone."""

import re
from enum import StrEnum

from maskmatch.core.errors import InputError


class Compression(StrEnum):
    """How a file is packed."""

    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bz2"
    XZ = "xz"
    LZ4 = "lz4"
    ZIP = "zip"


class Form(StrEnum):
    """How the rows of a file are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON_ARRAY = "json array"
    JSON_OBJECTS = "json objects over several lines"
    PARQUET = "parquet"
    XLSX = "xlsx"


_PROMISES = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bz2",
    ".xz": "xz",
    ".lz4": "lz4",
    ".zip": "a zip",
    ".parquet": "parquet",
    ".xlsx": "a workbook",
}
HEAD_BYTES = 64 * 1024
"""Enough for a header line and for a guess of the encoding."""

_BZIP2_BLOCKS = (bytes.fromhex("314159265359"), bytes.fromhex("177245385090"))
"""What stands behind the level: of a block, and of the end where there is none."""
_MAGIC = (
    (b"\x1f\x8b\x08", Compression.GZIP),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
    *((b"BZh%d%s" % (level, block), Compression.BZIP2) for level in range(1, 10) for block in _BZIP2_BLOCKS),
    (b"\xfd7zXZ\x00", Compression.XZ),
    (b"\x04\x22\x4d\x18", Compression.LZ4),
    (b"PK\x03\x04", Compression.ZIP),
    (b"PK\x05\x06", Compression.ZIP),
)
_SKIPPABLE = tuple(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))
"""Of a frame with notes, which zstd and lz4 have alike; its size follows."""
_SKIPPABLE_HEAD = 8
_STRANGERS = (
    (b"PARE", "parquet with an encrypted footer: write it without encryption"),
    (b"\xd0\xcf\x11\xe0", "an xls workbook of old, or one with a password: save it as xlsx or csv"),
    (b"ORC", "ORC: write it as parquet"),
    (b"Obj\x01", "Avro: write it as parquet"),
    (b"ARROW1", "Arrow IPC: write it as parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: pack it with gzip or zstd"),
    (b"Rar!", "a rar archive: pack it with gzip or zstd"),
    (b"\x1f\x9d", "packed with compress: pack it with gzip or zstd"),
    (b"%PDF", "a PDF document: export the rows as csv"),
    (b"\xff\xd8\xff", "a picture: images do not lie among the manifests, move it"),
    (b"\x89PNG", "a picture: images do not lie among the manifests, move it"),
    (b"SQLite format 3", "a database: export the rows as csv"),
)
_WORDS = {b"PARE", b"ORC"}
"""A header of csv may begin with them, such as PARENT_ID."""
_MARKUP = (
    (b"<!doctype", "a web page, most likely of a login or an error: fetch the manifest anew"),
    (b"<html", "a web page, most likely of a login or an error: fetch the manifest anew"),
    (b"<", "XML, or an answer of a store that refuses: export the rows as csv, or fetch the manifest anew"),
)
_SPREAD = re.compile(rb'\{[ \t\r]*\n\s*"')
"""An object whose first key stands on another line than its brace."""
_NO_TEXT = bytes({*range(32)} - {*b"\t\n\r\f\x1a\x1b"})
_TEXT = bytes({*range(256)} - {*_NO_TEXT})
_LOOK_BYTES = 1024
_BINARY_SHARE = 0.05
"""Of control characters among the first bytes: text has none, packed bytes have a tenth."""


def compression_of(head: bytes) -> Compression | None:
    """Return how a file is packed that begins so; None for one that is not."""
    is_skipped = head.startswith(_SKIPPABLE)
    while head.startswith(_SKIPPABLE):
        head = head[_SKIPPABLE_HEAD + int.from_bytes(head[4:_SKIPPABLE_HEAD], "little") :]
    if is_skipped and not head:
        return Compression.ZSTD
    return next((each for magic, each in _MAGIC if head.startswith(magic)), None)


def refuse_strangers(head: bytes) -> None:
    """Raise InputError, with the cure, for a file that is known to be something else."""
    is_text = not head[:_LOOK_BYTES].translate(None, _TEXT)
    for magic, cure in _STRANGERS:
        if head.startswith(magic) and not (is_text and magic in _WORDS):
            raise InputError(f"it is {cure}")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:_LOOK_BYTES].lower()
    for markup, cure in _MARKUP:
        if start.startswith(markup):
            raise InputError(f"it is {cure}")
    if head[257:262] == b"ustar":
        raise InputError("it is a tar archive: put its files into the folder of the date")


def refuse_binary(text: bytes, name: str) -> None:
    """Raise InputError for bytes that are no text in any encoding; `name` may promise what they are."""
    start = text[:_LOOK_BYTES]
    controls = len(start) - len(start.translate(None, _NO_TEXT))
    if controls > _BINARY_SHARE * len(start):
        promised = next((each for ending, each in _PROMISES.items() if name.lower().endswith(ending)), "")
        if promised:
            raise InputError(
                f"its name promises {promised}, and its content is something else: write or fetch it anew"
            )
        raise InputError("it is binary, and of no kind that is read: export the rows as csv, parquet or xlsx")


def form_of_text(head: bytes) -> Form:
    """Return how the rows of a text are written that begins so, as UTF-8."""
    start = head.lstrip(b" \t\r\n")
    if start.startswith(b"["):
        return Form.JSON_ARRAY
    if _SPREAD.match(start):
        return Form.JSON_OBJECTS
    return Form.JSON_LINES if start.startswith(b"{") else Form.CSV

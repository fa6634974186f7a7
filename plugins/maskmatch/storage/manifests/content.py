"""What a file is, told by its first bytes and never by its name alone."""

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
    PARQUET = "parquet"
    XLSX = "xlsx"


HEAD_BYTES = 64 * 1024
"""Enough for a header line and for a guess of the encoding."""

_MAGIC = (
    (b"\x1f\x8b\x08", Compression.GZIP),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
    (b"BZh", Compression.BZIP2),
    (b"\xfd7zXZ\x00", Compression.XZ),
    (b"\x04\x22\x4d\x18", Compression.LZ4),
    (b"PK\x03\x04", Compression.ZIP),
    (b"PK\x05\x06", Compression.ZIP),
)
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))
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
    (b"<?xml", "XML: export the rows as csv"),
    (b"<!DOCTYPE", "a web page, most likely of a login or an error: fetch the manifest anew"),
    (b"<html", "a web page, most likely of a login or an error: fetch the manifest anew"),
)


def compression_of(head: bytes) -> Compression | None:
    """Return how a file is packed that begins so; None for one that is not."""
    if head.startswith(_ZSTD_SKIPPABLE):
        return Compression.ZSTD
    return next((each for magic, each in _MAGIC if head.startswith(magic)), None)


def refuse_strangers(head: bytes) -> None:
    """Raise InputError, with the cure, for a file that is known to be something else."""
    for magic, cure in _STRANGERS:
        if head.startswith(magic):
            raise InputError(f"it is {cure}")
    if head[257:262] == b"ustar":
        raise InputError("it is a tar archive: put its files into the folder of the date")


def form_of_text(head: bytes) -> Form:
    """Return how the rows of a text are written that begins so, as UTF-8."""
    start = head.lstrip(b" \t\r\n")
    if start.startswith(b"["):
        return Form.JSON_ARRAY
    return Form.JSON_LINES if start.startswith(b"{") else Form.CSV

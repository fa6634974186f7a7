"""Packed files as streams of their plain bytes: one that is cut short raises, and never looks complete."""

import io
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO, cast

import pyarrow as pa

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown
from maskmatch.storage.manifests.content import Compression

UNREADABLE = (
    pa.ArrowException,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    struct.error,
)
"""What the libraries raise for bytes that are damaged or end too early."""
_ENCRYPTED = 1
_XZ_BLOCK = 64 * 1024
_XZ_MEMORY = 256 * 1024 * 1024
"""Four times what the highest level of xz asks for; a header may ask for gibibytes."""
_PADDING = b"\0"
"""May stand between and behind members: https://tukaani.org/xz/xz-file-format.txt"""
_ZIP_CRUMBS = ("__MACOSX/", ".DS_Store")


def unpacked(path: Path, compression: Compression | None) -> BinaryIO:
    """Return the plain bytes of a file as a stream; raise InputError for a zip of more than one file."""
    if compression is None:
        return path.open("rb")
    if compression is Compression.ZIP:
        return _only_file(path)
    if compression is Compression.XZ:
        return cast("BinaryIO", io.BufferedReader(_XzStream(path), 1 << 20))
    return cast("BinaryIO", io.BufferedReader(_ArrowStream(path, compression.value), 1 << 20))


class _ArrowStream(io.RawIOBase):
    """What pyarrow unpacks: its codecs read on behind a first member, and know the end of the last."""

    def __init__(self, path: Path, codec: str) -> None:
        self._stream = pa.CompressedInputStream(pa.OSFile(str(path)), codec)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        block = self._stream.read(len(cast("bytes", buffer)))
        cast("bytearray", buffer)[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _XzStream(io.RawIOBase):
    """What xz packed; the stream of the library takes a damaged member behind the first for the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._member = _xz_member()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        block = b""
        while not block and (packed := self._following()) is not None:
            block = self._decompressed(packed, len(cast("bytes", buffer)))
        cast("bytearray", buffer)[: len(block)] = block
        return len(block)

    def _decompressed(self, packed: bytes, at_most: int) -> bytes:
        try:
            return self._member.decompress(packed, at_most)
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                raise
            raise InputError(
                f"xz asks for more than {_XZ_MEMORY >> 20} MiB of memory: pack it with xz -9 or lower, or "
                "gzip"
            ) from error

    def _following(self) -> bytes | None:
        """Return what is unpacked next, none behind the last member; raise EOFError within one."""
        if not self._member.eof:
            if not self._member.needs_input:
                return b""
            if packed := self._file.read(_XZ_BLOCK):
                return packed
            raise EOFError("a member of it has no end")
        rest = self._member.unused_data.lstrip(_PADDING)
        while not rest and (packed := self._file.read(_XZ_BLOCK)):
            rest = packed.lstrip(_PADDING)
        self._member = _xz_member() if rest else self._member
        return rest or None

    def close(self) -> None:
        self._file.close()
        super().close()


def _xz_member() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _only_file(path: Path) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and not _is_crumb(name)]
    if "mimetype" in names:
        raise InputError("it is an OpenDocument or another document: save its sheet as xlsx or csv")
    if not names:
        raise InputError("the zip is empty: put one file into it")
    if len(names) != 1:
        some = ", ".join(shown(name) for name in names[:3])
        raise InputError(f"the zip holds {len(names):,} files ({some}): put one file into a zip")
    return cast("BinaryIO", _opened(archive, names[0]))


def _opened(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    if archive.getinfo(name).flag_bits & _ENCRYPTED:
        raise InputError("the zip has a password: pack it without one")
    try:
        return archive.open(name)
    except NotImplementedError as error:
        raise InputError(
            "the zip is packed in a way that is not read: pack it with deflate, or gzip"
        ) from error


def _is_crumb(name: str) -> bool:
    return name.startswith(_ZIP_CRUMBS[0]) or name.endswith(_ZIP_CRUMBS[1])


def is_workbook(path: Path) -> bool:
    """Return True for a zip that is an Excel workbook."""
    with zipfile.ZipFile(path) as archive:
        return "[Content_Types].xml" in archive.namelist()

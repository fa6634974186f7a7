"""A text as blocks of whole lines, with the number of each physical line.

No line is kept beyond a mebibyte: its beginning stands for it and is marked, and a file that goes on and on
without a line break is refused.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests.encodings import Decoder

Numbers = npt.NDArray[np.int64]

BLOCK_BYTES = 1 << 20
"""Larger blocks need more memory and are not faster."""
LONGEST_LINE = 1 << 20
_HOPELESS_LINE = 64 << 20
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines in UTF-8, each with its line feed; `starts` and `ends` are offsets without it."""

    data: bytes
    starts: Numbers
    ends: Numbers
    lines: Numbers
    cut: frozenset[int] = frozenset()
    """Places in the block of lines that were too long to be kept."""
    is_last: bool = False

    def line(self, place: int) -> bytes:
        """Return one line without its end."""
        return self.data[self.starts[place] : self.ends[place]].rstrip(b"\r")


def block_of(data: bytes, first_line: int, *, cut: frozenset[int] = frozenset(), is_last: bool) -> Block:
    """Return lines as a block; the first is the physical line `first_line`."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
    return Block(data, starts, ends, first_line + np.arange(len(ends)), cut, is_last)


def read_chunks(stream: BinaryIO, head: bytes, decoder: Decoder) -> Iterator[bytes]:
    """Yield a text with one-byte line feeds, without a byte order mark at its beginning."""
    chunk = head + stream.read(BLOCK_BYTES - len(head))
    returns_alone = b"\n" not in chunk and b"\r" in chunk and b"\n\0" not in chunk
    chunk = chunk.removeprefix(codecs.BOM_UTF8)
    while chunk:
        following = stream.read(BLOCK_BYTES)
        text = decoder.widen(chunk, is_last=not following)
        yield text.replace(b"\r", b"\n") if returns_alone else text
        chunk = following


def read_blocks(stream: BinaryIO, head: bytes, decoder: Decoder) -> Iterator[Block]:
    """Yield the lines of a text in blocks; raise InputError where no line ends for 64 MiB."""
    cutter = _Cutter(decoder)
    earlier: tuple[bytes, int, frozenset[int]] | None = None
    for chunk in read_chunks(stream, head, decoder):
        if found := cutter.feed(chunk):
            if earlier:
                yield block_of(earlier[0], earlier[1], cut=earlier[2], is_last=False)
            earlier = found
    if found := cutter.finish():
        if earlier:
            yield block_of(earlier[0], earlier[1], cut=earlier[2], is_last=False)
        earlier = found
    if earlier:
        yield block_of(earlier[0], earlier[1], cut=earlier[2], is_last=True)


class _Cutter:
    """Cuts chunks behind their last line feed and keeps the rest for the next one."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._rest = b""
        self._skipped = 0
        self._line = 1

    def feed(self, chunk: bytes) -> tuple[bytes, int, frozenset[int]] | None:
        if self._skipped and not self._skip_to_end(chunk):
            return None
        if self._skipped:
            chunk = chunk[chunk.index(b"\n") :]
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._keep(self._rest + chunk)
            return None
        whole, rest = self._rest + chunk[:end], chunk[end:]
        first = whole.index(b"\n")
        is_cut = bool(self._skipped) or first > LONGEST_LINE
        if first > LONGEST_LINE:
            whole = whole[:_KEPT] + whole[first:]
        self._skipped = 0
        self._keep(rest)
        return self._found(whole, is_cut=is_cut)

    def finish(self) -> tuple[bytes, int, frozenset[int]] | None:
        """Return the last line of a text that does not end with a line feed."""
        if not self._rest:
            return None
        return self._found(self._rest + b"\n", is_cut=bool(self._skipped))

    def _found(self, whole: bytes, *, is_cut: bool) -> tuple[bytes, int, frozenset[int]] | None:
        line = self._line
        self._line += whole.count(b"\n")
        if not whole.strip(b"\r\n"):
            return None  # millions of empty lines cost next to nothing
        return self._decoder.to_utf8(whole), line, frozenset([0]) if is_cut else frozenset()

    def _keep(self, rest: bytes) -> None:
        self._rest = rest
        if len(rest) > LONGEST_LINE:
            self._skipped = len(rest)
            self._rest = rest[:_KEPT]

    def _skip_to_end(self, chunk: bytes) -> bool:
        """Return True if the line that is too long ends in this chunk."""
        if b"\n" in chunk:
            return True
        self._skipped += len(chunk)
        if self._skipped > _HOPELESS_LINE:
            raise InputError(
                f"line {self._line} does not end for {_HOPELESS_LINE:,} bytes: this is no table of rows"
            )
        return False

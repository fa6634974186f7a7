"""Records of csv read one by one: several lines long, or with quotes that are not as they should be.

A quote is stray when its field closes before anything but a separator or the end of a line, or goes on for
more than 64 lines or 64 KiB: then its line alone is bad, and reading goes on at the next one.

Decision: docs/adr/0004-csv-line-by-line.md
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maskmatch.storage.manifests.lines import Block

MOST_LINES = 64
MOST_BYTES = 64 * 1024
_BOM = "\ufeff"
_REASONS = {
    "expected after": "a quoted value ends before what is no separator: write a quote inside it twice",
    "unexpected end": f"a quote is not closed within {MOST_LINES} lines or {MOST_BYTES // 1024} KiB: close "
    "it, or write a quote inside a quoted value twice",
    "new-line": "a carriage return stands in the middle of the line: put the value into quotes",
    "field larger": f"a value has more than {MOST_BYTES // 1024} KiB: shorten it",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A record: its fields, or why there are none, and how many lines it took.

    A record that swallowed rows has none of them: each line is bad.
    """

    fields: Sequence[str] | None
    lines: int = 1
    why: str = ""
    swallowed: bool = False


class OutOfLines(Exception):
    """The record may go on in the next block."""


def read_record(block: Block, place: int, *, separator: str, width: int, complaint: str) -> Found:
    """Return the record that begins with a line of a block; `width` is the number of fields of the header."""
    if place in block.cut:
        return Found(None, why="the line has more than a mebibyte: no row is so long")
    lines = _Lines(block, place)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    try:
        fields = next(reader, [])
    except UnicodeDecodeError:
        return Found(None, why=f"the line {complaint}" if lines.taken == 1 else _why("unexpected end"))
    except csv.Error as error:
        if lines.ran_out and not block.is_last and "unexpected end" in str(error):
            raise OutOfLines from error
        return Found(None, why=_why(str(error)))
    if swallowed := _swallowed(block, place, reader.line_num, separator, width):
        return Found(None, reader.line_num, swallowed, swallowed=True)
    if len(fields) != width:
        return Found(None, reader.line_num, f"the row has {len(fields)} fields, the header {width}")
    return Found(fields, reader.line_num)


class _Lines:
    """The lines of a block from one on, as many as a record may have."""

    def __init__(self, block: Block, place: int) -> None:
        self._block, self._place = block, place
        self._bytes = 0
        self.taken = 0
        self.ran_out = False

    def __iter__(self) -> Iterator[str]:
        for place in range(self._place, self._place + MOST_LINES):
            if place >= len(self._block.ends):
                self.ran_out = True
                return
            raw = self._block.data[self._block.starts[place] : self._block.ends[place] + 1]
            self._bytes += len(raw)
            if self.taken and (self._bytes > MOST_BYTES or place in self._block.cut):
                return
            self.taken += 1
            yield raw.decode().removeprefix(_BOM)


def _swallowed(block: Block, place: int, count: int, separator: str, width: int) -> str:
    """Return why a record of several lines is no row: some of its lines are rows by themselves."""
    mark = separator.encode()
    for line in range(place + 1, place + count):
        start, end = int(block.starts[line]), int(block.ends[line])
        if block.data.count(mark, start, end) < width - 1:  # millions of such lines cost next to nothing
            continue
        fields = split_line(block.line(line), separator)
        if fields is not None and len(fields) == width:
            return (
                f"a quote that opens in line {block.lines[place]} and closes in line "
                f"{block.lines[place + count - 1]} has swallowed rows: close it in its own line"
            )
    return ""


def split_line(line: bytes, separator: str) -> list[str] | None:
    """Return the fields of one line; None when it is no csv by itself."""
    try:
        text = line.decode().removeprefix(_BOM)
        return next(csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True), [])
    except (csv.Error, UnicodeDecodeError):
        return None


def _why(error: str) -> str:
    return next((why for part, why in _REASONS.items() if part in error), "the line is not csv")

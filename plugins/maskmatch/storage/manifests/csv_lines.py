"""Which lines of a block of csv are a record by themselves, beyond doubt; all others are read one by one.

A line is when it has an even number of quotes, each where it opens a field, closes one, or stands doubled,
and neither a carriage return of its own nor bytes that are no UTF-8.

Decision: docs/adr/0004-csv-line-by-line.md
"""

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from maskmatch.storage.manifests.columns import fold_name
from maskmatch.storage.manifests.csv_records import split_line
from maskmatch.storage.manifests.lines import Block, Numbers

Mask = npt.NDArray[np.bool_]

_QUOTE, _RETURN, _FEED, _BLANK = b'"\r\n '
_BOM = codecs.BOM_UTF8
_LOWER = 0x20
"""The bit that tells small letters of ASCII from capitals."""
_NUMBERS, _LETTERS = b"0z"
_ENOUGH = 12
"""Bytes of the first name that are compared before a line is taken apart."""


def blank_lines(block: Block, separator: int, header: Sequence[str]) -> Mask:
    """Return which lines are no records: empty, of separators alone, or the header once more."""
    data = np.frombuffer(block.data, np.uint8)
    first = data[block.starts]
    length = block.ends - block.starts
    blank: Mask = (length == 0) | ((length == 1) & (first == _RETURN))
    second = data[np.minimum(block.starts + 1, len(data) - 1)]
    doubt = (first == separator) | ((first == _QUOTE) & (second == _QUOTE))
    doubt |= (first == _BLANK) | (first == _BOM[0])
    folded = [fold_name(name) for name in header]
    for name in {header[0], folded[0]} - {""}:  # without a name a header begins with a separator
        doubt |= _begin_as(data, block, name)
    nothing = bytes([separator]) + b' "\t\r'
    for place in np.flatnonzero(doubt & ~blank).tolist():
        line = block.line(place).removeprefix(_BOM)
        blank[place] = not line.strip(nothing) or _is_header(line, separator, folded)
    return blank


def _begin_as(data: Any, block: Block, name: str) -> Mask:
    """Return which lines may begin with a name, whatever its case, in quotes or not."""
    start = block.starts + (data[block.starts] == _QUOTE)
    begin = np.ones(len(start), bool)
    letters = name.encode()
    for place, letter in enumerate(letters[:_ENOUGH]):
        if letter not in b"_ -":
            begin &= (data[np.minimum(start + place, len(data) - 1)] | _LOWER) == letter | _LOWER
    behind = data[np.minimum(start + len(letters), len(data) - 1)]
    return begin & ((behind < _NUMBERS) | (behind > _LETTERS)) if len(letters) <= _ENOUGH else begin


def _is_header(line: bytes, separator: int, folded: Sequence[str]) -> bool:
    fields = split_line(line, chr(separator)) or ()
    return len(fields) == len(folded) and all(map(_is_name, fields, folded))


def _is_name(field: str, folded: str) -> bool:
    return fold_name(field) == folded


def sure_lines(block: Block, separator: int) -> Mask:
    """Return which lines are a record by themselves beyond doubt, if they begin outside of quotes."""
    data = np.frombuffer(block.data, np.uint8)
    sure = np.ones(len(block.ends), bool)
    sure[_misquoted(data, block.ends, separator)] = False
    returns = np.flatnonzero(data == _RETURN)
    sure[np.searchsorted(block.ends, returns[data[returns + 1] != _FEED])] = False
    sure[data[block.starts] == _BOM[0]] &= ~_begin_with_bom(block, data)
    sure[list(block.cut)] = False
    sure[invalid_lines(block)] = False
    return sure


def _begin_with_bom(block: Block, data: Any) -> Mask:
    starts = block.starts[data[block.starts] == _BOM[0]]
    return np.array([block.data.startswith(_BOM, int(start)) for start in starts], bool)


def _misquoted(data: Any, ends: Numbers, separator: int) -> Numbers:
    quotes = np.flatnonzero(data == _QUOTE)
    if not len(quotes):
        return quotes
    line = np.searchsorted(ends, quotes)
    count = np.bincount(line, minlength=len(ends))
    nth = np.arange(len(quotes)) - np.concatenate([[0], np.cumsum(count)[:-1]])[line]
    before = data[np.maximum(quotes - 1, 0)]
    before[0] = _FEED if quotes[0] == 0 else before[0]
    behind = data[quotes + 1]
    opens = nth % 2 == 0
    fits_before = (before == separator) | (before == _FEED) | ((before == _QUOTE) & (nth > 0))
    fits_behind = (behind == separator) | (behind == _FEED) | (behind == _RETURN) | (behind == _QUOTE)
    fits = np.where(opens, fits_before, fits_behind)
    # A quote that closes before another quote must be doubled: the next one opens right behind it.
    odd = np.flatnonzero(count % 2)
    return np.union1d(line[~fits], odd)


def invalid_lines(block: Block) -> list[int]:
    """Return the places of lines that hold bytes which are no UTF-8."""
    return [int(np.searchsorted(block.ends, at)) for at in _invalid_bytes(block.data)]


def _invalid_bytes(data: bytes) -> Iterator[int]:
    """Yield one place for each line that is no UTF-8; it goes on behind that line."""
    if data.isascii():
        return
    at, view = 0, memoryview(data)
    while at < len(data):
        try:
            codecs.utf_8_decode(view[at:], "strict", True)
        except UnicodeDecodeError as error:
            yield at + error.start
            at = data.find(b"\n", at + error.start) + 1
        else:
            return

"""The flat JSON objects of a block, taken apart at their quotes for all lines at once.

A line such as `{"pair_id": "p1", "is_mated": true}` is strings with gaps between them. A file has few
different gaps (`: `, `, `, `: true, `, `}`), so each is looked at once for all places where it stands. A line
that is not of this kind beyond doubt is left to the json module.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.storage.manifests.csv_lines import Mask, invalid_lines
from maskmatch.storage.manifests.lines import Block, Numbers
from maskmatch.storage.manifests.numbers import Inexact, text_of_float

_QUOTE, _BACKSLASH, _FEED, _RETURN, _BRACE, _BLANK = b'"\\\n\r{ '
_MOST_BACKSLASHES = 50
"""In a row before a quote; a line with more is left to the json module."""
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_GAP = re.compile(r"\s*(?P<colon>:\s*(?P<bare>[^\s,}]*)\s*)?(?P<end>[,}]?)\s*", re.ASCII)
_WORDS = {"true": "true", "false": "false", "null": "", "NaN": ""}
_ELEMENTS = 5
"""Of each string: quote, text, quote, gap behind it, and what lies before the next string."""


class Gap(IntEnum):
    """What stands between two strings, or behind the last."""

    WRONG = 0
    COLON = 1
    COMMA = 2
    END = 3
    BARE_COMMA = 4
    BARE_END = 5


@dataclass(frozen=True, slots=True)
class Members:
    """Keys and values of the lines that were taken apart: one entry for each member, in order."""

    is_fast: Mask
    rows: Numbers
    """Place of the member's line in the block."""
    keys: pa.DictionaryArray
    elements: pa.Array
    values: Numbers
    """Place of a text among the elements, -1 where the value is bare."""
    bare: Numbers
    """Place of a bare value among `bare_texts`, -1 where it is a text."""
    bare_texts: list[str | None]
    is_escaped: Mask
    """Which of the elements hold a backslash."""


def take_apart(block: Block, is_record: Mask) -> Members:
    """Return the members of all lines that are flat objects beyond doubt."""
    data = np.frombuffer(block.data, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    fast = is_record.copy()
    fast[list(block.cut)] = False
    fast[invalid_lines(block)] = False
    fast[np.searchsorted(block.ends, _controls(data))] = False
    if b"\\" in block.data:
        quotes, unclear = _unescaped(data, quotes)
        fast[np.searchsorted(block.ends, unclear)] = False
    line = np.searchsorted(block.ends, quotes)
    count = np.bincount(line, minlength=len(block.ends))
    fast &= (count > 0) & (count % 2 == 0)
    first_quote = np.concatenate([[0], np.cumsum(count)[:-1]])[fast]
    fast[np.flatnonzero(fast)[~_begins_as_object(data, block.starts[fast], quotes[first_quote])]] = False
    keep = fast[line]
    return _members(block, fast, quotes[keep], line[keep])


def _controls(data: Any) -> Numbers:
    places = np.flatnonzero((data < _BLANK) & (data != _FEED))
    controls: Numbers = places[
        ~((data[places] == _RETURN) & (data[np.minimum(places + 1, len(data) - 1)] == _FEED))
    ]
    return controls


def _unescaped(data: Any, quotes: Numbers) -> tuple[Numbers, Numbers]:
    """Return the quotes that open or close, and those with too many backslashes before them to tell."""
    run = np.zeros(len(quotes), np.int64)
    active = np.arange(len(quotes))
    for step in range(1, _MOST_BACKSLASHES + 1):
        active = active[quotes[active] >= step]
        active = active[data[quotes[active] - step] == _BACKSLASH]
        if not len(active):
            break
        run[active] += 1
    return quotes[run % 2 == 0], quotes[active]


def _begins_as_object(data: Any, starts: Numbers, first_quotes: Numbers) -> Mask:
    gap = first_quotes - starts
    close: Mask = (data[starts] == _BRACE) & ((gap == 1) | ((gap == 2) & (data[starts + 1] == _BLANK)))
    return close


def _members(block: Block, fast: Mask, quotes: Numbers, line: Numbers) -> Members:
    opens, closes, line = quotes[0::2], quotes[1::2], line[0::2]
    is_first = np.ones(len(opens), bool)
    is_first[1:] = line[1:] != line[:-1]
    is_last = np.roll(is_first, -1)
    gap_ends = np.where(is_last, block.ends[line], np.roll(opens, -1))
    elements = _elements(block.data, opens, closes, gap_ends)
    strings = np.arange(len(opens))
    gaps = elements.take(pa.array(strings * _ELEMENTS + 3)).dictionary_encode()
    kinds, texts = _gap_kinds(gaps.dictionary)
    number = gaps.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    kind = kinds[number] if len(kinds) else np.zeros(0, np.int64)
    is_value = _values_among(kind, is_first)
    wrong = ~_are_in_place(kind, is_value, is_first=is_first, is_last=is_last)
    fast[line[wrong]] = False
    keys = strings[~is_value & fast[line]]
    is_bare = kind[keys] != Gap.COLON
    return Members(
        is_fast=fast,
        rows=line[keys],
        keys=elements.take(pa.array(keys * _ELEMENTS + 1)).dictionary_encode(),
        elements=elements,
        values=np.where(is_bare, -1, (keys + 1) * _ELEMENTS + 1),
        bare=np.where(is_bare, number[keys], -1),
        bare_texts=texts,
        is_escaped=_escaped(block.data, elements),
    )


def _elements(data: bytes, opens: Numbers, closes: Numbers, gap_ends: Numbers) -> pa.Array:
    """Return the bytes of the block cut at all quotes; no byte is copied."""
    offsets = np.zeros(len(opens) * _ELEMENTS + 1, np.int32)
    for place, bound in enumerate((opens, opens + 1, closes, closes + 1, gap_ends)):
        offsets[place:-1:_ELEMENTS] = bound
    offsets[-1:] = offsets[-2:-1] if len(opens) else 0
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def _escaped(data: bytes, elements: pa.Array) -> Mask:
    found = np.zeros(len(elements), bool)
    if b"\\" in data:
        offsets = np.frombuffer(elements.buffers()[1], np.int32)[: len(elements) + 1]
        slashes = np.flatnonzero(np.frombuffer(data, np.uint8) == _BACKSLASH)
        inside = slashes[(slashes >= offsets[0]) & (slashes < offsets[-1])]
        found[np.searchsorted(offsets, inside, "right") - 1] = True
    return found


def _gap_kinds(gaps: pa.Array) -> tuple[Numbers, list[str | None]]:
    kinds, texts = [], []
    for gap in gaps.to_pylist():
        kind, text = _kind_of(gap)
        kinds.append(kind)
        texts.append(text)
    return np.array(kinds, np.int64), texts


def _kind_of(gap: str) -> tuple[Gap, str | None]:
    found = _GAP.fullmatch(gap)
    if not found:
        return Gap.WRONG, None
    bare, end = found["bare"], found["end"]
    if bare is None:
        return {",": Gap.COMMA, "}": Gap.END}.get(end, Gap.WRONG), None
    if not bare:
        return (Gap.WRONG if end else Gap.COLON), None
    if not end:
        return Gap.WRONG, None
    try:
        return (Gap.BARE_COMMA if end == "," else Gap.BARE_END), _bare_text(bare)
    except ValueError:
        return Gap.WRONG, None


def _bare_text(bare: str) -> str | None:
    if bare in _WORDS:
        return _WORDS[bare]
    if _WHOLE.fullmatch(bare):
        return bare
    if not _NUMBER.fullmatch(bare):
        raise Inexact(bare)
    return text_of_float(float(bare))


def _values_among(kind: Numbers, is_first: Mask) -> Mask:
    before = np.roll(kind, 1)
    value: Mask = ~is_first & (before == Gap.COLON)
    return value


def _are_in_place(kind: Numbers, is_value: Mask, *, is_first: Mask, is_last: Mask) -> Mask:
    """Return which strings stand where the grammar of an object has them."""
    before = np.roll(kind, 1)
    ends = (kind == Gap.END) | (kind == Gap.BARE_END)
    as_value = is_value & ((kind == Gap.COMMA) | (kind == Gap.END))
    behind_comma = is_first | (before == Gap.COMMA) | (before == Gap.BARE_COMMA)
    as_key = ~is_value & behind_comma & ((kind == Gap.COLON) | (kind >= Gap.BARE_COMMA))
    right: Mask = (as_value | as_key) & (ends == is_last)
    return right


def unescape(column: pa.Array, places: Numbers) -> tuple[pa.Array, Numbers]:
    """Return texts of JSON with the escapes at some places undone, and where an escape is wrong."""
    if not len(places):
        return column, places
    raw = [text.encode() for text in column.take(pa.array(places)).to_pylist()]
    wrong: list[int] = []
    try:
        texts = msgspec.json.decode(b'["' + b'","'.join(raw) + b'"]', type=list[str])
    except ValueError:
        texts = []
        for place, text in zip(places.tolist(), raw, strict=True):
            try:
                texts.append(msgspec.json.decode(b'"' + text + b'"', type=str))
            except ValueError:
                texts.append("")
                wrong.append(place)
    mask = np.zeros(len(column), bool)
    mask[places] = True
    undone = pc.replace_with_mask(column, pa.array(mask), pa.array(texts, pa.string()))
    return undone, np.array(wrong, np.int64)

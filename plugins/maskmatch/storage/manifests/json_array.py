"""A JSON array of objects as blocks with one object in each line, whatever lines it was written in.

Objects one behind the other, each over several lines, are read like an array without its brackets.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests.encodings import Decoder
from maskmatch.storage.manifests.lines import LONGEST_LINE, Block, block_of, read_chunks

_BETWEEN = re.compile(rb'(?:\}(\s*,?\s*)(?=\{)|(?<=[^}\s])(\s*,\s*)(?=\{\s*"[^"\\]*"\s*:))')
"""Objects are flat, so that one begins at each brace; the end of the one before may be damaged."""
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
"""A backslash and what it escapes, which may be another: a text that ends with one ends with two."""
_DECODER = json.JSONDecoder()
_BLANKS = b" \t\r\n"
_SEPARATOR = re.compile(r"\s*,?\s*")
_ANOTHER = re.compile(r"\s*\]\s*,?\s*\[")


def read_elements(
    stream: BinaryIO, head: bytes, decoder: Decoder, *, is_array: bool = True
) -> Iterator[Block]:
    """Yield the elements of an array; raise InputError where it is cut short or an element has no end.

    Without `is_array` there are no brackets around them.
    """
    rest, line = b"", 1
    is_begun = False
    for chunk in _decoded(stream, head, decoder):
        rest += chunk
        if not is_begun:
            body = rest.lstrip(_BLANKS)
            line += rest[: len(rest) - len(body)].count(b"\n")
            rest, is_begun = body[int(is_array) :], True
        elements, rest, line = _cut(rest, line)
        if len(rest) > LONGEST_LINE:
            raise InputError(f"the element that begins in line {line} has more than a mebibyte")
        if elements:
            yield _block(elements, is_last=False)
    yield _last(rest, line, is_array=is_array)


def _last(rest: bytes, line: int, *, is_array: bool) -> Block:
    end = rest.rstrip(_BLANKS)
    if is_array and not end.endswith(b"]"):
        raise InputError("it is cut short: the array is not closed by ]; write or fetch it anew")
    end = end[: len(end) - is_array].rstrip(_BLANKS).removesuffix(b",")
    elements, last, line = _cut(end, line, is_last=True)
    line += last[: len(last) - len(last.lstrip(_BLANKS))].count(b"\n")
    last = last.lstrip(_BLANKS)
    if elements and _goes_on(elements[-1][0], last):
        first, line = elements.pop()
        last = first + b"," + last
    return _block([*elements, (last, line)] if last else elements, is_last=True)


def _decoded(stream: BinaryIO, head: bytes, decoder: Decoder) -> Iterator[bytes]:
    """Yield the text as UTF-8, also where a chunk ends within a character."""
    ahead: codecs.IncrementalDecoder | None = None
    for chunk in read_chunks(stream, head, decoder):
        if ahead is None:
            decoder.to_utf8(chunk[: chunk.rfind(b"}") + 1])
            ahead = decoder.narrow()
        yield ahead.decode(chunk).encode("utf-8", "surrogatepass") if ahead else chunk


def _cut(text: bytes, line: int, *, is_last: bool = False) -> tuple[list[tuple[bytes, int]], bytes, int]:
    """Return the elements that are whole with the lines where they begin, and the rest with its line.

    One that may not be whole stays with the rest, unless that is the last.
    """
    elements: list[tuple[bytes, int]] = []
    start, begin, separator = 0, 0, b""
    for found in _BETWEEN.finditer(text):
        separator_now = found[1] if found[1] is not None else found[2]
        element = text[start : found.end() - len(separator_now)]
        body = element.lstrip(_BLANKS)
        line += element[: len(element) - len(body)].count(b"\n")
        if elements and _goes_on(elements[-1][0], body):
            first, first_line = elements.pop()
            elements.append((first + separator + body, first_line))
        else:
            begin = start
            elements.append((body, line))
        separator = separator_now
        line += body.count(b"\n") + separator.count(b"\n")
        start = found.end()
    if elements and not is_last and _has_open_text(elements[-1][0]):
        _, line = elements.pop()
        return elements, text[begin:], line
    return elements, text[start:], line


def _goes_on(earlier: bytes, element: bytes) -> bool:
    """Return True if what looked like the end of an element stands within a text of it."""
    if not _has_open_text(earlier):
        return False
    try:
        json.loads(earlier + b"," + element)
    except (ValueError, RecursionError):
        return False
    return True


def _has_open_text(element: bytes) -> bool:
    return (_ESCAPE.sub(b"", element) if b"\\" in element else element).count(b'"') % 2 == 1


def _block(elements: list[tuple[bytes, int]], *, is_last: bool) -> Block:
    elements = [part for element, line in elements for part in _parted(element, line)]
    data = b"".join(_on_one_line(element) + b"\n" for element, _ in elements)
    block = block_of(data, 1, is_last=is_last)
    lines = np.array([line for _, line in elements], np.int64)
    return Block(data, block.starts, block.ends, lines, is_last=is_last)


def _parted(element: bytes, line: int) -> Iterator[tuple[bytes, int]]:
    """Yield an element; those apart that are no objects, or lack a brace, and stand beside an object."""
    if element.count(b"}") == 1 and element.endswith(b"}") and not element.startswith(b"]"):
        yield element, line
        return
    text, at = element.decode("utf-8", "surrogateescape"), 0
    while at < len(text):
        _refuse_another_array(text, at, line)
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, len(text)
        behind = _SEPARATOR.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing, too
        if not isinstance(value, dict) and "," not in text[end:behind] and not _ANOTHER.match(text, end):
            end = behind = len(text)  # the key of an object without a brace
        if at == 0 and not text[behind:]:
            yield element, line
            return
        yield text[at:end].encode("utf-8", "surrogateescape"), line
        line += text.count("\n", at, behind)
        at = behind


def _refuse_another_array(text: str, at: int, line: int) -> None:
    if found := _ANOTHER.match(text, at):
        line += text.count("\n", at, found.end())
        raise InputError(
            f"another array begins in line {line}: put all objects into one array, or one on each line"
        )


def _on_one_line(element: bytes) -> bytes:
    """Join the lines of an element; a line break within a text stays wrong."""
    if b"\n" not in element:
        return element
    lines = element.replace(b"\r", b"").split(b"\n")
    is_sound = not any(map(_has_open_text, lines))
    return (b" " if is_sound else b"\x00").join(each.strip() for each in lines)

"""The encoding of a text, and the same text as UTF-8.

A byte order mark settles it. Else it is UTF-8 or, where the lines say so strictly, GB18030, in which Excel in
China saves. ASCII is both, so that the choice is made at the first block that holds anything else. What is
not in the encoding becomes invalid UTF-8, and so a bad row.
"""

import codecs
from typing import NamedTuple

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown

_SAMPLE_LINES = 1000
_COMMON_SHARE = 0.9
"""Of the characters beyond ASCII, those of GB 2312: what GB18030 makes of other encodings lies outside it."""
_UTF8_SHARE = 0.2
_HANZI, _RARE = 0xB0, 0xD8
"""First bytes of GB 2312: of the common Chinese characters, and of the rare ones, as which Cyrillic looks."""
_LAST_HANGUL, _ENOUGH = 0xC8, 20
"""Korean looks like common characters up to this first byte; of so many Chinese ones, a third lie beyond."""
_NUL_SHARE = 0.2
_INVALID = b"\xff"
_WIDE = ("utf-16", "utf-32")
_ASCII = bytes(range(128))
_BEYOND = "é東あ서Ж"
"""Characters that no encoding may write with the bytes of ASCII alone, which are taken as they are."""


class _Mark(NamedTuple):
    mark: bytes
    encoding: str


_MARKS = (
    _Mark(codecs.BOM_UTF32_LE, "utf-32"),
    _Mark(codecs.BOM_UTF32_BE, "utf-32"),
    _Mark(codecs.BOM_UTF8, "utf-8-sig"),
    _Mark(codecs.BOM_UTF16_LE, "utf-16"),
    _Mark(codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with BOM", "utf-16": "UTF-16 with BOM", "gb18030": "GB18030"}


class Decoder:
    """Turns the bytes of one file into UTF-8; `encoding` is told by a setting, or found."""

    def __init__(
        self, head: bytes, encoding: str | None = None, *, setting: str = "manifest_encoding"
    ) -> None:
        self._setting = setting
        self._encoding = _known(encoding, setting) if encoding else _marked(head)
        if self._encoding == "utf-32" and not encoding:
            raise InputError("it is UTF-32: save it as UTF-8")
        if self._encoding is None and (wide := _unmarked(head)):
            raise InputError(
                f"it looks like UTF-16 without a byte order mark: save it as UTF-8, or set {setting} to "
                f"{wide}"
            )
        if self._encoding in {"utf-16", "utf-32"} and _marked(head) != self._encoding:
            raise InputError(
                f"it has no byte order mark of {self._encoding}: set {setting} to "
                f"{self._encoding}-le or {self._encoding}-be, or leave it out"
            )
        self._wide = self._encoding is not None and self._encoding.startswith(_WIDE)
        self._ahead = codecs.getincrementaldecoder(self._encoding or "utf-8")("surrogatepass")

    @property
    def name(self) -> str:
        """Return the encoding as people call it; a file of ASCII alone is UTF-8."""
        encoding = self._encoding or "utf-8"
        return _NAMES.get(encoding, encoding)

    @property
    def complaint(self) -> str:
        """Return what a text is that is not in the encoding, and the cure."""
        return f"is not {self.name}: save the file as UTF-8, or set {self._setting}"

    def widen(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Return a chunk in which a line feed is one byte, whatever the encoding."""
        if not self._wide:
            return chunk
        try:
            return self._ahead.decode(chunk, is_last).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # half a character at the very end
            return self._ahead.decode(chunk).encode("utf-8", "surrogatepass") + _INVALID

    def narrow(self) -> codecs.IncrementalDecoder | None:
        """Return what decodes chunks that may end within a character; None where they are UTF-8."""
        if self._wide or self._encoding in {None, "utf-8", "utf-8-sig"}:
            return None
        return codecs.getincrementaldecoder(self._encoding or "utf-8")("surrogateescape")

    def to_utf8(self, lines: bytes) -> bytes:
        """Return whole lines as UTF-8."""
        if self._wide or lines.isascii():
            return lines
        if self._encoding is None:
            self._encoding = "gb18030" if _is_gb18030(lines) else "utf-8"
        if self._encoding in {"utf-8", "utf-8-sig"}:
            return lines
        return lines.decode(self._encoding, "surrogateescape").encode("utf-8", "surrogatepass")


def _unmarked(head: bytes) -> str:
    """Return which UTF-16 has the zeros of a text at every other place; nothing for other bytes."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) <= _NUL_SHARE * len(head) or min(even, odd) > _NUL_SHARE * max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _known(encoding: str, setting: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        other = _BEYOND.encode(name, "ignore")
        is_mixed = bool(other) and other.isascii()
        if not name.startswith(_WIDE) and (is_mixed or _ASCII.decode(name) != _ASCII.decode()):
            raise LookupError(encoding)  # noqa: TRY301 - lines and separators would not be found
    except (LookupError, UnicodeError) as error:
        raise InputError(
            f"{setting} {shown(encoding)} is not known: take utf-8, gb18030 or utf-16"
        ) from error
    return name


def _marked(head: bytes) -> str | None:
    return next((each.encoding for each in _MARKS if head.startswith(each.mark)), None)


def _is_gb18030(lines: bytes) -> bool:
    sample = [line for line in lines.split(b"\n") if not line.isascii()][:_SAMPLE_LINES]
    as_utf8 = sum(_decoded(line, "utf-8") is not None for line in sample)
    texts = [text for line in sample if (text := _decoded(line, "gb18030")) is not None]
    beyond = [character for text in texts for character in text if character > "\x7f"]
    common = sum(map(_is_common, beyond))
    leads = [lead[0] for each in beyond if (lead := each.encode("gb2312", "ignore")) and lead[0] >= _HANZI]
    return (
        sum(lead >= _RARE for lead in leads) <= len(leads) / 2
        and (len(leads) < _ENOUGH or max(leads) > _LAST_HANGUL)
        and as_utf8 <= _UTF8_SHARE * len(sample)
        and len(texts) > len(sample) / 2
        and common >= _COMMON_SHARE * len(beyond)
    )


def _is_common(character: str) -> bool:
    """Return True for what no other encoding looks like: GB 2312, or four bytes of which two are digits."""
    return bool(character.encode("gb2312", "ignore")) or len(character.encode("gb18030")) == 4


def _decoded(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None

"""What an answer holds, as journals, tables and logs may keep it: whoever answers may write anything."""

import json
import re

_LONGEST = 300
_LOOKED_AT = 16 * _LONGEST
"""Of megabytes that somebody calls a message, no more is cleaned."""
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")


def score_of(value: object) -> float | None:
    """Return a score: a number from 0 to 100, and nothing else that Python would take for one."""
    if type(value) not in (float, int):
        return None
    return float(value) if 0 <= value <= 100 else None  # type: ignore[operator,arg-type]  # a number


def text_of(value: object) -> str | None:
    """Return a short text that can be encoded and printed; None for anything but text."""
    if not isinstance(value, str):
        return None
    return value if len(value) <= _LONGEST and value.isprintable() else _short(value)


def message_of(value: object) -> str:
    """Return a message fit for logs and tables: short, without the query of any address."""
    if isinstance(value, bytes):
        value = value[:_LOOKED_AT].decode("utf-8", "replace")
    text = (
        value[:_LOOKED_AT] if isinstance(value, str) else f"a {type(value).__name__} where a message is due"
    )
    return _short(_QUERY.sub(r"\1?...", text))


def refuse_repeated(content: bytes) -> None:
    """Raise ValueError if a name stands twice in one object: nobody knows which of its values counts.

    A name is looked for as it is commonly written; only what is written otherwise is parsed for that.
    """
    if content.count(b'"Score"') > 1 or content.count(b'"Response"') > 1 or b"\\" in content:
        json.loads(content, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("the answer holds a name twice")
    return found


def _short(text: str) -> str:
    text = " ".join(text[:_LOOKED_AT].split())
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return "".join(character if character.isprintable() else "\ufffd" for character in text)

"""From what was entered to a value; each raises ValueError when it cannot be one."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from maskmatch.core.endpoints import Endpoint, read_endpoint
from maskmatch.core.errors import InputError

_FLAGS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_DIGITS = frozenset("0123456789.eE+-")


def number(value: object, *, above: float | None = None, least: float | None = None, most: float) -> float:
    """Return a number within its bounds."""
    found = amount(value, most=most)
    if (above is not None and found <= above) or (least is not None and found < least):
        raise ValueError
    return float(found)


def whole(value: object, *, least: int, most: int) -> int:
    """Return a whole number within its bounds; 5.0 is one, 5.5 is not."""
    found = amount(value, most=most)
    if found != int(found) or found < least:
        raise ValueError
    return int(found)


def amount(value: object, *, most: float) -> Decimal:
    """Return a number as it is written, which true and false are not."""
    written = str(value).strip()
    if isinstance(value, bool) or not written or not _DIGITS.issuperset(written):
        raise ValueError
    try:
        found = Decimal(written)
    except InvalidOperation:
        raise ValueError from None
    if not found.is_finite() or found > most:
        raise ValueError
    return found


def money(value: object) -> Decimal:
    """Return money above nothing."""
    found = amount(value, most=1e9)
    if found <= 0:
        raise ValueError
    return found


def flag(value: object) -> bool:
    """Return true or false, however they are written."""
    try:
        return _FLAGS[str(value).strip().lower()]
    except KeyError:
        raise ValueError from None


def one_of(*names: str) -> Callable[[object], str]:
    """Return a reader of one of some words."""

    def read(value: object) -> str:
        if (found := str(value).strip()) not in names:
            raise ValueError
        return found

    return read


def word(value: object) -> str:
    """Return ASCII text without a blank inside; those around it are taken off."""
    found = text(value).strip()
    if not found.isascii() or not found.isprintable() or " " in found:
        raise ValueError("it holds a blank or a character that is not ASCII")
    return found


def secret(value: object) -> str:
    """Return a key or token, which must hold no blank: one that is pasted along is told, not removed."""
    found = text(value)
    if found != found.strip():
        where = "end" if found == found.lstrip() else "beginning"
        raise ValueError(f"it has a blank at its {where}: enter it again")
    if not found.isascii() or not found.isprintable() or " " in found:
        raise ValueError("it has a blank or a character that is not ASCII inside: enter it again")
    return found


def time_zone(value: object) -> str:
    """Return the name of a time zone."""
    try:
        return ZoneInfo(text(value).strip()).key
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError from None


def endpoint(value: object) -> Endpoint:
    """Return host, port and, if it was typed, protocol."""
    try:
        return read_endpoint(text(value))
    except InputError as error:
        raise ValueError(str(error)) from None


def text(value: object) -> str:
    """Return text, or a number as text."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError("it is not text")  # noqa: TRY004 - a reader raises nothing else
    return str(value)

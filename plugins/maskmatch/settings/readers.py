"""From what was entered to a value; each raises ValueError when it cannot be one."""

import re
import ssl
from collections.abc import Callable
from datetime import time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from maskmatch.core.endpoints import Endpoint, problem_of, read_endpoint
from maskmatch.core.errors import InputError
from maskmatch.core.places import s3_place
from maskmatch.core.shown import shown_value

MONEY = "an amount from 0.01 such as 1500.5"
_FEN = Decimal("0.01")
MOST_CNY = 10**9
_FLAGS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_PATTERN = re.compile(r"[a-z0-9.*?\[\]!-]+")
_HTTP = re.compile(r"(https?)://", re.IGNORECASE)
_TIME = re.compile(r"(\d\d?):(\d\d)", re.ASCII)
_COS_BUCKET = re.compile(r"(?!cos)[^:]*\.myqcloud\.com(:|$)")
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
    """Return money, a fen of which is the least."""
    found = amount(value, most=MOST_CNY)
    if found < _FEN:
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


def password(value: object) -> str:
    """Return a password as it is; a number may have lost how it was written."""
    if not isinstance(value, str):
        raise ValueError("it is not text: put it in quotes")  # noqa: TRY004 - a reader raises nothing else
    return value


def patterns(value: object) -> tuple[str, ...]:
    """Return names and patterns: a text in which they are parted by commas or blanks, or a list of such."""
    texts = [text(each) for each in (value if isinstance(value, list) else [value])]
    found = tuple(" ".join(texts).replace(",", " ").lower().split())
    if wrong := next((name for name in found if not _is_pattern(name)), None):
        raise ValueError(f"{shown_value(wrong)} is not one")
    return found


def _is_pattern(name: str) -> bool:
    # fnmatch takes a bracket without its partner for a letter, which no name has.
    return bool(_PATTERN.fullmatch(name)) and not re.search(r"[\[\]]", re.sub(r"\[!?[^\[\]]+\]", "", name))


def time_zone(value: object) -> str:
    """Return the name of a time zone."""
    try:
        return ZoneInfo(text(value).strip()).key
    except (ZoneInfoNotFoundError, OSError, ValueError):  # its own words repeat the value
        raise ValueError from None


def time_of_day(value: object) -> time:
    """Return a time of day, written as hours and minutes."""
    found = _TIME.fullmatch(text(value).strip())
    if not found:
        raise ValueError
    return time(int(found[1]), int(found[2]))


def endpoint_url(value: object) -> str:
    """Return the address of a server: scheme, host and port alone, https where no scheme is written."""
    found = word(value)
    scheme = _HTTP.match(found)
    host_port = found[scheme.end() if scheme else 0 :].rstrip("/").lower()
    if problem := problem_of(host_port):
        raise ValueError(f"it {problem}: write scheme, host and port alone, without key and bucket")
    if _COS_BUCKET.match(host_port):
        raise ValueError("it holds the bucket: begin with cos.")
    return f"{scheme[1].lower() if scheme else 'https'}://{host_port}"


def s3_address(value: object) -> str:
    """Return an address s3://bucket/prefix."""
    found = text(value).strip()
    if not found.startswith("s3://"):
        raise ValueError
    place = s3_place(found)
    return f"s3://{place.bucket}/{place.key}"


def ca_file(value: object) -> str:
    """Return the path of a file that holds certificates."""
    path = text(value).strip()
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("it holds no certificate") from None
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from None
    return path


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

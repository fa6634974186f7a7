"""Where objects lie: s3://bucket/prefix, each character of which is meant, or file:///folder, a URI."""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown_value

_SCHEME = re.compile(r"(s3|file)://", re.IGNORECASE)
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
"""Names alone: an ARN or an access point would have requests signed for another host."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class S3Place(NamedTuple):
    """A bucket, and a key or a prefix in it, in which `#`, `?` and `%` are characters like others."""

    bucket: str
    key: str


def s3_place(address: str) -> S3Place:
    """Return what s3://bucket/key names; raise ValueError with what is wrong, which shows no part of it."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if "@" in address and not _BUCKET.fullmatch(bucket):
        raise ValueError("it holds a user or a password, which have settings of their own")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("after s3:// stands the name of a bucket: small letters, digits, . and -")
    if why := what_is_wrong_with_key(key):
        raise ValueError(why)
    return S3Place(bucket, key)


def what_is_wrong_with_key(key: str) -> str | None:
    """Return why a key may be read as another by a store or a server on the way; None for any other."""
    if ".." in key.split("/"):
        return "it must not go up: no .. between slashes"
    return "it holds a control character" if _CONTROL.search(key) else None


def read_place(text: str) -> S3Place | Path:
    """Return a place as a person writes it, blanks around it apart; raise InputError with what is wrong."""
    typed = text.strip()
    scheme = _SCHEME.match(typed)
    try:
        if not scheme:
            raise ValueError("it begins with neither s3:// nor file://")  # noqa: TRY301 - all are told alike
        rest = typed[scheme.end() :]
        return s3_place(f"s3://{rest}") if scheme[1].lower() == "s3" else _folder(rest)
    except ValueError as error:
        raise InputError(
            f"{shown_value(text)} is not a storage address ({error}): give s3://bucket/prefix or file:///folder"
        ) from None


def _folder(rest: str) -> Path:
    if not rest.startswith("/"):
        raise ValueError("after file:// stands the absolute path of a folder of this host")
    if {*"?#"} & {*rest}:
        raise ValueError("it holds ? or #: in a path write %3F and %23")
    try:
        path = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its escapes are not those of UTF-8") from None
    if _CONTROL.search(path):
        raise ValueError("it holds a control character")
    return Path(path)

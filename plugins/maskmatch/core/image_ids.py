"""What an image id may be, and what no value of a manifest may hold.

images/a.jpg                     a key below the source folder
s3://bucket/images/a.jpg         an object of a bucket, by the bucket's name
https://host/a.jpg?size=large    a public address, which the vendor fetches
"""

import re
import unicodedata
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from maskmatch.core.places import s3_place, what_is_wrong_with_key

_SCHEMES = ("s3", "https", "http")
_SCHEME = re.compile(
    r"([a-z]|https?|ftps?|file|data|gs|s3[an]?|cosn?|oss|hdfs|wasbs?|abfss?):", re.IGNORECASE
)
"""What addresses and paths of Windows begin with; keys such as camera:7/a.jpg are sound."""
_IN_SECRETS = re.compile(r"[@?&#;%\\]")
"""Without one of these there is neither user nor query, nor an escape of one."""
_MOST_ESCAPES = 8
"""Nobody writes a name in escapes of escapes so often."""
_HARMLESS = frozenset(
    ["w", "h", "width", "height", "size", "q", "quality", "v", "version", "format", "fit", "crop", "rotate"]
)
"""Names in a query, which say how a picture is to be shown."""
_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9._x-]{0,12}")


def what_is_wrong(image_id: str) -> str | None:
    """Return why a text is no image id; None for one that is."""
    scheme, separator, rest = image_id.partition("://")
    if not separator:
        return _wrong_key(image_id)
    if scheme not in _SCHEMES or not rest:
        return "give a key, an s3:// address or a public https:// address"
    return _wrong_object(image_id) if scheme == "s3" else None


def _wrong_key(key: str) -> str | None:
    if _SCHEME.match(key):
        return "a key must not begin as an address does, such as https: (s3://bucket/key may name one)"
    if key.startswith("/"):
        return "a key must stay below the source folder: no leading /"
    return what_is_wrong_with_key(key)


def _wrong_object(address: str) -> str | None:
    try:
        return None if s3_place(address).key else "an s3:// address of an image is s3://bucket/key"
    except ValueError as error:
        return f"an s3:// address of an image is s3://bucket/key: {error}"


def may_hold_secret(text: str) -> bool:
    """Return True if a text holds an address with a user, or with a query that may grant access."""
    if "//" in text:  # marks as a Chinese keyboard writes them
        text = unicodedata.normalize("NFKC", text)
    if not _IN_SECRETS.search(text):
        return False
    for _ in range(_MOST_ESCAPES):  # names and values may be written in escapes, and those again
        if any(_grants_access(word) for word in text.replace("\\", "/").split()):
            return True
        text, before = unquote(text), text
        if text == before:
            return False
    return True


def place_of_secret(path: str) -> int | None:
    """Return where the first name in a path begins that may hold a secret, None for none."""
    place = 0
    for name in path.split("/"):
        if may_hold_secret(name):
            return place
        place += len(name) + 1
    return None


def _grants_access(word: str) -> bool:
    """Return True for an address or a part of one: `//host`, `user:password@host`, `key?name=value`."""
    before, slashes, rest = word.partition("//")
    user, at, _ = before.partition("@")
    if at and ":" in user:
        return True
    head, mark, tail = _parted(rest if slashes else before)
    if not slashes and "=" not in tail:
        return False
    try:
        parts = urlsplit(f"{slashes}{head}{mark}{tail}")
    except ValueError:
        return "@" in word or "?" in word
    return "@" in parts.netloc or ";" in parts.path or not _is_harmless(parts)


def _parted(address: str) -> tuple[str, str, str]:
    """Return what stands before and after the `?` of a query, for which a `&` may have been written."""
    places = [address.find(mark) for mark in "?#"]
    if address.find("&") < address.rfind("="):
        places.append(address.find("&"))
    place = min((each for each in places if each >= 0), default=len(address))
    return address[:place], address[place : place + 1].replace("&", "?"), address[place + 1 :]


def _is_harmless(parts: SplitResult) -> bool:
    """Return True if query and fragment only say how a picture is to be shown."""
    if "=" in parts.fragment or "?" in parts.fragment:
        return False
    if not parts.query:
        return True
    pairs = parse_qsl(parts.query, keep_blank_values=True, separator="&")
    return bool(pairs) and all(
        name.lower() in _HARMLESS and _HARMLESS_VALUE.fullmatch(value) for name, value in pairs
    )

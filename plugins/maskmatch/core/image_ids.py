"""What an image id may be, and what no value of a manifest may hold.

images/a.jpg                     a key below the source folder
s3://bucket/images/a.jpg         an object of a bucket, by the bucket's name
https://host/a.jpg?size=large    a public address, which the vendor fetches
"""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_SCHEMES = ("s3", "https", "http")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Names alone: an ARN or an access point would have requests signed for another host."""
_HARMLESS = frozenset(
    ["w", "h", "width", "height", "size", "q", "quality", "v", "version", "format", "fit", "crop", "rotate"]
)
"""Names in a query, which say how a picture is to be shown."""
_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9._x-]{0,12}")


def what_is_wrong(image_id: str) -> str | None:
    """Return why a text is no image id; None for one that is."""
    scheme, separator, rest = image_id.partition("://")
    if not separator:
        if image_id.startswith("/") or ".." in image_id.split("/"):
            return "a key must stay below the source folder: no leading / and no .."
        return None
    if scheme not in _SCHEMES or not rest:
        return "give a key, an s3:// address or a public https:// address"
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        if not _BUCKET.fullmatch(bucket) or not key:
            return "an s3:// address is s3://bucket/key, with the name of a bucket and no ARN"
    return None


def may_hold_secret(text: str) -> bool:
    """Return True if a text holds an address with a user, or with a query that may grant access."""
    for _ in range(2):  # names and values may be written in escapes, and those again
        if any(map(_grants_access, _addresses(text))):
            return True
        text = unquote(text)
    return any(map(_grants_access, _addresses(text)))


def _addresses(text: str) -> Iterator[str]:
    """Yield what may be an address, in time that grows with the length of the text alone."""
    if "//" not in text and "?" not in text:
        return
    for word in text.split():
        if "//" in word:
            yield word[word.index("//") :]
        if "=" in word.partition("?")[2]:
            yield word


def _grants_access(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "@" in address or "?" in address
    return "@" in parts.netloc or ";" in parts.path or not _is_harmless(parts)


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

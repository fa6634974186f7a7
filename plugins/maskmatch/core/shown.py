"""What a person or a manifest has entered, as it may be shown.

Short, with what is invisible in escapes; of an address nothing before an @, and no query.
"""

import re

_USER = re.compile(r"\A((?:[a-z0-9+.-]*://)?).*(?:@|%(?:25)*40)", re.IGNORECASE | re.DOTALL)
"""From the scheme to the last @, which may be written in escapes: a password may hold any character."""
_QUERY = re.compile(r"\?.*=.*", re.DOTALL)
_URL_SECRETS = re.compile(r"(?<=://)[^/@\s]+@|\?[^\s'\"<>)]*=[^\s'\"<>)]*")
_IN_MESSAGE = re.compile(r"//.*@", re.DOTALL)
_LOOKALIKES = {
    place: f"\\u{place:04x}"
    for place in range(0xFF01, 0xFF5F)
    if chr(place - 0xFEE0).isalnum() or chr(place - 0xFEE0) in "./\\_-@#%"
}
"""Full-width forms; commas, colons and brackets among them are common in Chinese texts."""
_LONGEST = 100
_LONGEST_OF_MANIFESTS = 60


def without_secrets(text: str) -> str:
    """Return a text without user, password and query of an address, and short."""
    shown = _QUERY.sub("?...", _USER.sub(r"\1...@", text))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def shown_value(value: object) -> str:
    """Return a value the same way, as Python writes it: text in quotes, with what is invisible in escapes."""
    return repr(without_secrets(value)) if isinstance(value, str) else without_secrets(repr(value))


def without_users(message: str) -> str:
    """Return the message of a library, which may hold addresses, without their users and passwords."""
    return _IN_MESSAGE.sub("//...@", message)


def without_url_secrets(text: str) -> str:
    """Return a text without what may hold a key in its addresses: user and password, and the query."""
    return _URL_SECRETS.sub(lambda found: "" if found[0].endswith("@") else "?...", text)


def shown(text: str, *, at_most: int = _LONGEST_OF_MANIFESTS) -> str:
    """Return what a manifest holds, in which no secret was found: in quotes, cut, in escapes.

    Full-width letters and digits, which look like others, are in escapes, too.
    """
    return repr(text[:at_most]).translate(_LOOKALIKES) + ("..." if len(text) > at_most else "")


def plain(text: str, *, at_most: int = 1024) -> str:
    """Return the same without quotes, for names of files: it can be encoded and stands on one line."""
    escaped = "".join(each if each.isprintable() else _escape(each) for each in text[:at_most])
    return escaped + ("..." if len(text) > at_most else "")


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

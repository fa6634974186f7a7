"""What a person has entered, as it may be shown: nothing before an @, no query, and not much of it."""

import re

_USER = re.compile(r"\A((?:[a-z0-9+.-]*://)?).*(?:@|%(?:25)*40)", re.IGNORECASE | re.DOTALL)
"""From the scheme to the last @, which may be written in escapes: a password may hold any character."""
_QUERY = re.compile(r"\?.*=.*", re.DOTALL)
_IN_MESSAGE = re.compile(r"//.*@", re.DOTALL)
_LONGEST = 100


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

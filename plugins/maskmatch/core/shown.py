"""Texts from outside as messages may show them: cut, and with control and invisible characters escaped."""

_AT_MOST = 60


def shown(text: str, *, at_most: int = _AT_MOST) -> str:
    """Return a text in quotes, cut, and with every character that does not print as its escape."""
    cut = text[:at_most]
    return repr(cut) + ("..." if len(text) > at_most else "")


def plain(text: str, *, at_most: int = 1024) -> str:
    """Return the same without quotes, for names of files: it can be encoded and stands on one line."""
    escaped = "".join(each if each.isprintable() else _escape(each) for each in text[:at_most])
    return escaped + ("..." if len(text) > at_most else "")


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

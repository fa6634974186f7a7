"""What people enter, read once: typed, bounded, and refused with its place and its right form.

A setting comes from the form of a connection, its JSON or URI, a variable, an option or a Param. Whatever is
wrong with it is said before anything is called; an empty value is the default, a wrong one never.

Decision: docs/adr/0017-settings-are-read-once.md
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from maskmatch.core.errors import WrongSetting
from maskmatch.core.shown import shown_value

_NEAR = 0.75


class Entered(NamedTuple):
    """A value as it was entered, and where."""

    value: object
    place: str

    @property
    def is_empty(self) -> bool:
        """Return True for nothing and for blanks."""
        return self.value is None or (isinstance(self.value, str) and not self.value.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting: `read` returns its value or raises ValueError, `form` says how it is to be written.

    `label`, `help` and `schema` (JSON schema) are for the form of a connection.
    """

    name: str
    read: Callable[[object], Any]
    form: str
    default: Any = None
    label: str = ""
    help: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    is_secret: bool = False

    def value_of(self, entered: Entered | None) -> Any:
        """Return the value, the default for an empty one; raise WrongSetting."""
        if entered is None or entered.is_empty:
            return self.default
        try:
            return self.read(entered.value)
        except ValueError as error:
            shown = "what is entered" if self.is_secret else shown_value(entered.value)
            why = f" ({error})" if str(error) else ""
            raise WrongSetting(f"{entered.place}: {shown} is not {self.form}{why}") from None


def read_fields(fields: Iterable[Field], entered: Mapping[str, Entered]) -> dict[str, Any]:
    """Return the value of each field by its name; raise WrongSetting."""
    return {each.name: each.value_of(entered.get(each.name)) for each in fields}


def check_names(given: Iterable[str], known: Collection[str], *, place: str) -> None:
    """Raise WrongSetting for a name that is not known, with the nearest that is."""
    for name in given:
        if name not in known:
            hint = nearest(name, known)
            cure = f"did you mean {hint}?" if hint else f"known are {', '.join(sorted(known))}"
            raise WrongSetting(f"{place}: {shown_value(name)} is not known: {cure}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is written most alike, if there is one, however its words are parted."""
    plain = {_plain(each): each for each in known}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=_NEAR)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

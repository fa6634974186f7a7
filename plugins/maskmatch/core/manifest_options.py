"""How manifests are to be read where their files do not say it themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from maskmatch.core.pairs import ATTRIBUTE_PREFIX, COLUMNS
from maskmatch.core.shown import shown_value


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """Names of columns by what they are to us, and an encoding; None finds it out."""

    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    encoding: str | None = None

    @classmethod
    def of(cls, columns: str = "", encoding: str = "") -> Self:
        """Read both as they are entered; raise ValueError for columns that cannot be understood."""
        return cls(parse_columns(columns), encoding.strip() or None)

    def __str__(self) -> str:
        columns = ",".join(f"{ours}={theirs}" for ours, theirs in sorted(self.columns.items()))
        return f"{columns};{self.encoding or ''}"


def parse_columns(text: str, known: Collection[str] = COLUMNS) -> Mapping[str, str]:
    """Read `reference_id=img1, probe_id=img2`; raise ValueError for what is no such list."""
    columns: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        ours, separator, theirs = (each.strip() for each in part.partition("="))
        is_ours = ours in known or (ours.startswith(ATTRIBUTE_PREFIX) and ours != ATTRIBUTE_PREFIX)
        if not separator or not theirs or not is_ours or ours in columns or theirs in columns.values():
            raise ValueError(f"{shown_value(text)} is not such a list")
        columns[ours] = theirs
    return MappingProxyType(columns)

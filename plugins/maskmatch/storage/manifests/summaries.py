"""What a file of rows turned out to be, as a line of the log and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from maskmatch.core.shown import plain, shown
from maskmatch.storage.manifests.content import Compression

_SHOWN_NAMES = 20


@dataclass(slots=True)
class FileSummary:
    """What a manifest or a list turned out to be; whole when it was read to its end."""

    file: str
    form: str = ""
    encoding: str | None = None
    compressions: tuple[Compression, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    """Names in the file, and what they are to us."""
    passed_over: list[str] = field(default_factory=list)
    rows: int = 0
    bad_rows: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the same as JSON values, names as they may be shown."""
        return asdict(self) | {
            "compressions": [each.value for each in self.compressions],
            "columns": {plain(name): ours for name, ours in self.columns.items()},
            "passed_over": [plain(name) for name in self.passed_over],
        }

    def __str__(self) -> str:
        return describe_file(self.to_record())


def describe_file(record: Mapping[str, Any]) -> str:
    """Return the record of a manifest as a line of the log."""
    traits = [record["form"], " in ".join(record["compressions"]), record["encoding"]]
    renamed = [f"{shown(name)} as {ours}" for name, ours in record["columns"].items() if name != ours]
    passed_over = [shown(name) for name in record["passed_over"]]
    return (
        f"{record['file']}: {', '.join(filter(None, traits))}, "
        f"{record['rows']:,} rows, {record['bad_rows']:,} of them bad"
        + (f"; read: {_some(renamed)}" if renamed else "")
        + (f"; passed over: {_some(passed_over)}" if passed_over else "")
    )


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN_NAMES:,} more" if len(texts) > _SHOWN_NAMES else ""
    return ", ".join(texts[:_SHOWN_NAMES]) + more

"""From manifest rows to a plan: what is bad, what is to be compared, in which shard and in which order.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Self

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.pairs import BadRow, Pair, bad_row

FORMAT = 1
"""Of plans and journals. Part of a plan's name, so that another version of this software makes its own."""
MAX_SHARDS = 32
MANIFEST_BYTES_PER_SHARD = 256 * 1024
"""A shard of so much manifest has some thousand pairs: a minute of a 50/s account."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest as it was planned: another fingerprint is another plan."""

    key: str
    fingerprint: str
    size: int


@dataclass(frozen=True, slots=True)
class Shard:
    """One task's portion: an object with pairs, in call order."""

    key: str
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run will do, fixed before the first call.

    `folder` is where plan, shards and journals lie; plans with one `work_id` compare the same pairs.
    """

    plan_id: str
    work_id: str
    day: date
    folder: str
    manifests: tuple[ManifestFile, ...]
    rows: int
    bad_rows: int
    bad_rows_key: str
    shards: tuple[Shard, ...]
    conditional_writes: bool

    @property
    def pairs(self) -> int:
        """Return the number of pairs to compare."""
        return sum(shard.pairs for shard in self.shards)

    def __str__(self) -> str:
        return (
            f"plan {self.plan_id}: {self.rows:,} rows, {self.pairs:,} pairs to compare "
            f"in {len(self.shards)} shards, {self.bad_rows:,} bad rows"
        )

    def shard(self, key: str) -> Shard:
        """Return the shard with this key; raise InputError when the plan has none."""
        for shard in self.shards:
            if shard.key == key:
                return shard
        raise InputError(f"plan {self.plan_id} has no shard {key}: clear the plan task")

    def to_record(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return asdict(self) | {"day": self.day.isoformat(), "format": FORMAT}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self | None:
        """Read back what `to_record` wrote; return None for a plan of another format."""
        if record.pop("format", None) != FORMAT:
            return None
        return cls(
            **record
            | {
                "day": date.fromisoformat(record["day"]),
                "manifests": tuple(ManifestFile(**manifest) for manifest in record["manifests"]),
                "shards": tuple(Shard(**shard) for shard in record["shards"]),
            }
        )


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Choices of a plan: quality control for rows that do not say, shards at most, and a repetition.

    A `repetition` is a name; a new one calls every pair again, though its score is known. More bad rows than
    `max_bad_rows` are an error.
    """

    quality_control: int = 0
    max_shards: int = 4
    repetition: str = ""
    max_bad_rows: ShareLimit = field(default_factory=ShareLimit)


def work_id(source: str, manifests: Sequence[ManifestFile], options: PlanOptions) -> str:
    """Return a name of the work: equal manifests of one source with equal quality control."""
    files = [f"{manifest.key} {manifest.fingerprint}" for manifest in manifests]
    return _digest(str(FORMAT), source, *files, str(options.quality_control))


def plan_id(work: str, options: PlanOptions) -> str:
    """Return the name of a plan for some work."""
    return _digest(work, options.repetition) if options.repetition else work


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def shard_count(manifest_bytes: int, *, at_most: int) -> int:
    """Return how many shards manifests of so many bytes are worth."""
    return max(1, min(at_most, MAX_SHARDS, -(-manifest_bytes // MANIFEST_BYTES_PER_SHARD)))


@dataclass(slots=True)
class Sorter:
    """Sorts rows into shards and bad rows; a pair id that stood before makes a bad row."""

    shards: list[list[Pair]]
    quality_control: int
    bad_rows: list[BadRow] = field(default_factory=list)
    rows: int = 0
    _seen: set[str] = field(default_factory=set)

    def add_all(self, rows: Iterable[Pair | BadRow]) -> None:
        """Take in the rows of one manifest."""
        for row in rows:
            self.rows += 1
            if isinstance(row, BadRow):
                self.bad_rows.append(row)
            elif row.pair_id in self._seen:
                self.bad_rows.append(_repeated(row))
            else:
                self._seen.add(row.pair_id)
                self._place(row)

    def _place(self, pair: Pair) -> None:
        if pair.quality_control is None:
            pair = replace(pair, quality_control=self.quality_control)
        self.shards[_hash(pair.pair_id) % len(self.shards)].append(pair)

    def in_call_order(self) -> list[list[tuple[int, Pair]]]:
        """Return each shard's pairs with their place in the call order of the whole run.

        The order is that of a hash, so what is done at any moment is a uniform sample of the manifest.
        """
        count = len(self.shards)
        return [
            [(rank * count + place, pair) for rank, pair in enumerate(sorted(shard, key=_order))]
            for place, shard in enumerate(self.shards)
        ]


def _repeated(pair: Pair) -> BadRow:
    return bad_row(
        file=pair.manifest_file,
        row=pair.manifest_row,
        code="pair_id_repeated",
        why=f"{pair.pair_id!r} stands in an earlier row",
        column="pair_id",
        pair_id=pair.pair_id,
    )


def _order(pair: Pair) -> int:
    return _hash(pair.pair_id) >> 32


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())

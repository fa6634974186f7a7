"""From manifest rows to a plan: what is bad, what is to be compared, in which shard and in which order.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Self

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import BadRow, Pair, bad_row
from maskmatch.core.shown import shown

FORMAT = 2
"""Of plans and journals. Part of a plan's name, so that another version of this software makes its own."""
MAX_SHARDS = 32
MOST_PASSED_OVER = 1000
_SHOWN_PLACES = 3
MANIFEST_BYTES_PER_SHARD = 256 * 1024
"""A shard of so much manifest has some thousand pairs: a minute of a 50/s account."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest as it was planned: another fingerprint is another plan."""

    key: str
    fingerprint: str
    size: int


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An object among the manifests that was not read: its name below the folder of the date, and why."""

    name: str
    why: str


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
    found: tuple[Mapping[str, Any], ...] = ()
    """What each manifest turned out to be: form, encoding, columns, rows."""
    passed_over: tuple[PassedOver, ...] = ()
    """The first `MOST_PASSED_OVER` objects among the manifests that are none."""
    passed_over_count: int = 0
    repeated_rows_key: str = ""
    """Where the further rows of pairs lie that stand more than once; empty where there are none."""
    repetition: str = ""
    """Not empty where all pairs are called again, whatever is known of them."""
    answered_by: str = ""
    """Who answered when it was planned; empty where nobody was asked."""
    trust_tags: bool = True
    """Whether images are known by the MD5 that a store has as a tag."""
    reuse_days: int = 0
    """So many days before its date answers are taken over from."""

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
                "found": tuple(record["found"]),
                "passed_over": tuple(PassedOver(**each) for each in record["passed_over"]),
                "shards": tuple(Shard(**shard) for shard in record["shards"]),
            }
        )


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Choices of a plan: quality control for rows that do not say, shards at most, a repetition, how to read.

    A `repetition` is a name; a new one calls every pair again, though its score is known. More bad rows than
    `max_bad_rows` are an error. Who answers, and how images are sent, are part of the work: answers of
    another service, or to images in another form, are no answers to it. Those of `reuse_days` before the date
    are taken over.
    """

    quality_control: int = 0
    max_shards: int = 4
    repetition: str = ""
    max_bad_rows: ShareLimit = field(default_factory=ShareLimit)
    manifests: ManifestOptions = field(default_factory=ManifestOptions)
    answered_by: str = ""
    image_policy: str = ""
    reuse_days: int = 0
    trust_tags: bool = True


def work_id(source: str, manifests: Sequence[ManifestFile], options: PlanOptions) -> str:
    """Return a name of the work: equal manifests of one source, read alike, with equal quality control."""
    files = [f"{manifest.key} {manifest.fingerprint}" for manifest in manifests]
    answers = (options.answered_by, options.image_policy, str(options.reuse_days), str(options.trust_tags))
    return _digest(
        str(FORMAT), source, *files, str(options.quality_control), str(options.manifests), *answers
    )


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
    """Sorts rows into shards, rows that repeat a pair, and bad rows; their order decides nothing.

    A pair id with the same images and quality control is one pair however often it stands; with others, no
    row with it is a pair. Nor is any row with a row id that stands twice.
    """

    shards: list[list[Pair]]
    quality_control: int
    bad_rows: list[BadRow] = field(default_factory=list)
    repeats: list[Pair] = field(default_factory=list)
    rows: int = 0
    _first: dict[str, Pair] = field(default_factory=dict)
    _repeats: list[Pair] = field(default_factory=list)

    def add_all(self, rows: Iterable[Pair | BadRow]) -> None:
        """Take in rows of a manifest; `settle` follows when all are there."""
        for row in rows:
            self.rows += 1
            if isinstance(row, BadRow):
                self.bad_rows.append(row)
                continue
            pair = row
            if pair.quality_control is None:
                pair = replace(pair, quality_control=self.quality_control)
            if pair.pair_id in self._first:
                self._repeats.append(pair)
            else:
                self._first[pair.pair_id] = pair

    def settle(self) -> None:
        """Decide what each row is, now that all are known."""
        same_id = self._rows_by_doubtful_id()
        rows = [*self._first.values(), *self._repeats]
        times = Counter(row.row_id for row in rows if row.row_id)
        placed: set[str] = set()
        for row in rows:
            if row.pair_id in same_id:
                self.bad_rows.append(_repeated(row, same_id[row.pair_id]))
            elif row.row_id and times[row.row_id] > 1:
                self.bad_rows.append(_row_id_repeated(row, times[row.row_id]))
            elif row.pair_id in placed:
                self.repeats.append(row)
            else:
                placed.add(row.pair_id)
                self.shards[_hash(row.pair_id) % len(self.shards)].append(row)
        self._first, self._repeats = {}, []

    def _rows_by_doubtful_id(self) -> dict[str, list[Pair]]:
        """Return all rows of each pair id that stands for more than one comparison."""
        doubtful = {row.pair_id for row in self._repeats if _asks(row) != _asks(self._first[row.pair_id])}
        found = {pair_id: [self._first[pair_id]] for pair_id in doubtful}
        for row in self._repeats:
            if row.pair_id in found:
                found[row.pair_id].append(row)
        return found

    def in_call_order(self) -> list[list[tuple[int, Pair]]]:
        """Return each shard's pairs with their place in the call order of the whole run.

        The order is that of a hash, so what is done at any moment is a uniform sample of the manifest.
        """
        count = len(self.shards)
        return [
            [(rank * count + place, pair) for rank, pair in enumerate(sorted(shard, key=_order))]
            for place, shard in enumerate(self.shards)
        ]


def _asks(pair: Pair) -> tuple[str, str, int | None]:
    return pair.reference_id, pair.probe_id, pair.quality_control


def _repeated(pair: Pair, rows: Sequence[Pair]) -> BadRow:
    others = ", ".join(str(row.place) for row in rows[:_SHOWN_PLACES] if row is not pair)
    return bad_row(
        pair.place,
        code="pair_id_repeated",
        why=f"{shown(pair.pair_id)} stands in {len(rows):,} rows with other images or quality control, such "
        f"as {others}: give each comparison a pair_id of its own",
        column="pair_id",
        pair_id=pair.pair_id,
    )


def _row_id_repeated(pair: Pair, times: int) -> BadRow:
    return bad_row(
        pair.place,
        code="row_id_repeated",
        why=f"{shown(pair.row_id or '')} stands in {times:,} rows: leave the column out, or name each once",
        column="row_id",
        pair_id=pair.pair_id,
    )


def _order(pair: Pair) -> int:
    return _hash(pair.pair_id) >> 32


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())

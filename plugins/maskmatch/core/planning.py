"""From manifest rows to a plan: what is bad, what is to be compared, in which shard and in which order.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Self

from maskmatch.core.errors import InputError
from maskmatch.core.limits import ShareLimit
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import BadRow, Place, bad_row
from maskmatch.core.records import known
from maskmatch.core.shown import shown

FORMAT = 3
"""Of plans and journals. Part of a plan's name, so that another version of this software makes its own."""
MAX_SHARDS = 32
MOST_PASSED_OVER = 1000
PAIRS_PER_SHARD = 3000
"""A minute of a 50/s account; fewer are not worth a task of their own."""


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
    """One task's portion: an object with pairs, in call order.

    `rest` are the rows that lie beside it and that a call of another row settles, or none at all; `known`
    those whose answer was taken over.
    """

    key: str
    pairs: int
    rest: int = 0
    known: int = 0

    @property
    def rest_key(self) -> str:
        """Return where the rows lie that need no call of their own."""
        return f"{self.key.removesuffix('.parquet')}.rest.parquet"

    @property
    def known_key(self) -> str:
        """Return where the rows lie whose answer was taken over."""
        return f"{self.key.removesuffix('.parquet')}.known.parquet"


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
    digest: str = ""
    """Of all comparisons that will be called, whatever rows ask for them: what an approval is given to."""
    repeated_rows: int = 0
    """Further rows of pairs that stand more than once."""
    dedup_rows: int = 0
    """Rows of other pairs that the call of one settles, in the same order of images or the other."""
    skipped_rows: int = 0
    known_rows: int = 0
    """Rows whose answer was taken over; of their pairs none is called."""
    bad_row_codes: Mapping[str, int] = field(default_factory=dict)
    first_bad_row: str = ""
    found: tuple[Mapping[str, Any], ...] = ()
    """What each manifest turned out to be: form, encoding, columns, rows."""
    passed_over: tuple[PassedOver, ...] = ()
    """The first `MOST_PASSED_OVER` objects among the manifests that are none."""
    passed_over_count: int = 0
    repetition: str = ""
    """Not empty where all pairs are called again, whatever is known of them."""
    is_redrive: bool = False
    """Whether it calls some failed pairs anew and keeps all else as it was published."""
    answered_by: str = ""
    """Who answered when it was planned; empty where nobody was asked."""
    trust_tags: bool = True
    """Whether images are known by the MD5 that a store has as a tag."""
    reuse_days: int = 0
    """So many days before its date answers are taken over from."""
    answers: str = ""
    """A name of all answers that stood in the warehouse when it was planned."""
    model_versions: tuple[str, ...] = ()
    """Those of the face model that gave the scores which were taken over."""

    @property
    def to_compare(self) -> tuple[Shard, ...]:
        """Return the shards with pairs to compare; others hold only rows that need no call."""
        return tuple(shard for shard in self.shards if shard.pairs)

    @property
    def pairs(self) -> int:
        """Return the number of pairs to compare."""
        return sum(shard.pairs for shard in self.shards)

    def labels(self) -> list[str]:
        """Return what to call each shard with pairs to compare: date, number and pairs."""
        shards = self.to_compare
        return [
            f"{self.day} shard {number} of {len(shards)}: {shard.pairs:,} pairs"
            for number, shard in enumerate(shards, 1)
        ]

    def facts(self) -> dict[str, Any]:
        """Return its name and counts as JSON values."""
        return {
            "plan": self.folder,
            "plan_id": self.plan_id,
            "rows": self.rows,
            "bad_rows": self.bad_rows,
            "known_rows": self.known_rows,
            "pairs": self.pairs,
            "shards": [{"key": shard.key, "pairs": shard.pairs} for shard in self.to_compare],
        }

    def __str__(self) -> str:
        others = {
            "repeat a pair": self.repeated_rows,
            "are settled by another pair": self.dedup_rows,
            "are skipped": self.skipped_rows,
            "are known": self.known_rows,
        }
        return (
            f"plan {self.plan_id}: {self.rows:,} rows, {self.pairs:,} pairs to compare "
            f"in {len(self.shards)} shards, {self.bad_rows:,} bad rows"
        ) + "".join(f", {count:,} rows {what}" for what, count in others.items() if count)

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
        if record.get("format") != FORMAT:
            return None
        return cls(
            **known(cls, record)
            | {
                "day": date.fromisoformat(record["day"]),
                "manifests": tuple(ManifestFile(**known(ManifestFile, each)) for each in record["manifests"]),
                "found": tuple(record["found"]),
                "passed_over": tuple(PassedOver(**known(PassedOver, each)) for each in record["passed_over"]),
                "model_versions": tuple(record["model_versions"]),
                "shards": tuple(Shard(**known(Shard, each)) for each in record["shards"]),
            }
        )


class SameImage(StrEnum):
    """What becomes of a pair whose images have the same content."""

    CALL = "call"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Choices of a plan: quality control for rows that do not say, shards at most, a repetition, how to read.

    A `repetition` is a name; a new one calls every pair again, though its score is known. More bad rows than
    `max_bad_rows` are an error. With `trust_tags` images are known by the MD5 that a store has as a tag. The
    order of calls is stratified by `is_mated` and the attribute `strata_attribute`. Who answers, and how
    images are sent, are part of the work: answers of another service, or to images in another form, are no
    answers to it. Those of `reuse_days` before the date are taken over. A redrive is a repetition of some
    failed pairs alone.
    """

    quality_control: int = 0
    max_shards: int = 4
    repetition: str = ""
    max_bad_rows: ShareLimit = field(default_factory=ShareLimit)
    manifests: ManifestOptions = field(default_factory=ManifestOptions)
    trust_tags: bool = True
    same_image: SameImage = SameImage.CALL
    strata_attribute: str = ""
    answered_by: str = ""
    image_policy: str = ""
    reuse_days: int = 0
    is_redrive: bool = False


def work_id(source: str, manifests: Sequence[ManifestFile], options: PlanOptions, contents: str) -> str:
    """Return a name of the work: equal manifests of one source, read and sorted alike, with equal images.

    `contents` is a digest of what the images of all rows are known by.
    """
    files = [f"{manifest.key} {manifest.fingerprint}" for manifest in manifests]
    choices = (options.quality_control, options.manifests, options.same_image, options.strata_attribute)
    answers = (options.answered_by, options.image_policy, options.reuse_days, options.trust_tags)
    return _digest(str(FORMAT), source, *files, *map(str, (*choices, *answers)), contents)


def plan_id(work: str, options: PlanOptions, *, shards: int, answers: str = "") -> str:
    """Return the name of a plan for some work; `answers` is a digest of those that it takes over."""
    return _digest(work, options.repetition, str(shards), answers)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def shard_count(pairs: int, *, at_most: int) -> int:
    """Return how many shards so many pairs are worth."""
    return max(1, min(at_most, MAX_SHARDS, -(-pairs // PAIRS_PER_SHARD)))


def repeated_pair(place: Place, says: Mapping[str, Any], *, rows: int, others: Sequence[Place]) -> BadRow:
    """Return a row as bad whose pair id stands in so many rows for more than one comparison."""
    return bad_row(
        place,
        code="pair_id_repeated",
        why=f"{shown(says['pair_id'])} stands in {rows:,} rows with other images or quality control, such "
        f"as {', '.join(map(str, others))}: give each comparison a pair_id of its own",
        column="pair_id",
        says=says,
    )


def repeated_row_id(place: Place, says: Mapping[str, Any], *, row_id: str, rows: int) -> BadRow:
    """Return a row as bad whose row id stands in so many rows."""
    return bad_row(
        place,
        code="row_id_repeated",
        why=f"{shown(row_id)} stands in {rows:,} rows: leave the column out, or name each once",
        column="row_id",
        says=says,
    )

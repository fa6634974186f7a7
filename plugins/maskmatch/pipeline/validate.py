"""Look at manifests as a run reads them, and tell if it would go on; nothing is called or written.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow
from maskmatch.core.planning import PassedOver, PlanOptions, SameImage
from maskmatch.pipeline.plan.naming import name_rows, no_tags
from maskmatch.pipeline.plan.reading import RowReader
from maskmatch.pipeline.plan.repeats import bad_for_others
from maskmatch.pipeline.plan.settling import settle
from maskmatch.storage.manifests import FileSummary, describe_file

_FIRST = 3
"""Places of each reason that are shown."""

Reason = tuple[str, str | None]
"""Code and column."""


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Why rows are bad: code and column, how many, and the messages of the first."""

    code: str
    column: str | None
    count: int
    first: Sequence[str]


@dataclass(slots=True)
class Findings:
    """What the manifests hold, and what a run would say to them; bad rows are handed on and not kept."""

    place: str
    hand_on: Callable[[Sequence[BadRow]], None] = lambda _: None
    files: list[dict[str, Any]] = field(default_factory=list)
    """The record of each; `error` where it cannot be read."""
    passed_over: Sequence[PassedOver] = ()
    rows: int = 0
    pairs: int = 0
    repeated_rows: int = 0
    bad_rows: int = 0
    why_not: str = ""
    """Why a run would not go on; empty if it would."""
    _counts: Counter[Reason] = field(default_factory=Counter)
    _first: dict[Reason, list[str]] = field(default_factory=dict)

    def add_bad(self, rows: Sequence[BadRow]) -> None:
        """Count some bad rows, and hand them on."""
        self.bad_rows += len(rows)
        for row in rows:
            reason = row.code, row.column
            self._counts[reason] += 1
            if self._counts[reason] <= _FIRST:
                self._first.setdefault(reason, []).append(row.message)
        self.hand_on(rows)

    def reasons(self) -> list[ReasonCount]:
        """Return why rows are bad, the most frequent first."""
        counts = self._counts
        order = sorted(counts, key=lambda reason: (-counts[reason], reason[0], reason[1] or ""))
        return [ReasonCount(*reason, counts[reason], self._first[reason]) for reason in order]

    def to_record(self) -> dict[str, Any]:
        """Return the findings as JSON values."""
        return {
            "place": self.place,
            "files": self.files,
            "passed_over": [{"name": each.name, "why": each.why} for each in self.passed_over],
            "rows": self.rows,
            "pairs": self.pairs,
            "repeated_rows": self.repeated_rows,
            "bad_rows": self.bad_rows,
            "reasons": [
                {"code": each.code, "column": each.column, "count": each.count, "first": list(each.first)}
                for each in self.reasons()
            ],
            "goes_on": not self.why_not,
            "why_not": self.why_not,
        }

    def lines(self) -> Iterator[str]:
        """Yield the findings as a person reads them."""
        yield self.place
        for record in self.files:
            yield f"  {record['error']}" if record["error"] else f"  {describe_file(record)}"
        if self.passed_over:
            yield f"passed over: {', '.join(f'{each.name} ({each.why})' for each in self.passed_over)}"
        yield (
            f"{self.rows:,} rows: {self.pairs:,} pairs to compare, {self.repeated_rows:,} rows that repeat "
            f"one, {self.bad_rows:,} bad rows"
        )
        for each in self.reasons():
            yield f"  {each.count:,} {each.code}{f' of {each.column}' if each.column else ''}, the first:"
            yield from (f"    {message}" for message in each.first)
        yield f"a run would not go on: {self.why_not}" if self.why_not else "a run would go on"


def validate(
    reader: RowReader,
    keys: Iterable[str],
    options: PlanOptions,
    findings: Findings,
    progress: Callable[[FileSummary], None],
) -> Findings:
    """Read all manifests into the findings, those behind one that cannot be read, too.

    `progress` is told of the file that is read, every some thousand rows.
    """
    for key in keys:
        error = ""
        try:
            reader.read(key, progress)
        except InputError as wrong:
            error = str(wrong)
        findings.files.append({**reader.rows.summaries[-1].to_record(), "error": error})
    rows = reader.finish()
    settled = settle(
        name_rows(rows, no_tags()).comparisons,
        bad_for_others(rows),
        taken_ids=rows.taken_ids(),
        same_image=SameImage.CALL,
        answers=None,
        seed="",
        windows=1,
    )
    rows.bad_rows.hand_on(findings.add_bad)
    findings.rows = settled.counts.total() + findings.bad_rows
    findings.repeated_rows = settled.repeated
    findings.pairs = settled.counts.total() - settled.repeated
    findings.why_not = _why_not(findings, options)
    return findings


def _why_not(findings: Findings, options: PlanOptions) -> str:
    unread = sum(bool(record["error"]) for record in findings.files)
    if unread:
        return f"{unread:,} of {len(findings.files):,} files cannot be read"
    if options.max_bad_rows.is_passed(findings.bad_rows, of=findings.rows):
        return (
            f"{findings.bad_rows:,} of {findings.rows:,} rows are bad, more than max_bad_rows "
            f"{options.max_bad_rows}"
        )
    return ""

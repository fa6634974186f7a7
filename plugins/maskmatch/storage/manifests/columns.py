"""What the columns of a file are to us.

Names are compared without case, full-width forms, blanks and hyphens. A column is one of ours, or an index of
pandas or a column of our own tables, which are passed over (but for `attributes` in parquet), or else an
attribute; one that looks like a misspelling of ours is refused, since a value would be lost unseen.
"""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from maskmatch.core.errors import InputError
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, COLUMNS, IMAGE_COLUMNS, what_is_wrong_with_text
from maskmatch.core.shown import plain, shown
from maskmatch.storage.schemas import OUTCOMES, RUNS

MOST_COLUMNS = 1000
"""Of one file."""
_PASSED_OVER = ({*OUTCOMES.names, *RUNS.names, "ds"}) - {*COLUMNS}
_OF_FAILURES = {"lasting", "advice"}
"""What the view `failures` has beside the columns of outcomes."""
_PANDAS_INDEX = re.compile(r"|index|level_\d+|unnamed:_\d+(_level_\d+|\.\d+)?|__index_level_\d+__")
_BLANKS = re.compile(r"[\s\-]+")
_ALIKE = 0.8
"""Of difflib: `is_matd`, `probe` and `Pair-Id` are alike, `subject_id`, `camera` and `quality` are not."""
_SHOWN_NAMES = 20
_LONGEST_NAME = 60


class ColumnMisspelt(ValueError):
    """A name looks like a misspelling of one of ours, or cannot be a name."""

    def __init__(self, why: str, name: str) -> None:
        super().__init__(f"column {name} {why}")
        self.why = why
        self.name = name
        """As it may be shown."""


def fold_name(name: str) -> str:
    """Return the name by which columns are compared."""
    return _BLANKS.sub("_", unicodedata.normalize("NFKC", name).lower().strip().strip("\ufeff"))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns of a kind of file, those that it must have, and the settings that name others."""

    columns: Sequence[str]
    required: Sequence[str]
    columns_setting: str
    encoding_setting: str
    cure: str
    """What to do with a file that is of another kind."""


PAIR_ROWS = Vocabulary(
    COLUMNS,
    IMAGE_COLUMNS,
    "manifest_columns",
    "manifest_encoding",
    "if it is no manifest, move it away or let its name begin with _",
)


class Naming:
    """The columns of one file: what each name means, and which were passed over."""

    def __init__(self, options: ManifestOptions, vocabulary: Vocabulary = PAIR_ROWS) -> None:
        self._vocabulary = vocabulary
        self._mapped = {fold_name(theirs): ours for ours, theirs in options.columns.items()}
        self._targets: dict[str, str | None] = {}
        self.lacks: frozenset[str] = frozenset()
        """Our columns that the file does not have, where that is known before its rows."""

    @property
    def mapped(self) -> dict[str, str]:
        """Return the names of the file that are read, and as what."""
        return {name: target for name, target in self._targets.items() if target}

    @property
    def passed_over(self) -> list[str]:
        """Return the names of the file that are not read."""
        return [name for name, target in self._targets.items() if target is None]

    @property
    def required(self) -> list[str]:
        """Return the columns that each row must have, without those that folders give."""
        return [column for column in self._vocabulary.required if column not in self._of_folders]

    def cure_of_missing(self, column: str, names: Sequence[str]) -> str:
        """Return what to do where one of our columns is missing and others are there."""
        return f"rename them, or set {self._vocabulary.columns_setting}, such as {column}={_first(names)}"

    def is_mapped(self, name: str) -> bool:
        """Return True for a name that was said to be one of our columns."""
        return fold_name(name) in self._mapped

    def read_header(self, names: Sequence[str]) -> list[str | None]:
        """Return what each column of a header is to us, None for one to pass over; raise InputError."""
        if len(names) > MOST_COLUMNS:
            raise InputError(f"it has {len(names):,} columns, at most {MOST_COLUMNS:,}: leave some out")
        folded = [fold_name(name) for name in names]
        self._present = frozenset(folded)
        try:
            targets = [self.target(name) for name in names]
        except ColumnMisspelt as misspelt:
            raise InputError(str(misspelt)) from misspelt
        self._refuse_repeated(names, folded)
        self._settle_mapped(targets, names, folded)
        self._refuse_missing(names, targets)
        self.lacks = frozenset(self._vocabulary.columns) - {*targets} - self._of_folders
        return targets

    _present: frozenset[str] = frozenset()

    def folder_target(self, name: str) -> str | None:
        """Return what a column in a folder's name is to us, None for one to pass over; raise InputError."""
        try:
            target = self.target(name)
        except ColumnMisspelt as misspelt:
            raise InputError(f"in the name of a folder, {misspelt}") from misspelt
        if target:
            self._of_folders |= {target}
        return target

    _of_folders: frozenset[str] = frozenset()

    def target(self, name: str) -> str | None:
        """Return what a column is to us; raise ColumnMisspelt."""
        if name in self._targets:
            return self._targets[name]
        if len(self._targets) >= MOST_COLUMNS:
            raise InputError(f"its rows have more than {MOST_COLUMNS:,} columns: leave some out")
        self._targets[name] = target = self._find(name, fold_name(name))
        return target

    def read_apart(self, name: str) -> None:
        """Note that a column that would be passed over is read as several."""
        del self._targets[name]

    def attribute_target(self, name: str) -> str:
        """Return what an attribute of our own tables is to us; raise InputError."""
        try:
            target = self.target(name if name.startswith(ATTRIBUTE_PREFIX) else ATTRIBUTE_PREFIX + name)
        except ColumnMisspelt as misspelt:
            raise InputError(str(misspelt)) from misspelt
        return target or ATTRIBUTE_PREFIX

    def _find(self, name: str, folded: str) -> str | None:
        if wrong := what_is_wrong_with_text(name):
            is_secret = wrong[0] == "signed_url_refused"
            name = "(not shown)" if is_secret else shown(name)
            raise ColumnMisspelt(f"has a name that cannot be kept: {wrong[1]}", name)
        if folded in self._mapped:
            return self._mapped[folded]
        if folded in self._vocabulary.columns:
            return folded
        if folded.startswith(ATTRIBUTE_PREFIX) and folded != ATTRIBUTE_PREFIX:
            return folded
        if folded in _PASSED_OVER or _PANDAS_INDEX.fullmatch(folded):
            return None
        if folded in _OF_FAILURES and "failure_code" in self._present:
            return None
        if close := self._misspelt(folded):
            raise ColumnMisspelt(
                f"is not known: did you mean {close}? Else name it {plain(ATTRIBUTE_PREFIX + folded)} to "
                f"keep it, or set {self._vocabulary.columns_setting} to "
                f"{close}={plain(name, at_most=_LONGEST_NAME)}",
                shown(name),
            )
        return ATTRIBUTE_PREFIX + folded

    def _misspelt(self, folded: str) -> str | None:
        """Return which of our columns a name is close to, unless the file has that one as well."""
        absent = {
            name.replace("_", ""): name for name in self._vocabulary.columns if name not in self._present
        }
        close = difflib.get_close_matches(folded.replace("_", ""), absent, n=1, cutoff=_ALIKE)
        return absent[close[0]] if close else None

    def _settle_mapped(self, targets: list[str | None], names: Sequence[str], folded: Sequence[str]) -> None:
        """Pass over a column with one of our names where another is to be that one; raise InputError."""
        first: dict[str | None, int] = {}
        for place, target in sorted(enumerate(targets), key=lambda each: folded[each[0]] not in self._mapped):
            if target is None or target not in first:
                first[target] = place
            elif folded[first[target]] in self._mapped and folded[place] not in self._mapped:
                targets[place] = self._targets[names[place]] = None
            else:
                one, other = shown(names[first[target]]), shown(names[place])
                raise InputError(
                    f"the columns {one} and {other} are both {plain(target)}: rename one of the two"
                )

    def _refuse_repeated(self, names: Sequence[str], folded: Sequence[str]) -> None:
        first: dict[str, str] = {}
        for name, key in zip(names, folded, strict=True):
            if key and key in first:
                how = "stands twice" if first[key] == name else f"differs from {shown(first[key])} too little"
                raise InputError(f"the column name {shown(name)} {how}: rename one of the two")
            first[key] = name

    def _refuse_missing(self, names: Sequence[str], targets: Sequence[str | None]) -> None:
        missing = [column for column in self.required if column not in targets]
        if missing and not any(names):
            raise InputError("it has no header and no row: write it anew, or remove it")
        if missing:
            found = ", ".join(shown(name) for name in names[:_SHOWN_NAMES]) or "none"
            more = f" and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else ""
            raise InputError(
                f"column {', '.join(missing)} is missing; the columns found are: {found}{more}; "
                f"{self.cure_of_missing(missing[0], names)}; {self._vocabulary.cure}"
            )


def _first(names: Sequence[str]) -> str:
    return plain(next(filter(None, names), "img1"), at_most=_LONGEST_NAME)

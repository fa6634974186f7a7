"""A manifest row becomes a pair, or a bad row with the place and the reason.

Decision: docs/adr/0018-one-reader-of-manifests.md
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from maskmatch.core.addresses import ANYWHERE, SourcePlace
from maskmatch.core.image_ids import may_hold_secret, what_is_wrong
from maskmatch.core.shown import plain, shown

T = TypeVar("T")

IMAGE_COLUMNS = ("reference_id", "probe_id")
SUBJECT_COLUMNS = ("reference_subject_id", "probe_subject_id")
COLUMNS = ("pair_id", *IMAGE_COLUMNS, "is_mated", *SUBJECT_COLUMNS, "quality_control", "row_id")
"""What a manifest may say of a pair; only the images must be there."""
ATTRIBUTE_PREFIX = "attr_"

UNKNOWN = frozenset({"", "NaN", "nan", "NULL", "null", "\\N", "<NA>"})
"""What databases, pandas and Hive write for a value that is not there."""
_YES = ("true", "1", "1.0", "y", "yes", "t", "是", "真", "对", "mated", "same", "match", "genuine")
_NO = (
    *("false", "0", "0.0", "n", "no", "f", "否", "假", "错", "different"),
    *("non-mated", "non_mated", "nonmated", "non-match", "non_match", "nonmatch", "impostor", "imposter"),
)
BOOLEANS = MappingProxyType(dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False))
QUALITIES = MappingProxyType({f"{level}{end}": level for level in range(5) for end in ("", ".0")})
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_BREAKS = str.maketrans("", "", "\t\r\n")
MAX_LENGTH = 1024
"""Characters of a value, as many as a key of S3 has bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record stands: its number from 1, and the physical line or sheet row where it begins."""

    file: str
    record: int
    line: int | None = None
    is_by_line: bool = True
    """False where lines do not tell records apart."""

    @property
    def row(self) -> int:
        """Return the number that finds the row: its line where there are lines."""
        return self.record if self.line is None or not self.is_by_line else self.line

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}, "
        return f"{self.file} {line}record {self.record}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two images that may show one person, and the manifest line that says so.

    An image id is a key below the source, or an s3:// or public https:// address (`core.addresses`).
    `quality_control` is 0 (off) to 4 (strict), None where the manifest leaves it to the run. `row_id` names
    the row whatever file, order or format it comes in. Contents are what the plan knew of the images
    (`core.comparisons`), None where only a look at them tells it.
    """

    pair_id: str
    reference_id: str
    probe_id: str
    is_mated: bool | None = None
    reference_subject_id: str | None = None
    probe_subject_id: str | None = None
    quality_control: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    row_id: str | None = None
    manifest_file: str
    manifest_row: int
    manifest_record: int | None = None
    manifest_line: int | None = None
    reference_content: str | None = None
    probe_content: str | None = None

    @property
    def place(self) -> Place:
        """Return where it stands."""
        return Place(
            file=self.manifest_file,
            record=self.manifest_record or self.manifest_row,
            line=self.manifest_line,
            is_by_line=self.manifest_row == self.manifest_line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A manifest row that is not a valid pair: where it stands, which column is wrong, and why.

    `manifest_row` finds it, `manifest_record` counts the rows of its file; parquet has no `manifest_line`.
    `row_id` is made of its file and record. The rest is what it says of itself, as far as it can be read.
    """

    manifest_file: str
    manifest_row: int
    manifest_record: int | None = None
    manifest_line: int | None = None
    code: str
    message: str
    column: str | None = None
    row_id: str
    pair_id: str | None = None
    reference_subject_id: str | None = None
    probe_subject_id: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


class BadField(Exception):
    """A field is not what its column may have: code, column, and why."""

    def __init__(self, code: str, column: str, why: str) -> None:
        super().__init__(why)
        self.code, self.column, self.why = code, column, why


def parse_row(
    fields: Mapping[str, str | None], place: Place, source: SourcePlace = ANYWHERE
) -> Pair | BadRow:
    """Turn the text fields of one row into a pair; or into a BadRow that says what is wrong.

    Without a field `pair_id` the id is made of both images and quality control. Images get the id that they
    have for this source.
    """
    try:
        given_id = _required(fields, "pair_id") if "pair_id" in fields else None
        reference_id, probe_id = (read_image_id(fields, column, source) for column in IMAGE_COLUMNS)
        quality_control = _choice(fields, "quality_control", QUALITIES)
        return Pair(
            pair_id=given_id or made_pair_id(reference_id, probe_id, quality_control),
            reference_id=reference_id,
            probe_id=probe_id,
            is_mated=_choice(fields, "is_mated", BOOLEANS),
            reference_subject_id=read_text(fields, "reference_subject_id"),
            probe_subject_id=read_text(fields, "probe_subject_id"),
            quality_control=quality_control,
            attributes=read_attributes(fields),
            row_id=read_text(fields, "row_id"),
            manifest_file=place.file,
            manifest_row=place.row,
            manifest_record=place.record,
            manifest_line=place.line,
        )
    except BadField as bad:
        return bad_row(place, code=bad.code, why=bad.why, column=bad.column, says=sound_values(fields))


def made_pair_id(reference_id: str, probe_id: str, quality_control: int | None) -> str:
    """Return the pair id of a row without one: the same for the same images and quality control."""
    level = "" if quality_control is None else str(quality_control)
    return hashed_pair_id(f"{reference_id}\n{probe_id}\n{level}".encode())


def hashed_pair_id(text: bytes) -> str:
    """Return the pair id that is made of both images and quality control, a line each."""
    return "pair-" + hashlib.sha256(text).hexdigest()[:24]


def bad_row(
    place: Place, *, code: str, why: str, column: str | None = None, says: Mapping[str, Any] = _NOTHING
) -> BadRow:
    """Return a bad row whose message names file, line, record and column; `says` is of `sound_values`."""
    where = f"{place}, column {plain(column)}" if column else str(place)
    return BadRow(
        manifest_file=place.file,
        manifest_row=place.row,
        manifest_record=place.record,
        manifest_line=place.line,
        code=code,
        message=f"{where}: {why}",
        column=column,
        row_id=_row_id_of(place),
        **says,
    )


def _row_id_of(place: Place) -> str:
    return "bad-" + hashlib.sha256(f"{place.file}\n{place.record}".encode()).hexdigest()[:24]


def sound_values(fields: Mapping[str, str | None]) -> dict[str, Any]:
    """Return pair id, subjects and attributes of a row that may be kept, whatever else is wrong with it."""
    names = ("pair_id", *SUBJECT_COLUMNS)
    attributes = (name for name in fields if name.startswith(ATTRIBUTE_PREFIX))
    kept = ((name, _text_if_sound(fields, name)) for name in attributes)
    return {
        **{name: _text_if_sound(fields, name) for name in names},
        "attributes": tuple((name, value) for name, value in kept if value is not None),
    }


def what_is_wrong_with_text(value: str, *, may_break: bool = False) -> tuple[str, str] | None:
    """Return code and reason why no manifest may hold a text, None for one that it may hold.

    `may_break` allows tabs and line breaks.
    """
    if len(value) > MAX_LENGTH:
        return "value_invalid", f"the value has {len(value):,} characters, at most {MAX_LENGTH:,}"
    if may_hold_secret(value):
        return "signed_url_refused", (
            "an address with a user, or with a query beyond size and version, may hold a key, which would "
            "end up in the tables: give the s3:// address, or one without"
        )
    if _CONTROL.search(value.translate(_BREAKS) if may_break else value):
        return "value_invalid", f"the value has control characters: {shown(value)}"
    return None


def read_text(fields: Mapping[str, str | None], column: str) -> str | None:
    """Return the text of a field, None where it is unknown; raise BadField."""
    value = (fields.get(column) or "").strip()
    if wrong := what_is_wrong_with_text(value, may_break=column.startswith(ATTRIBUTE_PREFIX)):
        raise BadField(wrong[0], column, wrong[1])
    return None if value in UNKNOWN else value


def _required(fields: Mapping[str, str | None], column: str) -> str:
    value = read_text(fields, column)
    if value is None:
        raise BadField(f"{column}_missing", column, "the value is empty")
    return value


def read_image_id(fields: Mapping[str, str | None], column: str, source: SourcePlace) -> str:
    """Return the image id of a field, as it is for this source; raise BadField."""
    value = _required(fields, column)
    try:
        image_id = source.image_id(value)
    except ValueError as error:
        raise BadField("value_invalid", column, f"{shown(value)}: {error}") from error
    if why := what_is_wrong(image_id):
        raise BadField("value_invalid", column, f"{shown(value)}: {why}")
    return image_id


def _choice(fields: Mapping[str, str | None], column: str, values: Mapping[str, T]) -> T | None:
    text = read_text(fields, column)
    if text is None:
        return None
    folded = fold(text)
    if folded not in values:
        raise BadField("value_invalid", column, f"{shown(text)} is not one of {', '.join(values)}")
    return values[folded]


def fold(text: str) -> str:
    """Return a text in lower case, with full-width forms as the characters that they stand for."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def read_attributes(fields: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a row that are known; raise BadField."""
    names = (name for name in fields if name.startswith(ATTRIBUTE_PREFIX))
    return tuple((name, value) for name in names if (value := read_text(fields, name)) is not None)


def _text_if_sound(fields: Mapping[str, str | None], column: str) -> str | None:
    try:
        return read_text(fields, column)
    except BadField:
        return None

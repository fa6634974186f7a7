"""A manifest row becomes a pair, or a bad row with the place and the reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from maskmatch.core.image_ids import may_hold_secret, what_is_wrong

T = TypeVar("T")

REQUIRED_COLUMNS = ("pair_id", "reference_id", "probe_id")
OPTIONAL_COLUMNS = ("is_mated", "reference_subject_id", "probe_subject_id", "quality_control")
ATTRIBUTE_PREFIX = "attr_"

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_QUALITIES = {str(level): level for level in range(5)}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_LENGTH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two images that may show one person, and the manifest line that says so.

    An image id is a key below the source folder, or an s3:// or public https:// address.
    `quality_control` is 0 (off) to 4 (strict), None where the manifest leaves it to the run.
    """

    pair_id: str
    reference_id: str
    probe_id: str
    is_mated: bool | None = None
    reference_subject_id: str | None = None
    probe_subject_id: str | None = None
    quality_control: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    manifest_file: str
    manifest_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A manifest row that is not a valid pair: where it stands, which column is wrong, and why."""

    manifest_file: str
    manifest_row: int
    code: str
    message: str
    column: str | None = None
    pair_id: str | None = None


class _Bad(Exception):
    def __init__(self, code: str, column: str, why: str) -> None:
        super().__init__(why)
        self.code, self.column, self.why = code, column, why


def parse_row(fields: Mapping[str, str | None], *, file: str, row: int) -> Pair | BadRow:
    """Turn the text fields of one row into a pair; or into a BadRow that says what is wrong."""
    try:
        return Pair(
            pair_id=_required(fields, "pair_id"),
            reference_id=_image_id(fields, "reference_id"),
            probe_id=_image_id(fields, "probe_id"),
            is_mated=_choice(fields, "is_mated", _BOOLEANS),
            reference_subject_id=_text(fields, "reference_subject_id"),
            probe_subject_id=_text(fields, "probe_subject_id"),
            quality_control=_choice(fields, "quality_control", _QUALITIES),
            attributes=_attributes(fields),
            manifest_file=file,
            manifest_row=row,
        )
    except _Bad as bad:
        return bad_row(
            file=file, row=row, code=bad.code, why=bad.why, column=bad.column, pair_id=_id_if_sound(fields)
        )


def bad_row(
    *, file: str, row: int, code: str, why: str, column: str | None = None, pair_id: str | None = None
) -> BadRow:
    """Return a bad row whose message names the file, the line and the column."""
    place = f"{file} line {row}" + (f", column {column}" if column else "")
    return BadRow(
        manifest_file=file,
        manifest_row=row,
        code=code,
        message=f"{place}: {why}",
        column=column,
        pair_id=pair_id,
    )


def _text(fields: Mapping[str, str | None], column: str) -> str | None:
    value = (fields.get(column) or "").strip()
    if may_hold_secret(value):
        why = (
            "an address with a user, or with a query beyond size and version, may hold a key, which would "
            "end up in the tables: give the s3:// address, or one without"
        )
        raise _Bad("signed_url_refused", column, why)
    if _CONTROL.search(value):
        raise _Bad("value_invalid", column, "the value has control characters")
    if len(value) > _MAX_LENGTH:
        raise _Bad(
            "value_invalid", column, f"the value has {len(value):,} characters, at most {_MAX_LENGTH:,}"
        )
    return value or None


def _required(fields: Mapping[str, str | None], column: str) -> str:
    value = _text(fields, column)
    if value is None:
        raise _Bad(f"{column}_missing", column, "the value is empty")
    return value


def _image_id(fields: Mapping[str, str | None], column: str) -> str:
    value = _required(fields, column)
    if why := what_is_wrong(value):
        raise _Bad("value_invalid", column, why)
    return value


def _choice(fields: Mapping[str, str | None], column: str, values: Mapping[str, T]) -> T | None:
    text = _text(fields, column)
    if text is None:
        return None
    if text.lower() not in values:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise _Bad("value_invalid", column, f"{shown!r} is not one of {', '.join(values)}")
    return values[text.lower()]


def _attributes(fields: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    names = (name for name in fields if name.startswith(ATTRIBUTE_PREFIX))
    return tuple((name, value) for name in names if (value := _text(fields, name)) is not None)


def _id_if_sound(fields: Mapping[str, str | None]) -> str | None:
    try:
        return _text(fields, "pair_id")
    except _Bad:
        return None

"""A row of a list of images becomes an image, or a bad row with the place and the reason.

Decision: docs/adr/0024-pairs-are-numbers.md
"""

from collections.abc import Mapping
from dataclasses import dataclass

from maskmatch.core.addresses import ANYWHERE, SourcePlace
from maskmatch.core.pairs import (
    BadField,
    BadRow,
    Place,
    bad_row,
    read_attributes,
    read_image_id,
    read_text,
)

IMAGE_ROW_COLUMNS = ("image_id", "subject_id")
"""What a list may say of an image, besides attributes; only the image must be there."""

_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp")
"""Of names of images that the vendor takes; a name without an ending may be one, too."""
NO_IMAGE = "image_name_strange"
REPEATED = "image_id_repeated"
UNCLEAR_SUBJECT = "subject_id_unclear"
NO_SUBJECT = "subject_id_missing"
"""Codes of rows that are no images; that of the value says the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An image of a list, its subject if that is known, and what else the list says of it."""

    image_id: str
    subject_id: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


def parse_image(
    fields: Mapping[str, str | None], place: Place, source: SourcePlace = ANYWHERE
) -> ListedImage | BadRow:
    """Turn the text fields of one row into an image; or into a BadRow that says what is wrong."""
    try:
        return ListedImage(
            image_id=read_image_id(fields, "image_id", source),
            subject_id=read_text(fields, "subject_id"),
            attributes=read_attributes(fields),
        )
    except BadField as bad:
        return bad_row(place, code=bad.code, why=bad.why, column=bad.column)


def is_name_of_image(key: str) -> bool:
    """Return True if the ending of a name is that of an image that can be compared, or if it has none."""
    name = key.rpartition("/")[2].lower()
    return name.endswith(_ENDINGS) or "." not in name

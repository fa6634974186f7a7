"""Records of a list become images and bad rows, a column at a time; only those in doubt go one by one."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.addresses import SourcePlace
from maskmatch.core.listed_images import (
    IMAGE_ROW_COLUMNS,
    REPEATED,
    UNCLEAR_SUBJECT,
    ListedImage,
    parse_image,
)
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, BadRow, Place, bad_row
from maskmatch.storage.image_lists.images import ImageList
from maskmatch.storage.manifests.checks import cleaned
from maskmatch.storage.manifests.csv_lines import Mask
from maskmatch.storage.manifests.doubts import doubtful_values, without_own_address
from maskmatch.storage.manifests.records import Records

_LIKE = "reference_id"
"""The column of manifests whose values are what those of `image_id` are."""

Columns = Mapping[str, pa.Array]


class Portion:
    """Some records of a list: the images among them, as columns, and the bad rows."""

    def __init__(self, records: Records, file: str, source: SourcePlace, *, is_by_line: bool) -> None:
        self._records, self._file, self._source = records, file, source
        self._is_by_line = is_by_line
        texts = {name: cleaned(column) for name, column in records.columns.items()}
        for name in IMAGE_ROW_COLUMNS:
            texts.setdefault(name, pa.nulls(records.count, pa.string()))
        texts["image_id"] = without_own_address(texts["image_id"], source)
        self.bad_rows = [*self._malformed(), *self._faulty()]
        images, keep = self._look_at(texts)
        order = np.flatnonzero(keep)
        self.columns = {name: _replaced(column, name, images) for name, column in texts.items()}
        self.columns = {name: column.take(pa.array(order)) for name, column in self.columns.items()}
        self.records = records.records[order]
        self.lines = None if records.lines is None or not is_by_line else records.lines[order]

    def _place(self, row: int) -> Place:
        lines, record = self._records.lines, int(self._records.records[row])
        line = None if lines is None else int(lines[row])
        return Place(file=self._file, record=record, line=line, is_by_line=self._is_by_line)

    def _malformed(self) -> Iterator[BadRow]:
        for no in self._records.malformed:
            place = Place(file=self._file, record=no.record, line=no.line, is_by_line=self._is_by_line)
            yield bad_row(place, code=no.code, why=no.why, column=no.column)

    def _faulty(self) -> Iterator[BadRow]:
        first = {fault.row: fault for fault in reversed(self._records.faults)}
        for row, fault in first.items():
            yield bad_row(self._place(row), code=fault.code, why=fault.why, column=fault.column)

    def _look_at(self, texts: Columns) -> tuple[dict[int, ListedImage], Mask]:
        """Send records in doubt through the row function; return the images among them, and what to keep."""
        keep = np.ones(self._records.count, bool)
        keep[[fault.row for fault in self._records.faults]] = False
        doubt = texts["image_id"].is_null().to_numpy(zero_copy_only=False).copy()
        for name, column in texts.items():
            if column.null_count < len(column):
                doubt |= doubtful_values(_LIKE if name == "image_id" else name, column, self._source)
        places = np.flatnonzero(doubt & keep).tolist()
        values = {
            name: column.take(pa.array(places, pa.int64())).to_pylist() for name, column in texts.items()
        }
        images: dict[int, ListedImage] = {}
        for number, row in enumerate(places):
            fields = {name: column[number] for name, column in values.items()}
            found = parse_image(fields, self._place(row), self._source)
            if isinstance(found, ListedImage):
                images[row] = found
            else:
                self.bad_rows.append(found)
                keep[row] = False
        return images, keep


def _replaced(column: pa.Array, name: str, images: Mapping[int, ListedImage]) -> pa.Array:
    """Return a column with the values that the row function has found."""
    if not images:
        return column
    values = [
        dict(image.attributes).get(name) if name.startswith(ATTRIBUTE_PREFIX) else getattr(image, name)
        for image in images.values()
    ]
    mask = np.zeros(len(column), bool)
    mask[list(images)] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(values, pa.string()))


def without_repeated(images: ImageList) -> ImageList:
    """Return a list in which each image stands once: what repeats one is a bad row.

    Where its rows name different subjects none of them can be believed.
    """
    distinct = images.ids.dictionary_encode()
    if len(distinct.dictionary) == len(images):
        return images
    codes = distinct.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.diff(codes[order], prepend=-1))
    counts = np.diff(begins, append=len(order))
    bad: dict[int, BadRow] = {}
    for begin, count in zip(begins[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        rows = order[begin : begin + count].tolist()
        subjects = {images.subjects[row].as_py() for row in rows}
        if len(subjects) > 1:
            why = f"the image stands in {count:,} rows with different subjects: correct them"
            bad |= {row: _bad(images, row, UNCLEAR_SUBJECT, "subject_id", why) for row in rows}
        else:
            why = f"the image stands in {images.place_of(rows[0])}, too: leave one out"
            bad |= {row: _bad(images, row, REPEATED, "image_id", why) for row in rows[1:]}
    return images.without(bad)


def _bad(images: ImageList, row: int, code: str, column: str, why: str) -> BadRow:
    return bad_row(images.place_of(row), code=code, why=why, column=column)

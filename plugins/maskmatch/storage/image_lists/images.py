"""A list of images in memory, as columns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.pairs import BadRow, Place

_AT_ONCE = 65_536
_UNIT, _RECORD = "\x1f", b"\x1e"
"""Between the values of an image and behind it: no value holds them."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageList:
    """Images in their order, with what is known of them; `bad_rows` are the rows that are none."""

    place: str
    """Where the list is, as it may be shown."""
    file: str
    ids: pa.LargeStringArray
    subjects: pa.LargeStringArray
    """Null where a subject is not known."""
    attributes: Mapping[str, pa.LargeStringArray]
    records: Numbers
    lines: Numbers | None
    bad_rows: Sequence[BadRow] = ()
    rows: int = 0
    told: Sequence[str] = ()
    """What the list turned out to be, as lines of the log."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.ids)

    def place_of(self, image: int) -> Place:
        """Return where an image stands."""
        line = None if self.lines is None else int(self.lines[image])
        return Place(file=self.file, record=int(self.records[image]), line=line)

    def without(self, bad_rows: Mapping[int, BadRow]) -> "ImageList":
        """Return the list in which some images are bad rows."""
        if not bad_rows:
            return self
        keep = np.ones(len(self), bool)
        keep[list(bad_rows)] = False
        mask = pa.array(keep)
        rows = sorted([*self.bad_rows, *bad_rows.values()], key=lambda row: row.manifest_record or 0)
        return replace(
            self,
            ids=self.ids.filter(mask),
            subjects=self.subjects.filter(mask),
            attributes={name: column.filter(mask) for name, column in self.attributes.items()},
            records=self.records[keep],
            lines=None if self.lines is None else self.lines[keep],
            bad_rows=rows,
        )

    def digest(self) -> str:
        """Return a SHA-256 of what the list says: other rows, or another order, give another one."""
        whole = hashlib.sha256(_UNIT.join(["image_id", "subject_id", *self.attributes]).encode() + _RECORD)
        columns = [self.ids, self.subjects, *self.attributes.values()]
        for start in range(0, len(self), _AT_ONCE):
            parts = [pc.fill_null(column.slice(start, _AT_ONCE), "") for column in columns]
            joined = pc.binary_join_element_wise(*parts, pa.scalar(_UNIT, pa.large_string()))
            whole.update(_RECORD.join(text.encode() for text in joined.to_pylist()) + _RECORD)
        return whole.hexdigest()

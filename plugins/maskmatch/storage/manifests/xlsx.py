"""Excel workbooks: the rows of the one sheet that has any, as text."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.shown import shown
from maskmatch.storage.manifests.columns import MOST_COLUMNS, Naming
from maskmatch.storage.manifests.records import Fault, Malformed, Records, text_array
from maskmatch.storage.manifests.xlsx_cells import Row, text_of_cell

_BATCH_ROWS = 10_000
MOST_UNPACKED_BYTES = 1 << 30
"""Of all parts of a workbook; a full sheet of a million rows has half of it."""
_MOST_SHARED_BYTES = 256 * 1024 * 1024
"""Of the texts that cells share, which are held in memory."""
_BOOK = "xl/workbook.xml"
_SHARED = "xl/sharedStrings.xml"
_CHOICES = {"is_mated", "quality_control"}


class XlsxReader:
    """Reads one workbook; raise InputError for one that is no manifest."""

    def __init__(self, path: Path, naming: Naming) -> None:
        _refuse_hostile(path)
        self._path = path
        self._naming = naming

    def __iter__(self) -> Iterator[Records]:
        """Yield the records of the sheet, some thousands at a time."""
        # openpyxl needs half a second, and few manifests are workbooks
        from maskmatch.storage.manifests.xlsx_sheets import Workbook  # noqa: PLC0415

        with self._path.open("rb") as file:
            book = Workbook(file)
            filled = [title for title in book.sheets if next(book.rows(title), None)]
            if len(filled) > 1:
                names = ", ".join(map(shown, filled))
                raise InputError(f"{len(filled)} of its sheets have rows ({names}): keep one of them")
            yield from self._read(book.rows(filled[0]) if filled else iter(()))

    def _read(self, rows: Iterator[tuple[int, Row]]) -> Iterator[Records]:
        _, header = next(rows, (0, ()))
        targets = self._naming.read_header([_name(value) for value in _cut(header)])
        batch: list[tuple[int, Row]] = []
        read = 0
        for row in rows:
            if _cut(row[1]) == _cut(header):  # once more, where sheets were put together
                continue
            batch.append(row)
            if len(batch) == _BATCH_ROWS:
                yield _records(batch, targets, read)
                read, batch = read + len(batch), []
        if batch:
            yield _records(batch, targets, read)


def _refuse_hostile(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if not any(part.filename == _BOOK for part in parts):
        raise InputError("it is a document, and no xlsx workbook: save its sheet as xlsx or csv")
    unpacked = sum(part.file_size for part in parts)
    shared = sum(part.file_size for part in parts if part.filename == _SHARED)
    if unpacked > MOST_UNPACKED_BYTES or shared > _MOST_SHARED_BYTES:
        raise InputError(
            f"it unpacks to {unpacked:,} bytes, which is too much for a workbook: save it as csv"
        )


def _cut(header: Row) -> Row:
    """Return a header without the empty cells behind it."""
    end = max((place for place, name in enumerate(header, start=1) if name not in {None, ""}), default=0)
    return header[: max(end, 0)] if end <= MOST_COLUMNS else header


def _records(batch: Sequence[tuple[int, Row]], targets: Sequence[str | None], read: int) -> Records:
    values: dict[str, list[str | None]] = {target: [] for target in targets if target}
    faults: list[Fault] = []
    malformed: list[Malformed] = []
    kept: list[tuple[int, int]] = []
    for record, (line, row) in enumerate(batch, start=read + 1):
        if any(value is not None and value != "" for value in row[len(targets) :]):
            why = f"the row has values to the right of the {len(targets)} columns of the header"
            malformed.append(Malformed(record, line, why))
            continue
        for place, target in enumerate(targets):
            if target:
                value = row[place] if place < len(row) else None
                text, wrong = text_of_cell(value, is_id=_is_id(target))
                values[target].append(text)
                if wrong:
                    faults.append(Fault(len(kept), target, wrong))
        kept.append((record, line))
    numbers = np.array(kept, np.int64).reshape(-1, 2)
    columns = {target: text_array(texts) for target, texts in values.items()}
    return Records(columns, numbers[:, 0], numbers[:, 1], malformed, faults)


def _name(value: Any) -> str:
    """Return a cell of the header as text; raise InputError for one that has none."""
    text, wrong = text_of_cell(value, is_id=False)
    if wrong:
        raise InputError(f"in its header, {wrong}")
    return text or ""


def _is_id(target: str) -> bool:
    return target not in _CHOICES and not target.startswith(ATTRIBUTE_PREFIX)

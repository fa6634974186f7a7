"""Excel workbooks: the rows of the one sheet that has any, as text."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np

from maskmatch.core.errors import InputError
from maskmatch.core.shown import shown
from maskmatch.storage.manifests.columns import MOST_COLUMNS, Naming
from maskmatch.storage.manifests.numbers import Inexact, text_of_float
from maskmatch.storage.manifests.records import Fault, Malformed, Records, text_array

_BATCH_ROWS = 10_000
MOST_UNPACKED_BYTES = 1 << 30
"""Of all parts of a workbook; a full sheet of a million rows has half of it."""
_MOST_SHARED_BYTES = 256 * 1024 * 1024
"""Of the texts that cells share, which are held in memory."""
_BOOK = "xl/workbook.xml"
_SHARED = "xl/sharedStrings.xml"

_ERRORS = frozenset(
    f"#{each}"
    for each in ("N/A", "REF!", "NAME?", "VALUE!", "DIV/0!", "NUM!", "NULL!", "SPILL!", "CALC!", "FIELD!")
) | frozenset({"#BLOCKED!", "#BUSY!", "#CONNECT!", "#EXTERNAL!", "#GETTING_DATA", "#PYTHON!", "#UNKNOWN!"})

Row = tuple[Any, ...]


_DAMAGED = (SyntaxError, KeyError, IndexError, TypeError, AttributeError)
"""What openpyxl raises for parts that are missing or cut short; errors of XML are errors of syntax."""


class XlsxReader:
    """Reads one workbook; raise InputError for one that is no manifest."""

    def __init__(self, path: Path, naming: Naming) -> None:
        _refuse_hostile(path)
        self._path = path
        self._naming = naming

    def __iter__(self) -> Iterator[Records]:
        """Yield the records of the sheet, some thousands at a time."""
        try:
            yield from self._records()
        except _DAMAGED as error:
            raise InputError(f"the workbook is damaged ({error}): open it, and save it anew") from error

    def _records(self) -> Iterator[Records]:
        import openpyxl  # noqa: PLC0415  # needs half a second, and few manifests are workbooks

        with (
            self._path.open("rb") as file,
            closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book,
        ):
            sheets = []
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what a writer claims may be wrong
                if next(_filled(sheet.iter_rows(values_only=True)), None):
                    sheets.append(sheet)
            if len(sheets) > 1:
                names = ", ".join(shown(sheet.title) for sheet in sheets)
                raise InputError(f"{len(sheets)} of its sheets have rows ({names}): keep one of them")
            rows = _filled(sheets[0].iter_rows(values_only=True)) if sheets else iter(())
            yield from self._read(rows)

    def _read(self, rows: Iterator[tuple[int, Row]]) -> Iterator[Records]:
        _, header = next(rows, (0, ()))
        targets = self._naming.read_header(["" if name is None else str(name) for name in _cut(header)])
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


def _filled(rows: Iterator[Row]) -> Iterator[tuple[int, Row]]:
    """Yield the rows with a value in them, and their numbers in the sheet."""
    for number, row in enumerate(rows, start=1):
        if any(value is not None and value != "" for value in row):
            yield number, row


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
                text, wrong = _text(row[place] if place < len(row) else None)
                values[target].append(text)
                if wrong:
                    faults.append(Fault(len(kept), target, wrong))
        kept.append((record, line))
    numbers = np.array(kept, np.int64).reshape(-1, 2)
    columns = {target: text_array(texts) for target, texts in values.items()}
    return Records(columns, numbers[:, 0], numbers[:, 1], malformed, faults)


def _text(value: Any) -> tuple[str | None, str]:
    """Return a cell as text, or why it has none."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        try:
            return text_of_float(float(value)), ""
        except (Inexact, OverflowError) as inexact:
            return None, str(inexact)
    if isinstance(value, datetime):  # as a date of a cell is read, too
        return (str(value) if value.time() != time() else str(value.date())), ""
    if isinstance(value, date | time):
        return value.isoformat(), ""
    text = "" if value is None else str(value)
    if isinstance(value, bool):
        text = text.lower()
    if text in _ERRORS:
        return None, f"the cell shows the error {text}: mend its formula, or enter the value"
    return text, ""

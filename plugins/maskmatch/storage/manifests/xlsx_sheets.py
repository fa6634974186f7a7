"""The sheets of a workbook as openpyxl reads them, and what its values do not say of themselves.

The parser of a sheet is that of openpyxl, whose worksheets neither tell a formula that was never calculated
from an empty cell nor hand on the format of a number without another pass over all cells.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import openpyxl
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests.xlsx_cells import Formula, Padded, Row

_DAMAGED = (SyntaxError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What openpyxl raises for parts that are missing or cut short; errors of XML are errors of syntax."""
_MOST_ROWS = 1 << 20
"""Of a sheet: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_NO_DIGITS = re.compile(r'"[^"]*"|\[[^\]]*\]|[\\_*].')
"""Of a number format: texts, conditions and colours, and signs that stand for themselves."""


class Workbook:
    """One workbook in a file that stays open; raise InputError for a damaged one."""

    def __init__(self, file: BinaryIO) -> None:
        with _damage_told():
            self._book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            self._forms = _forms_of_zeros(self._book)
            self.sheets: dict[str, Any] = {sheet.title: sheet for sheet in self._book.worksheets}

    def rows(self, title: str) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a sheet with a value in them, and their numbers in it."""
        with _damage_told():  # an error of who takes the rows does not pass here
            sheet = self.sheets[title]
            with sheet._get_source() as source:  # noqa: SLF001 - see above
                for number, cells in self._parser(sheet, source).parse():
                    if not 1 <= number <= _MOST_ROWS:
                        raise InputError(
                            f"a sheet has no row {number:,}: open the workbook, and save it anew"
                        )
                    row = _row(cells)
                    if any(value is not None and value != "" for value in row):
                        yield number, row

    def _parser(self, sheet: Any, source: Any) -> "_Parser":
        return _Parser(
            source,
            sheet._shared_strings,  # noqa: SLF001 - see above
            data_only=True,
            epoch=self._book.epoch,
            date_formats=self._book._date_formats,  # noqa: SLF001 - see above
            timedelta_formats=self._book._timedelta_formats,  # noqa: SLF001 - see above
            forms=self._forms,
        )


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise InputError(f"the workbook is damaged ({error}): open it, and save it anew") from error


class _Parser(WorkSheetParser):  # type: ignore[misc]  # openpyxl has no types
    """Gives a formula without a value, and a number that is shown with zeros, values of their own."""

    def __init__(self, *args: Any, forms: Mapping[int, str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._forms = forms

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        value = cell["value"]
        if value is None:
            if element.find(FORMULA_TAG) is not None and not _is_empty_text(element):
                cell["value"] = Formula.UNCALCULATED
        elif cell["style_id"] in self._forms and type(value) in {int, float}:
            form = self._forms[cell["style_id"]]
            if not _shows_as_it_is(value, form):
                cell["value"] = Padded(value, form)
        return cell


def _is_empty_text(element: Any) -> bool:
    """Return True for the result of a formula that is a text without characters."""
    return element.get("t") == "str" and element.find(VALUE_TAG) is not None


def _row(cells: list[dict[str, Any]]) -> Row:
    values = {cell["column"]: cell["value"] for cell in cells}
    return tuple(map(values.get, range(1, max(values, default=0) + 1)))


def _forms_of_zeros(book: Any) -> dict[int, str]:
    """Return the styles of cells whose format has zeros before the last digit of a whole number."""
    forms = {}
    for style, cell in enumerate(book._cell_styles):  # noqa: SLF001 - see above
        own = cell.numFmtId - BUILTIN_FORMATS_MAX_SIZE
        form = book._number_formats[own] if own >= 0 else BUILTIN_FORMATS.get(cell.numFmtId, "General")  # noqa: SLF001
        if any(part.partition(".")[0].count("0") > 1 for part in _NO_DIGITS.sub("", form).split(";")):
            forms[style] = form
    return forms


def _shows_as_it_is(value: float, form: str) -> bool:
    """Return True for a whole number with as many digits as a format has, which has nothing else."""
    return not form.strip("0") and value == int(value) and len(str(int(abs(value)))) >= len(form)

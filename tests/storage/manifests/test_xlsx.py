"""Workbooks: what a cell shows and what it holds are not the same."""

import io
import re
import zipfile

import openpyxl
import pytest

from maskmatch.core.errors import InputError
from maskmatch.storage.manifests import xlsx
from tests.storage.manifests.reading import as_xlsx, read

ROW = {"pair_id": "p", "reference_id": "a", "probe_id": "b", "is_mated": "X1X", "attr_n": "x"}
SECOND = {**ROW, "pair_id": "q", "is_mated": True}


def with_sheet(book, change):
    """Return a workbook whose sheet was changed as a text."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as parts, zipfile.ZipFile(sink, "w") as changed:
        for name in parts.namelist():
            data = parts.read(name)
            changed.writestr(name, change(data.decode()) if name.endswith("sheet1.xml") else data)
    return sink.getvalue()


def with_cell(column, cell):
    """Return a workbook of two rows, in the first of which a cell of a column is another."""
    place = f"{'ABCDE'[list(ROW).index(column)]}2"
    kept = rf'<c r="{place}"[^>]*>.*?</c>'
    put = f'<c r="{place}"{cell}</c>'
    return with_sheet(as_xlsx([ROW, SECOND]), lambda text: re.sub(kept, put, text, count=1))


@pytest.mark.parametrize(
    "cell", ["><f>1+1</f>", "><f>1+1</f><v/>", "><f>1+1</f><v></v>", ' t="str"><f>A1</f>']
)
@pytest.mark.parametrize("column", ROW)
def test_a_formula_that_was_never_calculated_is_a_bad_row(tmp_path, cell, column):
    found = read(tmp_path, "x.xlsx", with_cell(column, cell))
    bad = found.bad[0]
    assert (bad.code, bad.column, bad.manifest_line, found.ids) == ("value_invalid", column, 2, ["q"])
    assert "the formula has no value yet: open the workbook and save it, or enter the value" in bad.message


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (' t="str"><f>""</f><v></v>', None),
        (' t="str"><f>""</f><v/>', None),
        ("><f>1</f><v>1</v>", True),
        (' t="b"><f>FALSE()</f><v>0</v>', False),
        (">", None),
    ],
)
def test_a_formula_with_a_value_is_that_value(tmp_path, cell, value):
    found = read(tmp_path, "x.xlsx", with_cell("is_mated", cell))
    assert ([row["is_mated"] for row in found.rows], found.bad) == ([value, True], [])


def test_a_formula_without_a_value_is_no_name_of_a_column(tmp_path):
    book = with_sheet(
        as_xlsx([ROW]), lambda text: re.sub(r'<c r="E1".*?</c>', '<c r="E1"><f>A9</f></c>', text)
    )
    with pytest.raises(InputError, match="in its header, the formula has no value yet"):
        read(tmp_path, "x.xlsx", book)


def formatted(column, value, form):
    """Return a workbook with one row in which a number is shown by a format."""
    book, sink = openpyxl.Workbook(), io.BytesIO()
    book.active.append(list(SECOND))
    book.active.append(list((SECOND | {column: value}).values()))
    book.active.cell(2, list(SECOND).index(column) + 1).number_format = form
    book.save(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (42, "00000"),
        (42.0, "00000"),
        (123456, "000-000"),
        (42, '"P"000'),
        (42, "[Red]0000;-0000"),
        (42, "0,000"),
        (42.5, "00000"),
    ],
)
@pytest.mark.parametrize("column", ["pair_id", "reference_id", "probe_subject_id", "row_id"])
def test_an_id_that_is_shown_with_zeros_is_refused(tmp_path, value, form, column, monkeypatch):
    monkeypatch.setitem(SECOND, "probe_subject_id", "s")
    monkeypatch.setitem(SECOND, "row_id", "r")
    found = read(tmp_path, "x.xlsx", formatted(column, value, form))
    (bad,) = found.bad
    assert (bad.code, bad.column, found.rows) == ("value_invalid", column, [])
    assert "format the column as text, and enter ids as they are to be read" in bad.message


@pytest.mark.parametrize(
    ("value", "form"),
    [(12345, "00000"), (42, "0"), (42, "0.00"), (42, "General"), (42, "#,##0"), (42, "0.00E+00")],
)
def test_an_id_that_is_shown_as_it_is_stays(tmp_path, value, form):
    assert read(tmp_path, "x.xlsx", formatted("pair_id", value, form)).ids == [str(value)]


def test_other_numbers_may_be_shown_with_zeros(tmp_path):
    found = read(tmp_path, "x.xlsx", formatted("attr_n", 42, "00000"))
    assert found.rows[0]["attributes"] == {"attr_n": "42"}
    assert read(tmp_path, "x.xlsx", formatted("is_mated", 1, "00")).rows[0]["is_mated"] is True


@pytest.mark.parametrize("number", ["0", "-5", "1048577", "9" * 30])
def test_a_row_that_no_sheet_has_is_damage(tmp_path, number):
    book = with_sheet(as_xlsx([ROW, SECOND]), lambda text: text.replace('<row r="3"', f'<row r="{number}"'))
    with pytest.raises(InputError, match="a sheet has no row"):
        read(tmp_path, "x.xlsx", book)


@pytest.mark.parametrize("error", [IndexError, TypeError, AttributeError, KeyError])
def test_a_mistake_of_ours_is_not_told_as_damage(tmp_path, error, monkeypatch):
    def mistaken(*_args, **_more):
        raise error("ours")

    monkeypatch.setattr(xlsx, "text_array", mistaken)
    with pytest.raises(error, match="ours"):
        read(tmp_path, "x.xlsx", as_xlsx([SECOND]))

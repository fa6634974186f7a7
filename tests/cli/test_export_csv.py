"""An export as csv, read as pandas, DuckDB and spreadsheets read it."""

import csv
import io
import re
from datetime import UTC, date, datetime

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.storage.exports import ExcelSheet, Sheet, Tally
from maskmatch.storage.object_stores import FileStore
from maskmatch.storage.schemas import OUTCOMES
from maskmatch.storage.tables import outcomes_address
from tests.cli.exporting import FORMULAS, TEXTS, exported, published, row
from tests.nights import DAY


@pytest.fixture
def warehouse(tmp_path):
    return FileStore(tmp_path / "warehouse")


def hostile():
    """Return rows that hold every hostile text in every free column."""
    return [
        row(
            number,
            pair_id=f"{number:03d}{text}",
            reference_id=text,
            failure_message=text,
            reference_subject_id=text,
            attributes=[("attr_note", text)],
            manifest_file=text,
        )
        for number, text in enumerate(TEXTS)
    ]


@pytest.fixture
def sheet(warehouse, tmp_path):
    published(warehouse, hostile())
    assert exported(warehouse, "csv", tmp_path / "x.csv") == 0
    return tmp_path / "x.csv"


def table_text(cell):
    """Return the text of the table, as the documents say."""
    return cell.removeprefix("'")


def cells_of(data):
    return [cell for line in csv.reader(io.StringIO(data.decode(), newline="")) for cell in line]


def test_pandas_reads_every_column_back(sheet):
    frame = pd.read_csv(sheet, keep_default_na=False, na_values={"score": [""]})
    assert list(frame.columns) == [
        *(name for name in OUTCOMES.names if name != "attributes"),
        "attr_note",
        "ds",
    ]
    for name in ("reference_id", "failure_message", "attr_note", "manifest_file"):
        assert [table_text(text) for text in frame[name]] == list(TEXTS)
    assert frame["score"].dtype == "float64"
    assert frame["manifest_row"].tolist() == list(range(len(TEXTS)))
    assert set(frame["is_open"]) == {False}
    assert pd.to_datetime(frame["called_at"])[0] == datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)


def test_duckdb_finds_the_same_in_the_sheet_as_in_the_table(sheet, warehouse):
    table = outcomes_address(warehouse, DAY).removeprefix("file://")
    texts = "regexp_replace(reference_id, '^''', '') as id, regexp_replace(attr_note, '^''', '') as note"
    in_table = "reference_id, attributes['attr_note']"
    numbers = "manifest_row, score, cost::double as cost, threshold_nominal_fmr"
    same = f"{texts}, {numbers}, is_open, epoch_us(called_at)"
    with duckdb.connect() as connection:
        found = connection.sql(f"select {same}, ds from read_csv('{sheet}') order by manifest_row")
        kinds = dict(zip(found.columns, map(str, found.types), strict=True))
        rows = found.fetchall()
        published_rows = connection.sql(
            f"select {same.replace(texts, in_table)} from '{table}' order by manifest_row"
        ).fetchall()
    assert [line[:-1] for line in rows] == published_rows
    assert {line[-1] for line in rows} == {date(2026, 1, 2)}
    assert kinds["score"] == "DOUBLE"
    assert kinds["is_open"] == "BOOLEAN"


def test_no_cell_is_a_formula_to_a_spreadsheet(sheet):
    book = openpyxl.Workbook().active
    with sheet.open(newline="", encoding="utf-8") as file:
        for line in csv.reader(file):
            book.append([re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", cell) for cell in line])
    cells = [cell for line in book.iter_rows() for cell in line if cell.value]
    assert len(cells) > 400
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert not [
        cell
        for cell in cells_of(sheet.read_bytes())
        if re.match(r"\W*[=+\-@＝＋－＠]", cell) and cell[0] != "'"
    ]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_has_an_apostrophe_in_front(text):
    assert written([text]) == f'"\'{text}"\r\n'


@pytest.mark.parametrize("number", ["-5", "-5.25", "-1e-7"])
def test_a_negative_number_is_no_formula(number):
    assert written([number]) == f'"{number}"\r\n'
    assert written([float(number)], pa.float32()) == f"{pa.scalar(float(number)).cast(pa.string())}\r\n"


def written(values, kind=None):
    block = pa.RecordBatch.from_arrays([pa.array(values, kind or pa.string())], ["x"])
    return Sheet().lines(block, Tally()).decode()


def test_null_is_nothing_and_an_empty_text_is_quoted():
    block = pa.RecordBatch.from_arrays(
        [pa.array([None, ""]), pa.array([None, 2.5], pa.float32()), pa.array(["a", None])], ["x", "y", "z"]
    )
    assert Sheet().lines(block, Tally()) == b',,"a"\r\n"",2.5,\r\n'


@given(st.lists(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), min_size=1))
def test_every_text_comes_back(texts):
    data = written([text + "." for text in texts]).encode()
    assert [table_text(cell) for cell in cells_of(data)] == [text + "." for text in texts]


def test_columns_of_the_manifest_cannot_be_formulas_either(warehouse, tmp_path):
    published(warehouse, [row(1, attributes=[('attr_"=1+1",\n', "x")])])
    assert exported(warehouse, "csv", tmp_path / "x.csv") == 0
    assert 'attr_"=1+1",\n' in cells_of((tmp_path / "x.csv").read_bytes())


def test_excel_gets_a_mark_at_the_begin(warehouse, tmp_path, sheet):
    assert exported(warehouse, "csv", tmp_path / "excel.csv", "--excel") == 0
    assert (tmp_path / "excel.csv").read_bytes() == b"\xef\xbb\xbf" + sheet.read_bytes()


def test_rows_that_excel_does_not_show_are_told():
    block = pa.RecordBatch.from_arrays([pa.nulls(600_000, pa.int8())], ["x"])
    tally, form = Tally(), ExcelSheet()
    for _ in range(2):
        form.lines(block, tally)
    assert list(tally.notes.values()) == [1_200_000 - 1_048_575]

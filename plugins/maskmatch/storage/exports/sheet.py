"""A csv of all columns, quoted as RFC 4180 says, of which no cell is a formula.

Every text stands in quotes, with quotes in it doubled, so that neither a comma nor a line end begins a cell;
an empty text is `""`, null is nothing. Numbers, booleans, dates and times stand without quotes.

A text at whose begin, blanks apart, a spreadsheet may see a formula gets an apostrophe in front (OWASP,
https://owasp.org/www-community/attacks/CSV_Injection: = + - @, tab, carriage return, line feed and the
full-width forms). So does one that begins with an apostrophe: who takes one away from every text that has one
in front has the table's text back. A text that is a negative number as a whole is no formula, and stays.

Decision: docs/adr/0026-exports-say-what-a-form-cannot-hold.md
"""

import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.storage.exports.lines import Tally, joined

ROWS = "rows"
EXCEL_ROWS = "rows more than Excel shows: name fewer dates"
_EXCEL_SHOWS = 1_048_575
"""Besides the header: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
_FORMULA = r"^(['\t\r\n\x00]|[\pC\pZ]*[=+\-@＝＋－＠])"
_NUMBER = r"^-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_END = "\r\n"


class Sheet:
    """Writes a line for every row."""

    columns = None

    def head(self, schema: pa.Schema) -> bytes:
        """Return the header."""
        names = [_quoted(_harmless(pa.array([name]))) for name in schema.names]
        return joined(names, between=",", end=_END)

    def lines(self, block: pa.RecordBatch, tally: Tally) -> bytes:
        """Return a line for each row."""
        tally.written[ROWS] += len(block)
        return joined([_cells(column) for column in block.columns], between=",", end=_END)


class ExcelSheet(Sheet):
    """The same after the mark that tells Excel that it is UTF-8."""

    def head(self, schema: pa.Schema) -> bytes:
        """Return the mark and the header."""
        return b"\xef\xbb\xbf" + super().head(schema)

    def lines(self, block: pa.RecordBatch, tally: Tally) -> bytes:
        """Return a line for each row, and count those that Excel leaves out."""
        lines = super().lines(block, tally)
        tally.notes[EXCEL_ROWS] = max(0, tally.written[ROWS] - _EXCEL_SHOWS)
        return lines


def _cells(column: pa.Array) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = column.cast(pa.string())
    return _quoted(_harmless(text)) if pa.types.is_string(kind) else text


def _harmless(texts: pa.Array) -> pa.Array:
    is_formula = pc.match_substring_regex(texts, _FORMULA)
    is_number = pc.match_substring_regex(texts, _NUMBER)
    return pc.if_else(pc.and_not(is_formula, is_number), pc.binary_join_element_wise("'", texts, ""), texts)


def _quoted(texts: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.binary_join_element_wise('"', doubled, '"', "")

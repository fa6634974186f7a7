"""A small manifest in every format, and what can be done to one of its records."""

import csv
import gzip
import io
import json
import random
from typing import Any, NamedTuple

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Rows = list[Row]

_NOTES = ("plain", "Hall 2, east", 'say "x"', "广州南站", None, "Kärcher")
_COUNT = 40
_BITS = b'",\n\r\t;|{}[]:\\\x00\xff\xef 0aZ\x1a%?'
_VALUES = (
    "",
    "NaN",
    "maybe",
    "x" * 1500,
    "https://u:p@h/",
    "a\x00b",
    "\u202e",
    "../x",
    "\ufeff",
    "=1+1",
    '"',
    ",",
)


class Form(NamedTuple):
    """A format by the name of its file."""

    name: str
    is_text: bool
    is_packed: bool = False


FORMS = (
    Form("x.csv", is_text=True),
    Form("x.jsonl", is_text=True),
    Form("x.json", is_text=True),
    Form("x.tsv", is_text=True),
    Form("x.csv.gz", is_text=True, is_packed=True),
    Form("x.parquet", is_text=False, is_packed=True),
    Form("x.csv.zst", is_text=True, is_packed=True),
    Form("x.xlsx", is_text=False, is_packed=True),
    Form("gb.csv", is_text=True),
)

PLANTED = (
    ("probe_id", "", "probe_id_missing"),
    ("reference_id", "", "reference_id_missing"),
    ("pair_id", "", "pair_id_missing"),
    ("is_mated", "perhaps", "value_invalid"),
    ("quality_control", "9", "value_invalid"),
    ("probe_id", "ftp://x/y.jpg", "value_invalid"),
    ("reference_id", "../../secret", "value_invalid"),
    ("attr_note", "x" * 1025, "value_invalid"),
    ("attr_note", "https://h/x?token=abc", "signed_url_refused"),
    ("probe_id", "https://u:p@h/x.jpg", "signed_url_refused"),
)
"""Column, value, and the code of the reason."""


def base_rows() -> Rows:
    """Return rows that are pairs."""
    return [
        {
            "pair_id": f"pair-{number:03d}",
            "reference_id": f"faces/{number}.jpg",
            "probe_id": f"faces/probe {number}.jpg",
            "is_mated": (True, False, None)[number % 3],
            "quality_control": (None, 2)[number % 2],
            "attr_note": _NOTES[number % len(_NOTES)],
        }
        for number in range(_COUNT)
    ]


def planted(rows: Rows, place: int, reason: tuple[str, str, str]) -> Rows:
    """Return rows of which one has a known mistake."""
    column, value, _ = reason
    texts = [{**row, column: None if row[column] is None else _text(row[column])} for row in rows]
    return [{**row, column: value} if number == place else row for number, row in enumerate(texts)]


def mutated(form: Form, rows: Rows, place: int, dice: random.Random) -> bytes:
    """Return a file of which one record is changed at random."""
    if not form.is_text:
        column = dice.choice(list(rows[0]))
        value = dice.choice([each for each in _VALUES if "\x00" not in each or form.name != "x.xlsx"])
        return written(form, planted(rows, place, (column, value, "")))
    parts = _parts(form, rows)
    parts[place + 1] = _changed(parts[place + 1], dice)
    return _packed(form, b"".join(parts))


def _changed(record: bytes, dice: random.Random) -> bytes:
    """Change up to three bytes of a record, but not the line feed or comma at its end."""
    body, end = record[:-1], record[-1:]
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(body) + 1)
        new = bytes([dice.choice(_BITS)]) if dice.random() < 0.7 else bytes([dice.randrange(256)])
        cut = dice.choice((0, 1, 1, dice.randrange(8)))
        body = body[:at] + dice.choice((b"", new)) + body[at + cut :]
    return body + end


def written(form: Form, rows: Rows) -> bytes:
    """Return rows as a file."""
    if form.is_text:
        return _packed(form, b"".join(_parts(form, rows)))
    return _parquet(rows) if form.name == "x.parquet" else _workbook(rows)


def _packed(form: Form, data: bytes) -> bytes:
    if form.name.endswith(".gz"):
        return gzip.compress(data, mtime=0)
    if form.name.endswith(".zst"):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return bytes(sink.getvalue())
    return data


def _parts(form: Form, rows: Rows) -> list[bytes]:
    """Return the header, or the beginning of an array, and each record with its end."""
    if form.name == "x.jsonl":
        return [b"", *(json.dumps(row).encode() + b"\n" for row in rows)]
    if form.name == "x.json":
        records = [json.dumps(row).encode() + b"," for row in rows]
        return [b"[", *records[:-1], records[-1][:-1] + b"]"]
    separator, encoding = (
        "\t" if form.name == "x.tsv" else ",",
        "gb18030" if form.name == "gb.csv" else "utf-8",
    )
    lines = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    return [_line(line, separator).encode(encoding, "replace") for line in lines]


def _line(fields: list[str], separator: str) -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=separator, lineterminator="\n").writerow(fields)
    return sink.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), sink)
    return sink.getvalue()


def _workbook(rows: Rows) -> bytes:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([None if value == "" else value for value in row.values()])
    book.save(sink)
    return sink.getvalue()

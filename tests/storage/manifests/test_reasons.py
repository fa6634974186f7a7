"""Each file that cannot be read is told with the cure that is right for it."""

import gzip
import io
import random
import zipfile

import openpyxl
import pytest

from maskmatch.core.errors import InputError
from tests.storage.manifests.reading import as_xlsx, read

ROWS = b"pair_id,reference_id,probe_id\np,a,b\n"
NOISE = random.Random(1).randbytes(5000)
BOOK = as_xlsx([{"pair_id": f"p{n}", "reference_id": "a", "probe_id": "b"} for n in range(20)])


def zipped(files, **changes):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


def marked(data, *, local, central, value):
    """Return a zip of one file with a byte set in both of its heads."""
    data = bytearray(data)
    data[local] = data[data.index(b"PK\x01\x02") + central] = value
    return bytes(data)


def parts_of(book):
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def broken_sheet():
    parts = parts_of(BOOK)
    return zipped(
        {name: data[: len(data) // 2] if "sheet1" in name else data for name, data in parts.items()}
    )


def empty_book():
    sink = io.BytesIO()
    openpyxl.Workbook().save(sink)
    return sink.getvalue()


WHOLE = zipped({"x.csv": ROWS})
FILES = {
    "docx": (
        "x.docx",
        zipped({"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"}),
        "save its sheet as xlsx",
    ),
    "xlsb": (
        "x.xlsb",
        zipped({"[Content_Types].xml": "<x/>", "xl/workbook.bin": "x"}),
        "no xlsx workbook: save its",
    ),
    "ods": (
        "x.ods",
        zipped({"mimetype": "x", "content.xml": "<x/>"}),
        "OpenDocument.*: save its sheet as xlsx or csv",
    ),
    "xls": ("x.xls", b"\xd0\xcf\x11\xe0" + NOISE, "save it as xlsx or csv"),
    "broken workbook": (
        "x.xlsx",
        broken_sheet(),
        r"the workbook is damaged \(.*\): open it, and save it anew",
    ),
    "workbook cut short": ("x.xlsx", BOOK[:900], "is damaged or cut short .*; write or fetch it anew"),
    "empty workbook": ("x.xlsx", empty_book(), "it has no header and no row: write it anew, or remove it"),
    "empty zip": ("x.zip", zipped({}), "the zip is empty: put one file into it"),
    "two files": ("x.zip", zipped({"a.csv": ROWS, "b.csv": ROWS}), "put one file into a zip"),
    "password": (
        "x.zip",
        marked(WHOLE, local=6, central=8, value=1),
        "the zip has a password: pack it without one",
    ),
    "packing": (
        "x.zip",
        marked(WHOLE, local=8, central=10, value=97),
        "not read: pack it with deflate, or gzip",
    ),
    "no gzip": (
        "x.csv.gz",
        NOISE,
        "its name promises gzip, and its content is something else: write or fetch it anew",
    ),
    "no zstd": ("x.csv.zst", NOISE, "its name promises zstd"),
    "no parquet": ("x.parquet", NOISE, "its name promises parquet"),
    "no workbook": ("x.xlsx", NOISE, "its name promises a workbook"),
    "binary": (
        "x.csv",
        NOISE,
        "it is binary, and of no kind that is read: export the rows as csv, parquet or xlsx",
    ),
    "pickle": ("x.pkl", b"\x80\x04\x95" + NOISE, "it is binary"),
    "gzip cut": ("x.csv.gz", gzip.compress(ROWS * 99)[:-12], "unpacked from gzip, is damaged or cut short"),
    "binary in gzip": ("x.csv.gz", gzip.compress(NOISE), "it is binary, and of no kind that is read"),
    "web page": (
        "x.csv",
        b"\xef\xbb\xbf\n<HTML><body>",
        "a web page, most likely of a login or an error: fetch",
    ),
    "answer of a store": ("x.csv", b"<Error><Code>AccessDenied", "an answer of a store that refuses"),
    "tar": (
        "x.csv",
        b"x" * 257 + b"ustar" + b"\0" * 300,
        "it is a tar archive: put its files into the folder",
    ),
    "tar.gz": ("x.csv.gz", gzip.compress(b"x" * 257 + b"ustar" + b"\0" * 300), "it is a tar archive"),
    "blank": ("x.csv", b"\n\n", "it has no header and no row"),
    "mark alone": ("x.csv", b"\xef\xbb\xbf", "it has no header and no row"),
    "utf-32": ("x.csv", ROWS.decode().encode("utf-32"), "it is UTF-32: save it as UTF-8"),
    "no mark": (
        "x.csv",
        ROWS.decode().encode("utf-16-le"),
        "UTF-16 without a byte order mark: save it as UTF-8, or",
    ),
    "other columns": (
        "x.csv.gz",
        gzip.compress(b"a,b\n1,2\n"),
        "manifest_columns, such as reference_id=a; if it is no",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_what_cannot_be_read_is_told_with_its_cure(tmp_path, case):
    name, data, told = FILES[case]
    with pytest.raises(InputError, match=rf"{name} cannot be read: .*{told}") as caught:
        read(tmp_path, name, data)
    if "utf" not in told.lower():
        assert "UTF-8" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.parquet", "x.xlsx", "x.csv.gz", "x.csv.zst", "x.doc", "x"])
def test_a_name_that_promises_something_else_refuses_nothing_that_is_understood(tmp_path, name):
    assert read(tmp_path, name, ROWS).ids == ["p"]


def test_an_array_of_nothing_has_no_rows(tmp_path):
    found = read(tmp_path, "x.json", b"[]")
    assert (found.rows, found.bad) == ([], [])


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_a_damaged_workbook_ends_in_rows_or_a_reason(tmp_path):
    choose, parts = random.Random(7), parts_of(BOOK)
    ends = {"rows": 0, "reason": 0}
    for _ in range(300):
        name = choose.choice(list(parts))
        data = bytearray(parts[name])
        for _ in range(choose.randint(1, 5)):
            data[choose.randrange(len(data))] = choose.randrange(256)
        try:
            read(tmp_path, "x.xlsx", zipped(parts | {name: bytes(data)}))
            ends["rows"] += 1
        except InputError:
            ends["reason"] += 1
    assert min(ends.values()) > 10

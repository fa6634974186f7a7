"""Files made to harm end in a reason, in bounded memory and time."""

import gzip
import io
import json
import resource
import time
import zipfile
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.errors import InputError, Unavailable
from maskmatch.core.manifest_options import ManifestOptions
from maskmatch.pipeline.plan.reading import RowReader
from maskmatch.storage import fetching
from maskmatch.storage.manifests import csv_records, lines, parquet, reader, xlsx
from maskmatch.storage.object_stores import FileStore
from tests.storage.manifests.reading import HEADER, as_parquet, as_xlsx, read

GIB = 1 << 30


@pytest.fixture(autouse=True)
def bounds():
    """Allow 20 s of processor time and half a gibibyte more than before."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024


def packed(*blocks):
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as stream:
        for block in blocks:
            stream.write(block)
    return sink.getvalue()


def test_one_endless_line_is_refused(tmp_path):
    data = packed(f"{HEADER}\np,".encode(), *[b"x" * (1 << 20)] * 300)
    with pytest.raises(InputError, match="line 2 does not end for"):
        read(tmp_path, "x.csv.gz", data)


def test_an_endless_header_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not end for"):
        read(tmp_path, "x.csv.gz", packed(*[b"x" * (1 << 20)] * 300))


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_line_of_more_than_a_mebibyte_is_one_bad_row(tmp_path, name):
    good = {"x.csv": "p,a,b", "x.jsonl": '{"pair_id":"p","reference_id":"a","probe_id":"b"}'}[name]
    first = f"{HEADER}\n" if name == "x.csv" else ""
    found = read(tmp_path, name, f"{first}{good}\n" + "x" * (3 << 20) + f"\n{good}\n")
    assert (len(found.rows), len(found.bad)) == (2, 1)
    assert "more than a mebibyte" in found.bad[0].message


def test_two_hundred_million_empty_lines_are_no_rows(tmp_path):
    data = packed(f"{HEADER}\np,a,b\n".encode(), *[b"\n" * (1 << 20)] * 200, b"q,a,b\n")
    found = read(tmp_path, "x.csv.gz", data)
    assert [row["manifest_line"] for row in found.rows] == [2, 200 * (1 << 20) + 3]


def test_a_million_column_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="more than a mebibyte"):
        read(tmp_path, "x.csv", ",".join(f"c{n}" for n in range(1_000_000)) + "\n")
    with pytest.raises(InputError, match="at most 1,000"):
        read(tmp_path, "x.csv", ",".join(f"c{n}" for n in range(100_000)) + "\n")


def test_another_attribute_in_each_line_is_refused(tmp_path):
    row = '{{"pair_id":"p{0}","reference_id":"a","probe_id":"b","attr_{0}":"x"}}\n'
    with pytest.raises(InputError, match="its rows have more than 1,000 columns"):
        read(tmp_path, "x.jsonl", "".join(row.format(number) for number in range(50_000)))


def test_parquet_with_too_many_columns_is_refused(tmp_path):
    table = pa.table({f"c{number}": pa.array([1]) for number in range(3000)})
    with pytest.raises(InputError, match="3,000 columns, at most 1,000"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_parquet_that_claims_too_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_ROWS", 10)
    table = pa.table({name: pa.nulls(11, pa.string()) for name in HEADER.split(",")})
    with pytest.raises(InputError, match="it has 11 rows, at most 10: split it"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_millions_of_null_rows_end_in_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MOST_BAD_ROWS", 50_000)
    table = pa.table({name: pa.nulls(5_000_000, pa.string()) for name in HEADER.split(",")})
    with pytest.raises(InputError, match="more than 50,000 of its rows are no pairs"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_a_huge_entry_of_a_dictionary_is_not_repeated_for_each_row(tmp_path):
    note = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * (30 << 20)]))
    ids = [str(number) for number in range(3000)]
    table = pa.table({"pair_id": ids, "reference_id": ids, "probe_id": ids, "attr_n": note})
    sink = io.BytesIO()
    pq.write_table(table, sink, dictionary_pagesize_limit=GIB)
    found = read(tmp_path, "x.parquet", sink.getvalue())
    assert {bad.code for bad in found.bad} == {"value_invalid"}
    assert len(found.bad) == 3000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_dictionary_too_large_for_memory_is_refused(tmp_path, kind):
    entries = pa.array(["x" * (20 << 20), "y" * (20 << 20)], kind)
    note = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 1000, pa.int32()), entries)
    table = pa.table({"reference_id": ["a"] * 2000, "probe_id": ["b"] * 2000, "attr_n": note})
    sink = io.BytesIO()
    pq.write_table(table, sink, dictionary_pagesize_limit=GIB)
    with pytest.raises(InputError, match="'attr_n' has a dictionary of 41,943,048 bytes, at most"):
        read(tmp_path, "x.parquet", sink.getvalue())


def test_a_column_too_large_for_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_CHUNK_BYTES", 1000)
    ids = [str(number) for number in range(3000)]
    table = pa.table({"pair_id": ids, "reference_id": ids, "probe_id": ids})
    with pytest.raises(InputError, match="write smaller row groups"):
        read(tmp_path, "x.parquet", as_parquet(table))


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(InputError, match="save it as csv"):
        read(tmp_path, "x.xlsx", as_xlsx([{"reference_id": "a", "probe_id": "b"}]))


def test_a_file_larger_than_the_limit_or_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="more than 10 bytes: split it"):
        read(tmp_path, "x.csv", HEADER)
    monkeypatch.setattr(fetching, "MOST_BYTES", GIB)
    monkeypatch.setattr(fetching, "SPARE_BYTES", 1 << 60)
    with pytest.raises(Unavailable, match="let TMPDIR name a larger disk"):
        read(tmp_path, "x.csv", HEADER)


@pytest.mark.parametrize(
    "value", ["?" * 1000, "?=" * 500, "/" * 1000, "a" * 1000 + "//", "%25" * 340, "\\" * 1000]
)
def test_no_value_costs_more_than_its_length(tmp_path, value):
    rows = "".join(f"p{number},a,{value}\n" for number in range(2000))
    read(tmp_path, "x.csv", f"{HEADER}\n{rows}")


def test_a_line_of_backslashes_ends(tmp_path):
    good = {"pair_id": "p", "reference_id": "a", "probe_id": "b", "attr_n": "\\" * 400 + '"'}
    found = read(tmp_path, "x.jsonl", (json.dumps(good) + "\n") * 200 + '{"a":"' + "\\" * 900_000 + '"}\n')
    assert len(found.rows) == 200


def test_a_quote_in_every_line_ends(tmp_path):
    found = read(tmp_path, "x.csv", f"{HEADER}\n" + 'p,a,"b\n' * 20_000)
    assert len(found.bad) >= 10_000
    assert not found.rows


def test_lines_of_a_quoted_value_that_can_be_no_rows_are_not_taken_apart(tmp_path, monkeypatch):
    def refuse(*_args):
        raise AssertionError("a line was taken apart that has too few separators")

    monkeypatch.setattr(csv_records, "split_line", refuse)
    value = '"' + "x,\n" * 30 + "\n" * 30 + '"'
    found = read(tmp_path, "x.csv", f"{HEADER},attr_n\n" + f"p,a,b,{value}\n" * 2000)
    assert (len(found.rows), found.bad) == (2000, [])


def test_a_name_of_a_file_with_half_a_character_can_be_written_down(tmp_path):
    found = read(tmp_path, "x\udcff\n.csv", f"{HEADER}\np,a\n")
    assert found.bad[0].manifest_file == "x\\udcff\\n.csv"
    assert found.bad[0].message.encode()


def test_nothing_stays_on_the_disk(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(fetching.tempfile, "gettempdir", lambda: str(folder))
    read(tmp_path, "x.csv.gz", packed(f"{HEADER}\np,a,b\n".encode()))
    with pytest.raises(InputError):
        read(tmp_path, "x.csv", "x")
    assert list(folder.iterdir()) == []
    assert lines.BLOCK_BYTES


def test_entities_that_grow_without_end_are_not_unfolded(tmp_path):
    book = as_xlsx([{"reference_id": "a", "probe_id": "b"}])
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as parts, zipfile.ZipFile(sink, "w") as hostile:
        for name in parts.namelist():
            text = parts.read(name).decode()
            if name == "xl/worksheets/sheet1.xml":
                text = head + text.replace("<t>a</t>", "<t>&l11;</t>")
            hostile.writestr(name, text)
    assert b"&l11;" in zipfile.ZipFile(sink).read("xl/worksheets/sheet1.xml")
    with suppress(InputError):
        assert "haha" not in str(read(tmp_path, "x.xlsx", sink.getvalue()).rows)


@pytest.mark.parametrize("level", range(4))
def test_what_is_packed_again_and_again_ends(tmp_path, level):
    data = packed(f"{HEADER}\np,a,b\n".encode())
    for _ in range(level):
        data = packed(data)
    if level < 3:
        assert read(tmp_path, "x.gz", data).ids == ["p"]
    else:
        with pytest.raises(InputError, match="packed 3 times: pack it once"):
            read(tmp_path, "x.gz", data)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (r'"\ud800.jpg"', "half a character"),
        ("1e400", "beyond all bounds: write it as text"),
        ("1" + "0" * 5000, "at most 1,024"),
        ('"' + "x" * 5000 + '"', "at most 1,024"),
        ('"a\\u0000b"', "control characters"),
        ("[" * 3000 + "]" * 3000, ""),
    ],
)
@pytest.mark.parametrize("column", ["reference_id", "attr_n", "pair_id"])
def test_an_odd_value_costs_its_row_alone(tmp_path, value, told, column):
    good = '{"pair_id":"p","reference_id":"a","probe_id":"b","attr_n":"x"}\n'
    row = {"pair_id": '"q"', "reference_id": '"a"', "probe_id": '"b"', "attr_n": '"x"'} | {column: value}
    odd = "{" + ",".join(f'"{name}":{text}' for name, text in row.items()) + "}\n"
    found = read(tmp_path, "x.jsonl", good + odd + good)
    (bad,) = found.bad
    assert (found.ids, bad.manifest_line) == (["p", "p"], 2)
    assert told in bad.message
    assert len(bad.message) < 500


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@a", "=cmd|' /C calc'!A0", "＝1"])
def test_formula_text_is_text(tmp_path, value):
    row = {"pair_id": "p", "reference_id": "a", "probe_id": "b", "attr_n": value}
    for name, data in (("x.csv", f"{HEADER},attr_n\np,a,b,{value}\n"), ("x.jsonl", json.dumps(row))):
        assert read(tmp_path, name, data).rows[0]["attributes"] == {"attr_n": value}


def test_many_attributes_over_many_files_are_refused_by_the_plan(tmp_path):
    store = FileStore(tmp_path)
    header = ",".join(["reference_id", "probe_id"])
    reader = RowReader(store, ManifestOptions(), quality_control=0)
    for number in range(3):
        names = ",".join(f"attr_{number}_{column}" for column in range(400))
        store.put(f"{number}.csv", f"{header},{names}\n".encode() + b"a,b" + b",x" * 400 + b"\n")
    reader.read("0.csv")
    reader.read("1.csv")
    with pytest.raises(InputError, match=r"more than 1,000 columns attr_...: leave some out of .*/2.csv"):
        reader.read("2.csv")

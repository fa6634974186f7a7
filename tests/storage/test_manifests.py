import gzip
import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow, Pair
from maskmatch.storage.manifests import find_manifests, read_manifest

DAY = date(2026, 1, 2)
FOLDER = "manifests/ds=2026-01-02"
ROWS = [
    {"pair_id": "p1", "reference_id": "a.jpg", "probe_id": "b.jpg", "is_mated": True, "quality_control": 2},
    {
        "pair_id": "p2",
        "reference_id": "ä ß.jpg",
        "probe_id": "b.jpg",
        "is_mated": None,
        "quality_control": None,
    },
]


def as_csv(rows):
    lines = [",".join(rows[0])]
    lines += [",".join("" if value is None else str(value).lower() for value in row.values()) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def as_jsonl(rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def as_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


FORMATS = {
    "pairs.csv": as_csv(ROWS),
    "pairs.csv.gz": gzip.compress(as_csv(ROWS), mtime=0),
    "pairs.jsonl": as_jsonl(ROWS),
    "pairs.jsonl.gz": gzip.compress(as_jsonl(ROWS), mtime=0),
    "pairs.parquet": as_parquet(ROWS),
}


def read(store, name, data):
    store.put(f"{FOLDER}/{name}", data)
    return list(read_manifest(store, f"{FOLDER}/{name}"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_pairs(store, name):
    first, second = read(store, name, FORMATS[name])
    assert isinstance(first, Pair)
    assert (first.pair_id, first.is_mated, first.quality_control) == ("p1", True, 2)
    assert (second.reference_id, second.is_mated, second.quality_control) == ("ä ß.jpg", None, None)
    assert first.manifest_file == name


def test_bad_csv_rows_name_their_line_and_do_not_stop_the_others(store):
    text = 'pair_id,reference_id,probe_id\np1,"a,1.jpg",c\n\np2,a,b\np3,a\np4,a,b,c\n,a,b\np5,"a,b\np6,a,b\n'
    rows = read(store, "x.csv", text.encode())
    found = [(type(row).__name__, row.manifest_row, getattr(row, "code", None)) for row in rows]
    assert found == [
        ("Pair", 2, None),
        ("Pair", 4, None),
        ("BadRow", 5, "row_malformed"),
        ("BadRow", 6, "row_malformed"),
        ("BadRow", 7, "pair_id_missing"),
        ("BadRow", 8, "row_malformed"),
        ("Pair", 9, None),
    ]
    assert rows[0].reference_id == "a,1.jpg"
    assert rows[2].message == "x.csv line 5: the row has 2 fields, the header 3"


def test_bad_json_lines_name_their_line_and_do_not_stop_the_others(store):
    good = json.dumps(ROWS[0])
    lines = [good, "{broken", "[1]", '{"pair_id": {"a": 1}}', '{"pair_id": "x", "is_matd": true}', good]
    lines += ["[" * 100_000, '{"pair_id": ' + "9" * 5000 + "}", '{"pair_id": "\\ud800"}']
    lines += ['{"pair_id": NaN}', '{"pair_id": "a", "pair_id": "b"}']
    rows = read(store, "x.jsonl", "\n".join(lines).encode())
    assert [row.code for row in rows[1:5]] == [
        "row_malformed",
        "row_malformed",
        "value_invalid",
        "column_unknown",
    ]
    assert "did you mean is_mated?" in rows[4].message
    assert [row.manifest_row for row in rows] == list(range(1, 12))
    codes = ["row_malformed", "row_malformed", "value_invalid", "row_malformed", "row_malformed"]
    assert [row.code for row in rows[6:]] == codes


def test_numbers_in_parquet_are_read_as_the_text_they_stand_for(store):
    table = [{"pair_id": 17, "reference_id": "a", "probe_id": "b", "quality_control": 3.0}]
    (row,) = read(store, "x.parquet", as_parquet(table))
    assert (row.pair_id, row.quality_control) == ("17", 3)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.csv", b"", "column pair_id, reference_id, probe_id is missing; the columns found are: none"),
        ("x.csv", b"pair_id,left,right\n", "reference_id, probe_id is missing; .*: pair_id, left, right"),
        ("x.csv", b"pair_id,reference_id,probe_id,is_matd\n", "did you mean is_mated"),
        ("x.csv", b"pair_id,reference_id,probe_id,camera\n", "name it attr_camera"),
        ("x.csv", b"pair_id,reference_id,probe_id,probe_id\n", "stands twice"),
        ("x.csv", b'pair_id,"reference_id,probe_id\n', "x.csv cannot be read"),
        ("x.csv", b"pair_id;reference_id;probe_id\n", "separate columns with commas"),
        ("x.csv", "pair_id,reference_id,probe_id\né,a,b\n".encode("latin-1"), "save it as UTF-8"),
        ("x.csv.gz", b"not gzip at all", "x.csv.gz cannot be read"),
        ("x.csv.gz", FORMATS["pairs.csv.gz"][:-12], "x.csv.gz cannot be read"),
        ("x.parquet", b"PAR1 is not enough", "x.parquet cannot be read"),
        ("x.parquet", as_parquet([{**ROWS[0], "pair_id": b"p1"}]), "column pair_id is binary"),
        ("x.parquet", as_parquet([{**ROWS[0], "attr_a": {"b": 1}}]), "column attr_a is struct"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_with_its_name_and_the_cure(store, name, data, message):
    with pytest.raises(InputError, match=message):
        read(store, name, data)


def test_the_manifests_of_a_date_are_found_in_order(store):
    for name in ("b.csv", "a.jsonl.gz", "sub/c.parquet", "_SUCCESS", ".hidden.csv"):
        store.put(f"{FOLDER}/{name}", b"x")
    store.put("manifests/ds=2026-01-03/other.csv", b"x")
    found = [key.removeprefix(f"{FOLDER}/") for key in find_manifests(store, DAY)]
    assert found == ["a.jsonl.gz", "b.csv", "sub/c.parquet"]


@pytest.mark.parametrize("name", ["pairs.csv.zst", "pairs.CSV", "notes.txt"])
def test_a_file_that_cannot_be_read_is_never_left_out_unseen(store, name):
    store.put(f"{FOLDER}/a.csv", b"x")
    store.put(f"{FOLDER}/{name}", b"x")
    with pytest.raises(InputError, match=f"{name} is no manifest: rename it to end in .csv"):
        find_manifests(store, DAY)


def test_a_date_without_manifests_says_where_to_put_one(store):
    with pytest.raises(InputError, match=r"no manifest at .*/manifests/ds=2026-01-02/: put one there"):
        find_manifests(store, DAY)


def test_a_bad_row_is_never_a_pair_by_accident(store):
    rows = read(store, "x.csv", b"pair_id,reference_id,probe_id\np,a,http://c/x?Signature=1\n")
    assert isinstance(rows[0], BadRow)

"""`maskmatch validate`: what manifests hold, and whether a run would go on; without an account."""

import csv
import gzip
import io
import json
import sys

import pyarrow.parquet as pq
import pytest

from maskmatch.cli.__main__ import main
from maskmatch.storage.object_stores import FileStore
from tests.nights import DAY

HEADER = "pair_id,img1,probe_id,camera,is_mated\n"
FOLDER = f"manifests/ds={DAY}"


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a source with manifests of several kinds; no key and no account are set."""
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "MASKMATCH_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    store = FileStore(tmp_path / "source")
    rows = [f"p{n},a{n}.jpg,b{n}.jpg,7,yes" for n in range(5)]
    bad = [
        "q1,a.jpg,b.jpg,7,maybe",
        "q2,a.jpg,b.jpg,7,perhaps",
        "q3,,b.jpg,7,",
        "q4,a.jpg,b.jpg,7,hm",
        "q5,a,b,7,?",
    ]
    store.put(f"{FOLDER}/a.csv", (HEADER + "\n".join([*rows, *bad, rows[0]]) + "\n").encode())
    gb = gzip.compress((HEADER + "r1,王.jpg,b.jpg,7,是\n").encode("gb18030"))
    store.put(f"{FOLDER}/quality_control=3/b.csv.gz", gb)
    store.put(f"{FOLDER}/_SUCCESS", b"")
    store.put(f"{FOLDER}/Thumbs.db", b"x")
    return store


def validate(source, *more):
    return main(
        ["validate", f"--date={DAY}", f"--source={source.uri}", "--manifest-columns=reference_id=img1", *more]
    )


def test_what_the_manifests_of_a_date_hold_is_told(source, capsys):
    assert validate(source) == 0
    shown = capsys.readouterr().out
    assert (
        "a.csv: csv, UTF-8, 11 rows, 5 of them bad; read: 'img1' as reference_id, 'camera' as attr_camera"
        in shown
    )
    assert "quality_control=3/b.csv.gz: csv, gzip, GB18030, 1 rows, 0 of them bad" in shown
    assert "passed over: Thumbs.db (a cache of Windows), _SUCCESS (its name" in shown
    assert "12 rows: 6 pairs to compare, 1 rows that repeat one, 5 bad rows" in shown
    assert "  4 value_invalid of is_mated, the first:" in shown
    assert "    a.csv line 7, record 6, column is_mated: 'maybe' is not one of" in shown
    assert shown.count("column is_mated:") == 3
    assert "  1 reference_id_missing of reference_id, the first:" in shown
    assert shown.endswith("a run would go on\n")


def test_the_same_is_told_as_json(source, capsys):
    assert validate(source, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["pairs"], found["repeated_rows"], found["bad_rows"]) == (12, 6, 1, 5)
    assert found["goes_on"]
    first, second = found["files"]
    assert (first["form"], first["encoding"], first["columns"]["img1"]) == ("csv", "UTF-8", "reference_id")
    assert (second["compressions"], second["columns"]["quality_control"]) == (["gzip"], "quality_control")
    assert [each["name"] for each in found["passed_over"]] == ["Thumbs.db", "_SUCCESS"]
    assert [(each["code"], each["count"], len(each["first"])) for each in found["reasons"]] == [
        ("value_invalid", 4, 3),
        ("reference_id_missing", 1, 1),
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_terminal_without_utf8_shows_escapes(source, monkeypatch, encoding, words):
    source.put(f"{FOLDER}/0.csv", (HEADER + "p9,a.jpg,b.jpg,7,vielleicht 是 😀\n").encode())
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert validate(source, *words) == 0
    terminal.flush()
    shown = terminal.buffer.getvalue().decode(encoding)
    assert "'vielleicht \\u662f" in shown
    if words:
        assert json.loads(shown)["bad_rows"] == 6


@pytest.mark.parametrize(
    ("limit", "status"), [("0.5 of 1", 0), ("0.3 of 1", 1), ("40% of 12", 1), ("0 of 13", 0)]
)
def test_the_exit_status_says_whether_a_run_would_go_on(source, capsys, limit, status):
    assert validate(source, f"--max-bad-rows={limit}") == status
    told = capsys.readouterr().out
    assert ("a run would not go on: 5 of 12 rows are bad, more than max_bad_rows" in told) == bool(status)


def test_a_file_that_cannot_be_read_does_not_hide_what_is_behind_it(source, capsys):
    source.put(f"{FOLDER}/a0.csv.gz", gzip.compress(b"x" * 1000)[:-9])
    assert validate(source) == 1
    shown = capsys.readouterr().out
    assert "a0.csv.gz cannot be read: " in shown
    assert "b.csv.gz: csv, gzip, GB18030" in shown
    assert "a run would not go on: 1 of 3 files cannot be read" in shown


def test_a_pair_id_of_two_files_is_found_over_all(source, capsys):
    source.put(f"{FOLDER}/c.csv", (HEADER + "p1,other.jpg,b.jpg,7,\n").encode())
    assert validate(source) == 0
    assert "2 pair_id_repeated of pair_id" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet"])
def test_bad_rows_are_written_as_a_table(source, tmp_path, name):
    assert validate(source, f"--bad-rows={tmp_path / name}") == 0
    if name.endswith(".csv"):
        with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pq.ParquetFile(tmp_path / name).read().to_pylist()
    assert [int(row["manifest_line"]) for row in rows] == [7, 8, 9, 10, 11]
    assert {row["manifest_file"] for row in rows} == {"a.csv"}
    assert [row["column"] for row in rows].count("is_mated") == 4


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_table_is_a_formula(source, tmp_path, start):
    source.put(
        f"{FOLDER}/{start}x.csv", (HEADER + f"{start}cmd|' /C calc'!A0,a.jpg,b.jpg,7,maybe\n").encode()
    )
    validate(source, f"--bad-rows={tmp_path / 'bad.csv'}")
    with (tmp_path / "bad.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{start}cmd|' /C calc'!A0" in cells
    assert not [cell for cell in cells if cell.startswith((start, "\t", "\r"))]


@pytest.mark.parametrize(
    ("name", "told"), [("bad.txt", "written as .csv or .parquet"), ("gone/bad.csv", "is no folder: make it")]
)
def test_a_table_that_cannot_be_written_is_told_before_anything_is_read(source, tmp_path, capsys, name, told):
    assert validate(source, f"--bad-rows={tmp_path / name}") == 1
    assert told in capsys.readouterr().err


def test_a_single_manifest_is_read_by_path_and_by_address(source, tmp_path, capsys):
    path = tmp_path / "my pairs.csv"
    path.write_text("pair_id,reference_id,probe_id\np,cos://b-1/a.jpg,oss://b/b.jpg\n")
    for manifest in (str(path), path.as_uri()):
        assert main(["validate", manifest]) == 0
        assert "my pairs.csv: csv, UTF-8, 1 rows, 0 of them bad" in capsys.readouterr().out
    assert main(["validate", str(path), f"--source={source.uri}", "--max-bad-rows=0 of 1"]) == 1
    assert "cos:// is an address of Tencent COS, and the source is a folder" in capsys.readouterr().out


def test_a_single_manifest_of_a_date_has_the_columns_of_its_folders(tmp_path, capsys):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/is_mated=maybe/x.csv", b"reference_id,probe_id\na,b\n")
    assert main(["validate", str(tmp_path / FOLDER / "is_mated=maybe" / "x.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bad_rows"] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give either --date with --source, or one manifest"),
        (["x.csv", f"--date={DAY}"], "give either --date with --source, or one manifest"),
        ([f"--date={DAY}"], "give --source or set MASKMATCH_SOURCE"),
        (["/nowhere/x.csv"], "there is no file '/nowhere/x.csv': name one"),
        (["/tmp"], "there is no file '/tmp'"),
        (["s3://bucket"], "'s3://bucket' names no object"),
        (["ftp://host/x.csv"], "is not a storage address"),
    ],
)
def test_what_cannot_be_looked_at_is_told(monkeypatch, capsys, words, told):
    monkeypatch.delenv("MASKMATCH_SOURCE", raising=False)
    assert main(["validate", *words]) in {1, 2}
    assert told in capsys.readouterr().err


def test_a_date_without_manifests_names_what_lies_there(tmp_path, capsys):
    store = FileStore(tmp_path)
    store.put(f"{FOLDER}/_SUCCESS", b"")
    assert validate(store) == 1
    assert "1 objects there are none: _SUCCESS" in capsys.readouterr().err


@pytest.mark.usefixtures("source")
def test_long_work_tells_how_far_it_is(source, caplog, monkeypatch):
    monkeypatch.setattr("maskmatch.cli.pace.SECONDS", -1)
    with caplog.at_level("INFO", "maskmatch.cli.validate"):
        validate(source)
    assert "a.csv: 11 rows so far, 5 of them bad" in caplog.text


def test_it_explains_itself(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["validate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    assert "nothing is called and nothing paid. The exit status is 0 if a run would go on, else 1." in shown
    for option in (
        "--bad-rows FILE",
        "--json",
        "--max-bad-rows",
        "--manifest-columns",
        "--manifest-encoding",
    ):
        assert option in shown


def test_a_key_in_the_name_of_a_file_is_not_shown(tmp_path, capsys):
    file = tmp_path / "x?X-Amz-Signature=geheim.csv"
    file.write_text("reference_id,probe_id\na,b\n")
    assert main(["validate", str(file)]) == 1
    shown = capsys.readouterr()
    assert "name the file anew, and withdraw the key" in shown.err
    assert "geheim" not in shown.out + shown.err

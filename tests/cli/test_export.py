"""`maskmatch export`: which dates, to where, and whole or not at all."""

import csv
import io
from datetime import date
from urllib.parse import unquote
from uuid import uuid4

import pytest

from maskmatch.cli.__main__ import main
from maskmatch.core.errors import InputError
from maskmatch.pipeline.exporting import days_between, export
from maskmatch.storage.exports import Target
from maskmatch.storage.object_stores import FileStore, S3Store
from maskmatch.storage.schemas import TABLES
from tests.cli.exporting import TEXTS, bad_row, exported, published, row
from tests.nights import DAY
from tests.s3 import client_of

NEXT, LAST = date(2026, 1, 3), date(2026, 1, 5)


@pytest.fixture
def warehouse(tmp_path):
    return FileStore(tmp_path / "warehouse")


@pytest.fixture
def s3_warehouse(seaweed, monkeypatch):
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    client = client_of(seaweed)
    yield S3Store(client, bucket="maskmatch", prefix=f"tests/{uuid4().hex}")
    client.close()


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_several_dates_are_one_file_with_the_columns_of_all(warehouse, tmp_path, capsys):
    published(warehouse, [row(1, attributes=[("attr_mask", "both")])])
    published(warehouse, [row(2, attributes=[("attr_age", "7")])], day=NEXT)
    published(warehouse, [row(3)], day=LAST)
    output = tmp_path / "x.csv"
    assert exported(warehouse, "csv", output, f"--from-date={DAY}", "--to-date=2026-01-06", day=None) == 0
    found = rows_of(output.read_bytes())
    assert [(each["ds"], each["pair_id"], each["attr_mask"], each["attr_age"]) for each in found] == [
        ("2026-01-02", "p001", "both", ""),
        ("2026-01-03", "p002", "", "7"),
        ("2026-01-05", "p003", "", ""),
    ]
    shown = capsys.readouterr().out
    assert f"wrote {output.as_uri()}: 3 rows" in shown
    assert "dates without outcomes: 2026-01-04, 2026-01-06" in shown


def test_more_rows_than_a_block_are_all_there_and_in_order(warehouse, tmp_path):
    published(warehouse, [row(number, pair_id=f"p{number:06d}") for number in range(150_000)])
    assert exported(warehouse, "nist", tmp_path / "match.log") == 0
    lines = (tmp_path / "match.log").read_text().splitlines()
    assert len(lines) == 150_001
    assert [line.split()[0] for line in lines[1:]] == [f"a{number}.jpg" for number in range(150_000)]


@pytest.mark.parametrize("form", ["nist", "bob", "csv"])
def test_an_export_that_breaks_off_leaves_what_was_there(warehouse, tmp_path, form):
    published(warehouse, [row(1)])
    output = tmp_path / "out"
    output.write_text("earlier")

    def broken(done, rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(warehouse, [DAY], form=form, target=Target("out", path=output), replace=True, progress=broken)
    assert output.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "warehouse"]


def test_an_export_to_s3_that_breaks_off_leaves_what_was_there(s3_warehouse):
    published(s3_warehouse, [row(1)])
    s3_warehouse.put("out", b"earlier")

    def broken(done, rows):
        raise KeyboardInterrupt

    target = Target("out", store=s3_warehouse, key="out")
    with pytest.raises(KeyboardInterrupt):
        export(s3_warehouse, [DAY], form="csv", target=target, replace=True, progress=broken)
    assert s3_warehouse.get("out") == b"earlier"


@pytest.mark.parametrize("form", ["nist", "bob", "csv"])
def test_tables_on_s3_are_exported_to_s3_and_to_a_file_alike(s3_warehouse, tmp_path, form):
    subjects = {"reference_subject_id": "王 1", "probe_subject_id": "王 2"}
    published(s3_warehouse, [row(n, reference_id=text, **subjects) for n, text in enumerate(TEXTS)])
    address = f"{s3_warehouse.uri}/exports/my out.{form}.txt"
    assert exported(s3_warehouse, form, address) == 0
    assert exported(s3_warehouse, form, (tmp_path / "out").as_uri()) == 0
    data = s3_warehouse.get(f"exports/my out.{form}.txt")
    assert data == (tmp_path / "out").read_bytes()
    if form == "nist":
        names = [line.split(" ")[0] for line in data.decode().split("\n")[1:-1]]
        assert [unquote(name) for name in names] == list(TEXTS)


def test_what_is_there_is_replaced_only_if_it_is_asked_for(warehouse, s3_warehouse, tmp_path, capsys):
    published(warehouse, [row(1)])
    (tmp_path / "out").write_text("earlier")
    s3_warehouse.put("out", b"earlier")
    for output in (tmp_path / "out", f"{s3_warehouse.uri}/out"):
        assert exported(warehouse, "nist", output) == 1
    assert capsys.readouterr().err.count("out is there already: name another file, or add --replace") == 2
    assert (tmp_path / "out").read_text() == s3_warehouse.get("out").decode() == "earlier"
    for output in (tmp_path / "out", f"{s3_warehouse.uri}/out"):
        assert exported(warehouse, "nist", output, "--replace") == 0
    assert (tmp_path / "out").read_bytes() == s3_warehouse.get("out")


def test_an_object_that_no_store_takes_at_once_is_refused(warehouse, tmp_path, monkeypatch):
    monkeypatch.setattr("maskmatch.storage.exports.whole._MOST_BYTES_OF_A_PUT", 1000)
    published(warehouse, [row(number) for number in range(100)])
    target = Target("out", store=FileStore(tmp_path / "elsewhere"), key="out")
    with pytest.raises(InputError, match="name fewer dates, or a file"):
        export(warehouse, [DAY], form="nist", target=target, replace=True, progress=lambda *_: None)
    assert not (tmp_path / "elsewhere").exists()
    assert exported(warehouse, "nist", tmp_path / "match.log") == 0


def test_a_long_export_tells_how_far_it_is(warehouse, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("maskmatch.cli.pace.SECONDS", -1)
    published(warehouse, [row(1), row(2)])
    with caplog.at_level("INFO", "maskmatch.cli.export"):
        exported(warehouse, "csv", tmp_path / "x.csv")
    assert "2 of 2 rows" in caplog.text


def test_a_file_is_for_its_user_alone(warehouse, tmp_path):
    published(warehouse, [row(1)])
    assert exported(warehouse, "csv", tmp_path / "x.csv") == 0
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("form", "output", "more", "told"),
    [
        ("csv", "x.csv", [f"--to-date={NEXT}"], "give either --date, or --from-date and --to-date"),
        ("csv", "gone/x.csv", [], "is no folder: make it"),
        ("csv", "", [], "is not a file: name another"),
        ("nist", "x.log", ["--excel"], "--excel is for --format csv"),
        ("bob", "scores.csv", [], "name it scores.txt"),
        ("csv", "warehouse/outcomes/current/ds=2026-01-02/data.parquet", [], "lies among tables and plans"),
    ],
)
def test_what_cannot_be_exported_is_told(warehouse, tmp_path, capsys, form, output, more, told):
    published(warehouse, [row(1)])
    before = sorted(tmp_path.rglob("*"))
    assert exported(warehouse, form, tmp_path / output, *more) in {1, 2}
    assert told in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", [*TABLES, "work"])
def test_no_table_and_no_plan_is_replaced_by_an_export(warehouse, tmp_path, capsys, name):
    published(warehouse, [row(1)])
    warehouse.put(f"{name}/current/ds={DAY}/x.parquet", b"a table")
    target = f"warehouse/{name}/current/ds={DAY}/x.parquet"
    assert exported(warehouse, "csv", tmp_path / target, "--replace") == 1
    assert "lies among tables and plans" in capsys.readouterr().err
    assert (tmp_path / target).read_bytes() == b"a table"


def test_dates_without_outcomes_are_told(warehouse, tmp_path, capsys):
    published(warehouse, [row(1)])
    assert exported(warehouse, "csv", tmp_path / "x", day=NEXT) == 1
    assert f"{warehouse.uri}/outcomes/current has no outcomes of 2026-01-03" in capsys.readouterr().err
    assert exported(warehouse, "csv", tmp_path / "x", f"--from-date={NEXT}", "--to-date=2026-01-01", day=None)
    assert "2026-01-01 is before 2026-01-03" in capsys.readouterr().err
    warehouse.put("outcomes/current/ds=2026-01-03/data.parquet", b"void")
    assert exported(warehouse, "csv", tmp_path / "x", day=NEXT) == 1
    assert "data.parquet is no table" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_an_address_without_a_key_is_refused(warehouse, tmp_path, capsys):
    for output in ("s3://bucket", "s3://bucket/folder/", "ftp://host/x"):
        assert exported(warehouse, "csv", output) == 1
    shown = capsys.readouterr().err
    assert shown.count("names no object") == 2
    assert "is not a storage address" in shown


def test_both_ends_of_a_range_belong_to_it():
    assert days_between(DAY, LAST) == [date(2026, 1, number) for number in (2, 3, 4, 5)]
    assert days_between(DAY, DAY) == [DAY]


def test_a_table_without_rows_makes_a_file_without_rows(warehouse, tmp_path, capsys):
    published(warehouse, [])
    assert exported(warehouse, "nist", tmp_path / "match.log") == 0
    assert (tmp_path / "match.log").read_text() == "enrollTempl verifTempl simScore returnCode\n"
    assert "no rows" in capsys.readouterr().out


def test_rows_that_are_no_pairs_alone_make_no_lines(warehouse, tmp_path, capsys):
    published(warehouse, [bad_row(1), bad_row(2)])
    for form in ("nist", "bob"):
        assert exported(warehouse, form, tmp_path / form) == 0
        assert "left out: 2 rows that are no pairs" in capsys.readouterr().out


def test_it_explains_itself(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["export", "--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "enrollTempl verifTempl simScore returnCode" in shown
    assert "claimed_id real_id probe_label score" in shown
    assert "maskmatch export --format csv --excel --date 2026-11-22 --to outcomes.csv" in shown

"""The examples for analysts run as they stand in the document, over tables that were really published.

Two dates whose manifests had other attributes, the second published twice.
"""

import re
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from devstack.pictures import JPEG_HEAD
from devstack.project import project_root
from maskmatch.cli.__main__ import main
from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.run import Run
from maskmatch.storage.object_stores import FileStore, S3Store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.views import views_sql
from tests.account import local_account
from tests.nights import complete, options_for
from tests.s3 import client_of

pytestmark = pytest.mark.server
PLAIN = [
    "row_id", "pair_id", "publication", "score", "decision", "is_mated", "is_open", "quality_control",
    "attempts", "billed_calls", "cost", "failure_code", "billed_on", "logical_date",
]  # fmt: skip
ADDRESS = "s3://maskmatch/warehouse"
FIRST, SECOND = date(2026, 11, 21), date(2026, 11, 22)
HEADER = "pair_id,reference_id,probe_id,is_mated"
DOCUMENT = (project_root() / "docs" / "analysts.md").read_text()


def blocks(kind: str) -> list[str]:
    """Return the blocks of the document in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", params=["s3", "file"])
def warehouse(request, tmp_path_factory):
    """Return the store with the tables of both dates."""
    folder = tmp_path_factory.mktemp("analysts")
    if request.param == "file":
        store = FileStore(folder / "warehouse")
        publish_dates(folder, store)
        yield store
        return
    client = client_of(request.getfixturevalue("seaweed"))
    store = S3Store(client, bucket="maskmatch", prefix=f"analysts/{uuid4().hex}")
    publish_dates(folder, store)
    yield store
    client.close()


def publish_dates(folder: Path, warehouse) -> None:
    source = FileStore(folder / "source")
    for number in range(20):
        source.put(f"images/{number}.jpg", JPEG_HEAD + b"%d" % number)
    source.put("images/3.jpg", JPEG_HEAD + b"3: no face")
    plain = [f"p{n},images/{n}.jpg,images/{n + 1}.jpg,{'true' if n % 2 else 'false'}" for n in range(12)]
    rich = [f"p{n},images/{n}.jpg,images/{n + 2}.jpg,true,{'both' if n % 2 else ''},7" for n in range(12)]
    bad = ["gone,images/1.jpg,no/1.jpg,,none,", ",images/1.jpg,images/2.jpg,,none,"]
    twice = ["p1,images/1.jpg,images/3.jpg,true,both,8"]
    with local_account() as local:
        options = options_for(local, folder)
        for day, header, rows in (
            (FIRST, HEADER, plain),
            (SECOND, f"{HEADER},attr_mask,attr_age", [*rich, *bad]),
            (SECOND, f"{HEADER},attr_mask,attr_age", [*rich, *bad, *twice]),
        ):
            source.put(f"manifests/ds={day}/pairs.csv", ("\n".join([header, *rows]) + "\n").encode())
            run = Run(source=source, warehouse=warehouse, day=day, run_id=f"of {day}")
            complete(run, options, run_id=f"run {day} {len(rows)}")


@pytest.fixture
def variables(warehouse, request, monkeypatch):
    """Set what readers need to find the store."""
    if isinstance(warehouse, S3Store):
        for name, value in request.getfixturevalue("seaweed").environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")


@pytest.fixture
def connection(warehouse, request):
    """Return a connection of DuckDB that has read the views."""
    with duckdb.connect() as connection:
        load(connection, duckdb_extension_httpfs)
        if isinstance(warehouse, S3Store):
            seaweed = request.getfixturevalue("seaweed")
            connection.execute(f"""
                create secret (type s3, use_ssl false, key_id '{seaweed.access_key}',
                    secret '{seaweed.secret_key}', url_style 'path',
                    endpoint '{seaweed.endpoint_url.removeprefix("http://")}')""")
        connection.execute(views_sql(warehouse.uri))
        yield connection


def load(connection, package) -> None:
    found = Path(package.__file__).parent.glob("extensions/*/*.duckdb_extension")
    connection.execute(f"load '{next(found)}'")


def properties_of(warehouse, request) -> dict[str, str]:
    """Return what pyiceberg has to know of a store."""
    if not isinstance(warehouse, S3Store):
        return {}
    seaweed = request.getfixturevalue("seaweed")
    return {
        "s3.endpoint": seaweed.endpoint_url,
        "s3.access-key-id": seaweed.access_key,
        "s3.secret-access-key": seaweed.secret_key,
        "s3.region": "us-east-1",
    }


@pytest.mark.usefixtures("variables")
@pytest.mark.filterwarnings("ignore")
def test_every_example_in_python_runs_and_loses_no_attribute(warehouse, request, tmp_path, connection):
    (tmp_path / "iceberg").mkdir()
    names: dict = {"STORE": properties_of(warehouse, request)}
    for block in blocks("python"):
        text = block.replace(ADDRESS, warehouse.uri).replace("/tmp/iceberg", f"{tmp_path}/iceberg")
        exec(text, names)
    assert len(names["outcomes"]) == names["table"].num_rows == len(names["frame"]) == 27
    assert names["outcomes"]["mask"].value_counts().to_dict() == {"both": 7, "none": 2}
    assert names["ages"].to_pylist().count("7") == 12
    assert sum(names["by_mask"]["score"]) == names["outcomes"]["score"].notna().sum()
    assert names["meanings"]["score"].startswith("Similarity")
    assert names["iceberg"].scan().to_arrow().num_rows == 27
    assert names["rows"]["attributes"].combine_chunks().type == names["table"]["attributes"].type
    for package in (duckdb_extension_avro, duckdb_extension_iceberg):
        load(connection, package)
    place = names["iceberg"].metadata_location.removeprefix("file://")
    found = connection.sql(f"""
        select logical_date, count(*), count(attributes['attr_mask']), round(sum(score), 2)
        from iceberg_scan('{place}') group by all order by all""").fetchall()
    same = connection.sql("""
        select logical_date, count(*), count(attributes['attr_mask']), round(sum(score), 2)
        from outcomes group by all order by all""").fetchall()
    assert found == same
    _, older, _ = sorted(
        found.key for found in warehouse.list("outcomes/_runs/") if found.key.endswith(".parquet")
    )
    with names["iceberg"].transaction() as change:  # as it is before the date is published again
        change.delete(f"logical_date = '{SECOND}'")
        change.add_files([f"{warehouse.uri}/{older}"])
    exec(
        blocks("python")[-1].replace(ADDRESS, warehouse.uri).replace("/tmp/iceberg", f"{tmp_path}/iceberg"),
        names,
    )
    assert names["iceberg"].refresh().scan().to_arrow().num_rows == 27


def test_every_example_in_sql_runs_and_says_what_it_should(connection):
    answers = [
        connection.sql(statement).to_arrow_table()  # times as Python objects would want pytz
        for block in blocks("sql")
        for statement in filter(str.strip, block.split(";"))
    ]
    assert len(answers) == 15

    def one(query):
        return connection.sql(query).fetchall()

    assert one("select count(*), count(distinct (logical_date, row_id)) from outcomes") == [(27, 27)]
    assert one("select count(*) from outcomes_strict") == [(27,)]
    assert one("select count(*) from outcomes_history") == [(12 + 14 + 15,)]
    replaced = one(
        "select publication, replaced, is_current from publications order by logical_date, run_seq"
    )
    assert [each[2] for each in replaced] == [True, False, True]
    assert replaced[2][1] == replaced[1][0]
    assert one("select sum(failed_to_acquire), sum(tried_to_acquire) from failure_to_acquire") == [(5, 25)]
    assert one("select failed, scored from worst_images where image_id = 'images/3.jpg'") == [(5, 0)]
    calls = one("select count(*) from attempts where billed = 'yes'")[0][0]
    assert one("select sum(billed_calls), sum(cost) = sum(billed_calls) * 0.0032 from cost_by_day") == [
        (calls, True)
    ]
    assert one("select count(*) from failures where advice is null or lasting is null") == [(0,)]
    assert one("select attributes['attr_mask'] from failures where failure_code = 'pair_id_missing'") == [
        ("none",)
    ]
    assert one("select sum(billed_calls), sum(permits_without_record) from runs") == [(calls, 0)]


def test_a_copy_of_a_warehouse_is_read_in_its_place_whatever_its_name(warehouse, connection, tmp_path):
    place = tmp_path / "it's 50% mine"
    for table in TABLES:
        for found in warehouse.list(f"{table}/"):
            FileStore(place).put(found.key, warehouse.get(found.key))
    query = "select logical_date, publication, count(*), sum(score) from {} group by all order by all"
    there = connection.sql(query.format("outcomes")).fetchall()
    with duckdb.connect() as elsewhere:
        elsewhere.execute(views_sql(FileStore(place).uri))
        for view in ("outcomes_strict", "outcomes"):
            assert elsewhere.sql(query.format(view)).fetchall() == there


@pytest.mark.parametrize("address", ["ftp://x", "s3://no such", "file://here", "/warehouse"])
def test_views_are_not_made_for_what_is_no_address(address, capsys):
    assert main(["views", f"--warehouse={address}"]) == 1
    told = capsys.readouterr()
    assert "is not a storage address" in told.err
    assert not told.out


def test_last_weeks_publication_is_read_as_it_was(connection):
    second_day = "where logical_date = '2026-11-22'"
    history = f"select publication, published_at::varchar from publications {second_day} order by run_seq"
    (first, at), (second, _) = connection.sql(history).fetchall()
    then = f"select distinct publication from outcomes_as_of('{at}'::timestamptz) {second_day}"
    assert connection.sql(then).fetchall() == [(first,)]
    assert connection.sql(f"select distinct publication from outcomes {second_day}").fetchall() == [(second,)]


@pytest.mark.usefixtures("variables")
@pytest.mark.filterwarnings("ignore")
def test_four_readers_find_the_same_rows_types_and_attributes(warehouse, connection):
    place = f"{warehouse.uri}/outcomes/current"
    frame = pd.read_parquet(place)
    columns = [frame[name].astype(object) for name in [*PLAIN, "attributes"]]
    by_pandas = [
        (*(None if value is pd.NA else value for value in row), dict(attributes))
        for *row, attributes in zip(*columns, strict=True)
    ]
    table = pq.read_table(place).select([*PLAIN, "attributes"]).to_pylist()
    by_pyarrow = [(*(row[name] for name in PLAIN), dict(row["attributes"])) for row in table]
    polars = pl.read_parquet(f"{place}/**/*.parquet", hive_partitioning=True)
    names = ["attr_mask", "attr_age"]
    flat = polars.select(*PLAIN, *(pl.col("attributes").map.get(name).alias(name) for name in names))
    by_polars = [
        (*row[:-2], {name: value for name, value in zip(names, row[-2:], strict=True) if value})
        for row in flat.iter_rows()
    ]
    rows = connection.sql(f"select {', '.join(PLAIN)}, attributes from outcomes").fetchall()
    by_duckdb = [(*row[:-1], row[-1]) for row in rows]
    found = [sorted(map(repr, map(_plain, each))) for each in (by_pandas, by_pyarrow, by_polars, by_duckdb)]
    assert found[0] == found[1] == found[2] == found[3]
    assert len(set(found[0])) == 27  # row_id is the key, of bad rows, too


def _plain(row: tuple) -> tuple:
    """Return a row with numbers as text, as near as a float tells, and nulls alike."""
    return tuple(
        None
        if value is None or value != value  # noqa: PLR0124  so that NaN, which equals nothing, is null
        else f"{value:.4f}"
        if isinstance(value, float)
        else value
        for value in row
    )


def test_failures_are_a_manifest_of_the_same_pairs(warehouse, connection, tmp_path):
    if isinstance(warehouse, S3Store):
        pytest.skip("the same file")
    source = FileStore(tmp_path / "source")
    folder = tmp_path / "source" / f"manifests/ds={SECOND}"
    folder.mkdir(parents=True)
    wanted = f"failures where logical_date = '{SECOND}' and reference_id is not null"
    connection.execute(f"copy (from {wanted}) to '{folder}/again.parquet'")
    plan = make_plan(Run(source=source, warehouse=FileStore(tmp_path / "new"), day=SECOND, run_id="again"))
    pairs = connection.sql(f"select count(*) from {wanted}").fetchone()[0]
    assert (plan.rows, plan.bad_rows) == (pairs, 0)
    shards = [key for shard in plan.shards for key in (shard.key, shard.rest_key)]
    planned = [pq.read_table(tmp_path / "new" / key) for key in shards if (tmp_path / "new" / key).is_file()]
    before = connection.sql(f"select row_id, map_entries(attributes) from {wanted}").fetchall()
    assert sorted(
        (row["row_id"], row["attributes"]) for table in planned for row in table.to_pylist()
    ) == sorted((row_id, [(each["key"], each["value"]) for each in entries]) for row_id, entries in before)

"""Put the files of a publication in the place of the earlier ones: `outcomes` first, which decides.

Whatever is swapped lies in the history before. Once `outcomes` are swapped the publication is the current
one; what is missing then, another publication finishes (`repairing`).
"""

import io
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow.parquet as pq

from maskmatch.core.errors import ObjectExists, ObjectMissing, Superseded
from maskmatch.pipeline.publish.records import Row, as_record, as_row, runs_table
from maskmatch.storage.publications import Facts, Present, Publisher
from maskmatch.storage.schemas import RUNS, SCHEMA_VERSION
from maskmatch.storage.table_files import TableWriter
from maskmatch.storage.tables import current_key, history_key

FILES = ("outcomes", "attempts", "images")
"""Tables of which a publication is a file of its own; `runs` gets a row for each."""


def replace_tables(publisher: Publisher, files: Mapping[str, TableWriter], facts: Facts) -> None:
    """Keep and swap the files of a publication, and point at them; raise Superseded for one that is late."""
    for table in FILES:
        publisher.keep(table, facts.publication, files[table].path)
    replaced = publisher.swap("outcomes", files["outcomes"].path, facts)
    with suppress(Superseded):  # by one that has `outcomes`, too
        for table in FILES[1:]:
            publisher.swap(table, files[table].path, facts)
    rows = [as_row(facts.runs)]
    if replaced.facts:
        rows.append(as_row(replaced.facts.runs))
    add_runs(publisher, rows)
    for table in FILES:
        publisher.point(
            table, pointer(publisher, table, facts, sha256=files[table].sha256(), rows=files[table].rows)
        )


def pointer(publisher: Publisher, table: str, facts: Facts, *, sha256: str, rows: int) -> dict[str, Any]:
    """Return what the pointer of a table says of a publication."""
    return {
        "table": table,
        "publication": facts.publication,
        "run_seq": facts.run_seq,
        "path": f"{publisher.store.uri}/{history_key(table, publisher.day, facts.publication)}",
        "sha256": sha256,
        "rows": rows,
        "schema_version": SCHEMA_VERSION,
        "published_at": facts.runs.get("published_at"),
    }


def add_runs(publisher: Publisher, rows: list[Row]) -> None:
    """Add rows to the table `runs` of the date, unless they are there, and point at it."""
    while True:
        there = publisher.present("runs")
        known = {row["publication"]: row for row in _read_runs(publisher, there)}
        if all(row["publication"] in known for row in rows):
            return
        merged = [*(known | {row["publication"]: row for row in rows}).values()]
        try:
            _write_runs(publisher, merged, there)
        except ObjectExists:
            continue
        return


def read_runs(publisher: Publisher) -> list[Row]:
    """Return the publications of a date, oldest first."""
    return _read_runs(publisher, publisher.present("runs"))


def _read_runs(publisher: Publisher, there: Present) -> list[Row]:
    if there.facts is None:
        return []
    with suppress(ObjectMissing):
        data = publisher.store.get(current_key("runs", publisher.day))
        return [*pq.ParquetFile(io.BytesIO(data)).read().to_pylist()]
    return []


def _write_runs(publisher: Publisher, rows: list[Row], there: Present) -> None:
    """Write all rows anew over just what is there; raise ObjectExists when that has changed."""
    last = max(rows, key=lambda row: int(row["run_seq"]))
    facts = Facts(
        publication=f"{last['publication']}.{secrets.token_hex(3)}",
        run_seq=last["run_seq"],
        content="",
        runs=as_record({"published_at": last["published_at"]}),
    )
    file = TableWriter(RUNS, salt=salt_of(last["run_seq"]))
    file.add(runs_table(rows))
    file.finish(facts.metadata())
    publisher.keep("runs", facts.publication, file.path)
    publisher.replace("runs", file.path, there, facts)
    publisher.point("runs", pointer(publisher, "runs", facts, sha256=file.sha256(), rows=file.rows))
    file.close()


_SALTS = 89


def salt_of(run_seq: int) -> int:
    """Return a number that differs between any two of 89 publications that follow each other."""
    return run_seq % _SALTS

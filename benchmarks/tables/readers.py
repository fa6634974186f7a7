"""Readers of outcomes with three libraries, plain and strict, for `publish_safety`."""

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import polars as pl

from benchmarks.tables.publishers import DAY, sum_of
from maskmatch.storage.object_stores import open_store
from maskmatch.storage.tables import current_key, pointer_key


class Reader:
    """Reads outcomes with one library, the current ones or those that the pointer names."""

    def __init__(self, library: str, uri: str, options: Mapping[str, str]) -> None:
        self._library, self._uri, self._options = library, uri, options
        self._duckdb = _duckdb(options) if library == "duckdb" else None

    def rows(self, address: str) -> tuple[set[str], tuple[int, int]]:
        """Return the publications in a file, and the sum of its rows."""
        columns = ["publication", "row_id", "score"]
        if self._duckdb is not None:
            found = self._duckdb.read_parquet(address).project(", ".join(columns)).fetchall()
            names, ids, scores = ([*each] for each in zip(*found, strict=True))
        elif self._library == "polars":
            frame = pl.read_parquet(address, columns=columns, storage_options=_of_polars(self._options))
            names, ids, scores = (frame[name].to_list() for name in columns)
        else:
            pandas = pd.read_parquet(address, columns=columns)
            names, ids = pandas["publication"].astype(str).tolist(), pandas["row_id"].tolist()
            scores = [None if pd.isna(score) else float(score) for score in pandas["score"]]
        return {*names}, sum_of(ids, scores)


def _duckdb(options: Mapping[str, str]) -> "duckdb.DuckDBPyConnection":
    connection = duckdb.connect()
    if options:
        (extension,) = Path(duckdb_extension_httpfs.__file__).parent.glob(
            "extensions/*/httpfs.duckdb_extension"
        )
        connection.execute(f"load '{extension}'")
        endpoint = options["AWS_ENDPOINT_URL"].removeprefix("http://")
        connection.execute(
            f"create secret (type s3, use_ssl false, url_style 'path', endpoint '{endpoint}', "
            f"key_id '{options['AWS_ACCESS_KEY_ID']}', secret '{options['AWS_SECRET_ACCESS_KEY']}')"
        )
    return connection


def _of_polars(options: Mapping[str, str]) -> dict[str, str] | None:
    if not options:
        return None
    return {
        "aws_endpoint_url": options["AWS_ENDPOINT_URL"],
        "aws_access_key_id": options["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": options["AWS_SECRET_ACCESS_KEY"],
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }


def read_until(
    library: str,
    strict: bool,
    uri: str,
    options: Mapping[str, str],
    seconds: float,
    found: Any,
) -> None:
    """Read again and again; put what was read: publications, sums, errors."""
    os.environ.update(options)
    store, reader = open_store(uri), Reader(library, uri, options)
    until, reads = time.monotonic() + seconds, []
    errors, kinds = 0, Counter[str]()
    while time.monotonic() < until:
        try:
            address = f"{uri}/{current_key('outcomes', DAY)}"
            if strict:
                address = json.loads(store.get(pointer_key("outcomes", DAY)))["path"]
            reads.append(reader.rows(address.removeprefix("file://")))
        except Exception as error:  # noqa: BLE001  whatever a library raises is loud
            errors += 1
            kinds[type(error).__name__] += 1
    found.put((library, strict, [(sorted(names), total) for names, total in reads], errors, dict(kinds)))

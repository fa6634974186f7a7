"""Readers while publishers are killed, race and come too late: wrong reads, going back, loud errors.

First a publisher is killed with kill -9 at every change that it makes to the store, at a first publication
and at a later one; readers look after each, and the next publisher has to bring all tables to one
publication. Then five publishers race over one date for some seconds, some of them paused in the middle for
longer than the others need, while readers look: pandas, DuckDB and polars at what all read, and each of
them strictly, by the pointer. What a publication holds is known from its file in the history, which nobody
changes: a read is wrong when its rows (row_id and score) are not exactly those of the one publication that
it names.

Both on a folder and on a real SeaweedFS. A loud error is a read that failed and would be tried again.
"""

import io
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from benchmarks.report import main
from benchmarks.tables import synthesised
from devstack.seaweed import Seaweed
from maskmatch.core.errors import Superseded
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import Store, open_store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.tables import current_key, history_prefix, pointer_key, read_table

DAY = synthesised.DAY
ROWS, QUICK_ROWS = 20_000, 2_000
SECONDS, QUICK_SECONDS = 40.0, 8.0
PUBLISHERS = 5
ZOMBIE_SHARE, ZOMBIE_SECONDS = 0.3, 3.0
READERS = ("pandas", "duckdb", "polars")
FMRS = (1e-3, 1e-4, 1e-5)
GOALS = {
    f"{place}_{figure}": ("<=", 0.0)
    for place in ("folder", "s3")
    for figure in (
        "wrong_reads",
        "strict_wrong",
        "strict_errors",
        "went_back",
        "killed_wrong",
        "unfinished",
        "unfinished_race",
    )
}


class Sum:
    """A sum over the rows of a publication that does not depend on their order."""

    @staticmethod
    def of(row_ids: list[str], scores: list[float | None]) -> tuple[int, int]:
        """Return the number of rows and the sum."""
        lines = (f"{row} {score}".encode() for row, score in zip(row_ids, scores, strict=True))
        return len(row_ids), sum(map(zlib.crc32, lines))


def _deadly(store: Store, *, at: int, after: bool) -> Store:
    """Return the store whose process kills itself at its change number `at`."""
    left = [at]

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def work(*args: Any, **words: Any) -> None:
            left[0] -= 1
            if not left[0] and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            change(*args, **words)
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        return work

    for name in ("put", "put_file", "swap"):
        setattr(store, name, counted(getattr(store, name)))
    return store


def _publish(uri: str, number: int, *, at: int = 0, after: bool = False, pause: float = 0.0) -> None:
    """Publish one of three plans with one of three thresholds; in a process of its own."""
    store = open_store(uri)
    if at:
        store = _deadly(store, at=at, after=after)
    if pause:
        swap = store.swap
        key = current_key("outcomes", DAY)

        def late(where: str, path: str, *, over: str | None) -> None:
            if where == key:
                time.sleep(pause)
            swap(where, path, over=over)

        store.swap = late  # type: ignore[method-assign]  # a process that stands still at the worst moment
    plan = plans.find_plan(store, plans.plan_folder(DAY, f"synthesised{number % 3}"))
    run = Run(source=store, warehouse=store, day=DAY, run_id=f"run-{number}", store_patience=20)
    with suppress(Superseded):
        publish(run, plan, PublishOptions(nominal_fmr=FMRS[number // 3 % 3]))


def _process(*words: object, **more: object) -> "multiprocessing.process.BaseProcess":
    process = multiprocessing.get_context("spawn").Process(target=_publish, args=words, kwargs=more)
    process.start()
    return process


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
        return {*names}, Sum.of(ids, scores)


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


def _read_until(
    library: str,
    strict: bool,
    uri: str,
    options: Mapping[str, str],
    seconds: float,
    found: "multiprocessing.Queue[Any]",
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


class Trial:
    """One store: kills at every step, then the race."""

    def __init__(self, place: str, uri: str, options: Mapping[str, str], *, quick: bool) -> None:
        self._place, self._uri, self._options, self._quick = place, uri, options, quick
        self._store = open_store(uri)
        self._numbers = iter(range(10**6))
        rows = QUICK_ROWS if quick else ROWS
        for number in range(3):
            synthesised.make(self._store, rows, seed=100 * (number + 1), plan_id=f"synthesised{number}")
        self.figures: dict[str, float] = {}

    def kill(self) -> None:
        """Kill a publisher at every change; a reader finds what was there before, or all of the new one."""
        wrong = unfinished = kills = 0
        for is_first in (True, False):
            for after in (False, True):
                at = 1
                while True:
                    if is_first:
                        self._clear()
                    before = self._state()
                    process = _process(self._uri, next(self._numbers), at=at, after=after)
                    process.join()
                    if not process.exitcode:
                        break
                    kills += 1
                    now = self._state()
                    wrong += now != before and (now is None or not self._is_whole(now))
                    at += 1 if not self._quick else 3
                    if at % 4 == 0:
                        repaired = _process(self._uri, next(self._numbers))
                        repaired.join()
                        unfinished += not self._is_finished()
        last = _process(self._uri, next(self._numbers))
        last.join()
        unfinished += not self._is_finished()
        self._note(killed=kills, killed_wrong=wrong, unfinished=unfinished)

    def race(self) -> None:
        """Let publishers race while readers look."""
        seconds = QUICK_SECONDS if self._quick else SECONDS
        context = multiprocessing.get_context("spawn")
        found: multiprocessing.Queue[Any] = context.Queue()
        readers = [
            context.Process(target=_read_until, args=(name, strict, self._uri, self._options, seconds, found))
            for name in READERS
            for strict in (False, True)
        ]
        writers = [
            context.Process(target=_publish_until, args=(self._uri, self._options, number, seconds))
            for number in range(PUBLISHERS)
        ]
        for each in (*readers, *writers):
            each.start()
        reports = [found.get() for _ in readers]
        for each in (*readers, *writers):
            each.join()
        truth = self._truth()
        self._judge(reports, truth)
        rows = read_table(self._store, "runs", DAY).num_rows
        self._note(published=rows, in_history=len(truth), unfinished_race=not self._is_finished())

    def _judge(self, reports: list[Any], truth: Mapping[str, tuple[int, int]]) -> None:
        counts: Counter[str] = Counter()
        for library, strict, reads, errors, kinds in reports:
            kind = "strict" if strict else "plain"
            counts[f"{kind}_reads"] += len(reads)
            counts[f"{kind}_errors"] += errors
            is_wrong = [len(names) != 1 or truth.get(names[0]) != tuple(total) for names, total in reads]
            counts["strict_wrong" if strict else "wrong_reads"] += sum(is_wrong)
            numbers = [int(names[0][:6]) for names, _ in reads if names]
            counts["went_back"] += sum(b < a for a, b in pairwise(numbers))
            told = f"{len(reads)} reads, {sum(is_wrong)} wrong, {errors} errors {kinds}"
            print(f"{self._place} {library} {kind}: {told}", file=sys.stderr)
        self._note(**counts)

    def _truth(self) -> dict[str, tuple[int, int]]:
        """Return the sum of each publication in the history."""
        found = {}
        for each in self._store.list(history_prefix("outcomes", DAY)):
            if each.key.endswith(".parquet"):
                table = pq.ParquetFile(io.BytesIO(self._store.get(each.key))).read(
                    ["publication", "row_id", "score"]
                )
                (name,) = set(table["publication"].to_pylist())
                found[name] = Sum.of(table["row_id"].to_pylist(), table["score"].to_pylist())
        return found

    def _state(self) -> tuple[str, tuple[int, int]] | None:
        """Return the publication that a reader of the outcomes finds; more than one is none."""
        if self._store.head(current_key("outcomes", DAY)) is None:
            return None
        table = read_table(self._store, "outcomes", DAY)
        names = set(table["publication"].to_pylist())
        total = Sum.of(table["row_id"].to_pylist(), table["score"].to_pylist())
        return " ".join(sorted(names)), total

    def _is_whole(self, state: tuple[str, tuple[int, int]]) -> bool:
        return self._truth().get(state[0]) == state[1]

    def _is_finished(self) -> bool:
        """Return True if all tables and pointers are of one publication."""
        names = {read_table(self._store, table, DAY)["publication"].to_pylist()[-1] for table in TABLES}
        numbers = {json.loads(self._store.get(pointer_key(table, DAY)))["run_seq"] for table in TABLES}
        return len(names) == 1 and numbers == {int(name[:6]) for name in names}

    def _clear(self) -> None:
        for table in TABLES:
            for found in list(self._store.list(f"{table}/")):
                self._store.delete(found.key)

    def _note(self, **figures: float) -> None:
        self.figures |= {f"{self._place}_{name}": float(value) for name, value in figures.items()}


def _publish_until(uri: str, options: Mapping[str, str], number: int, seconds: float) -> None:
    """Publish again and again, now and then standing still before the swap."""
    os.environ.update(options)
    chance, until = random.Random(number), time.monotonic() + seconds  # noqa: S311
    while time.monotonic() < until:
        pause = ZOMBIE_SECONDS if chance.random() < ZOMBIE_SHARE else 0.0
        _publish(uri, chance.randrange(9), pause=pause)


@contextmanager
def _places() -> Iterator[list[tuple[str, str, dict[str, str]]]]:
    with tempfile.TemporaryDirectory() as folder:
        seaweed = Seaweed(Path(folder) / "seaweed", buckets=("tables",))
        with seaweed:
            os.environ.update(seaweed.environment())
            yield [
                ("folder", f"file://{folder}/warehouse", {}),
                ("s3", "s3://tables/warehouse", seaweed.environment()),
            ]


def run(quick: bool) -> dict[str, float]:
    """Try both stores."""
    figures: dict[str, float] = {}
    with _places() as places:
        for place, uri, options in places:
            trial = Trial(place, uri, options, quick=quick)
            trial.kill()
            trial.race()
            figures |= trial.figures
    figures["load_average"] = round(os.getloadavg()[0], 1)
    return figures


if __name__ == "__main__":
    sys.exit(main("publish_safety", str(__doc__), run, GOALS))

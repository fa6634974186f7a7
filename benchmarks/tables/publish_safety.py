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
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.report import main
from benchmarks.tables import synthesised
from benchmarks.tables.publishers import DAY, publish_once, publish_until, sum_of
from devstack.seaweed import Seaweed
from maskmatch.storage.object_stores import open_store
from maskmatch.storage.schemas import TABLES
from maskmatch.storage.tables import current_key, history_prefix, pointer_key, read_table

ROWS, QUICK_ROWS = 20_000, 2_000
SECONDS, QUICK_SECONDS = 40.0, 8.0
PUBLISHERS = 5
READERS = ("pandas", "duckdb", "polars")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["benchmarks.tables.publishers"])  # else each imports for seconds
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


def _process(*words: object, **more: object) -> "multiprocessing.process.BaseProcess":
    process = _CONTEXT.Process(target=publish_once, args=words, kwargs=more)
    process.start()
    return process


def _reading(*words: Any) -> None:
    from benchmarks.tables.readers import read_until  # noqa: PLC0415  nobody else is to import three libraries

    read_until(*words)


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
                        if self._state() == before:  # what it was to publish was there
                            continue
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
        found: multiprocessing.Queue[Any] = _CONTEXT.Queue()
        readers = [
            _CONTEXT.Process(target=_reading, args=(name, strict, self._uri, self._options, seconds, found))
            for name in READERS
            for strict in (False, True)
        ]
        writers = [
            _CONTEXT.Process(target=publish_until, args=(self._uri, self._options, number, seconds))
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
                found[name] = sum_of(table["row_id"].to_pylist(), table["score"].to_pylist())
        return found

    def _state(self) -> tuple[str, tuple[int, int]] | None:
        """Return the publication that a reader of the outcomes finds; more than one is none."""
        if self._store.head(current_key("outcomes", DAY)) is None:
            return None
        table = read_table(self._store, "outcomes", DAY)
        names = set(table["publication"].to_pylist())
        total = sum_of(table["row_id"].to_pylist(), table["score"].to_pylist())
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


@contextmanager
def _places() -> Iterator[list[tuple[str, str, dict[str, str]]]]:
    with tempfile.TemporaryDirectory() as folder:
        seaweed = Seaweed(Path(folder) / "seaweed", buckets=("tables",))
        with seaweed:
            os.environ.update(seaweed.environment())  # before the first process is started
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

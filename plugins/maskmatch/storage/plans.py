"""A plan and its shards as objects: `plan.json` comes last, so a plan that can be read is whole.

    shard-00000.parquet         pairs to call, in call order
    shard-00000.rest.parquet    rows that the call of another row settles, or that are skipped
    shard-00000.known.parquet   rows whose answer was taken over, with the answer
    bad_rows.parquet            rows that are no pairs

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.errors import BooksError, InputError, ObjectExists, ObjectMissing
from maskmatch.core.outcomes import Source
from maskmatch.core.pairs import BadRow, Pair
from maskmatch.core.planning import Plan, Shard
from maskmatch.storage.fetching import fetched
from maskmatch.storage.journal.records import OUTCOME_COLUMNS, SCHEMA
from maskmatch.storage.object_stores import Store
from maskmatch.storage.pair_columns import PAIR_COLUMNS, PLANNED_COLUMNS
from maskmatch.storage.spools import ParquetFile

Orders = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_ANSWER = "answer_"
AS_ANSWERED = "as answered"
"""In place of the content of a failed image: the answer was to this very pair, whose images have changed."""
_PLANNED = "planned-"
"""Objects whose names are a work and the answers that are taken over: they hold the folder of its plan."""
REST = pa.schema([*PLANNED_COLUMNS, ("result_source", pa.string()), ("canonical_pair_id", pa.string())])
"""A row that needs no call of its own, where its result is from, and the pair whose call settles it."""
KNOWN = pa.schema(
    [
        *PLANNED_COLUMNS,
        *(pa.field(f"{_ANSWER}{name}", SCHEMA.field(name).type) for name in OUTCOME_COLUMNS),
        (f"{_ANSWER}failed_content", pa.string()),
    ]
)
"""A row whose answer was taken over, the answer as a journal has it, and which image was at fault."""
_AT_ONCE = 200
"""Rows that become Python objects in one go: for some milliseconds no other thread can go on."""
_BATCH_ROWS = 4096
_BAD_ROWS_AT_ONCE = 10_000
_NUMBERS = {"manifest_row", "manifest_record", "manifest_line"}
_BAD_ROW_FIELDS = [field.name for field in fields(BadRow)]
_BAD_ROW_KINDS = {"attributes": PAIR_COLUMNS.field("attributes").type} | dict.fromkeys(_NUMBERS, pa.int64())
BAD_ROWS = pa.schema([(name, _BAD_ROW_KINDS.get(name, pa.string())) for name in _BAD_ROW_FIELDS])


def plan_folder(day: date, plan_id: str) -> str:
    """Return the folder of a plan in the warehouse."""
    return f"{folder_of_plans(day)}/plan={plan_id}"


def folder_of_plans(day: date) -> str:
    """Return the folder of all plans of a date in the warehouse."""
    return f"work/ds={day.isoformat()}"


def journal_prefix(shard_key: str) -> str:
    """Return where the journal of a shard lies."""
    return shard_key.removesuffix(".parquet") + ".journal"


def shard_key(folder: str, number: int) -> str:
    """Return where a shard lies in the folder of its plan."""
    return f"{folder}/shard-{number:05d}.parquet"


def answer_columns(schema: pa.Schema) -> list[pa.Field]:
    """Return the columns of an answer that was taken over."""
    return [field for field in schema if field.name.startswith(_ANSWER)]


def read_shard(
    store: Store, key: str, *, but: Callable[[Orders], Flags] | None = None
) -> Iterator[tuple[int, Pair]]:
    """Yield (call order, pair) of one shard from a local copy; other threads may go on every now and then.

    `but` says of some call orders which pairs are left out.
    """
    batches = _batches(store, key, PLANNED_COLUMNS)
    if but:
        batches = (batch.filter(pa.array(~but(batch.column("call_order").to_numpy()))) for batch in batches)
    for record in _records(batches):
        yield record.pop("call_order"), _pair(record)


def read_rest(store: Store, shard: Shard) -> Iterator[tuple[Pair, Source, str | None]]:
    """Yield the rows of a shard that need no call, where their results are from, and whose call it is."""
    if shard.rest:
        for record in _records(_batches(store, shard.rest_key, REST)):
            source, canonical = Source(record.pop("result_source")), record.pop("canonical_pair_id")
            del record["call_order"]
            yield _pair(record), source, canonical


class BadRowFile:
    """Rows that are no pairs, on their way to an object; how many of each kind, and the first of all."""

    def __init__(self) -> None:
        self._file = ParquetFile(BAD_ROWS)
        self._waiting: list[BadRow] = []
        self.codes: Counter[str] = Counter()
        self.first: BadRow | None = None

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self.codes.total()

    def add(self, rows: Sequence[BadRow]) -> None:
        """Take in more rows."""
        if rows:
            self.first = self.first or rows[0]
            self.codes.update(row.code for row in rows)
            self._waiting += rows
            if len(self._waiting) >= _BAD_ROWS_AT_ONCE:
                self._flush()

    def put(self, store: Store, key: str) -> None:
        """Write the object."""
        self._flush()
        self._file.finish(partial(store.put_file, key))

    def hand_on(self, take: Callable[[Sequence[BadRow]], None]) -> None:
        """Hand all rows on, some at a time; none is written to an object then."""

        def read(path: str) -> None:
            for batch in pq.ParquetFile(path).iter_batches(_BAD_ROWS_AT_ONCE):
                take([BadRow(**record) for record in batch.to_pylist()])

        self._flush()
        self._file.finish(read)

    def _flush(self) -> None:
        self._file.append(bad_rows_table(self._waiting))
        self._waiting = []


def bad_rows_table(rows: Sequence[BadRow]) -> pa.Table:
    """Return the rows that are no pairs as a table."""
    columns = {name: [getattr(row, name) for row in rows] for name in _BAD_ROW_FIELDS}
    return pa.table(columns, schema=BAD_ROWS)


def read_bad_rows(store: Store, key: str) -> list[BadRow]:
    """Return the rows that are no pairs."""
    return _bad_rows(pq.ParquetFile(io.BytesIO(store.get(key))))


def _bad_rows(file: pq.ParquetFile) -> list[BadRow]:
    records = file.read(_BAD_ROW_FIELDS).to_pylist()
    return [BadRow(**record | {"attributes": tuple(record["attributes"])}) for record in records]


def write_plan(store: Store, plan: Plan) -> Plan:
    """Write the plan itself, which is whole from now on; return it, or the one that stands there already.

    Of two that are made for the same work at the same time the first counts, whatever their shards: their
    journals would know nothing of each other.
    """
    try:
        store.put(f"{plan.folder}/plan.json", _text(plan), only_new=plan.conditional_writes)
    except ObjectExists:
        plan = read_plan(store, plan.folder) or plan
    return make_newest(store, _first_for_its_work(store, plan))


def _first_for_its_work(store: Store, plan: Plan) -> Plan:
    key = f"work/ds={plan.day.isoformat()}/{_PLANNED}{plan.work_id}-{plan.answers or 'none'}"
    if plan.repetition:
        return plan
    try:
        store.put(key, plan.folder.encode(), only_new=plan.conditional_writes)
    except ObjectExists:
        if first := read_plan(store, store.get(key).decode(errors="replace")):
            return first
        store.put(key, plan.folder.encode())  # its folder was removed
    return plan


def make_newest(store: Store, plan: Plan) -> Plan:
    """Make a plan the newest of its date, and return it."""
    store.put(_newest_key(plan.day), _text(plan))
    return plan


def read_plan(store: Store, folder: str) -> Plan | None:
    """Return the plan in a folder, None when there is no whole one."""
    return _read_plan(store, f"{folder}/plan.json")


def find_plan(store: Store, folder: str) -> Plan:
    """Return the plan in a folder; raise InputError when there is no whole one."""
    if (plan := read_plan(store, folder)) is None:
        raise InputError(f"there is no plan at {store.uri}/{folder}: clear the plan task")
    return plan


def newest_plan(store: Store, day: date) -> Plan | None:
    """Return the last plan made for a date, None when there is none."""
    return _read_plan(store, _newest_key(day))


def _read_plan(store: Store, key: str) -> Plan | None:
    try:
        return Plan.from_record(json.loads(store.get(key)))
    except ObjectMissing:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BooksError(f"{store.uri}/{key} is damaged ({error}): remove it and plan again") from error


def _newest_key(day: date) -> str:
    return f"work/ds={day.isoformat()}/newest.json"


def _text(plan: Plan) -> bytes:
    return json.dumps(plan.to_record(), indent=2).encode()


def _batches(store: Store, key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the columns of a schema from a local copy, of which one group at a time is in memory."""
    with fetched(store, key) as path:
        file = pq.ParquetFile(path, pre_buffer=False)  # `read_table` would import pandas
        yield from file.iter_batches(_BATCH_ROWS, columns=schema.names, use_threads=False)


def _records(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for start in range(0, batch.num_rows, _AT_ONCE):
            yield from batch.slice(start, _AT_ONCE).to_pylist()


def _pair(record: dict[str, Any]) -> Pair:
    return Pair(**record | {"attributes": tuple(record["attributes"])})


def journals_of(store: Store, day: date) -> list[str]:
    """Return where journals of a date lie, of all its plans."""
    prefixes = {found.key.rpartition("/")[0] for found in store.list(f"work/ds={day.isoformat()}/")}
    return sorted(prefix for prefix in prefixes if prefix.endswith(".journal"))

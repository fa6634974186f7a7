"""A plan and its shards as objects: `plan.json` comes last, so a plan that can be read is whole.

Decision: docs/adr/0003-a-plan-is-named-by-its-manifests.md
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from maskmatch.core.errors import BooksError, ObjectMissing
from maskmatch.core.pairs import BadRow, Pair
from maskmatch.core.planning import Plan
from maskmatch.storage.object_stores import Store

_PAIR_SCHEMA = pa.schema(
    [
        pa.field("call_order", pa.int64(), nullable=False),
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("reference_id", pa.string(), nullable=False),
        pa.field("probe_id", pa.string(), nullable=False),
        ("is_mated", pa.bool_()),
        ("reference_subject_id", pa.string()),
        ("probe_subject_id", pa.string()),
        ("quality_control", pa.int8()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("row_id", pa.string()),
        ("manifest_file", pa.string()),
        ("manifest_row", pa.int64()),
        ("manifest_record", pa.int64()),
        ("manifest_line", pa.int64()),
    ]
)
_AT_ONCE = 200
"""Rows that become Python objects in one go: for some milliseconds no other thread can go on."""
_PAIR_FIELDS = [field.name for field in fields(Pair)]
_NUMBERS = {"manifest_row", "manifest_record", "manifest_line"}
_BAD_ROW_FIELDS = [field.name for field in fields(BadRow)]
_BAD_ROW_SCHEMA = pa.schema(
    [(name, pa.int64() if name in _NUMBERS else pa.string()) for name in _BAD_ROW_FIELDS]
)


def plan_folder(day: date, plan_id: str) -> str:
    """Return the folder of a plan in the warehouse."""
    return f"work/ds={day.isoformat()}/plan={plan_id}"


def journal_prefix(shard_key: str) -> str:
    """Return where the journal of a shard lies."""
    return shard_key.removesuffix(".parquet") + ".journal"


def write_shard(store: Store, key: str, pairs: Sequence[tuple[int, Pair]]) -> None:
    """Write the pairs of one shard in call order."""
    columns = {name: [getattr(pair, name) for _, pair in pairs] for name in _PAIR_FIELDS}
    table = pa.table({"call_order": [order for order, _ in pairs], **columns}, schema=_PAIR_SCHEMA)
    _write(store, key, table)


def read_shard(store: Store, key: str) -> Iterator[tuple[int, Pair]]:
    """Yield (call order, pair) of one shard; other threads may go on every now and then."""
    for batch in _read(store, key).to_batches(max_chunksize=_AT_ONCE):
        for record in batch.to_pylist():
            order = record.pop("call_order")
            yield order, Pair(**record | {"attributes": tuple(record["attributes"])})


def read_repeats(store: Store, plan: Plan) -> dict[str, list[Pair]]:
    """Return the further rows of pairs that stand more than once in the manifests, by pair id."""
    repeats: dict[str, list[Pair]] = {}
    if plan.repeated_rows_key:
        for _, pair in read_shard(store, plan.repeated_rows_key):
            repeats.setdefault(pair.pair_id, []).append(pair)
    return repeats


def write_bad_rows(store: Store, key: str, rows: Sequence[BadRow]) -> None:
    """Write the rows that are no pairs."""
    _write(store, key, bad_rows_table(rows))


def bad_rows_table(rows: Sequence[BadRow]) -> pa.Table:
    """Return the rows that are no pairs as a table."""
    columns = {name: [getattr(row, name) for row in rows] for name in _BAD_ROW_FIELDS}
    return pa.table(columns, schema=_BAD_ROW_SCHEMA)


def read_bad_rows(store: Store, key: str) -> list[BadRow]:
    """Return the rows that are no pairs."""
    return [BadRow(**record) for record in _read(store, key).to_pylist()]


def write_plan(store: Store, plan: Plan) -> None:
    """Write the plan itself; from now on it is whole, and the newest of its date."""
    text = json.dumps(plan.to_record(), indent=2).encode()
    store.put(f"{plan.folder}/plan.json", text)
    store.put(_newest_key(plan.day), text)


def read_plan(store: Store, folder: str) -> Plan | None:
    """Return the plan in a folder, None when there is no whole one."""
    return _read_plan(store, f"{folder}/plan.json")


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


def _write(store: Store, key: str, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    store.put(key, sink.getvalue())


def _read(store: Store, key: str) -> pa.Table:
    return pq.ParquetFile(io.BytesIO(store.get(key))).read()  # `read_table` would import pandas


def journals_of(store: Store, day: date) -> list[str]:
    """Return where journals of a date lie, of all its plans."""
    prefixes = {found.key.rpartition("/")[0] for found in store.list(f"work/ds={day.isoformat()}/")}
    return sorted(prefix for prefix in prefixes if prefix.endswith(".journal"))

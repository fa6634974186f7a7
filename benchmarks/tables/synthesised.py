"""A plan and its journals as a night leaves them, written in columns: ten million rows in a minute or two.

Of a hundred rows 79 are called, 9 have the images of another, 9 the same the other way around, one is
skipped and two are bad. One image in 500 fails, one call in fifty is made twice, one in 300 was perhaps
billed.
"""

from datetime import UTC, date, datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.planning import ManifestFile, Plan, Shard
from maskmatch.storage import plans
from maskmatch.storage.journal.names import Writer, compact_key
from maskmatch.storage.journal.packs import PackWriter
from maskmatch.storage.journal.records import SCHEMA
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store
from maskmatch.storage.pair_columns import PLANNED_COLUMNS
from maskmatch.storage.plans import REST
from maskmatch.storage.spools import Nameless, ParquetFile

DAY = date(2026, 1, 2)
SHARDS = 4
_PART_ROWS = 32_768
_SEGMENT_ROWS = 64
_BEGAN = int(datetime(2026, 1, 3, 2, tzinfo=UTC).timestamp() * 1_000_000)
_CALLED, _DEDUP, _SWAPPED = 0.79, 0.88, 0.97
_BAD_SHARE = 0.02


def make(store: Store, rows: int, *, seed: int = 1, plan_id: str = "synthesised0") -> Plan:
    """Write plan, shards and journals of a date with so many rows; return the plan."""
    folder = plans.plan_folder(DAY, plan_id)
    bad = int(rows * _BAD_SHARE)
    first, shards = 0, []
    for number in range(SHARDS):
        count = (rows - bad - first) // (SHARDS - number)
        shards.append(
            _shard(
                store, folder, number, range(first, first + count), np.random.default_rng(seed + number), rows
            )
        )
        first += count
    key = f"{folder}/bad_rows.parquet"
    _bad_rows(store, key, range(rows - bad, rows))
    plan = Plan(
        plan_id=plan_id,
        work_id=plan_id,
        day=DAY,
        folder=folder,
        manifests=(ManifestFile(f"manifests/ds={DAY}/pairs.csv", "f", 1),),
        rows=rows,
        bad_rows=bad,
        bad_rows_key=key,
        shards=tuple(shards),
        conditional_writes=True,
    )
    return plans.write_plan(store, plan)


class _Shard:
    """The files of a shard on the way."""

    def __init__(self, number: int, all_rows: int, chance: np.random.Generator) -> None:
        self.calls, self.rest = ParquetFile(PLANNED_COLUMNS), ParquetFile(REST)
        self.number, self.chance = number, chance
        self.images = max(10, int(all_rows * 0.3))

    def add(self, rows: range) -> pa.Table:
        """Write some rows; return the journal of those that are called."""
        planned = self._planned(rows)
        kind = self.chance.random(len(rows))
        kind[0] = 0.0
        called = planned.filter(pa.array(kind < _CALLED))
        orders = (self.calls.rows + np.arange(len(called))) * SHARDS + self.number
        called = called.set_column(0, PLANNED_COLUMNS.field(0), pa.array(orders))
        self.calls.append(called)
        self.rest.append(self._rest(planned.filter(pa.array(kind >= _CALLED)), kind[kind >= _CALLED], called))
        return _journal(called, self.chance)

    def _planned(self, rows: range) -> pa.Table:
        count, numbers = len(rows), np.arange(rows.start, rows.stop)
        images = [self.chance.integers(0, self.images, count) for _ in range(2)]
        names = [_texts("images/2026/person-", each, ".jpg") for each in images]
        contents = [_texts("md5:", each, "", hexadecimal=True) for each in images]
        attributes = pa.MapArray.from_arrays(
            np.arange(0, 2 * count + 1, 2, dtype=np.int32),
            pa.array(["attr_mask", "attr_site"] * count),
            pa.array(["none", "gate-1", "surgical", "gate-2"]).take(
                pa.array(np.tile([0, 1, 2, 3], -(-count // 2))[: 2 * count])
            ),
        )
        columns = {
            "pair_id": _texts("pair-", numbers, "", hexadecimal=True),
            "reference_id": names[0],
            "probe_id": names[1],
            "is_mated": pa.array(numbers % 3 == 0),
            "reference_subject_id": _texts("s", images[0] // 4, ""),
            "probe_subject_id": _texts("s", images[1] // 4, ""),
            "quality_control": pa.array(np.zeros(count, np.int8)),
            "attributes": attributes,
            "row_id": _texts("", numbers, "", hexadecimal=True),
            "manifest_row": pa.array(numbers + 2),
            "manifest_record": pa.array(numbers + 1),
            "manifest_line": pa.array(numbers + 2),
            "manifest_file": pa.array(["pairs.csv"]).take(pa.array(np.zeros(count, np.int64))),
            "reference_content": contents[0],
            "probe_content": contents[1],
        }
        columns["call_order"] = pa.nulls(count, pa.int64())
        return pa.table([columns[name] for name in PLANNED_COLUMNS.names], schema=PLANNED_COLUMNS)

    def _rest(
        self, planned: pa.Table, kind: "np.ndarray[tuple[int], np.dtype[np.float64]]", called: pa.Table
    ) -> pa.Table:
        heads = np.sort(self.chance.integers(0, len(called), len(planned)))
        places = np.searchsorted([_DEDUP, _SWAPPED], kind)
        sources = pa.array(["dedup", "swapped", "preflight"]).take(pa.array(places))
        canonical = called["pair_id"].take(pa.array(heads, mask=places == 2))
        return pa.table([*planned.columns, sources, canonical], schema=REST)


def _shard(
    store: Store, folder: str, number: int, rows: range, chance: np.random.Generator, all_rows: int
) -> Shard:
    shard, file = _Shard(number, all_rows, chance), Nameless()
    writer, segments = Writer(1, f"{number:06x}"), 0
    with PackWriter(file.path) as pack:
        for start in range(rows.start, rows.stop, _PART_ROWS):
            journal = shard.add(range(start, min(start + _PART_ROWS, rows.stop)))
            whole, left = divmod(len(journal), _SEGMENT_ROWS)
            sizes = [_SEGMENT_ROWS] * whole + ([left] if left else [])
            segments += len(sizes)
            pack.add(writer, sizes, iter([journal]))
    key = plans.shard_key(folder, number)
    found = Shard(key, shard.calls.rows, shard.rest.rows)
    prefix = plans.journal_prefix(key)
    store.put(f"{prefix}/claim-0001.json", b"{}")
    store.put_file(compact_key(prefix, writer, segments, "abcdef", Counts(0, 0, 0)), file.path)
    shard.calls.finish(partial(store.put_file, key))
    shard.rest.finish(partial(store.put_file, found.rest_key))
    return found


def _journal(called: pa.Table, chance: np.random.Generator) -> pa.Table:
    """Return a call for each pair and a second one for some, nearly in the order of calls."""
    count = len(called)
    twice = np.flatnonzero(chance.random(count) < 0.02)
    pairs = np.concatenate([np.arange(count), twice])
    is_first_of_two = np.zeros(len(pairs), bool)
    is_first_of_two[twice] = True
    ended = pairs + chance.normal(0, 20, len(pairs)) + np.where(np.arange(len(pairs)) >= count, 200.0, 0.0)
    order = np.argsort(ended)
    pairs, is_first_of_two = pairs[order], is_first_of_two[order]
    number = len(pairs)
    fails = pc.equal(pc.utf8_slice_codeunits(called["probe_content"], 4, 6), "00").to_numpy()[pairs]
    has_score = ~fails & ~is_first_of_two
    score = np.round(np.clip(chance.normal(45, 20, number), 0, 100), 2)
    times = _BEGAN + called["call_order"].to_numpy()[pairs] * 5000
    took = np.round(chance.gamma(4, 30, number), 3)

    def words(
        found: str, where: "np.ndarray[tuple[int], np.dtype[np.bool_]]", otherwise: str | None = None
    ) -> pa.Array:
        return pc.if_else(pa.array(where), found, pa.scalar(otherwise, pa.string()))

    def same(value: object, name: str) -> pa.Array:
        return pa.repeat(pa.scalar(value, SCHEMA.field(name).type), number)

    taken = called.take(pa.array(pairs))
    nothing = words("", np.zeros(number, bool))
    columns = {
        "run_id": same("scheduled__2026-01-02T02:00:00+00:00", "run_id"),
        "account": same("key-0123456789ab", "account"),
        "image_policy": same("bytes-1", "image_policy"),
        "shard_try": same(1, "shard_try"),
        "call_order": taken["call_order"],
        "manifest_row": taken["manifest_row"],
        "pair_id": taken["pair_id"],
        "quality_control": taken["quality_control"],
        "attempt": pa.array(np.where(is_first_of_two, 1, 1).astype(np.int32)),
        "billed": pc.if_else(
            pa.array(has_score), "yes", words("perhaps", chance.random(number) < 0.003, "no")
        ),
        "called_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "answered_at": pa.array(times + (took * 1000).astype(np.int64), pa.timestamp("us", tz="UTC")),
        "latency_ms": pa.array(took),
        "bytes_sent": pa.array(chance.integers(40_000, 90_000, number)),
        "request_id": _texts("", chance.integers(0, 2**62, number), "-request", hexadecimal=True),
        "answered_by": same("tencent", "answered_by"),
        "score": pa.array(score, mask=~has_score),
        "model_version": words("3.0", has_score),
        "failure_class": pc.if_else(pa.array(fails), "biometric", words("infrastructure", is_first_of_two)),
        "failure_code": pc.if_else(pa.array(fails), "no_face", words("network_error", is_first_of_two)),
        "failure_message": words("no face was found on the image", fails, None),
        "vendor_code": words("InvalidParameterValue.NoFaceInPhoto", fails),
        "failed_side": words("probe", fails),
        "result_source": same("api", "result_source"),
        "canonical_pair_id": nothing,
    }
    for side in ("reference", "probe"):
        columns |= {
            f"{side}_store_host": same("cos.example", f"{side}_store_host"),
            f"{side}_image_id": taken[f"{side}_id"],
            f"{side}_tag": pc.utf8_slice_codeunits(taken[f"{side}_content"], 4),
            f"{side}_md5": pc.utf8_slice_codeunits(taken[f"{side}_content"], 4),
            f"{side}_sha256": pc.binary_join_element_wise(
                taken[f"{side}_content"], taken[f"{side}_content"], "-"
            ),
            f"{side}_size": pa.array(chance.integers(20_000, 60_000, number)),
            f"{side}_load_ms": pa.array(np.round(chance.gamma(2, 5, number), 3)),
        }
    return pa.table([_plain(columns[name]) for name in SCHEMA.names], schema=SCHEMA)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _bad_rows(store: Store, key: str, rows: range) -> None:
    columns = plans.BAD_ROWS
    file = ParquetFile(columns)
    for start in range(rows.start, rows.stop, _PART_ROWS):
        numbers = np.arange(start, min(start + _PART_ROWS, rows.stop))
        values = {
            "manifest_file": pa.repeat("pairs.csv", len(numbers)),
            "manifest_row": pa.array(numbers + 2),
            "code": pa.repeat("reference_id_missing", len(numbers)),
            "message": _texts("pairs.csv line ", numbers, ": the value is empty"),
            "row_id": _texts("bad-", numbers, "", hexadecimal=True),
        }
        file.append(
            pa.table(
                [values.get(field.name, pa.nulls(len(numbers), field.type)) for field in columns],
                schema=columns,
            )
        )
    file.finish(partial(store.put_file, key))


def _texts(
    prefix: str,
    numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    suffix: str,
    *,
    hexadecimal: bool = False,
) -> pa.Array:
    """Return texts that hold the numbers; hexadecimal ones look like hashes."""
    if hexadecimal:
        with np.errstate(over="ignore"):
            mixed = [
                (numbers.astype(np.uint64) + np.uint64(k)) * np.uint64(0x9E3779B97F4A7C15 + 2 * k)
                for k in (1, 7)
            ]
        raw = np.stack(mixed, axis=1).view(np.uint8).reshape(len(numbers), 16)
        digits = np.frombuffer(b"0123456789abcdef", np.uint8)
        body = np.stack([digits[raw >> 4], digits[raw & 15]], axis=2).reshape(len(numbers), 32)
        begin = np.tile(np.frombuffer(prefix.encode(), np.uint8), (len(numbers), 1))
        end = np.tile(np.frombuffer(suffix.encode(), np.uint8), (len(numbers), 1))
        texts = np.concatenate([begin, body, end], axis=1)
        offsets = np.arange(len(numbers) + 1, dtype=np.int32) * texts.shape[1]
        return pa.StringArray.from_buffers(
            len(numbers), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(texts))
        )
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), suffix, "")

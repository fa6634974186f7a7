"""Journals as a complete run leaves them, without the run: an answer to every pair of a plan."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from benchmarks.plan.dates import image_tag
from maskmatch.core.comparisons import md5_of_tag
from maskmatch.core.outcomes import Side
from maskmatch.core.pairs import Pair
from maskmatch.core.planning import Plan, Shard
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.journal import Counts
from maskmatch.storage.journal.names import Writer, compact_key
from maskmatch.storage.journal.packs import PackWriter
from maskmatch.storage.journal.records import SCHEMA

ANSWERED_BY, IMAGE_POLICY = "comparemaskface/hash", "bytes-1"
_WRITER = Writer(1, "abcdef")
_AT_ONCE = 10_000


def answer_all(run: Run, plan: Plan) -> None:
    """Write a compact journal for each shard of a plan: each pair was called once and has a score."""
    for shard in plan.to_compare:
        _answer(run, shard)


def _answer(run: Run, shard: Shard) -> None:
    with tempfile.NamedTemporaryFile() as file:
        with PackWriter(file.name) as pack:
            pack.add(_WRITER, [shard.pairs], _tables(run, shard))
        counts = Counts(scored=shard.pairs)
        key = compact_key(plans.journal_prefix(shard.key), _WRITER, 1, _WRITER.token, counts)
        run.warehouse.put_file(key, file.name)


def _tables(run: Run, shard: Shard) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    for order, pair in plans.read_shard(run.warehouse, shard.key):
        rows.append(_row(order, pair))
        if len(rows) == _AT_ONCE:
            yield pa.Table.from_pylist(rows, SCHEMA)
            rows = []
    yield pa.Table.from_pylist(rows, SCHEMA)


def _row(order: int, pair: Pair) -> dict[str, Any]:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    images = {Side.REFERENCE: pair.reference_id, Side.PROBE: pair.probe_id}
    return {
        "run_id": "earlier",
        "image_policy": IMAGE_POLICY,
        "shard_try": 1,
        "call_order": order,
        "manifest_row": order,
        "pair_id": pair.pair_id,
        "quality_control": pair.quality_control,
        "attempt": 1,
        "billed": "yes",
        "called_at": now,
        "answered_at": now,
        "latency_ms": 200.0 + order % 97,
        "bytes_sent": 200_000,
        "request_id": f"{order:08x}-0000-4000-8000-{order * 7919:012x}",
        "answered_by": ANSWERED_BY,
        "score": float(order * 7919 % 10_000) / 100,
        "model_version": "3.0",
        "result_source": "api",
        **{name: value for side, key in images.items() for name, value in _image(side, key).items()},
    }


def _image(side: Side, key: str) -> dict[str, Any]:
    """Return what is known of an image that was read; the MD5 of one that came in parts is made up."""
    number = int(key.rpartition("/")[2].partition("-")[0])
    tag = image_tag(number)
    return {
        f"{side}_image_id": key,
        f"{side}_tag": tag,
        f"{side}_md5": md5_of_tag(tag) or tag.strip('"')[:32],
        f"{side}_sha256": tag.strip('"')[:32] * 2,
        f"{side}_size": 75_000,
        f"{side}_load_ms": 12.0,
    }

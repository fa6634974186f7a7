"""Rows of `outcomes`, in columns: from what was planned and what the calls came to."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.core.decisions import Decision, threshold_for
from maskmatch.core.outcomes import FailureClass, Side, Source, Status
from maskmatch.core.pricing import price_of
from maskmatch.pipeline.publish.settled import COUNTS
from maskmatch.pipeline.publish.stamp import Stamp, constant, stamped
from maskmatch.storage.failure_columns import are_final
from maskmatch.storage.plans import AS_ANSWERED, KNOWN
from maskmatch.storage.schemas import OUTCOMES, days_of
from maskmatch.storage.schemas.columns import DATE, WORD

_OF_PAIR = [
    "row_id", "pair_id", "manifest_file", "manifest_row", "reference_id", "probe_id", "reference_content",
    "probe_content", "reference_subject_id", "probe_subject_id", "is_mated", "quality_control", "attributes",
]  # fmt: skip
_OF_BAD_ROW = [
    "row_id", "pair_id", "manifest_file", "manifest_row", "reference_subject_id", "probe_subject_id",
    "attributes",
]  # fmt: skip
_AS_THEY_ARE = [
    "score", "model_version", "failure_class", "failure_code", "vendor_code", "failure_message",
    "failed_side", "result_source", "canonical_pair_id", *COUNTS, "request_id", "answered_by", "latency_ms",
    "call_order", "called_at",
]  # fmt: skip
_ANSWER = "answer_"


class Sizes(NamedTuple):
    """Bytes of the images of some rows, null where they were not read."""

    reference: pa.Array
    probe: pa.Array


class Rows(NamedTuple):
    """Rows of outcomes, and the sizes of their images."""

    table: pa.Table
    sizes: Sizes


def called_rows(planned: pa.Table, settled: pa.Table, stamp: Stamp) -> Rows:
    """Return the rows of pairs that have an outcome of their own."""
    return Rows(_rows(planned, settled, stamp), _sizes(settled))


def rest_rows(planned: pa.Table, settled: pa.Table, stamp: Stamp) -> Rows:
    """Return the rows of pairs that the calls of others settle; `settled` is what those came to."""
    is_swapped = pc.equal(planned["result_source"], Source.SWAPPED)
    changed = {
        "result_source": planned["result_source"],
        "canonical_pair_id": planned["canonical_pair_id"],
        "failed_side": pc.if_else(is_swapped, _other_side(settled["failed_side"]), settled["failed_side"]),
    }
    columns = {name: settled[name] for name in settled.column_names} | changed | _no_calls(len(planned))
    first, second = _sizes(settled)
    sizes = Sizes(pc.if_else(is_swapped, second, first), pc.if_else(is_swapped, first, second))
    return Rows(_rows(planned, pa.table(columns), stamp), sizes)


def skipped_rows(planned: pa.Table, stamp: Stamp) -> Rows:
    """Return the rows of pairs that are not compared on purpose."""
    count = len(planned)
    columns = {name: planned[name] for name in _OF_PAIR} | _no_calls(count)
    columns |= _no_cost(count) | {"result_source": planned["result_source"]}
    columns["outcome"] = constant(Status.SKIPPED.value, WORD, count)
    return Rows(stamped(columns, OUTCOMES, stamp, count), _unread(count))


def known_rows(planned: pa.Table, stamp: Stamp) -> Rows:
    """Return the rows of pairs whose answer was taken over: they say which, and cost nothing."""
    count = len(planned)
    answer = {name.removeprefix(_ANSWER): planned[name] for name in KNOWN.names if name.startswith(_ANSWER)}
    own = pc.equal(answer["pair_id"], planned["pair_id"])
    answer |= _no_calls(count) | {
        "result_source": constant(Source.REUSED.value, pa.string(), count),
        "canonical_pair_id": pc.if_else(own, pa.scalar(None, pa.string()), answer["pair_id"]),
        "failed_side": _side_of(planned, answer.pop("failed_content"), answer["failed_side"]),
        "call_order": pa.nulls(count, pa.int64()),
    }
    level = pc.coalesce(answer["quality_control"], planned["quality_control"])  # that of the call
    planned = planned.set_column(planned.schema.get_field_index("quality_control"), "quality_control", level)
    return Rows(_rows(planned, pa.table(answer), stamp), _unread(count))


def bad_rows(rows: pa.Table, stamp: Stamp) -> Rows:
    """Return the rows of the manifests that are no pairs."""
    count = len(rows)
    words = {
        "outcome": Status.FAILED,
        "failure_class": FailureClass.DATA,
        "result_source": Source.PREFLIGHT,
    }
    columns = {name: rows[name] for name in _OF_BAD_ROW} | _no_calls(count) | _no_cost(count)
    columns |= {name: constant(value.value, WORD, count) for name, value in words.items()}
    columns |= {
        "manifest_column": rows["column"],
        "failure_code": rows["code"],
        "failure_message": rows["message"],
        "is_open": constant(False, pa.bool_(), count),
    }
    return Rows(stamped(columns, OUTCOMES, stamp, count), _unread(count))


def _rows(planned: pa.Table, settled: pa.Table, stamp: Stamp) -> pa.Table:
    count = len(planned)
    columns = {name: planned[name] for name in _OF_PAIR}
    columns |= {name: settled[name] for name in _AS_THEY_ARE}
    code = settled["failure_code"]
    has_failed = pc.is_valid(code)
    columns["outcome"] = _words(has_failed, Status.FAILED, Status.SCORED)
    is_open = pc.invert(are_final(code))
    columns["is_open"] = pc.if_else(has_failed, is_open, pa.scalar(None, pa.bool_()))
    columns |= _decisions(settled, stamp) | _costs(settled, stamp)
    return stamped(columns, OUTCOMES, stamp, count)


def _decisions(settled: pa.Table, stamp: Stamp) -> dict[str, pa.Array]:
    """Return scores as the table keeps them, and what is decided by just these."""
    score = settled["score"].cast(pa.float32())
    models = pc.unique(settled["model_version"])
    thresholds = pa.array(
        [threshold_for(model_version=model, nominal_fmr=stamp.nominal_fmr) for model in models.to_pylist()],
        pa.float32(),
    )
    threshold = thresholds.take(pc.index_in(settled["model_version"], value_set=models).combine_chunks())
    threshold = pc.if_else(pc.is_valid(score), threshold, pa.scalar(None, pa.float32()))
    is_decided = pc.is_valid(threshold)
    return {
        "score": score,
        "threshold": threshold,
        "threshold_nominal_fmr": pc.if_else(is_decided, stamp.nominal_fmr, pa.scalar(None, pa.float64())),
        "decision": _words(pc.greater_equal(score, threshold), Decision.MATCH, Decision.NON_MATCH),
    }


def _costs(settled: pa.Table, stamp: Stamp) -> dict[str, pa.Array]:
    billed = settled["billed_calls"]
    may_be_billed = pc.greater(pc.add(billed, settled["maybe_billed_calls"]), 0)
    called_at = pc.if_else(may_be_billed, settled["called_at"], pa.scalar(None, settled["called_at"].type))
    return {"cost": costs(billed), "billed_on": days_of(called_at, stamp.time_zone)}


def costs(billed: pa.ChunkedArray) -> pa.Array:
    """Return what so many calls of a pair cost in the first tier, in CNY."""
    most = pc.max(billed).as_py() or 0
    prices = pa.array([float(price_of(calls)) for calls in range(most + 1)])
    return prices.take(billed.combine_chunks())


def _no_calls(count: int) -> dict[str, pa.Array]:
    return {name: pa.array(np.zeros(count, np.int32)) for name in COUNTS}


def _no_cost(count: int) -> dict[str, pa.Array]:
    return {"cost": pa.array(np.zeros(count)), "billed_on": pa.nulls(count, DATE)}


def _words(which: pa.ChunkedArray, if_so: str, otherwise: str) -> pa.Array:
    """Return one of two words, null where it is unknown which."""
    places = pc.if_else(which, pa.scalar(0, pa.int32()), pa.scalar(1, pa.int32()))
    if isinstance(places, pa.ChunkedArray):
        places = places.combine_chunks()
    return pa.DictionaryArray.from_arrays(places, pa.array([str(if_so), str(otherwise)]))


def _other_side(side: pa.ChunkedArray) -> pa.ChunkedArray:
    other = pc.if_else(pc.equal(side, Side.PROBE), Side.REFERENCE.value, Side.PROBE.value)
    return pc.if_else(pc.is_valid(side), other, pa.scalar(None, pa.string()))


def _side_of(planned: pa.Table, content: pa.ChunkedArray, as_answered: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the side on which a content is (`core.image_pairs`), null where nobody knows which failed.

    An answer to this very pair, whose image was replaced since, has `AS_ANSWERED` in its place.
    """
    is_own = pc.fill_null(pc.equal(content, AS_ANSWERED), False)
    replaced = pc.if_else(is_own, as_answered, pa.scalar(None, pa.string()))
    on_reference = pc.fill_null(pc.equal(content, planned["reference_content"]), False)
    of_reference = pc.if_else(on_reference, Side.REFERENCE.value, replaced)
    on_probe = pc.fill_null(pc.equal(content, planned["probe_content"]), False)
    return pc.if_else(on_probe, Side.PROBE.value, of_reference)


def _sizes(settled: pa.Table) -> Sizes:
    return Sizes(settled["reference_size"], settled["probe_size"])


def _unread(count: int) -> Sizes:
    nothing = pa.nulls(count, pa.int64())
    return Sizes(nothing, nothing)

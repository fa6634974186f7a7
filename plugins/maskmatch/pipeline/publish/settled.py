"""What the calls of a pair come to: of several rows of a journal the one that counts, and their sums.

The last row that is final counts, else the last row: what comes after a final one and is not is of a try that
was replaced. What is told of a call is told of the last one among the rows that counted when they came, else
of the first of the others.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from maskmatch.storage.failure_columns import are_final

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OF_CALL = ["called_at", "latency_ms", "request_id", "answered_by"]
OF_OUTCOME = [
    "pair_id", "call_order", "score", "model_version", "failure_class", "failure_code", "failure_message",
    "vendor_code", "failed_side", "result_source", "canonical_pair_id", "reference_size", "probe_size",
]  # fmt: skip
COUNTS = ["attempts", "billed_calls", "maybe_billed_calls"]
JOURNAL_COLUMNS = [*OF_OUTCOME, *OF_CALL, "attempt", "billed"]
"""What is read of a journal for the rows of outcomes."""


def settle(journal: pa.Table, places: Places, rows: int) -> pa.Table:
    """Return what each of so many pairs came to, in order; `places` says of which pair a row tells.

    Every pair has a row at least.
    """
    is_call = pc.is_valid(journal["attempt"])
    counted = _sums(journal, is_call, places, rows)
    if len(places) == rows and np.array_equal(places, np.arange(rows)):
        chosen = called = journal
    else:
        of_outcome, of_call = _chosen(journal, is_call, places, rows)
        chosen = journal.select(OF_OUTCOME).take(pa.array(of_outcome))
        called = journal.select(OF_CALL).take(pa.array(of_call))
    columns = [*(chosen[name] for name in OF_OUTCOME), *(called[name] for name in OF_CALL), *counted]
    return pa.table(columns, names=[*OF_OUTCOME, *OF_CALL, *COUNTS])


def _chosen(journal: pa.Table, is_call: pa.ChunkedArray, places: Places, rows: int) -> tuple[Places, Places]:
    """Return which row of the journal tells each outcome, and which its call."""
    numbers = np.arange(len(places))
    codes = journal["failure_code"]
    is_final = flags(pc.or_(pc.is_null(codes), are_final(codes)))
    outcome = np.zeros(rows, np.int64)
    outcome[places] = numbers  # the last wins
    outcome[places[is_final]] = numbers[is_final]
    tells = flags(pc.or_(is_call, pc.is_valid(journal["answered_by"])))
    call = outcome.copy()
    first_final = np.full(rows, len(places))
    first_final[places[is_final][::-1]] = numbers[is_final][::-1]
    counted = is_final | (numbers < first_final[places])
    for some in (np.flatnonzero(tells & ~counted)[::-1], np.flatnonzero(tells & counted)):
        call[places[some]] = some
    return outcome, call


def _sums(journal: pa.Table, is_call: pa.ChunkedArray, places: Places, rows: int) -> list[pa.Array]:
    billed = journal["billed"]
    counted = (is_call, pc.equal(billed, "yes"), pc.equal(billed, "perhaps"))
    return [
        pa.array(np.bincount(places, weights=flags(each), minlength=rows).astype(np.int32))
        for each in counted
    ]


def flags(column: pa.ChunkedArray) -> Flags:
    """Return a column of booleans, unknown being False."""
    return np.asarray(pc.fill_null(column, False), bool)

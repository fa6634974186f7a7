"""Write the demo's manifests, and what must become of their odd and bad rows.

manifests/ds=DATE/pairs.csv       half of the pairs, with the bad rows strewn in
manifests/ds=DATE/more.jsonl.gz   a quarter
manifests/ds=DATE/extra.parquet   a quarter, with typed columns
expected.csv                      a line for each odd pair and each bad row
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.cases import ODD_PAIRS, BadRow, Row, bad_rows, digest, good_rows

SCHEMA = pa.schema(
    {
        "pair_id": pa.string(),
        "reference_id": pa.string(),
        "probe_id": pa.string(),
        "is_mated": pa.bool_(),
        "reference_subject_id": pa.string(),
        "probe_subject_id": pa.string(),
        "quality_control": pa.int8(),
        "attr_mask": pa.string(),
        "attr_case": pa.string(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must become of one row; `line` is its line, or row for parquet, counted from 1."""

    ds: str
    file: str
    line: int
    pair_id: str
    case: str
    outcome: str
    failure_code: str
    reason: str


def write_manifests(out: Path, *, dates: Sequence[date]) -> None:
    """Write the manifests of the dates, and expected.csv over all of them."""
    expected = [line for day in dates for line in _write_date(out, day)]
    header = [field.name for field in fields(Expected)]
    (out / "expected.csv").write_bytes(_csv(header, [_texts(line) for line in expected]))


def _write_date(out: Path, day: date) -> Iterator[Expected]:
    folder = out / "manifests" / f"ds={day}"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = good_rows(day) + [odd.row for odd in ODD_PAIRS]
    pairs.sort(key=lambda row: digest(f"order {day} {row.pair_id}"))
    lines = _with_bad_rows(pairs[::2])
    (folder / "pairs.csv").write_bytes(_csv(SCHEMA.names, map(_fields, lines)))
    (folder / "more.jsonl.gz").write_bytes(_jsonl_gz(pairs[1::4]))
    pq.write_table(
        pa.Table.from_pylist([asdict(row) for row in pairs[3::4]], SCHEMA), folder / "extra.parquet"
    )
    yield from _expected(str(day), "pairs.csv", lines)
    yield from _expected(str(day), "more.jsonl.gz", pairs[1::4])
    yield from _expected(str(day), "extra.parquet", pairs[3::4])


def _with_bad_rows(rows: list[Row]) -> list[Row | BadRow]:
    """Set a bad row after every third good one."""
    lines: list[Row | BadRow] = list(rows)
    for number, bad in enumerate(bad_rows(), start=1):
        lines.insert(4 * number - 1, bad)
    return lines


def _expected(ds: str, file: str, lines: Sequence[Row | BadRow]) -> Iterator[Expected]:
    odd_pairs = {odd.row.pair_id: odd for odd in ODD_PAIRS}
    for number, line in enumerate(lines, start=2 if file.endswith(".csv") else 1):
        pair_id = line.pair_id if isinstance(line, Row) else line.fields[0]
        odd = line if isinstance(line, BadRow) else odd_pairs.get(pair_id)
        if odd is not None:
            yield Expected(
                ds=ds,
                file=file,
                line=number,
                pair_id=pair_id,
                case=odd.name,
                outcome="failed" if odd.failure_code else "scored",
                failure_code=odd.failure_code,
                reason=odd.reason,
            )


def _fields(line: Row | BadRow) -> Sequence[str]:
    return line.fields if isinstance(line, BadRow) else _texts(line)


def _texts(line: Row | Expected) -> list[str]:
    return [_text(value) for value in asdict(line).values()]


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _csv(header: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *lines])
    return file.getvalue().encode()


def _jsonl_gz(rows: Iterable[Row]) -> bytes:
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    return gzip.compress(text.encode(), mtime=0)

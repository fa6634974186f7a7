"""Thousands of seeded mutations of manifests in all formats: what is not mutated is read as before.

In text formats some bytes of one record are changed, in parquet and workbooks a value; packed files are cut
short. In one case of ten a known mistake is planted, whose reason must be told of the right record.
"""

import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.manifests.mutations import FORMS, PLANTED, Rows, base_rows, mutated, planted, written
from benchmarks.report import main
from maskmatch.core.errors import InputError
from maskmatch.core.pairs import BadRow
from maskmatch.storage.manifests import Manifest
from maskmatch.storage.object_stores.files import FileStore

CASES, QUICK_CASES = 5000, 500
PLANTED_SHARE = 10
SEED = 14
MOST_SECONDS = 5.0
GOALS = {
    "refused_share": ("<=", 0.1),
    "rows_changed": ("<=", 0.0),
    "reasons_wrong": ("<=", 0.0),
    "crashes": ("<=", 0.0),
    "longest_seconds": ("<=", MOST_SECONDS),
    "cut_short_unnoticed": ("<=", 0.0),
    "growth_mib": ("<=", 256.0),
}


@dataclass(slots=True)
class _Tally:
    cases: int = 0
    refused: int = 0
    rows_changed: int = 0
    reasons_wrong: int = 0
    cut_short: int = 0
    cut_short_unnoticed: int = 0
    crashes: int = 0
    longest: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)


def run(quick: bool) -> dict[str, float]:
    """Read 5,000 mutated manifests; quick: 500."""
    tally, base = _Tally(), base_rows()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(Path(folder))
        for case in range(QUICK_CASES if quick else CASES):
            _try(store, base, case, tally)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    for what, count in tally.wrong.most_common(20):
        print(f"{count:5d} {what}", file=sys.stderr)
    return {
        "cases": tally.cases,
        "refused_share": round(tally.refused / max(tally.cases - tally.cut_short, 1), 4),
        "rows_changed": tally.rows_changed,
        "reasons_wrong": tally.reasons_wrong,
        "cut_short": tally.cut_short,
        "cut_short_unnoticed": tally.cut_short_unnoticed,
        "crashes": tally.crashes,
        "longest_seconds": round(tally.longest, 2),
        "growth_mib": round(growth),
    }


def _try(store: FileStore, base: Rows, case: int, tally: _Tally) -> None:
    dice = random.Random(SEED * 1_000_000 + case)  # noqa: S311 - to be repeated, not to be secret
    form = FORMS[case % len(FORMS)]
    place = dice.randrange(len(base))
    reason = None
    if case % PLANTED_SHARE == 0:
        reason = PLANTED[case // PLANTED_SHARE % len(PLANTED)]
        data = written(form, planted(base, place, reason))
    elif case % PLANTED_SHARE == 1 and form.is_packed:
        whole = written(form, base)
        data = whole[: dice.randrange(len(whole) // 2, len(whole))]
    else:
        data = mutated(form, base, place, dice)
    tally.cases += 1
    began = time.monotonic()
    try:
        rows, bad = _read(store, form.name, data)
    except InputError:
        is_cut = case % PLANTED_SHARE == 1 and form.is_packed
        tally.cut_short += is_cut
        tally.refused += not is_cut
        tally.wrong[f"{form.name}: refused"] += not is_cut
        return
    except Exception as error:  # noqa: BLE001 - a crash is what is looked for
        tally.crashes += 1
        tally.wrong[f"case {case} {form.name}: {type(error).__name__}: {error}"] += 1
        return
    finally:
        tally.longest = max(tally.longest, time.monotonic() - began)
    if case % PLANTED_SHARE == 1 and form.is_packed:
        tally.cut_short += 1
        tally.cut_short_unnoticed += 1
        return
    lost = [row for number, row in enumerate(base) if number != place and _facts(row) not in rows]
    tally.rows_changed += bool(lost)
    tally.wrong[f"case {case} {form.name}: {len(lost)} other rows changed"] += bool(lost)
    if reason and not _is_told(bad, place, reason):
        tally.reasons_wrong += 1
        tally.wrong[f"{form.name}: {reason} is not told, but {[row.message for row in bad][:1]}"] += 1


def _read(store: FileStore, name: str, data: bytes) -> tuple[set[Any], list[BadRow]]:
    store.put(name, data)
    rows: set[Any] = set()
    bad: list[BadRow] = []
    for portion in Manifest(store, name):
        for row in portion.rows.to_pylist():
            rows.add(_facts({**row, **dict(row["attributes"])}))
        bad += portion.bad_rows
    return rows, bad


def _facts(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row.get(name)
        for name in ("pair_id", "reference_id", "probe_id", "is_mated", "quality_control", "attr_note")
    )


def _is_told(bad: Sequence[BadRow], place: int, reason: tuple[str, str, str]) -> bool:
    column, _, code = reason
    return [(row.manifest_record, row.code, row.column) for row in bad] == [(place + 1, code, column)]


if __name__ == "__main__":
    sys.exit(main("manifest_fuzz", str(__doc__), run, GOALS))

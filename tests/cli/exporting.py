"""Published outcomes with hostile texts, and the command that exports them."""

from datetime import UTC, date, datetime

from maskmatch.cli.__main__ import main
from tests.nights import DAY
from tests.tables import write_outcomes

FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\ufeff=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
)
TEXTS = (
    *FORMULAS,
    "'=1",
    "a,b;c",
    'say "hi"',
    '"',
    "two\nlines",
    "two\r\nlines",
    "王小明 é😀",
    "a b",
    "a%20b",
    "#a",
    "\u3000a\u2028b\xa0c",
    "O'Hara",
)


def row(number, **changes):
    """Return a scored row; a reason instead of a score is `failure_class`."""
    fields = {
        "publication": "p",
        "run_id": "r",
        "pair_id": f"p{number:03d}",
        "manifest_file": "f.csv",
        "manifest_row": number,
        "reference_id": f"a{number}.jpg",
        "probe_id": f"b{number}.jpg",
        "outcome": "failed" if "failure_class" in changes else "scored",
        "score": None if "failure_class" in changes else 55.25,
        "threshold_nominal_fmr": 1e-5,
        "cost": 0.0032,
        "called_at": datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC),
        "is_open": False,
    }
    return fields | changes


def bad_row(number):
    """Return the row of a manifest row that is no pair."""
    return row(number, failure_class="data", reference_id=None, probe_id=None, pair_id=None)


def published(store, rows, day=DAY):
    """Publish rows as the outcomes of a date."""
    write_outcomes(store, day, rows)


def exported(store, form, output, *more, day: date | None = DAY):
    """Run the command; return its exit status."""
    dates = [f"--date={day}"] if day else []
    words = ["export", f"--format={form}", f"--warehouse={store.uri}", f"--to={output}"]
    return main([*words, *dates, *more])

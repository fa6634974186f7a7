"""How near one run comes to the rate on two Celery workers, and what becomes of it when parts fail.

All on this host, in real processes: Airflow with CeleryExecutor on Postgres, with the permit store in the
same server; Redis as Celery's queue; two workers, each with a home folder, a process group and a queue of its
own; an S3 store; a service that answers after 120 ms. One date of 20,000 pairs in two shards for each rate,
with workers that have run tasks before. `use`: accepted calls against what the rate allows, from 2 s after
the first to the 95th of each 100; `span_ratio`: first to last accepted call against what the rate needs;
beside them the time from the trigger to the end, and which share of the processors was idle.

Then one worker is killed in the middle of a date (kill -9 of all that it runs), and with --all on other
dates: scheduler and worker together, Redis emptied, Postgres restarted, the permit store away, a clock that
is 3 s ahead or behind. `paid_again_in_flight` were called and not answered at the kill, `paid_again_answered`
were answered and not durable: the first belong to the calls in flight, the second to the last group of the
journal; `paid_again_later` were called after it, and would have no cause.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.engine import two_workers_crashes as crashes
from benchmarks.engine.celery_site import PAIRS_OF_TWO_SHARDS, Night, Site, audit, compare_night, running
from benchmarks.report import main

PAIRS = 20_000
RATES, QUICK_RATES = (200, 500, 1000), (200, 500)
STEADY_AFTER_SECONDS, STEADY_SHARE = 2.0, 0.95
IDLE = 0.1
"""A larger share of the processors means that they are not what limits 1,000 calls a second."""
GOALS = {
    "use_200": (">=", 0.99),
    "use_500": (">=", 0.98),
    "span_ratio_200": ("<=", 1.03),
    "span_ratio_500": ("<=", 1.03),
    "use_1000_unless_busy": (">=", 0.95),
    **crashes.GOALS,
}


def run(quick: bool) -> dict[str, float]:
    """Measure the rates, and the kill of one worker."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder), quick=quick, parts=crashes.PARTS[:1])


def run_all() -> dict[str, float]:
    """Measure the rates and everything that can fail."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(Path(folder), quick=False, parts=crashes.PARTS)


def _measured(home: Path, *, quick: bool, parts: tuple[crashes.Part, ...]) -> dict[str, float]:
    pairs, rates = (PAIRS_OF_TWO_SHARDS, QUICK_RATES) if quick else (PAIRS, RATES)
    figures: dict[str, float] = {"pairs": pairs}
    with running(home / "rates", slots=1) as site:
        compare_night(site, Night(day=date(2026, 1, 1), pairs=PAIRS_OF_TWO_SHARDS, calls_per_second=1000))
        for number, rate in enumerate(rates, 2):
            night = Night(day=date(2026, 1, number), pairs=pairs, calls_per_second=rate)
            figures |= _rate_figures(site, compare_night(site, night))
            sys.stdout.write(f"{figures}\n")
    if "use_1000" in figures:
        figures["use_1000_unless_busy"] = figures["use_1000"] if figures["idle_1000"] > IDLE else 1.0
    with running(home / "crashes", slots=2) as site:
        for number, part in enumerate(parts, 1):
            figures |= part(site, date(2026, 2, number))
            sys.stdout.write(f"{figures}\n")
    return figures


def _rate_figures(site: Site, night: Night) -> dict[str, float]:
    wrong = audit(site, night)
    if any(wrong.values()):
        raise RuntimeError(f"{night.day}: {wrong}")
    rate, accepted = night.calls_per_second, night.accepted_at
    first, last = accepted[0], accepted[-1]
    steady = (first + STEADY_AFTER_SECONDS, accepted[int(STEADY_SHARE * len(accepted))])
    return {
        f"use_{rate}": round(night.share_of_rate(*steady), 4),
        f"span_ratio_{rate}": round((last - first) * rate / (len(accepted) - 1), 4),
        f"trigger_to_end_seconds_{rate}": round(night.ended_at - night.triggered_at, 1),
        f"trigger_to_first_call_seconds_{rate}": round(first - night.triggered_at, 1),
        f"throttled_share_{rate}": round(night.meter["throttled"] / len(accepted), 4),
        f"idle_{rate}": round(night.idle, 2),
    }


if __name__ == "__main__":
    sys.exit(main("two_workers", __doc__, run, GOALS, run_all=run_all))

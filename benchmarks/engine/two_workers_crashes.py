"""Parts of an Airflow with two Celery workers that fail in the middle of a date; see two_workers.py."""

import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from operator import itemgetter

import redis

from benchmarks.engine.celery_site import LATENCY_MS, Night, Site, audit, compare_night
from benchmarks.engine.wrong_clock import clock_that_is_off
from devstack.service import LocalService

PAIRS, CALLS_PER_SECOND = 6200, 200
BEGUN = PAIRS // 4
GROUP = 64
"""Outcomes that a journal holds at most before they are durable, where the calls in flight are not fixed."""
MOST_IN_FLIGHT = 2 * CALLS_PER_SECOND * LATENCY_MS // 1000
"""Twice what the whole rate has in flight."""
AWAY_SECONDS, DATABASE_AWAY_SECONDS = 20.0, 5.0
BACK_SECONDS, SECONDS_OF_RATE = 1.0, 2.0
TAKEN_UP_SECONDS = 150
CLOCK_OFF_SECONDS = 3
Part = Callable[[Site, date], dict[str, float]]
_NOTHING_TWICE = ("flushed", "postgres", "postgres_killed", "permits_away", "clock_ahead", "clock_behind")
_KILLED = ("kill", "scheduler_too")
GOALS = {
    f"{part}_{figure}": ("<=", 0.0)
    for part in (*_KILLED, *_NOTHING_TWICE)
    for figure in ("lost", "doubled_rows", "wrong_scores")
}
GOALS |= {f"{part}_paid_again": ("<=", 0.0) for part in _NOTHING_TWICE}
GOALS |= {"kill_rate_of_other": (">=", 0.95)}
GOALS |= {f"{part}_paid_again_answered": ("<=", float(GROUP)) for part in _KILLED}
GOALS |= {f"{part}_paid_again_later": ("<=", 0.0) for part in _KILLED}
GOALS |= {f"{part}_paid_again_in_flight": ("<=", float(MOST_IN_FLIGHT)) for part in _KILLED}
GOALS |= {"permits_away_rate_after": (">=", 0.95), "permits_away_calls_meanwhile": ("<=", 0.0)}
GOALS |= {f"clock_{where}_throttled_share": ("<=", 0.01) for where in ("ahead", "behind")}
GOALS |= {f"clock_{where}_span_ratio": ("<=", 1.1) for where in ("ahead", "behind")}


def kill(site: Site, day: date) -> dict[str, float]:
    """Kill a worker; its shard is taken up by the other, which has the whole rate till then."""
    return _killed(site, day, "kill")


def kill_with_scheduler(site: Site, day: date) -> dict[str, float]:
    """Kill a worker and the scheduler at once; the scheduler is started again by whoever looks after it."""
    return _killed(
        site, day, "scheduler_too", lambda: os.kill(site.airflow.pids["scheduler"], signal.SIGKILL)
    )


def flush(site: Site, day: date) -> dict[str, float]:
    """Empty Celery's Redis."""

    def fail() -> None:
        with redis.Redis.from_url(site.queue.uri) as client:
            client.flushall()

    return _figures(site, _night(site, day, fail), "flushed")


def restart_postgres(site: Site, day: date) -> dict[str, float]:
    """Stop Postgres for some seconds, and with it Airflow's database, Celery's results and the permits."""
    return _without_postgres(site, day, "postgres", signal.SIGINT)


def kill_postgres(site: Site, day: date) -> dict[str, float]:
    """Kill Postgres, which loses the bookings of its last moments."""
    return _without_postgres(site, day, "postgres_killed", signal.SIGKILL)


def lose_permits(site: Site, day: date) -> dict[str, float]:
    """Cut the way to the permit store for some seconds."""
    cut: list[float] = []

    def fail() -> None:
        site.way_to_permits.is_cut = True
        cut.append(time.time())
        time.sleep(AWAY_SECONDS)
        site.way_to_permits.is_cut = False
        cut.append(time.time())

    night = _night(site, day, fail)
    start, end = cut
    back = next(at for at in night.accepted_at if at >= end)
    return _figures(site, night, "permits_away") | {
        "permits_away_calls_meanwhile": sum(start + BACK_SECONDS <= at < end for at in night.accepted_at),
        "permits_away_first_call_after_seconds": round(back - end, 2),
        "permits_away_rate_after": round(
            night.share_of_rate(back + BACK_SECONDS, back + BACK_SECONDS + SECONDS_OF_RATE), 3
        ),
    }


def run_with_clock_ahead(site: Site, day: date) -> dict[str, float]:
    """Start a worker whose clock is some seconds ahead."""
    return _with_clock(site, day, "clock_ahead", CLOCK_OFF_SECONDS)


def run_with_clock_behind(site: Site, day: date) -> dict[str, float]:
    """Start a worker whose clock is some seconds behind."""
    return _with_clock(site, day, "clock_behind", -CLOCK_OFF_SECONDS)


def _with_clock(site: Site, day: date, name: str, seconds: int) -> dict[str, float]:
    """Start a worker whose clock is wrong; without a C compiler nothing is measured."""
    if not (library := clock_that_is_off(site.home, seconds)):
        sys.stdout.write("no C compiler: a clock that is wrong is not measured\n")
        return {}
    site.airflow.kill_worker("w2")
    site.airflow.start_worker("w2", {"LD_PRELOAD": str(library)})
    site.airflow.await_worker("w2")
    night = _night(site, day, lambda: None)
    first, last = night.accepted_at[0], night.accepted_at[-1]
    return _figures(site, night, name) | {
        f"{name}_span_ratio": round((last - first) * CALLS_PER_SECOND / (night.pairs - 1), 4),
        f"{name}_throttled_share": round(night.meter["throttled"] / night.pairs, 4),
    }


PARTS: tuple[Part, ...] = (
    kill,
    kill_with_scheduler,
    flush,
    restart_postgres,
    kill_postgres,
    lose_permits,
    run_with_clock_ahead,
    run_with_clock_behind,
)


def _killed(
    site: Site, day: date, name: str, kill_more: Callable[[], None] = lambda: None
) -> dict[str, float]:
    at: list[float] = []

    def fail() -> None:
        workers = {shard: site.airflow.worker_of(it) for shard, it in site.compares(day).items()}
        if sorted(workers.values(), key=str) != ["w1", "w2"]:
            raise RuntimeError(f"the shards are on {workers}, not one on each worker")
        lost = next(shard for shard, worker in workers.items() if worker == "w1")
        at.append(time.time())
        site.airflow.kill_worker("w1")
        at.append(time.time())
        kill_more()
        _await_taken_up(site, day, lost)
        at.append(time.time())

    night = _night(site, day, fail)
    site.airflow.start_worker("w1")
    site.airflow.await_worker("w1")
    killed_at, dead_at, taken_up_at = at
    back = killed_at + BACK_SECONDS
    return {
        **_figures(site, night, name),
        **_paid_again(night, killed_at, dead_at, name),
        f"{name}_taken_up_seconds": round(taken_up_at - killed_at, 1),
        f"{name}_rate_of_other": round(night.share_of_rate(back, back + SECONDS_OF_RATE), 3),
    }


def _without_postgres(site: Site, day: date, name: str, how: signal.Signals) -> dict[str, float]:
    def fail() -> None:
        os.kill(site.database.pid, how)
        time.sleep(DATABASE_AWAY_SECONDS)
        site.database.start()
        site.airflow.revive()
        site.airflow.await_health()

    return _figures(site, _night(site, day, fail), name)


def _night(site: Site, day: date, fail: Callable[[], None]) -> Night:
    """Run a date to its end; in the middle of it something fails."""

    def meanwhile(service: LocalService) -> None:
        while service.meter()["billed"] < BEGUN:
            time.sleep(0.1)
        fail()

    night = Night(day=day, pairs=PAIRS, calls_per_second=CALLS_PER_SECOND)
    return compare_night(site, night, meanwhile=meanwhile)


def _await_taken_up(site: Site, day: date, shard: int) -> None:
    ends = time.monotonic() + TAKEN_UP_SECONDS
    while site.airflow.worker_of(site.compares(day)[shard]) != "w2":
        site.airflow.revive()
        if time.monotonic() > ends:
            raise RuntimeError(f"shard {shard} was not taken up within {TAKEN_UP_SECONDS} s")
        time.sleep(0.1)


def _figures(site: Site, night: Night, name: str) -> dict[str, float]:
    return {f"{name}_{figure}": number for figure, number in audit(site, night).items()}


def _paid_again(night: Night, killed_at: float, dead_at: float, name: str) -> dict[str, float]:
    """Tell calls that were paid again by whether the first one was answered when its worker was killed."""
    at: dict[str, list[float]] = defaultdict(list)
    for call in filter(itemgetter("billed"), night.meter["calls"]):
        at[call["pair"]].append(call["at"])
    first = [min(times) for times in at.values() if len(times) > 1]
    in_flight = sum(killed_at - LATENCY_MS / 1000 < at <= dead_at for at in first)
    later = sum(at > dead_at for at in first)
    return {
        f"{name}_paid_again_in_flight": in_flight,
        f"{name}_paid_again_answered": len(first) - in_flight - later,
        f"{name}_paid_again_later": later,
    }

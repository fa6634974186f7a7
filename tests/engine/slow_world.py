"""Whole engines against slow services, on simulated time: what is lost, and how much of a service is used.

python -m tests.engine.slow_world --seeds 20        a table; the last line is one JSON object with `met`,
                                                    the goals `missed`, and those `beyond` reach, by row

`lost` is what the journals hold as perhaps billed, of all pairs: the mean of the seeds, and the worst. `use`
is that of the service's capacity, or of the permits that the store grants at first, which is .8 % less than
the rate. `full` is the time in seconds from the start, from the service's recovery, or from the end of its
silence, to a second of the full rate.
"""

import argparse
import bisect
import json
import math
import multiprocessing
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from maskmatch.permits.steps.timeline import FIRST_MARGIN
from tests.engine.slow_play import TIME_LIMIT, Played, Process, play
from tests.engine.slow_rows import FALLS_AT, IS_BACK_AT, RATES, ROWS, Row
from tests.engine.slow_services import Steps

Figures = Mapping[str, float]
_FULL, _RECOVERED = 0.99, 0.95
_LATE_SECONDS = 20.0
"""After the last of them has started, late starters should have their share."""
_SENT_MEANWHILE = 0.02


def figures_of(name: str, rate: int, seed: int) -> Figures:
    """Play one seed of a row."""
    row = ROWS[name]
    played = play(row.play(rate, seed))
    pairs = sum(process.fresh for process in played.processes)
    granted = rate * (1 - FIRST_MARGIN)
    since, share = (IS_BACK_AT, _RECOVERED) if row.has_fall else (row.silent_until, _FULL)
    return {
        "lost": played.maybe_billed / pairs,
        "lost_calls": played.maybe_billed,
        "use": _use(row, rate, played),
        "full_rate_after": _full_rate_after(played.sent, share * granted, since),
        "jain": _jain(played.processes, row.starts),
        "refused": len(played.refused) / pairs,
        "median": statistics.median(played.seconds or [0.0]),
        "over_bound": len(played.lost) - _bound(played, rate) if row.has_fall else 0.0,
        "answered": len(played.answered) / pairs,
        "opened": sum(process.opened for process in played.processes),
        "most": max(number for _, number in played.in_flight),
    }


def _use(row: Row, rate: int, played: Played) -> float:
    until = max(process.all_sent_at or played.ended_at for process in played.processes)
    granted = rate * (1 - FIRST_MARGIN)
    if row.capacity is None:
        sent = sum(row.warm_at <= at <= until for at in played.sent)
        useful = sent - len(played.lost) - len(played.refused)
        return useful / (granted * (until - row.warm_at))
    steps = [(since, min(granted, share * rate)) for since, share in row.capacity]
    answered = sum(row.warm_at <= at <= until for at in played.answered)
    return answered / _integral(steps, row.warm_at, until)


def _integral(steps: Steps, since: float, until: float) -> float:
    ends = [begins for begins, _ in steps[1:]] + [math.inf]
    return sum(
        value * max(0.0, min(until, end) - max(since, begins))
        for (begins, value), end in zip(steps, ends, strict=True)
    )


def _full_rate_after(sent: Sequence[float], per_second: float, since: float) -> float:
    """Return after how many seconds a second begins in which so many calls are sent."""
    wanted = math.floor(per_second)
    first = bisect.bisect_left(sent, since)
    for one, last in zip(sent[first:], sent[first + wanted - 1 :], strict=False):
        if last - one <= 1:
            return one - since
    return math.inf


def _jain(processes: Sequence[Process], starts: Sequence[float]) -> float:
    """Return how equal the shares of processes are: 1 for equal ones."""
    since = max(starts) + (_LATE_SECONDS if max(starts) else 0.0)
    until = min(process.all_sent_at or math.inf for process in processes)
    counts = [sum(since <= at <= until for at in process.answered) for process in processes]
    return sum(counts) ** 2 / (len(counts) * sum(n * n for n in counts)) if any(counts) else 0.0


def _bound(played: Played, rate: int) -> float:
    """Return what a fall may cost: what was in flight above what is answered in time, and one in fifty."""
    in_flight = [number for at, number in played.in_flight if at <= FALLS_AT][-1]
    meanwhile = sum(FALLS_AT <= at <= IS_BACK_AT for at in played.sent)
    return max(0.0, in_flight - rate / 10 * TIME_LIMIT) + _SENT_MEANWHILE * meanwhile


def figures_over(seeds: Sequence[Figures]) -> dict[str, float]:
    """Return the means over seeds, and of what is lost also the worst."""
    means = {name: statistics.fmean(each[name] for each in seeds) for name in seeds[0]}
    return {**means, "lost_worst": max(each["lost"] for each in seeds)}


def missed(name: str, rate: int, figures: Figures) -> list[str]:
    """Return the goals of a row that are not met."""
    goals = ROWS[name].goals.get(rate, {})
    return [
        f"{figure} {figures[figure]:.4g}, not {relation} {number:g}"
        for figure, (relation, number) in goals.items()
        if not (figures[figure] <= number if relation == "<=" else figures[figure] >= number)
    ]


@dataclass(frozen=True, kw_only=True)
class Unmet:
    """The goals of a row that are not met: those that could be, and those that cannot be reached."""

    missed: list[str]
    beyond: list[str]


def not_met(name: str, rate: int, figures: Figures) -> Unmet:
    """Tell the goals of a row that are missed from those out of reach."""
    goals, beyond = missed(name, rate, figures), ROWS[name].beyond
    return Unmet(
        missed=[goal for goal in goals if goal.split()[0] not in beyond],
        beyond=[goal for goal in goals if goal.split()[0] in beyond],
    )


def line(name: str, rate: int, figures: Figures) -> str:
    """Return a line of the table."""
    text = (
        f"{name:22} R {rate:3} | {100 * figures['lost']:6.2f} {100 * figures['lost_worst']:6.2f}"
        f" | {figures['use']:5.3f} | {min(99, figures['full_rate_after']):5.2f} | {figures['jain']:5.3f}"
        f" | {figures['refused']:5.3f} | {figures['median']:4.2f} | {figures['most']:5.0f}"
    )
    goals = ROWS[name].goals.get(rate, {})
    asked = ", ".join(f"{figure} {relation} {number:g}" for figure, (relation, number) in goals.items())
    if not asked:
        return f"{text} | not judged"
    found = not_met(name, rate, figures)
    words = [f"MISSED {goal}" for goal in found.missed] + [f"OUT OF REACH {goal}" for goal in found.beyond]
    return f"{text} | {'; '.join(words) or 'met'}: {asked}"


def _shown(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _played(
    names: Sequence[str], rates: Sequence[int], seeds: int, jobs: int
) -> Iterator[tuple[str, int, Figures]]:
    cells = [(name, rate, seed) for name in names for rate in rates for seed in range(seeds)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        results = pool.imap(_cell, cells)
        for name in names:
            for rate in rates:
                yield name, rate, figures_over([next(results) for _ in range(seeds)])


def _cell(cell: tuple[str, int, int]) -> Figures:
    return figures_of(*cell)


def main() -> int:
    """Play the rows and print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many of each (default %(default)s)")
    parser.add_argument("--rows", default=";".join(ROWS), help="only these, separated by semicolons")
    parser.add_argument("--rate", type=int, choices=RATES, help="only this rate")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default %(default)s)")
    options = parser.parse_args()
    names = options.rows.split(";")
    rates = [options.rate] if options.rate else RATES
    sys.stdout.write(
        f"{'row':22} rate  | lost %  worst |   use |  full |  jain | refused | med. | most in flight\n"
    )
    all_figures: dict[str, dict[str, float | None]] = {}
    unmet: dict[str, Unmet] = {}
    for name, rate, figures in _played(names, rates, options.seeds, options.jobs):
        sys.stdout.write(line(name, rate, figures) + "\n")
        sys.stdout.flush()
        all_figures[f"{name}, R {rate}"] = {key: _shown(value) for key, value in figures.items()}
        unmet[f"{name}, R {rate}"] = not_met(name, rate, figures)
    missed_by_row = {row: found.missed for row, found in unmet.items() if found.missed}
    beyond = {row: found.beyond for row, found in unmet.items() if found.beyond}
    result = {"seeds": options.seeds, "figures": all_figures, "missed": missed_by_row, "beyond": beyond}
    sys.stdout.write(json.dumps(result | {"met": not missed_by_row}) + "\n")
    return 1 if missed_by_row else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a slow service costs, in real time: calls that may have been billed, calls paid again, and time.

Tries of tasks compare pairs through the pipeline, over HTTP, at the local service, which is slow in the ways
of its `--capacity`: a queue, a shared processor, workers of 5 s, a queue that refuses what is too much; at a
tenth and a third of the rate, with a fall and a recovery in mid-run, by one process and by four. Further a
quick service and a cold start, and one that never answers. The meter of the service is held against the
journals, and the seconds against those of the simulation (`python -m tests.engine.slow_world`) of the same
scenario without stalls, one seed. Workers of 5 s at a third are shown and not judged: a limit of 10 s cannot
tell them from a queue.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.engine.slow_cells import Cell, Result, Simulated, measured
from benchmarks.report import main

TIME_LIMIT = 10.0
COLD_SECONDS = 25.0
FIRST_MARGIN = 0.008
"""The permit store begins so much below the rate."""
_PLENTY = 50
"""Times the rate."""
_AT_ONCE = 3
_DEAD_SECONDS = 45.0
"""Until calls are lost, the breaker is open, and two probes are lost as well."""
GOALS = {
    "most_lost": ("<=", 0.05),
    "most_seconds_of_simulated": ("<=", 1.05),
    "cold_use": (">=", 0.995),
    "dead_calls_of_bound": ("<=", 1),
    "refused_a_pair": ("<=", 0.1),
    "wrong_books": ("<=", 0),
}
QUICK = ("quick", "queue a tenth", "queue falls", "queue a tenth x4", "dead")
NOT_JUDGED = "workers a third"
_SIMULATED: Mapping[tuple[int, str], Simulated] = {
    (20, "quick"): Simulated(25.6, 0),
    (20, "queue a tenth"): Simulated(30.4, 0),
    (20, "queue a tenth x4"): Simulated(30.4, 0),
    (20, "queue falls"): Simulated(24.6, 0),
    (50, "quick"): Simulated(25.6, 0),
    (50, "queue a tenth"): Simulated(149.2, 0),
    (50, "queue a tenth x4"): Simulated(148.4, 0),
    (50, "queue a third"): Simulated(45.4, 0),
    (50, "shared a tenth"): Simulated(155.2, 18),
    (50, "shared a third"): Simulated(45.2, 1),
    (50, "workers a tenth"): Simulated(154.2, 0),
    (50, "workers a third"): Simulated(154.0, 0),
    (50, "refuses"): Simulated(147.5, 0),
    (50, "queue falls"): Simulated(38.2, 0),
    (50, "queue falls x4"): Simulated(39.1, 32),
}
"""By rate and cell: seconds, calls lost."""


def cells(rate: int, *, seconds: float, back_at: float) -> list[Cell]:
    """Return all cells: so many seconds of the rate are compared; what falls at 5 s is `back_at`."""
    tenth, plenty = _queue(rate / 10), _queue(_PLENTY * rate)
    falls: dict[str, Any] = {"capacity": plenty, "changes": ((5.0, tenth), (back_at, plenty))}
    choices: dict[str, dict[str, Any]] = {
        "quick": {"seconds": COLD_SECONDS},
        "queue a tenth": {"capacity": tenth},
        "queue a tenth x4": {"capacity": tenth, "processes": 4},
        "queue a third": {"capacity": _queue(rate / 3)},
        "shared a tenth": {"capacity": f"shared={rate / 10:.4f}", "faults": ()},
        "shared a third": {"capacity": f"shared={rate / 3:.4f}", "faults": ()},
        "workers a tenth": {"capacity": f"workers={rate // 2}", "faults": ()},
        NOT_JUDGED: {"capacity": f"workers={rate * 5 // 3}", "faults": ()},
        "refuses": {"capacity": f"{tenth},{rate // 8}"},
        "queue falls": {"seconds": 10.0, **falls},
        "queue falls x4": {"seconds": 10.0, "processes": 4, **falls},
        "dead": {"faults": ("hang=600",), "most_seconds": _DEAD_SECONDS},
    }
    return [
        Cell(
            name=name,
            rate=rate,
            pairs=int(choice.pop("seconds", seconds) * rate),
            simulated=_SIMULATED.get((rate, name)),
            **choice,
        )
        for name, choice in choices.items()
    ]


def _queue(calls_per_second: float) -> str:
    return f"queue={calls_per_second:.4f}"


def run(quick: bool) -> dict[str, float]:
    """Measure all at 50 calls a second, three at a time; quick: five shorter ones, at 20 a second."""
    if quick:
        chosen = [cell for cell in cells(20, seconds=3, back_at=20) if cell.name in QUICK]
    else:
        chosen = cells(50, seconds=15, back_at=35)
    with ThreadPoolExecutor(len(QUICK) if quick else _AT_ONCE) as pool:
        results = list(zip(chosen, pool.map(measured, chosen), strict=True))
    figures = {}
    for cell, result in results:
        shown = _figures(cell, result)
        print(f"{cell.name:18} {'  '.join(f'{name} {value}' for name, value in shown.items())}", flush=True)
        figures |= {f"{cell.name}: {name}": value for name, value in shown.items()}
    return figures | _judged(results)


def _figures(cell: Cell, result: Result) -> dict[str, float]:
    figures: dict[str, float] = {
        "pairs": cell.pairs,
        "calls": result.calls,
        "seconds": round(result.seconds, 1),
    }
    if cell.simulated:
        figures |= {"seconds_simulated": cell.simulated.seconds, "lost_simulated": cell.simulated.lost}
    figures |= {"lost": result.lost, "paid_again": result.paid_again, "refused": result.refused}
    return figures | {name: value for name, value in result.wrong.items() if value}


def _judged(results: list[tuple[Cell, Result]]) -> dict[str, float]:
    judged = [(cell, result) for cell, result in results if cell.name != NOT_JUDGED and not cell.is_dead]
    ratios = [result.seconds / cell.simulated.seconds for cell, result in judged if cell.simulated]
    by_name = {cell.name: (cell, result) for cell, result in results}
    figures = {
        "most_lost": max(result.lost / cell.pairs for cell, result in judged),
        "most_seconds_of_simulated": max(ratios, default=0.0),
        "cold_use": _cold_use(*by_name["quick"]),
        "dead_calls_of_bound": by_name["dead"][1].calls / _dead_bound(by_name["dead"][0]),
        "wrong_books": sum(sum(result.wrong.values()) for _, result in results),
    }
    if refusing := by_name.get("refuses"):
        figures["refused_a_pair"] = refusing[1].refused / refusing[0].pairs
    return {name: round(value, 4) for name, value in figures.items()}


def _cold_use(cell: Cell, result: Result) -> float:
    """Return the share of what the permit store grants in the time that was used."""
    span = max(result.accepted) - min(result.accepted) + 1 / cell.rate
    return cell.pairs / (cell.rate * (1 - FIRST_MARGIN) * span)


def _dead_bound(cell: Cell) -> float:
    return cell.rate * TIME_LIMIT / 20 + 15


if __name__ == "__main__":
    sys.exit(main("slow_service", __doc__, run, GOALS))

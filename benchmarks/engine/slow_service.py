"""What a slow service costs, in real time: calls that may have been billed, calls paid again, and time.

Tries of tasks compare pairs through the pipeline, over HTTP, at the local service, which is slow in the ways
of its `--capacity`: a queue, a shared processor, workers of 5 s, a queue that refuses what is too much; at a
tenth and a third of the rate, with a fall and a recovery in mid-run, by one process and by four. Further a
quick service and a cold start, and one that never answers.

The cells are those of slow_simulated.json, with the seconds and the lost calls of the same scenario without
stalls in the simulation: `python -m tests.engine.slow_real_time --write` makes that file anew. Lost calls may
be more than there by 5 % of the pairs, and seconds by 5 %; what is much faster than there shows in
`least_seconds_of_simulated`. Each run is published, and its tables are held against the meter of the service
and the journals. Workers of 5 s at a third are shown and not judged: a limit of 10 s cannot tell them from a
queue. Refusals are judged at 200 calls a second: at 50 the queue that refuses holds six calls, and one call
in five is refused, in the simulation too.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.engine.slow_cells import LATENCY, Cell, Result, Simulated, measured
from benchmarks.report import main

TIME_LIMIT = 10.0
FIRST_MARGIN = 0.008
"""The permit store begins so much below the rate."""
_CELLS = Path(__file__).with_name("slow_simulated.json")
_QUICK_RATE, _RATE = 20, 50
"""Calls a second."""
_AT_ONCE, _AT_ONCE_QUICK = 3, 5
_DEAD_SECONDS = 45.0
"""Until calls are lost, the breaker is open, and two probes are lost as well."""
GOALS = {
    "most_lost_above_simulated": ("<=", 0.05),
    "most_seconds_of_simulated": ("<=", 1.05),
    "cold_use": (">=", 0.995),
    "dead_calls_of_bound": ("<=", 1),
    "refused_a_pair": ("<=", 0.1),
    "wrong_books": ("<=", 0),
}
TEN_WORKERS, REFUSES = "ten workers", "refuses at 200"
NOT_JUDGED = "workers a third"


def cells(*, quick: bool) -> list[Cell]:
    """Return the cells of a run, one with a dead service among them."""
    known = [_cell(**cell) for cell in json.loads(_CELLS.read_text())]
    rate = _QUICK_RATE if quick else _RATE
    dead = Cell(name="dead", rate=rate, pairs=3 * rate, faults=("hang=600",), most_seconds=_DEAD_SECONDS)
    return [*(cell for cell in known if _is_short(cell) is quick), dead]


def _is_short(cell: Cell) -> bool:
    return cell.rate == _QUICK_RATE and cell.name != TEN_WORKERS


def _cell(*, has_latency: bool, simulated: dict[str, float], **more: Any) -> Cell:
    return Cell(faults=(LATENCY,) if has_latency else (), simulated=Simulated(**simulated), **more)


def run(quick: bool) -> dict[str, float]:
    """Measure all, at 50 calls a second unless they say otherwise, three at once; quick: five short ones."""
    chosen = cells(quick=quick)
    with ThreadPoolExecutor(_AT_ONCE_QUICK if quick else _AT_ONCE) as pool:
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
    beside = [(cell, result, cell.simulated) for cell, result in judged if cell.simulated]
    ratios = [result.seconds / simulated.seconds for _, result, simulated in beside]
    by_name = {cell.name: (cell, result) for cell, result in results}
    figures = {
        "most_lost": max(result.lost / cell.pairs for cell, result in judged),
        "most_lost_above_simulated": max(
            (result.lost - simulated.lost) / cell.pairs for cell, result, simulated in beside
        ),
        "most_seconds_of_simulated": max(ratios),
        "least_seconds_of_simulated": min(ratios),
        "cold_use": _cold_use(*by_name["quick"]),
        "dead_calls_of_bound": by_name["dead"][1].calls / _dead_bound(by_name["dead"][0]),
        "wrong_books": sum(sum(result.wrong.values()) for _, result in results),
    }
    if refusing := by_name.get(REFUSES):
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

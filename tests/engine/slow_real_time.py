"""The scenarios that are measured in real time, on simulated time: what the real seconds are held against.

python -m tests.engine.slow_real_time             plays all, five seeds without stalls, and prints
python -m tests.engine.slow_real_time --write     and writes them to benchmarks/engine/slow_simulated.json

`python -m benchmarks.engine.slow_service` measures just the cells of that file: a scenario is added here.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from comparemaskface.faults.capacity import Capacity, CapacityName, parse_capacity

from devstack.project import project_root
from tests.engine.slow_play import Play, play
from tests.engine.slow_services import Latency, Quick, SerialQueue, Service, SharedProcessor, WorkerPool

CELLS = project_root() / "benchmarks" / "engine" / "slow_simulated.json"
SEEDS = range(5)
"""Of one alone the seconds of the short ones differ by 5 %."""
_STEADY = Latency(stalls=0.0)
"""Half a second in the mean."""
_PLENTY = 50
"""Times the rate."""
_FALLS_AT = 5.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """So many pairs at a rate, and how slow the service is, in the words of its `--capacity`.

    `changes` hold from so many seconds after the first call on. With `has_latency` a call takes half a
    second in the mean when the work is done.
    """

    rate: int
    name: str
    pairs: int
    processes: int = 1
    capacity: str | None = None
    changes: Sequence[tuple[float, str]] = ()
    has_latency: bool = True

    def play(self, seed: int) -> Play:
        """Return what is to be played."""
        return Play(
            rate=self.rate,
            pairs=self.pairs,
            service=self._service(),
            seed=seed,
            starts=(0.0,) * self.processes,
        )

    def _service(self) -> Callable[..., Service]:
        if self.capacity is None:
            return partial(Quick, latency=_STEADY)
        steps = [(at, parse_capacity(text)) for at, text in [(0.0, self.capacity), *self.changes]]
        by_second = [(at, step.first) for at, step in steps]
        match steps[0][1]:
            case Capacity(CapacityName.QUEUE, _, most_waiting):
                return partial(SerialQueue, latency=_STEADY, capacity=by_second, most_waiting=most_waiting)
            case Capacity(CapacityName.SHARED):
                return partial(SharedProcessor, latency=_STEADY, capacity=by_second)
        pools = [(at, int(step.first), step.second) for at, step in steps]
        return partial(WorkerPool, latency=_STEADY, steps=pools)


def scenarios() -> list[Scenario]:
    """Return all: short ones at 20 calls a second, long ones at 50, ten workers, and refusals at 200."""
    short = {name: more for name, more in _choices(20, back_at=20.0).items() if name in _SHORT}
    long = _choices(50, back_at=35.0)
    ten = Scenario(rate=20, name="ten workers", pairs=300, capacity="workers=10", has_latency=False)
    refuses = Scenario(rate=200, name="refuses at 200", pairs=3000, capacity="queue=20,25")
    return [*_made(20, 3.0, short), *_made(50, 15.0, long), ten, refuses]


_SHORT = ("quick", "queue a tenth", "queue a tenth x4", "queue falls")


def _choices(rate: int, *, back_at: float) -> dict[str, dict[str, Any]]:
    tenth, third = f"{rate / 10:g}", f"{rate / 3:g}"
    plenty = _PLENTY * rate

    def falls(usual: str, slow: str, **more: Any) -> dict[str, Any]:
        changes = ((_FALLS_AT, slow), (back_at, usual))
        return {"seconds": 10.0, "capacity": usual, "changes": changes, **more}

    work = {"has_latency": False}
    return {
        "quick": {"seconds": 25.0},
        "queue a tenth": {"capacity": f"queue={tenth}"},
        "queue a tenth x4": {"capacity": f"queue={tenth}", "processes": 4},
        "queue a third": {"capacity": f"queue={third}"},
        "shared a tenth": {"capacity": f"shared={tenth}", **work},
        "shared a third": {"capacity": f"shared={third}", **work},
        "workers a tenth": {"capacity": f"workers={rate // 2}", **work},
        "workers a third": {"capacity": f"workers={rate * 5 // 3}", **work},
        "refuses": {"capacity": f"queue={tenth},{rate // 8}"},
        "queue falls": falls(f"queue={plenty}", f"queue={tenth}"),
        "queue falls x4": falls(f"queue={plenty}", f"queue={tenth}", processes=4),
        "shared falls": falls(f"shared={plenty}", f"shared={tenth}", **work),
        "workers fall": falls(f"workers={plenty},0.5", f"workers={rate // 2}", **work),
    }


def _made(rate: int, usual: float, choices: Mapping[str, Mapping[str, Any]]) -> list[Scenario]:
    return [
        Scenario(
            rate=rate,
            name=name,
            pairs=int(more.get("seconds", usual) * rate),
            **{key: value for key, value in more.items() if key != "seconds"},
        )
        for name, more in choices.items()
    ]


def cell_of(scenario: Scenario) -> dict[str, Any]:
    """Play a scenario; return it with the means of its seconds, from the first call on, and of the lost."""
    all_played = [play(scenario.play(seed)) for seed in SEEDS]
    seconds = statistics.fmean(played.ended_at - played.sent[0] for played in all_played)
    lost = statistics.fmean(played.maybe_billed for played in all_played)
    return asdict(scenario) | {"simulated": {"seconds": round(seconds, 1), "lost": round(lost, 1)}}


def main() -> int:
    """Play all scenarios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {CELLS.name}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default %(default)s)")
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        cells = [json.dumps(cell) for cell in pool.imap(cell_of, scenarios())]
    text = "[\n  " + ",\n  ".join(cells) + "\n]\n"
    sys.stdout.write(text)
    if options.write:
        CELLS.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

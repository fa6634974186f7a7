"""What a night loses, doubles and pays again when 100 processes of it are killed and 2 % of its calls fail.

Tasks, their supervisors, whole hosts, the S3 store and the Redis of the permit store are killed with SIGKILL
at random points, and started again as Airflow or a service manager would; the service injects its faults.
The service itself lives on, because its meter is the judge. Beside it, with the same faults and five kills,
runs what people write first: a thread pool, tenacity, and a file of results to go on from.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from _account import account_of
from _attempts import Night, Work
from _chaos import CALLS_IN_FLIGHT, CALLS_PER_SECOND, GOALS, SEED, Servers, job_at, serving, verdict
from _killing import Killer, Victim, wait_while
from _night import expected, write_night
from _plain_restarted import plain_figures
from _report import main

from maskmatch.pipeline.plan import make_plan
from maskmatch.pipeline.publish import publish

PAIRS, QUICK_PAIRS = 20_000, 1000
KILLS, QUICK_KILLS = 100, 5
PLAIN_PAIRS, QUICK_PLAIN_PAIRS = 4000, 300
SHARDS = 4
FAULTS = (
    "internal@0.005", "rpc-fail@0.003", "bad-gateway@0.003", "cut@0.003", "lost@0.002", "bad-json@0.001",
    "hang=15@0.001", "slow=1.5,0.5@0.002",
)  # fmt: skip
MOST_SECONDS = 600


def run(quick: bool) -> dict[str, float]:
    """Let a night go wrong and return what became of it; then the same for the peer."""
    pairs, kills = (QUICK_PAIRS, QUICK_KILLS) if quick else (PAIRS, KILLS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), FAULTS) as servers:
        home = Path(folder)
        figures = Chaos(home, servers, pairs=pairs).run(kills)
        plain_pairs = QUICK_PLAIN_PAIRS if quick else PLAIN_PAIRS
        return figures | plain_figures(
            home, servers.service, pairs=plain_pairs, calls_per_second=CALLS_PER_SECOND
        )


class Chaos:
    """One night, its servers, and what is wrong with it afterwards."""

    def __init__(self, home: Path, servers: Servers, *, pairs: int) -> None:
        self._service = servers.service
        self._servers = {Victim.STORE: servers.store, Victim.BROKER: servers.permit_store}
        self._run = job_at(home)
        write_night(self._run.source, pairs, shards=SHARDS)
        self._pairs = expected(pairs)
        self._plan = make_plan(self._run)
        self._work = Work(
            source=self._run.source.uri,
            warehouse=self._run.warehouse.uri,
            plan=self._plan.folder,
            account=account_of(servers.service, calls_per_second=CALLS_PER_SECOND),
            permit_store=servers.permit_store.uri,
            logs=home,
            calls_in_flight=CALLS_IN_FLIGHT,
            environment=servers.store.environment(),
        )

    def run(self, kills: int) -> dict[str, float]:
        """Compare all pairs, publish, and return the figures."""
        started = time.monotonic()
        night = Night(self._work, [shard.key for shard in self._plan.shards])
        draw = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        killer = Killer(night, self._servers, kills=kills, work=len(self._pairs), draw=draw)
        try:
            wait_while(night.look_after, seconds=MOST_SECONDS, look=lambda: killer.strike(self._billed()))
            killer.wait()
            seconds = time.monotonic() - started
            return self._figures(night, killer) | {"seconds": round(seconds, 1)}
        finally:
            night.stop()
            killer.close()

    def _billed(self) -> int:
        return int(self._service.meter()["distinct_billed_pairs"])

    def _figures(self, night: Night, killer: Killer) -> dict[str, float]:
        publish(self._run, self._plan, nominal_fmr=1e-4)
        meter = self._service.meter(with_calls=True)
        figures = verdict(self._run, self._plan, meter, self._pairs, tasks_killed=killer.tasks_killed)
        return {
            **figures,
            **{f"kills_of_{victim}": killer.kills[victim] for victim in Victim},
            "kills": killer.kills.total(),
            "attempts": night.attempts,
            **{f"fault_{name}": count for name, count in self._service.faults()["befallen"].items()},
            "unlisted_per_task_killed": round(figures["unlisted"] / max(1, killer.tasks_killed), 2),
            "throttled": meter["throttled"],
        }


if __name__ == "__main__":
    sys.exit(main("chaos", __doc__, run, GOALS))

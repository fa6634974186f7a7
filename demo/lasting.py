"""What `make up` adds to the parts of the demo, so that they last: kept ports, Postgres, pools, connections.

Each start finds the ports, secrets, runs, connections and tables of the last one again.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from demo.stack import CALLS_PER_SECOND, Stack, running_stack
from devstack.connections import connections
from devstack.loopback import LoopbackServer
from devstack.postgres import Postgres
from devstack.processes import ChildFailedError, PortTakenError, free_ports, own_port

PORTS = {"airflow": 8080, "service": 8390, "s3": 8333, "postgres": 5439}
"""Where each part is looked for, unless another program had that port at the first start."""
PARALLELISM = 8
POOLS = {"maskmatch_backfill": 3, "maskmatch_ad_hoc": 3}
"""Together fewer than tasks may run, so that a nightly run finds a slot."""
_SETTINGS = {
    "AIRFLOW__MASKMATCH__BACKFILL_POOL": "maskmatch_backfill",
    "AIRFLOW__MASKMATCH__AD_HOC_POOL": "maskmatch_ad_hoc",
}


def kept_ports(file: Path, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the ports of the last start, but for those that are wanted now; of the first, free ones."""
    kept = (
        json.loads(file.read_text()) if file.exists() else {name: _free(port) for name, port in PORTS.items()}
    )
    ports: dict[str, int] = {**kept, **wanted}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(ports, indent=2) + "\n")
    return ports


def _free(port: int) -> int:
    try:
        return own_port(port)
    except PortTakenError:
        return free_ports(1)[0]


@contextmanager
def lasting_stack(
    state: Path, *, dates: Sequence[date], ports: Mapping[str, int], anew: bool
) -> Iterator[Stack]:
    """Yield the parts when all of them answer; connections are made `anew` where their addresses are new."""
    with (
        Postgres(state / "postgres", port=ports["postgres"]) as database,
        running_stack(
            state,
            dates=dates,
            follows_schedules=True,
            ports=ports,
            database=database,
            parallelism=PARALLELISM,
            settings=_SETTINGS,
        ) as stack,
    ):
        for name, slots in POOLS.items():
            stack.airflow.set_pool(name, slots, "Runs of maskmatch: docs/deployment.md, Who gets the slots")
        for conn_id, fields in _connections(stack, state).items():
            stack.airflow.set_connection(conn_id, fields, anew=anew)
        yield stack


def _connections(stack: Stack, state: Path) -> dict[str, dict[str, object]]:
    return connections(
        stack.seaweed, stack.service, permit_store=_permits(state), calls_per_second=CALLS_PER_SECOND
    )


def _permits(state: Path) -> Path:
    return state / "permits.sqlite3"


def revive(stack: Stack) -> Iterator[str]:
    """Start what has ended by itself anew, servers before those that need them; yield what to say of each."""
    servers: dict[str, LoopbackServer | None] = {
        "Postgres": stack.database,
        "SeaweedFS": stack.seaweed,
        "local service": stack.service,
    }
    for name, server in servers.items():
        if server and server.has_ended:
            try:
                server.start()
            except (ChildFailedError, PortTakenError) as error:
                yield f"the {name} had ended and cannot be started: {error}"
            else:
                yield f"the {name} had ended and is started again"
    yield from (f"Airflow's {name} had ended and is started again" for name in stack.airflow.revive())


def environment_text(stack: Stack, state: Path) -> str:
    """Return shell lines after which `airflow` and `maskmatch` mean this installation, in any folder."""
    airflow = {name: value for name, value in stack.airflow.environment.items() if _is_shown(name)}
    variables = (
        airflow
        | stack.seaweed.environment()
        | {
            "TENCENTCLOUD_SECRET_ID": stack.service.secret_id,
            "TENCENTCLOUD_SECRET_KEY": stack.service.secret_key,
            "MASKMATCH_ENDPOINT": stack.service.endpoint,
            "MASKMATCH_PROTOCOL": "http",
            "MASKMATCH_CALLS_PER_SECOND": str(CALLS_PER_SECOND),
            "MASKMATCH_BUDGET_CALLS_PER_DAY": "none",
            "MASKMATCH_PERMIT_STORE": f"sqlite:///{_permits(state)}",
            "MASKMATCH_SOURCE": "s3://maskmatch/source",
            "MASKMATCH_WAREHOUSE": "s3://maskmatch/warehouse",
        }
    )
    programs = Path(sys.executable).parent
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, f"export PATH={shlex.quote(str(programs))}:$PATH", ""])


def _is_shown(name: str) -> bool:
    return name.startswith("AIRFLOW_") or name.lower() == "no_proxy"

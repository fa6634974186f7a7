"""Start SeaweedFS, the local service and Airflow with its page, and keep them until Ctrl-C.

State is kept in .state/up from one start to the next. Manifests of the last four dates are there to run.
"""

import argparse
import signal
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.stack import CALLS_PER_SECOND, DAG_ID, Stack, running_stack
from devstack.processes import free_ports
from devstack.project import keep_private, state_directory

AIRFLOW_PORT = 8080
DATES = 4


def main() -> int:
    """Start everything, say where it is, stop it on Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m demo.up", description=__doc__)
    parser.add_argument("--port", type=int, help="port of the page (default: 8080, or a free one)")
    port = parser.parse_args().port or _port()
    state = state_directory() / "up"
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    _say("starting SeaweedFS (S3), the local CompareMaskFace service and Airflow: about half a minute")
    today = datetime.now(UTC).date()
    dates = [today - timedelta(days=days) for days in reversed(range(DATES))]
    with running_stack(state, dates=dates, follows_schedules=True, airflow_port=port) as stack:
        stack.airflow.wait_for_dag(DAG_ID)
        _say(_directions(stack, _environment_file(stack, state), [str(day) for day in dates]))
        while not stopped.wait(1):
            for name in stack.airflow.revive():
                _say(f"Airflow's {name} had ended and is started again; its log lies in {state}/airflow/logs")
        _say("stopping")
    return 0


def _directions(stack: Stack, environment: Path, dates: list[str]) -> str:
    return f"""
Airflow            {stack.airflow.url}/dags/{DAG_ID}
  login            admin / {stack.airflow.password}
CompareMaskFace    http://{stack.service.endpoint} (real face model), calls at /meter
S3                 {stack.seaweed.endpoint_url}, bucket maskmatch

Try: unpause {DAG_ID}, then Trigger, Backfill, from {dates[0]} to {dates[-1]}.
See who uses the account, how far a date is; read the tables after a run:
  set -a; . {environment}; set +a
  .venv/bin/maskmatch quota --watch
  .venv/bin/maskmatch status --watch --date {dates[-1]}
  .venv/bin/python -c "import pandas; print(pandas.read_parquet('s3://maskmatch/warehouse/outcomes/current'))"
Ctrl-C stops everything; the state stays in {environment.parent}.
"""


def _environment_file(stack: Stack, state: Path) -> Path:
    """Write the variables with which boto3, pandas and `maskmatch` reach store and service."""
    variables = stack.seaweed.environment() | {
        "TENCENTCLOUD_SECRET_ID": stack.service.secret_id,
        "TENCENTCLOUD_SECRET_KEY": stack.service.secret_key,
        "MASKMATCH_ENDPOINT": stack.service.endpoint,
        "MASKMATCH_PROTOCOL": "http",
        "MASKMATCH_CALLS_PER_SECOND": str(CALLS_PER_SECOND),
        "MASKMATCH_PERMIT_STORE": f"sqlite:///{state}/permits.sqlite3",
        "MASKMATCH_SOURCE": "s3://maskmatch/source",
        "MASKMATCH_WAREHOUSE": "s3://maskmatch/warehouse",
    }
    path = state / "environment"
    path.unlink(missing_ok=True)
    keep_private(path, "".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


def _port() -> int:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", AIRFLOW_PORT))
        except OSError:
            return free_ports(1)[0]
    return AIRFLOW_PORT


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

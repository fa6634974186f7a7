"""Start SeaweedFS, Postgres, the local service and Airflow with its page, and keep them until Ctrl-C.

State is kept in .state/up from one start to the next, ports included. What ends by itself is started again.
Manifests of the last four dates are there to run, and each new date gets its own.
"""

import argparse
import signal
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from demo.lasting import environment_text, kept_ports, lasting_stack, revive
from demo.stack import DAG_ID, Stack, add_dates
from devstack.processes import PortTakenError
from devstack.project import keep_private, state_directory

DATES = 4


def main() -> int:
    """Start everything, say where it is, stop it on Ctrl-C or SIGTERM; return 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m demo.up", description=__doc__)
    parser.add_argument(
        "--port", type=int, help="port of the page (default: that of the last start, or 8080)"
    )
    port = parser.parse_args().port
    state = state_directory() / "up"
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    kept = state / "ports.json"
    is_first = not kept.exists()
    ports = kept_ports(kept, {"airflow": port} if port else {})
    _say("starting SeaweedFS (S3), Postgres, the local CompareMaskFace service, Airflow: about half a minute")
    try:
        with lasting_stack(state, dates=_dates(), ports=ports, anew=is_first) as stack:
            _keep(stack, state, stopped)
    except PortTakenError as error:
        _say(f"{error}: another program has it, or `make up` runs already; end that, or remove {kept}")
        return 1
    return 0


def _keep(stack: Stack, state: Path, stopped: threading.Event) -> None:
    """Say where everything is, and look after it until it is to stop."""
    stack.airflow.wait_for_dag(DAG_ID)
    newest = _dates()[-1]
    _say(_directions(stack, _environment_file(stack, state)))
    while not stopped.wait(1):
        for what in revive(stack):
            _say(f"{what}; logs lie in {state}")
        if (today := _dates()[-1]) != newest:
            add_dates(stack, [today])
            newest = today
    _say("stopping")


def _dates() -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=days) for days in reversed(range(DATES))]


def _directions(stack: Stack, environment: Path) -> str:
    first, *_, last = _dates()
    return f"""
Airflow            {stack.airflow.url}/dags/{DAG_ID}
  login            admin / {stack.airflow.password}
CompareMaskFace    http://{stack.service.endpoint} (real face model), calls at /meter
S3                 {stack.seaweed.endpoint_url}, bucket maskmatch

Try: Trigger {DAG_ID}, with all as it is preset; then Trigger, Backfill, from {first} to {last}.
In another shell, see who uses the account, how far a date is; read the tables after a run:
  . {environment}
  maskmatch quota --watch
  maskmatch status --watch --date {last}
  airflow backfill create --dag-id {DAG_ID} --from-date {first} --to-date {last}T23:59
  python -c "import pandas; print(pandas.read_parquet('s3://maskmatch/warehouse/outcomes/current'))"
Ctrl-C stops everything; the state stays in {environment.parent}.
"""


def _environment_file(stack: Stack, state: Path) -> Path:
    path = state / "environment"
    path.unlink(missing_ok=True)
    keep_private(path, environment_text(stack, state))
    return path


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Run the nightly Dag for one date on real pictures, with embedded parts, and show the tables.

Everything lies in .state/demo and is made anew each time; what is started is stopped.

Decision: docs/adr/0005-the-demo-runs-a-whole-airflow.md
"""

import argparse
import csv
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from demo.stack import BUCKET, DAG_ID, Stack, copy, running_stack
from devstack.project import state_directory
from maskmatch.pipeline.report import render
from maskmatch.storage.object_stores import FileStore, open_store
from maskmatch.storage.schemas import TABLES

DAY = date(2026, 11, 20)
RUN_SECONDS = 300
TASKS = ("plan", "compare", "publish", "report")


def main() -> int:
    """Run the demo; return 0 when every pair came out as it should."""
    parser = argparse.ArgumentParser(prog="python -m demo.run", description=__doc__)
    parser.parse_args()
    state = state_directory() / "demo"
    shutil.rmtree(state, ignore_errors=True)
    say = _speaker()
    say("starting SeaweedFS (S3), the local CompareMaskFace service and Airflow; drawing pictures")
    with running_stack(state, dates=[DAY], follows_schedules=False) as stack:
        say(f"running the Dag {DAG_ID} for {DAY}")
        run_state = run_dag(stack, say)
        meter = stack.service.meter()
        for table in TABLES:
            copy(open_store(f"s3://{BUCKET}/warehouse"), FileStore(state / "tables"), f"{table}/")
        say("stopping what was started")
    if run_state != "success":
        sys.stdout.write(f"The run {run_state}: the logs lie in {state / 'airflow' / 'logs'}\n")
        return 1
    return show(state, meter)


def run_dag(stack: Stack, say: Callable[[str], None]) -> str:
    """Run the Dag for the date; return how it ended."""
    airflow = stack.airflow
    airflow.wait_for_dag(DAG_ID)
    airflow.unpause(DAG_ID)
    run_id = airflow.trigger(DAG_ID, datetime(DAY.year, DAY.month, DAY.day, 2, tzinfo=UTC))
    said: set[str] = set()

    def report(instances: Sequence[dict[str, Any]]) -> None:
        done = {task["task_id"] for task in instances if task["state"] == "success"}
        for task in TASKS:
            if task in done - said:
                said.add(task)
                say(f"  {task} done")

    return airflow.wait(DAG_ID, run_id, seconds=RUN_SECONDS, on_progress=report)


def show(state: Path, meter: dict[str, object]) -> int:
    """Print the tables, what was expected of them, and how to read them."""
    tables = state / "tables"
    outcomes = pd.read_parquet(tables / "outcomes" / "current")
    wrong = unexpected(outcomes, state / "source" / "expected.csv")
    sys.stdout.write(
        f"\n{render(outcomes)}\n\n"
        f"{meter['billed']} calls billed, {meter['paid_again']} paid twice, {meter['throttled']} throttled\n"
        f"{_verdict(wrong)}\n\n"
        f"The tables lay at s3://maskmatch/warehouse; a copy is kept. To read it, in {sys.executable}:\n"
        f"  import pandas; pandas.read_parquet('{tables}/outcomes/current')\n"
        f"  import duckdb; duckdb.sql(\"from read_parquet('{tables}/outcomes/current/**/*.parquet')\")\n"
        "All that docs/analysts.md shows works on it, too: "
        f"{Path(sys.executable).parent}/maskmatch views --warehouse file://{tables}\n"
    )
    return 1 if wrong else 0


def unexpected(outcomes: pd.DataFrame, expected: Path) -> list[str]:
    """Return what came out otherwise than it should: odd pictures, bad rows, scores."""
    wrong = []
    places = outcomes.set_index(["manifest_file", "manifest_row"])
    with expected.open(newline="") as lines:
        for line in csv.DictReader(lines):
            row = places.loc[(line["file"], int(line["line"]))]
            code = row["failure_code"] if row["outcome"] == "failed" else ""
            if code != line["failure_code"]:
                wrong.append(
                    f"{line['case']}: {code or 'scored'} instead of {line['failure_code'] or 'scored'}"
                )
    scored = outcomes[outcomes["is_mated"].notna() & outcomes["score"].notna()]
    mated, score = scored["is_mated"].astype(bool), scored["score"]
    missed = scored[(mated & (score <= 50)) | (~mated & (score >= 40))]
    return wrong + [f"{row.pair_id}: score {row.score:.1f}" for row in missed.itertuples()]


def _verdict(wrong: list[str]) -> str:
    if wrong:
        return "Not as expected:\n  " + "\n  ".join(wrong)
    return "Mated pairs score above 50, others below 40; every odd picture and bad row has its right reason."


def _speaker() -> Callable[[str], None]:
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - started:5.1f} s] {text}\n")
        sys.stdout.flush()

    return say


if __name__ == "__main__":
    sys.exit(main())

"""What Airflow hands to the tasks of a run of the nightly Dag."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk.definitions.param import process_params

from maskmatch.dags import nightly_comparison

DAY = date(2026, 4, 3)


def context_of_run(
    conf: dict[str, Any] | None = None, *, run_type: str = "manual", cleared: int = 0, **dag: Any
) -> Any:
    """Return the part of a context that knows the Params; those of the Dag get overwritten, as always."""
    nightly = nightly_comparison(source="s3://in", warehouse="s3://out", **dag)
    run = SimpleNamespace(run_type=run_type, conf=conf, clear_number=cleared, start_date=datetime.now(UTC))
    params = process_params(nightly, nightly.task_dict["plan"], conf, suppress_exception=False)
    return {"dag": nightly, "dag_run": run, "params": params}

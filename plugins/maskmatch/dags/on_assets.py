"""Start a run of `nightly_comparison` for each date of which an asset says that its manifest is there.

An event of the assets names its date in the extra, `{"date": "2026-11-22"}`. Events that come together start
one run of this Dag or several, and one run of the other for each date. A date that ran before is cleared and
runs again: only pairs without an answer are called. An event that is wrong fails alone; others go on.

| task | it says | do |
|---|---|---|
| start | does not say its date, or one that has not begun | mend its sender; trigger the other Dag by hand |
| start | there is no Dag, or it is paused | unpause `nightly_comparison`, then clear `start` |

When a task fails, its log ends with WHERE, WHAT and DO.
"""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import DAG, Asset, task

from maskmatch.dags.installation import START, named_here, tries, with_operations
from maskmatch.operators.alerts import alerts_to
from maskmatch.operators.assets import dates_of, events_to_start, note_started
from maskmatch.operators.notifiers import Notifier
from maskmatch.operators.start_date import StartDateOperator


def compare_on_assets(
    dag_id: str = "compare_on_assets",
    *,
    assets: Sequence[Asset],
    starts: str = "nightly_comparison",
    timezone: str = "UTC",
    notifier: Notifier = None,
) -> DAG:
    """Return the Dag that starts another one for each date that events of assets name.

    :param assets: any one of them starts it
    :param starts: the Dag to start
    :param timezone: that of the schedule of that Dag
    """
    with DAG(
        dag_id=dag_id,
        description="Compare the pairs of a date as soon as an asset says that its manifest is there.",
        doc_md=with_operations(named_here(str(__doc__), {}, nightly_comparison=starts)),
        schedule=_any_of(assets),
        start_date=START,
        catchup=False,
        tags=["maskmatch"],
        default_args={**tries(), **alerts_to(notifier)},
    ) as dag:
        StartDateOperator.partial(
            task_id="start",
            map_index_template="{{ task.day }}",
            trigger_dag_id=starts,
            time_zone=timezone,
            max_active_tis_per_dag=4,
        ).expand(day=_dates.override(inlets=list(assets))())
    return dag


def _any_of(assets: Sequence[Asset]) -> Any:
    first, *others = assets
    for other in others:
        first = first | other  # type: ignore[assignment]  # several are an expression
    return first


@task(task_id="dates")
def _dates(**context: Any) -> list[str]:
    """Return the dates to start, as the events name them."""
    told = [event for found in context["triggering_asset_events"].values() for event in found]
    inlets, state = context["inlet_events"], context["asset_state_store"]
    events = events_to_start(told, inlets, state)
    note_started(events, state, inlets)
    return dates_of(event.extra for event in events)

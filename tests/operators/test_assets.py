"""Events and lineage of published outcomes, as Airflow asks for them."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowRuntimeError, DagRunTriggerException
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.utils.state import TaskInstanceState

from maskmatch.operators import PlanComparisonOperator, PublishOutcomesOperator
from maskmatch.operators.assets import (
    dates_of,
    events_to_start,
    note_started,
    outcomes_asset,
)
from maskmatch.operators.known_errors import EndedForPerson, cure_of
from maskmatch.operators.lineage import dataset_name
from maskmatch.operators.start_date import StartDateOperator
from tests.nights import DAY
from tests.operators.test_compare import night  # noqa: F401  a fixture

pytestmark = pytest.mark.server


@pytest.fixture
def published(night):  # noqa: F811
    """Return a task that has published a night, the extra of its event, and the night."""
    tonight = night(12)
    tonight.execute()
    asset = outcomes_asset(tonight.run.warehouse.uri)
    task = PublishOutcomesOperator(
        task_id="publish",
        source=tonight.run.source.uri,
        warehouse=tonight.run.warehouse.uri,
        day=str(DAY),
        plan=tonight.plan.folder,
        outlets=[asset, Asset("another")],
    )
    event = SimpleNamespace(extra={})
    context = tonight.told.context("scheduled")
    context["ti"] = SimpleNamespace(dag_id="nightly_comparison", task_id="publish")
    context["outlet_events"] = {asset: event, Asset("another"): SimpleNamespace(extra={})}
    task.execute(context)
    return task, event.extra, tonight


def lineage_of(task):
    run = SimpleNamespace(run_id="scheduled")
    found = ExtractorManager().extract_metadata(run, task, TaskInstanceState.SUCCESS, None)
    return found.inputs, found.outputs


def test_the_event_of_a_publication_tells_what_was_published(published):
    _, extra, tonight = published
    facts = json.loads(json.dumps(extra))
    assert (facts["date"], facts["reason"]) == (str(DAY), "run")
    assert [facts[name] for name in ("rows", "scored", "failed", "skipped")] == [12, 12, 0, 0]
    assert (facts["billed_calls"], facts["cost_cny"]) == (12, "0.0384")
    assert facts["publication"]
    assert facts["table"].endswith(f"/outcomes/current/ds={DAY}/data.parquet")
    secrets = [tonight.local.account.secret_id, tonight.local.account.secret_key]
    assert not [secret for secret in secrets if secret in json.dumps(facts)]


def test_the_provider_of_openlineage_finds_manifests_and_tables(published):
    task, _, tonight = published
    inputs, outputs = lineage_of(task)
    folder = tonight.run.source.uri.removeprefix("file://")
    assert [(each.namespace, each.name) for each in inputs] == [("file", f"{folder}/manifests")]
    tables = [each.name.rsplit("/", 2)[-2] for each in outputs]
    assert tables == ["outcomes", "runs", "attempts", "images"]
    assert outputs[0].outputFacets["outputStatistics"].rowCount == 12


def test_the_plan_reads_manifests_by_the_names_of_openlineage():
    task = PlanComparisonOperator(task_id="plan", source="s3://bucket/in", warehouse="s3://bucket/out")
    inputs, outputs = lineage_of(task)
    assert [(each.namespace, each.name) for each in inputs] == [("s3://bucket", "in/manifests")]
    assert outputs == []
    assert dataset_name("file:///data/out/outcomes/current") == ("file", "/data/out/outcomes/current")


def test_each_date_of_events_that_come_together_is_started_once_and_one_without_fails_alone():
    extras = [{"date": "2026-11-23"}, {}, {"date": "2026-11-22", "rows": 3}, {"date": "2026-11-23"}]
    assert dates_of(extras) == ["", "2026-11-22", "2026-11-23"]
    assert dates_of([{"date": None}]) == [""]


class Airflow:
    """What a task asks Airflow about another Dag."""

    def __init__(self, *, is_paused=False, is_there=True):
        self._is_paused, self._is_there = is_paused, is_there

    def get_dag(self, dag_id):
        if not self._is_there:
            raise AirflowRuntimeError(ErrorResponse(detail={"status_code": 404}))
        return SimpleNamespace(dag_id=dag_id, is_paused=self._is_paused)


def start(day, airflow=None):
    task = StartDateOperator(task_id="start", trigger_dag_id="nightly", day=day, time_zone="Asia/Shanghai")
    task.execute({"ti": airflow or Airflow()})


def test_the_run_of_a_date_begins_where_the_date_does_and_is_cleared_if_it_is_there():
    with pytest.raises(DagRunTriggerException) as raised:
        start("2026-11-22")
    assert raised.value.logical_date.isoformat() == "2026-11-22T00:00:00+08:00"
    assert raised.value.reset_dag_run


@pytest.mark.parametrize(
    ("day", "airflow", "said"),
    [
        ("", Airflow(), "does not say its date"),
        ("yesterday", Airflow(), "does not say its date: 'yesterday'"),
        ("2999-01-01", Airflow(), "names 2999-01-01, which has not begun in Asia/Shanghai"),
        ("2026-11-22", Airflow(is_paused=True), "Dag nightly is paused"),
        ("2026-11-22", Airflow(is_there=False), "there is no Dag nightly"),
    ],
)
def test_what_cannot_start_is_told_once_with_place_and_cure(day, airflow, said):
    with pytest.raises(EndedForPerson, match=said) as raised:
        start(day, airflow)
    assert len(cure_of(raised.value.problem)) > 30


class Sent:
    """Events of one asset, as a task asks for them, and the asset's state."""

    def __init__(self, *minutes):
        self.all = [
            SimpleNamespace(timestamp=datetime(2026, 11, 22, 5, minute, tzinfo=UTC)) for minute in minutes
        ]
        state: dict[str, str] = {}
        self.get, self.set = state.get, state.__setitem__

    def after(self, since):
        return [each for each in self.all if each.timestamp >= datetime.fromisoformat(since)]


def test_an_event_that_came_while_the_run_of_another_was_made_is_started_with_it_and_not_again():
    asset, sent = Asset("manifests"), Sent(1, 2, 30)
    first, second, later = sent.all
    sent.all = [first, second]
    assert events_to_start([first], {asset: sent}, {asset: sent}) == [first, second]
    note_started([first, second], {asset: sent}, [asset])
    sent.all = [first, second, later]
    assert events_to_start([second, later], {asset: sent}, {asset: sent}) == [later]
    note_started([later], {asset: sent}, [asset])
    assert events_to_start([second, later], {asset: sent}, {asset: sent}) == [second, later], "a clear"
    assert events_to_start([], {asset: Sent(1)}, {asset: Sent()}) == [], "a run by hand"
    note_started([], {asset: sent}, [asset])

"""What a Dag file gives to the functions that make our Dags, and what it gets."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from textwrap import dedent

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import DagRun
from airflow.sdk import Asset, BaseNotifier, timezone
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval
from airflow.utils.types import DagRunType

from devstack.project import project_root
from maskmatch.core.errors import WrongSetting
from maskmatch.dags import compare_on_assets, nightly_comparison, redrive_failures, republish
from maskmatch.dags.installation import date_in
from maskmatch.operators import RETRY_POLICY
from maskmatch.timetables import DatedCronTimetable

PLACES = {"source": "s3://faces/source", "warehouse": "s3://faces/warehouse"}
ALL = (nightly_comparison, redrive_failures, republish)


class Told(BaseNotifier):
    def notify(self, context):
        raise NotImplementedError


def test_several_dags_of_one_kind_live_in_one_installation(tmp_path):
    (tmp_path / "faces.py").write_text(
        dedent("""
        # Two accounts, for Airflow.
        from maskmatch.dags import nightly_comparison

        for name in ("gates", "doors"):
            nightly_comparison(
                f"{name}_nightly",
                schedule="30 1 * * *",
                timezone="Asia/Shanghai",
                source=f"s3://{name}/source",
                warehouse=f"s3://{name}/warehouse",
                tencent_iai_conn_id=f"{name}_account",
                params={"max_shards": 8},
            )
        """)
    )
    bag = DagBag(tmp_path)
    assert bag.import_errors == {}
    assert set(bag.dags) == {"gates_nightly", "doors_nightly"}
    dag = bag.dags["doors_nightly"]
    assert dag.params["source"] == "s3://doors/source"
    assert (dag.params["max_shards"], dag.params["time_zone"]) == (8, "Asia/Shanghai")
    assert dag.task_dict["plan"].tencent_iai_conn_id == "doors_account"
    assert "--dag-id doors_nightly" in dag.doc_md
    assert "nightly_comparison" not in dag.doc_md


def test_runbooks_call_the_other_dags_as_they_are_called_here():
    ids = {"nightly_comparison": "faces_nightly", "republish": "faces_republish"}
    assert "Trigger the Dag `faces_republish`" in nightly_comparison("n", dag_ids=ids, **PLACES).doc_md
    assert "trigger `faces_nightly`" in redrive_failures("r", dag_ids=ids, **PLACES).doc_md
    assert "trigger `nightly_comparison`" in republish("p", **PLACES).doc_md


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize("schedule", ["0 2 * * *", "30 23 * * *"])
def test_the_backfill_of_the_runbook_runs_the_dates_that_it_says(zone, schedule):
    dag = nightly_comparison(schedule=schedule, timezone=zone, **PLACES)
    first, last = re.findall(r"--(?:from|to)-date (\S+?)`? ", dag.doc_md.replace("\n", " "))
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    runs = list(read.iter_dagrun_infos_between(timezone.parse(first), timezone.parse(last)))
    days = [run.logical_date.in_timezone(zone).day for run in runs]
    assert days == [20, 21, 22]
    ids = [_id_in_a_backfill(run) for run in runs]
    assert [each.partition("T")[0] for each in ids] == [f"backfill__2026-11-{day}" for day in days]


def _id_in_a_backfill(run):
    return DagRun.generate_run_id(
        run_type=DagRunType.BACKFILL_JOB, logical_date=run.logical_date, run_after=run.run_after
    )


def test_the_runbook_of_a_dag_without_a_schedule_knows_no_backfill():
    text = nightly_comparison(schedule=None, **PLACES).doc_md
    assert "airflow backfill" not in text
    assert "*Trigger* it for each date" in text


def test_the_dag_that_events_start_fails_once_and_tells():
    dag = compare_on_assets(assets=[Asset("written"), Asset("mended")], starts="faces", notifier=Told())
    assert "unpause `faces`" in dag.doc_md
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert {task.task_id for task in again.tasks} == {"dates", "start"}
    for task in dag.tasks:
        assert [type(callback.notifier) for callback in _failure_callbacks(task)] == [Told]
        arguments = task.partial_kwargs if task.is_mapped else vars(task)
        assert (arguments["retries"], arguments["retry_policy"]) == (3, RETRY_POLICY)


@pytest.mark.parametrize("name", ["nightly_comparison", "redrive_failures", "republish"])
def test_safe_mode_reads_our_dag_files(name):
    folder = project_root() / "dags"
    bag = DagBag(folder / f"{name}.py", safe_mode=True)
    assert set(bag.dags) == {name}


def test_the_timetable_is_the_same_whatever_airflow_makes_of_a_cron_expression(monkeypatch):
    monkeypatch.setenv("AIRFLOW__SCHEDULER__CREATE_CRON_DATA_INTERVALS", "True")
    dag = nightly_comparison(schedule="0 2 * * *", timezone="Asia/Shanghai", **PLACES)
    assert type(dag.timetable) is DatedCronTimetable
    assert dag.timetable.serialize() == _cron("Asia/Shanghai").serialize()
    assert nightly_comparison(schedule=None, **PLACES).timetable.can_be_scheduled is False


def _cron(zone):
    return DatedCronTimetable("0 2 * * *", timezone=zone)


@pytest.mark.parametrize(("zone", "day"), [("UTC", "2026-11-08"), ("Asia/Shanghai", "2026-11-09")])
def test_the_id_of_a_run_begins_with_its_date(zone, day):
    at = timezone.parse("2026-11-08T18:00:00+00:00")
    of_a_date = {
        "run_after": timezone.parse("2026-11-30T09:00:00+00:00"),
        "data_interval": DataInterval.exact(at),
    }
    manual = _cron(zone).generate_run_id(run_type=DagRunType.MANUAL, **of_a_date)
    assert manual == f"manual__{day}__2026-11-30T09:00:00+00:00"
    without = _cron(zone).generate_run_id(run_type=DagRunType.SCHEDULED, run_after=at, data_interval=None)
    assert without.startswith(f"scheduled__{day}__2026-11-08T18:00")


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("UTC", datetime(2026, 11, 8, 2, tzinfo=UTC), "2026-11-08"),
        ("Asia/Shanghai", datetime(2026, 11, 8, 18, tzinfo=UTC), "2026-11-09"),
        ("America/New_York", datetime(2026, 11, 8, 2, tzinfo=UTC), "2026-11-07"),
    ],
)
def test_a_run_compares_the_date_of_its_logical_date_in_the_time_zone_of_the_schedule(zone, moment, day):
    dag = nightly_comparison(timezone=zone, **PLACES)
    plan = dag.task_dict["plan"]
    assert plan.day == date_in(zone)
    assert rendered(plan.day, logical_date=moment) == day
    assert rendered(plan.day, logical_date=None) == ""


def rendered(template, **context):
    if moment := context["logical_date"]:
        context["logical_date"] = timezone.coerce_datetime(moment)
    environment = nightly_comparison(**PLACES).get_template_env()
    assert type(environment).__name__ == "NativeEnvironment"
    return environment.from_string(template).render(context)


def test_arguments_that_are_params_keep_their_types():
    params = nightly_comparison(**PLACES).params.dump()
    task = nightly_comparison(**PLACES).task_dict["compare"]
    environment = nightly_comparison(**PLACES).get_template_env()
    for name in ("calls_in_flight", "call_timeout", "budget_cny", "on_model_change"):
        assert environment.from_string(task.partial_kwargs[name]).render(params=params) == params[name]


def _failure_callbacks(task):
    return task.partial_kwargs["on_failure_callback"] if task.is_mapped else task.on_failure_callback


@pytest.mark.parametrize("make", ALL)
def test_every_dag_renders_natively_and_survives_its_serialization(make):
    dag = make(notifier=Told(), **PLACES)
    assert dag.render_template_as_native_obj
    told = [callback.notifier for task in dag.tasks for callback in _failure_callbacks(task)]
    assert {type(notifier) for notifier in told} == {Told}
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert [task.task_id for task in again.tasks] == [task.task_id for task in dag.tasks]


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"nominal_fmrs": 0.001}, "params: 'nominal_fmrs' is not known: did you mean nominal_fmr?"),
        ({"nominal_fmr": 0.5}, "Param nominal_fmr: 0.5 is not one of"),
    ],
)
def test_a_wrong_default_of_a_param_is_told_with_dag_and_name(make, params, message):
    with pytest.raises(WrongSetting) as told:
        make("mine", params=params, **PLACES)
    assert str(told.value).startswith("Dag mine, ")
    assert message in str(told.value)


def test_parsing_reads_no_variable_of_ours():
    code = """
        import os, sys

        import airflow.sdk

        seen = []

        class Watched(dict):
            def __getitem__(self, name):
                seen.append(name)
                return super().__getitem__(name)

            def get(self, name, default=None):
                seen.append(name)
                return super().get(name, default)

        os.environ = Watched(os.environ)
        from maskmatch.dags import nightly_comparison, redrive_failures, republish

        for make in (nightly_comparison, redrive_failures, republish):
            make(source="s3://a/b", warehouse="s3://a/c")
        print([name for name in seen if name.startswith(("MASKMATCH_", "AWS_", "TENCENTCLOUD_"))])
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_dag_file_of_the_document_is_one_that_airflow_reads(tmp_path):
    text = (project_root() / "docs" / "install.md").read_text()
    (tmp_path / "faces.py").write_text(text.split("```python\n")[1].split("```")[0])
    bag = DagBag(tmp_path, safe_mode=True)
    assert bag.import_errors == {}
    assert set(bag.dags) == {"faces_nightly", "faces_redrive", "faces_republish"}

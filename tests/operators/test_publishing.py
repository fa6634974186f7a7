"""What tasks that publish tell the page and the log: the date, its table, rows by outcome, and the spend."""

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from devstack.pictures import JPEG_HEAD
from maskmatch.operators import PublishOutcomesOperator, RedriveFailuresOperator, RepublishOperator
from maskmatch.operators.base import RUN_KEY, SUMMARY_KEY
from maskmatch.operators.known_errors import EndedForPerson
from maskmatch.pipeline.plan import make_plan
from tests.nights import DAY, write_pairs
from tests.operators.test_compare import night  # noqa: F401  a fixture

pytestmark = pytest.mark.server


@pytest.fixture
def tonight(night):  # noqa: F811
    """Return a night with an image that is missing, compared but not published."""
    tonight = night(6)
    write_pairs(tonight.run.source, 6, extra_lines=["late,images/1.jpg,late/1.jpg,,"])
    tonight.plan = make_plan(tonight.run)
    tonight.execute()
    return tonight


def places(tonight):
    return {
        "source": tonight.run.source.uri,
        "warehouse": tonight.run.warehouse.uri,
        "day": str(DAY),
    }


def execute(task, tonight, run_id="again"):
    """Execute a task of another run."""
    tonight.told.task_id, tonight.told.run_id = task.task_id, run_id
    return task.execute({**tonight.told.context("manual"), "run_id": run_id})


@pytest.fixture
def published(tonight):
    execute(PublishOutcomesOperator(task_id="publish", plan=tonight.plan.folder, **places(tonight)), tonight)
    tonight.told.xcom.clear()
    return tonight


def redrive(tonight, run_id="again", **options):
    return execute(RedriveFailuresOperator(task_id="redrive", **places(tonight), **options), tonight, run_id)


def republish(tonight, **options):
    return execute(RepublishOperator(task_id="republish", **places(tonight), **options), tonight)


def check_record(tonight):
    record = tonight.told.xcom[RUN_KEY]
    assert (record["day"], record["account"]) == (str(DAY), "tencent_iai_default")
    assert record["table"].endswith(f"/outcomes/current/ds={DAY}/data.parquet")
    return record["table"]


def check_summary(tonight, log, *, outcomes, spent):
    summary, table = tonight.told.xcom[SUMMARY_KEY], check_record(tonight)
    assert (summary["day"], summary["table"]) == (str(DAY), table)
    told = {(row["outcome"], row["failure_code"]): row["rows"] for row in summary["outcomes"]}
    assert told == outcomes
    assert summary["rows"] == sum(outcomes.values())
    assert summary["spent"] == spent
    assert spent in log
    assert f"Table: {table}" in log


def test_a_republished_date_is_told_with_its_table_and_that_nothing_was_spent(published, capsys):
    republish(published, nominal_fmr=0.001)
    rows = {("scored", ""): 6, ("failed", "image_missing"): 1}
    check_summary(
        published, capsys.readouterr().out, outcomes=rows, spent="Spent: CNY 0.0000 for 0 billed calls"
    )


def test_a_republication_that_fails_has_told_what_it_is_about(published):
    with pytest.raises(EndedForPerson, match="has no publication"):
        republish(published, publication="000001-aa")
    check_record(published)
    assert SUMMARY_KEY not in published.told.xcom


def test_a_redriven_date_is_told_with_its_table_and_what_its_own_calls_cost(published, capsys):
    published.run.source.put("late/1.jpg", JPEG_HEAD + b"late")
    redrive(published)
    check_summary(
        published,
        capsys.readouterr().out,
        outcomes={("scored", ""): 7},
        spent="Spent: CNY 0.0032 for 1 billed calls",
    )


def test_a_redrive_without_a_chosen_row_has_told_what_it_is_about(published):
    with pytest.raises(AirflowSkipException, match="nothing to redrive"):
        redrive(published, codes=["image_forbidden"])
    check_record(published)


def test_a_redrive_of_a_date_that_was_never_published_has_told_what_it_is_about(tonight):
    tonight.told.xcom.clear()
    with pytest.raises(EndedForPerson, match="run the date first"):
        redrive(tonight)
    check_record(tonight)

"""Alerts of real tasks in a real Airflow, at a webhook and a mail server."""

from datetime import UTC, date, datetime, timedelta

from tests.dags.conftest import DAG
from tests.dags.test_nightly import task_of
from tests.waiting import wait_until


def day(number: int) -> date:
    return date(2026, 10, number)


def canaries(nights):
    return [nights.service.secret_id, nights.service.secret_key]


def test_a_failed_task_is_told_once_by_webhook_and_mail(nights):
    state, run_id = nights.run(day(1))
    assert state == "failed"
    [post] = nights.inbox.about(day(1))
    assert (post["kind"], post["task_id"]) == ("failed", "plan")
    assert post["title"] == "nightly_comparison 2026-10-01: failed"
    assert "no manifest at s3://maskmatch/nights/in/manifests/ds=2026-10-01/: put one there" in post["text"]
    assert run_id.split("__")[0] in post["url"]
    [mail] = nights.inbox.mails_about(day(1))
    assert (mail["To"], mail["Subject"]) == ("faces@example.com", post["title"])
    assert "put one there" in mail.get_body(("html",)).get_content()
    assert not [secret for secret in canaries(nights) if secret in f"{post}{mail}"]


def test_a_spent_budget_of_several_tasks_is_told_once_and_after_a_clear_again(nights, pairs):
    pairs(day(2), 60)
    state, run_id = nights.run(day(2), budget_calls=4, max_shards=3)
    assert state == "failed"
    [post] = nights.inbox.about(day(2))
    assert post["kind"] == "budget_spent"
    assert "the budget of the run" in post["text"]
    assert "raise it to go on" in post["text"]
    assert len(nights.inbox.mails_about(day(2))) == 1

    nights.airflow.clear(DAG, run_id, "compare")
    wait_until(lambda: nights.airflow.run_state(DAG, run_id) != "failed", "the run begun anew", seconds=60)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "failed"
    assert len(nights.inbox.about(day(2))) == 2


def test_a_run_that_waits_for_the_service_tells_a_person_once_while_it_runs(nights, pairs):
    pairs(day(3), 400)
    before = nights.service.meter()["billed"]
    run_id = nights.start(day(3), max_shards=2)
    wait_until(lambda: nights.service.meter()["billed"] - before > 40, "40 calls", seconds=120)
    nights.service.stop()
    try:
        wait_until(lambda: nights.inbox.about(day(3)), "an alert", seconds=60)
        assert task_of(nights, run_id, "compare", 0)["state"] == "running"
        wait_until(lambda: nights.inbox.mails_about(day(3)), "a mail", seconds=30)
    finally:
        nights.service.start()
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    [post] = nights.inbox.about(day(3))
    assert (post["kind"], post["task_id"]) == ("waiting", "compare")
    assert post["text"].startswith("the service has been away for ")
    assert not [secret for secret in canaries(nights) if secret in post["text"]]


def test_a_manifest_that_is_late_is_waited_for_without_a_slot_and_the_run_ends_well(nights, pairs):
    run_id = nights.start(day(4), manifest_wait=1 / 30)
    wait_until(lambda: task_of(nights, run_id, "plan")["state"] == "up_for_reschedule", "a wait", seconds=60)
    pairs(day(4), 5)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    assert task_of(nights, run_id, "plan")["try_number"] == 1
    assert len(nights.outcomes(day(4))) == 5
    assert nights.inbox.about(day(4)) == []


def test_a_manifest_that_does_not_come_in_time_is_told(nights):
    state, run_id = nights.run(day(5), manifest_wait=1 / 600)
    assert state == "failed"
    assert task_of(nights, run_id, "plan")["try_number"] == 1
    [post] = nights.inbox.about(day(5))
    assert "it was waited for until" in post["text"]


def test_a_manifest_that_is_not_there_at_the_deadline_is_told_once_while_it_is_waited_for(nights, pairs):
    deadline = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    run_id = nights.start(day(9), manifest_wait=1 / 12, deadline=f"{deadline:%H:%M}", time_zone="UTC")
    wait_until(lambda: nights.inbox.about(day(9)), "an alert", seconds=180)
    assert datetime.now(UTC) >= deadline
    pairs(day(9), 5)
    assert nights.airflow.wait(DAG, run_id, seconds=180) == "success"
    [post] = nights.inbox.about(day(9))
    assert post["kind"] == "late"
    assert f"deadline {deadline:%Y-%m-%d %H:%M} UTC: no manifest" in post["text"]

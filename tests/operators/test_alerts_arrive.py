"""What a person is told arrives at a webhook and a mail server, by Airflow's own notifiers in one process."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from comparemaskface.faults.named_faults import plan_of

from devstack.redis import Redis
from devstack.s3_troubles import Troubles
from maskmatch.operators.alerts import alerts_to
from maskmatch.operators.known_errors import EndedForPerson
from maskmatch.pipeline.plan import make_plan
from maskmatch.storage.object_stores import S3Store
from tests.inbox import open_inbox
from tests.nights import DAY, write_pairs
from tests.operators.running import context_of_run
from tests.operators.test_alerts import Airflow, late_plan
from tests.operators.test_compare import night  # noqa: F401  a fixture
from tests.s3 import client_of
from tests.waiting import wait_until

pytestmark = pytest.mark.server

EVERYBODY = alerts_to("tests.notifiers.everybody")


@pytest.fixture
def inbox(monkeypatch):
    """Yield a webhook and a mail server that Airflow's connections lead to; a wait is told after a second."""
    monkeypatch.setenv("AIRFLOW__MASKMATCH__ALERT_AFTER", "1")
    with open_inbox() as inbox:
        for conn_id, connection in inbox.connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        yield inbox


def context(**more):
    return {**Airflow().context(), **context_of_run(run_type="scheduled"), **more}


def the_alert(inbox, kind):
    """Return the only news of the night; the webhook and the mail server have both got it."""
    [post], [mail] = inbox.about(DAY), inbox.mails_about(DAY)
    assert post["kind"] == kind
    assert mail["Subject"] == post["title"]
    return post


@contextmanager
def meanwhile(tonight, trouble, *, calls=5):
    """Let something happen as soon as the service was called so often."""

    def work():
        wait_until(lambda: tonight.local.meter()["accepted"] >= calls, "the first calls", seconds=60)
        trouble()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def told_while_away(inbox, begin, end):
    """Return a trouble that ends when it was told."""

    def trouble():
        begin()
        try:
            wait_until(lambda: inbox.mails_about(DAY), "an alert", seconds=60)
        finally:
            end()

    return trouble


def test_a_deadline_that_will_be_missed(night, inbox):  # noqa: F811
    tonight = night(10, extra={"calls_per_second": 1})
    task = late_plan(tonight, **EVERYBODY)
    task.execute(context())
    assert "600 calls" in the_alert(inbox, "late")["text"]


def test_another_face_model_that_ends_the_task(night, inbox):  # noqa: F811
    tonight = night(30, faults=plan_of(["model-version=4,5.0"]))
    task = tonight.task(calls_in_flight=1, **EVERYBODY)
    with pytest.raises(EndedForPerson) as ended:
        task.execute(context())
    for callback in task.on_failure_callback:
        callback(context(exception=ended.value))
    assert "5.0 answers now" in the_alert(inbox, "model_changed")["text"]


def test_another_face_model_with_which_the_task_goes_on(night, inbox):  # noqa: F811
    tonight = night(30, faults=plan_of(["model-version=4,5.0"]))
    task = tonight.task(calls_in_flight=1, on_model_change="go_on", **EVERYBODY)
    assert task.execute(context())["scored"] == 30
    assert "5.0" in the_alert(inbox, "model_changed")["text"]


def test_a_store_that_is_away(night, inbox, seaweed, monkeypatch):  # noqa: F811
    tonight = night(40, extra={"calls_per_second": 20})
    source = S3Store(client_of(seaweed), bucket="maskmatch", prefix=f"in/{tonight.folder.name}")
    write_pairs(source, 40)
    tonight.run = replace(tonight.run, source=source)
    tonight.plan = make_plan(tonight.run)
    with Troubles(seaweed.endpoint_url) as troubles:
        storage = {
            "conn_type": "maskmatch_store", "login": seaweed.access_key, "password": seaweed.secret_key,
            "extra": {
                "endpoint_url": troubles.endpoint_url, "region": "us-east-1", "addressing_style": "path"
            },
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_MASKMATCH_STORAGE", json.dumps(storage))
        away = told_while_away(inbox, lambda: troubles.begin("ServiceUnavailable", 503), troubles.end)
        with meanwhile(tonight, away):
            assert tonight.task(**EVERYBODY).execute(context())["scored"] == 40
    text = the_alert(inbox, "waiting")["text"]
    assert text.startswith("the store 127.0.0.1")
    assert seaweed.secret_key not in text


def test_a_permit_store_that_is_away(night, inbox, tmp_path):  # noqa: F811
    with Redis(tmp_path / "redis") as redis:
        tonight = night(60, extra={"permit_store": redis.uri, "calls_per_second": 20})
        with meanwhile(tonight, told_while_away(inbox, redis.stop, redis.start)):
            assert tonight.task(**EVERYBODY).execute(context())["scored"] == 60
    assert the_alert(inbox, "waiting")["text"].startswith("the permit store has been away for ")

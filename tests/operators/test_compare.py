import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout
from comparemaskface.faults.named_faults import plan_of

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import BudgetSpent, Drained, Interrupted, StopRun, WrongSetting
from maskmatch.operators import CompareMaskFaceOperator
from maskmatch.operators.base import RESCHEDULE_JITTER_SECONDS
from maskmatch.operators.known_errors import Ended, EndedForPerson
from maskmatch.permits.opening import open_coordinator
from maskmatch.pipeline.plan import make_plan
from maskmatch.storage.journal import read_journal
from maskmatch.storage.plans import journal_prefix
from tests.account import local_account, set_faults
from tests.nights import DAY, night_in, write_pairs
from tests.operators.running import context_of_run
from tests.waiting import wait_until

pytestmark = pytest.mark.server


@dataclass
class Told:
    """What a task tells Airflow."""

    dag_id = "nightly_comparison"
    run_id = "night"
    state: dict[str, Any] = field(default_factory=dict)
    xcom: dict[str, Any] = field(default_factory=dict)
    conf: dict[str, Any] = field(default_factory=dict)

    def set(self, key: str, value: Any) -> None:
        self.state[key] = json.loads(json.dumps(value))

    def get(self, key: str) -> Any:
        return self.state.get(key)

    def delete(self, key: str) -> None:
        del self.state[key]

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.xcom[key] = json.loads(json.dumps(value))

    def context(self, run_type: str) -> Any:
        asked = context_of_run(self.conf, run_type=run_type)
        return {**asked, "run_id": "night", "ti": self, "task_state_store": self}


@dataclass
class Night:
    """A planned date of so many pairs in folders, and the task that compares its only shard."""

    local: Any
    run: Any
    plan: Any
    told: Told
    folder: Path

    def task(self, **options: Any) -> CompareMaskFaceOperator:
        return CompareMaskFaceOperator(
            task_id="compare",
            source=self.run.source.uri,
            warehouse=self.run.warehouse.uri,
            day=str(DAY),
            plan=self.plan.folder,
            shard=self.plan.shards[0].key,
            **options,
        )

    def execute(self, run_type: str = "scheduled", **options: Any) -> Any:
        return self.task(**options).execute(self.told.context(run_type))

    @property
    def journal(self) -> list[Any]:
        return [
            each.outcome for each in read_journal(self.run.warehouse, journal_prefix(self.plan.shards[0].key))
        ]


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Return a function that plans a date and connects the task to a service of its own."""
    running = []

    def begin(pairs, *, extra=None, **settings):
        service = local_account(**settings)
        local = service.__enter__()
        running.append(service)
        named = {
            "calls_per_second": local.account.calls_per_second,
            "budget_calls_per_day": "none",
            "permit_store": f"sqlite:///{tmp_path}/permits.sqlite3",
        }
        connection = local.connection(**named | (extra or {}))
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps(connection))
        run = night_in(tmp_path)
        write_pairs(run.source, pairs)
        return Night(local, run, make_plan(run), Told(), tmp_path)

    yield begin
    for service in running:
        service.__exit__(None, None, None)


def test_a_task_reports_its_progress_to_state_store_and_xcom(night):
    tonight = night(30)
    counts = tonight.execute()
    assert (counts["scored"], counts["calls_billed"]) == (30, 30)
    for facts in (tonight.told.state["progress"], tonight.told.xcom["progress"]):
        assert (facts["done"], facts["total"], facts["calls"]["billed"]) == (30, 30, 30)
        assert facts["cny"] == "0.0960"
        assert {"pairs_per_second", "seconds_left"} <= facts.keys()


def test_a_store_of_airflow_that_fails_does_not_fail_the_task(night):
    tonight = night(5)

    def refuse(key, value):
        raise ConnectionError("the api server is away")

    tonight.told.set = refuse
    assert tonight.execute()["scored"] == 5


def test_a_killed_task_leaves_within_5_s_though_all_calls_hang_and_notes_each_as_perhaps_billed(night):
    tonight = night(40, faults=plan_of(["hang=30"]))
    task = tonight.task(calls_in_flight=6)
    killed_at = []

    def kill():
        wait_until(lambda: tonight.local.meter()["accepted"] == 6, "six calls that hang")
        killed_at.append(time.monotonic())
        task.on_kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(Ended) as raised:
        task.execute(tonight.told.context("scheduled"))
    assert type(raised.value.problem) is Interrupted
    assert time.monotonic() - killed_at[0] < 4.5  # what Airflow allows is 5 s, then it kills
    entries = tonight.journal
    assert len(entries) == 6
    assert {(entry.is_final, entry.calls.attempts, entry.calls.maybe_billed) for entry in entries} == {
        (False, 1, 1)
    }


def other_run(tonight):
    """Return the coordinator of another run that has the lease of the shard, and the epoch."""
    coordinator = coordinator_of(tonight, tonight.folder)
    name = f"{tonight.run.warehouse.uri}/{tonight.plan.shards[0].key}"
    return coordinator, name, coordinator.take_lease(name, holder="run manual__1 of nightly")


def test_a_task_waits_for_another_run_of_its_date_without_a_slot_and_says_for_which(night, caplog):
    tonight = night(5)
    coordinator, name, epoch = other_run(tonight)
    since = None
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException) as raised:
            tonight.execute()
        told = tonight.told.state["waiting"]
        assert told["for"].startswith("run manual__1 of nightly compares this date")
        assert raised.value.reschedule_date.isoformat() == told["looks_again"]
        since = since or told["since"]
        assert told["since"] == since
    assert "run manual__1 of nightly compares this date" in caplog.text
    assert tonight.local.meter()["accepted"] == 0
    coordinator.release(name, epoch)
    coordinator.close()
    assert tonight.execute()["scored"] == 5
    assert "waiting" not in tonight.told.state


def test_a_task_whose_date_another_run_has_taken_over_waits_and_does_not_fail(night):
    tonight = night(60, latency_ms=50, calls_per_second=40)
    taken = []

    def take_over():
        wait_until(lambda: tonight.local.meter()["accepted"] >= 5, "five calls")
        taken.append(other_run(tonight))

    thread = threading.Thread(target=take_over)
    thread.start()
    with pytest.raises(AirflowRescheduleException):
        tonight.execute()
    thread.join()
    assert "has taken over" in tonight.told.state["waiting"]["for"]
    assert "has taken over" in tonight.told.state["problem"]["reason"]
    coordinator, name, epoch = taken[0]
    coordinator.release(name, epoch)
    coordinator.close()
    tonight.execute()
    meter = tonight.local.meter()
    assert (meter["distinct_billed_pairs"], meter["paid_again"]) == (60, 0)


def test_a_task_killed_before_it_began_calls_nothing(night):
    tonight = night(10)
    task = tonight.task()
    with pytest.raises(Ended) as raised:
        _execute_killed(task, tonight)
    assert type(raised.value.problem) is Interrupted
    assert tonight.local.meter()["accepted"] == 0


def _execute_killed(task, tonight):
    context = tonight.told.context("scheduled")

    class Killing(dict):
        def __getitem__(self, key):
            if key == "dag_run":  # asked for after the start of execute
                task.on_kill()
            return super().__getitem__(key)

    return task.execute(Killing(context))


def test_a_spent_day_sends_the_task_to_the_next_one_of_the_accounts_time_zone(night):
    tonight = night(30, extra={"budget_calls_per_day": 10, "time_zone": "Asia/Tokyo"}, calls_per_second=40)
    with pytest.raises(AirflowRescheduleException) as raised:
        tonight.execute()
    tomorrow = datetime.now(ZoneInfo("Asia/Tokyo")).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, datetime.min.time(), ZoneInfo("Asia/Tokyo"))
    late = (raised.value.reschedule_date - midnight.astimezone(UTC)).total_seconds()
    assert 0 < late <= RESCHEDULE_JITTER_SECONDS
    assert "the budget of the day" in tonight.told.state["problem"]["reason"]
    assert tonight.told.state["problem"]["is_wait"]
    billed = tonight.local.meter()["billed"]
    assert 0 < billed <= 10
    assert tonight.told.state["progress"]["calls"]["billed"] == billed


def test_what_kept_a_task_waiting_is_taken_away_when_it_begins_anew(night):
    tonight = night(10)
    coordinator, name, epoch = other_run(tonight)
    with pytest.raises(AirflowRescheduleException):
        tonight.execute()
    coordinator.release(name, epoch)
    coordinator.close()
    assert tonight.told.state["problem"]["is_wait"]
    tonight.task().pre_execute(tonight.told.context("scheduled"))
    assert "problem" not in tonight.told.state


def test_a_spent_run_fails_and_a_larger_budget_goes_on(night):
    tonight = night(30, calls_per_second=40)
    message = r"the budget of the run night is spent .* raise it to go on"
    tonight.told.conf["budget_calls"] = 12
    with pytest.raises(EndedForPerson, match=message) as raised:
        tonight.execute(budget_calls="12")
    assert isinstance(raised.value.problem, BudgetSpent)
    assert "also budget_calls 12" in tonight.told.state["problem"]["cure"]
    assert tonight.local.meter()["billed"] <= 12
    assert tonight.execute(budget_calls="", budget_cny="0.2")["scored"] >= 18
    assert tonight.local.meter()["paid_again"] == 0


def test_a_key_revoked_in_the_middle_names_place_reason_and_cure_and_a_clear_goes_on(night):
    tonight = night(60, faults=plan_of(["key-revoked=21"]), admin=True)
    with pytest.raises(EndedForPerson) as raised:
        tonight.execute(calls_in_flight=4)
    assert isinstance(raised.value.problem, StopRun)
    told = tonight.told.state["problem"]
    assert told["place"].endswith(", connection tencent_iai_default")
    assert told["reason"].startswith(
        "The SecretId does not exist or is disabled: fix the login of the connection"
    )
    assert told["cure"].startswith("Mend what is named above, then clear this task")
    stopped = tonight.local.meter()
    assert stopped["billed"] == 20
    assert 1 <= stopped["refused"] <= 4  # calls in flight
    set_faults(tonight.local)
    assert tonight.execute()["scored"] == 40
    assert tonight.local.meter()["paid_again"] == 0


@pytest.mark.parametrize(
    ("run_type", "priority"),
    [
        ("scheduled", "nightly"),
        ("operator_triggered", "nightly"),
        ("backfill", "backfill"),
        ("manual", "ad_hoc"),
        ("asset_triggered", "ad_hoc"),
    ],
)
def test_the_priority_comes_from_the_type_of_the_run(night, tmp_path, run_type, priority):
    tonight = night(5)
    tonight.execute(run_type)
    assert [(user.run_id, user.priority) for user in coordinator_of(tonight, tmp_path).snapshot().users] == [
        ("night", priority)
    ]


def coordinator_of(tonight, tmp_path):
    return open_coordinator(
        f"sqlite:///{tmp_path}/permits.sqlite3",
        secret_id=tonight.local.account.secret_id,
        calls_per_second=tonight.local.account.calls_per_second,
        clock=SystemClock(),
    )


def test_a_drained_run_fails_and_goes_on_after_resume(night, tmp_path):
    tonight = night(5)
    coordinator = coordinator_of(tonight, tmp_path)
    coordinator.drain("night")
    with pytest.raises(EndedForPerson, match="run night was drained") as raised:
        tonight.execute()
    assert isinstance(raised.value.problem, Drained)
    coordinator.resume()
    assert tonight.execute()["scored"] == 5
    coordinator.close()


def test_a_wrong_budget_of_the_connection_names_the_connection_and_its_field(night):
    tonight = night(5, extra={"budget_cny_per_day": -1})
    message = "connection tencent_iai_default, field budget_cny_per_day: -1 is not an amount"
    with pytest.raises(EndedForPerson, match=message) as raised:
        tonight.execute()
    assert isinstance(raised.value.problem, WrongSetting)
    noted = tonight.told.state["problem"]
    assert message in noted["reason"]
    assert "clear this task" in noted["cure"]
    assert noted["place"].startswith(f"task compare, date {DAY}, shard work/")


def test_the_buttons_of_a_task_lead_to_the_page_of_its_run_from_its_start(night):
    tonight = night(5)
    tonight.task().pre_execute(tonight.told.context("manual"))
    links = {key: link for key, link in tonight.told.xcom.items() if key.startswith("_link")}
    page = "/maskmatch/run?dag_id=nightly_comparison&run_id=night"
    assert links == {f"_link_maskmatch_{part}": f"{page}#{part}" for part in ("plan", "table", "failures")}


def test_an_hour_without_calls_sends_the_task_to_its_end_and_tells_nobody(night):
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%H:00}" for hours in (0, 2))
    tonight = night(10, extra={"rate_by_hour": f"0 from {start} to {end}", "time_zone": "UTC"})
    with pytest.raises(AirflowRescheduleException) as raised:
        tonight.execute()
    opens = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    assert 0 < (raised.value.reschedule_date - opens).total_seconds() <= RESCHEDULE_JITTER_SECONDS
    assert tonight.local.meter()["accepted"] == 0


def test_the_time_limit_of_a_try_comes_from_a_param_and_wastes_nothing(night):
    tonight = night(200, calls_per_second=40)
    task = tonight.task(execution_timeout_hours=1 / 3600)
    task.pre_execute({})
    assert task.execution_timeout == timedelta(seconds=1)
    with pytest.raises(AirflowTaskTimeout), timeout(task.execution_timeout.total_seconds()):
        task.execute(tonight.told.context("scheduled"))
    assert 0 < tonight.local.meter()["billed"] < 200
    assert len(tonight.journal) == tonight.local.meter()["billed"]
    again = tonight.task(execution_timeout_hours=None)
    again.pre_execute({})
    assert again.execution_timeout is None
    again.execute(tonight.told.context("scheduled"))
    assert (tonight.local.meter()["billed"], tonight.local.meter()["paid_again"]) == (200, 0)


def test_a_time_limit_that_is_none_is_told(night):
    task = night(1).task(execution_timeout_hours=-1)
    message = "execution_timeout_hours: -1 is not a number of hours above 0"
    with pytest.raises(EndedForPerson, match=message):
        task.pre_execute({})

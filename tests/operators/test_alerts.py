"""What a person is told by tasks, without Airflow's scheduler: which causes, which words, how often."""

import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats

from maskmatch.core.alerts import Alert, Kind
from maskmatch.core.errors import BudgetSpent, Drained, InputError, ModelChanged
from maskmatch.operators import PlanComparisonOperator
from maskmatch.operators.alerts import Alerts, alerts_to, leave
from tests.nights import DAY, write_pairs
from tests.operators.running import context_of_run
from tests.operators.test_compare import night  # noqa: F401  a fixture
from tests.waiting import wait_until

LATE = Alert(kind=Kind.LATE, cause="x", text="late")


class Airflow:
    """What a mapped task of a run sees of Airflow: its own store, and XCom that all of them share."""

    def __init__(self, xcom=None, *, map_index=-1):
        self.store, self.xcom = {}, {} if xcom is None else xcom
        self.dag_id, self.task_id, self.run_id, self.map_index = "nightly", "compare", "r", map_index
        self.log_url = "http://airflow/log"

    def get(self, key):
        return self.store.get(key)

    def set(self, key, value):
        self.store[key] = value

    def xcom_push(self, *, key, value):
        self.xcom[key, self.map_index] = value

    def xcom_pull(self, *, key):
        return [value for (name, _), value in self.xcom.items() if name == key]

    def context(self, *, clear_number=0, **more):
        run = SimpleNamespace(clear_number=clear_number, run_type="scheduled", start_date=datetime.now(UTC))
        return {
            "ti": self, "task_state_store": self, "dag_run": run, "run_id": "r", "ds": "2026-01-02", **more
        }  # fmt: skip


@pytest.fixture
def told():
    return []


def notify(told):
    return lambda context: told.append(context["alert"])


def fail(airflow, told, error, **more):
    [telling] = alerts_to(notify(told))["on_failure_callback"]
    telling(airflow.context(exception=error, **more))


def spent(text="the budget of the run r is spent (12 calls): raise it to go on"):
    return BudgetSpent(text, window="run", until=None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(InputError("mend x"), "failed"), (spent(), "budget_spent"), (ModelChanged("new"), "model_changed")],
)
def test_a_failure_is_told_with_its_kind_and_text(told, error, kind):
    fail(Airflow(), told, error)
    [alert] = told
    assert (alert["kind"], alert["dag_id"], alert["date"]) == (kind, "nightly", "2026-01-02")
    assert alert["title"].startswith("nightly 2026-01-02: ")
    assert str(error) in alert["text"]
    assert alert["url"] == "http://airflow/log"


def test_the_error_of_ours_behind_another_one_is_told(told):
    def mend():
        raise InputError("mend x")

    def end():
        try:
            mend()
        except InputError:
            raise SystemExit("1") from None

    with pytest.raises(SystemExit) as ended:
        end()
    fail(Airflow(), told, ended.value)
    assert "mend x" in told[0]["text"]


def test_of_a_foreign_error_only_its_class_is_told(told):
    fail(Airflow(), told, KeyError("AKIDsecret"))
    assert told[0]["text"] == "task compare: KeyError: the log of the task says more"
    fail(Airflow(), told, None)
    assert "its worker is gone" in told[1]["text"]


def test_an_address_with_a_key_is_not_told(told):
    fail(Airflow(), told, InputError("https://b.example/a.jpg?sign=AKIDx is gone, ask redis://me:pw@host/0"))
    assert "AKIDx" not in told[0]["text"]
    assert "pw" not in told[0]["text"]


def test_what_a_person_has_ordered_is_not_told(told):
    fail(Airflow(), told, Drained("drained"))
    assert told == []


def test_several_tasks_with_one_trouble_tell_once_and_after_a_clear_again(told):
    xcom = {}
    for map_index in (0, 1):
        fail(Airflow(xcom, map_index=map_index), told, spent(f"spent, {map_index}"))
    assert len(told) == 1
    fail(Airflow(xcom, map_index=0), told, spent(), clear_number=1)
    assert len(told) == 2


def test_a_later_try_knows_what_was_told_though_xcom_was_cleared(told):
    airflow = Airflow()
    for _ in range(3):
        airflow.xcom.clear()
        Alerts(notify(told), airflow.context()).tell_now(Alert(kind=Kind.WAITING, cause="x", text="x"))
    assert len(told) == 1


def refuse(_):
    raise ConnectionError("https://hook/?key=AKIDx")


def test_a_notifier_that_fails_ends_nothing_and_keeps_no_other_from_telling(told, caplog):
    Alerts([refuse, notify(told)], Airflow().context()).tell_now(LATE)
    assert [each["text"] for each in told] == ["late"]
    assert "an alert did not arrive: ConnectionError" in caplog.text
    assert "AKIDx" not in caplog.text
    assert "a person is told: nightly 2026-01-02: will miss its deadline" in caplog.text


def test_only_the_notifier_that_failed_tells_the_next_time(told):
    class Flaky:
        def __call__(self, context):
            if told == ["other"]:
                raise ConnectionError
            told.append("flaky")

    airflow = Airflow()
    for _ in range(3):
        Alerts([lambda _: told.append("other"), Flaky()], airflow.context()).tell_now(LATE)
    assert told == ["other"]
    told.append("the mail server is back")
    Alerts([lambda _: told.append("other"), Flaky()], airflow.context()).tell_now(LATE)
    assert told == ["other", "the mail server is back", "flaky"]


@pytest.mark.parametrize("cleared_xcom", [True, False])
def test_what_no_notifier_told_is_told_by_the_next_try_and_the_log_is_true(told, caplog, cleared_xcom):
    airflow = Airflow()
    Alerts([refuse, refuse], airflow.context()).tell_now(LATE)
    assert "a person is told" not in caplog.text
    assert "nobody is told until the task meets it again" in caplog.text
    if cleared_xcom:
        airflow.xcom.clear()
    for _ in range(2):
        Alerts([notify(told), refuse], airflow.context()).tell_now(LATE)
    assert len(told) == 1
    assert caplog.text.count("a person is told") == 1


def test_what_no_notifier_told_is_told_by_another_mapped_task(told):
    xcom = {}
    Alerts(refuse, Airflow(xcom, map_index=0).context()).tell_now(LATE)
    Alerts(notify(told), Airflow(xcom, map_index=1).context()).tell_now(LATE)
    assert len(told) == 1


def test_a_mapped_task_waits_for_another_one_that_is_telling(told):
    xcom, may_go = {}, threading.Event()

    def slowly(context):
        may_go.wait(30)
        notify(told)(context)

    Alerts(slowly, Airflow(xcom, map_index=0).context()).tell(LATE)
    Alerts(slowly, Airflow(xcom, map_index=1).context()).tell(LATE)
    threading.Timer(2, may_go.set).start()
    leave(None)
    assert len(told) == 1


def test_a_long_wait_of_which_nobody_heard_is_told_at_a_later_look_and_then_no_more(told, monkeypatch):
    monkeypatch.setenv("AIRFLOW__MASKMATCH__ALERT_AFTER", "0")
    airflow, works = Airflow(), []

    def hook(context):
        if not works:
            raise ConnectionError
        notify(told)(context)

    for is_there in (False, True, True):
        works.extend([1] * is_there)
        Alerts(hook, airflow.context()).waits.goes_on("the store", "away")
        leave(None)
        if "waits" in airflow.store:  # a minute later
            airflow.store["waits"]["the store"]["tried_at"] -= 60
    assert len(told) == 1
    wait_until(lambda: airflow.store["waits"]["the store"]["is_told"], "the note of it")


def test_telling_does_not_hold_up_who_tells(told):
    may_go = threading.Event()
    alerts = Alerts([lambda _: may_go.wait(30), notify(told)], Airflow().context())
    alerts.tell(Alert(kind=Kind.WAITING, cause="x", text="x"))
    assert told == []
    may_go.set()
    leave(Airflow().context())
    assert len(told) == 1


def test_without_a_notifier_nobody_is_told_and_nothing_is_noted():
    airflow = Airflow()
    Alerts(None, airflow.context()).tell_now(Alert(kind=Kind.LATE, cause="x", text="x"))
    assert (airflow.store, airflow.xcom) == ({}, {})


class Counting(NoStatsLogger):
    """Counts, in place of an exporter of Airflow."""

    def __init__(self):
        self.counters = Counter()

    def incr(self, name, *_, **__):
        self.counters[name] += 1


@pytest.fixture
def counters(monkeypatch):
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    counting = Counting()
    stats.initialize(factory=lambda: counting, export_legacy_names=False)
    yield counting.counters
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


@pytest.mark.parametrize("notifier", [None, refuse, [refuse, lambda _: None]])
def test_each_cause_is_counted_once_whoever_hears_of_it(counters, notifier):
    xcom = {}
    airflow = Airflow(xcom, map_index=0)
    for _ in range(2):
        Alerts(notifier, airflow.context()).tell_now(LATE)
    Alerts(notifier, Airflow(xcom, map_index=1).context()).tell_now(LATE)
    [telling] = alerts_to(notifier)["on_failure_callback"]
    telling(airflow.context(exception=InputError("mend x")))
    assert counters == {"maskmatch.alerts.late": 1, "maskmatch.alerts.failed": 1}


def test_notifiers_are_found_by_their_import_path(told, monkeypatch):
    monkeypatch.setenv("AIRFLOW__MASKMATCH__NOTIFIER", f"{__name__}.by_path")
    monkeypatch.setattr(sys.modules[__name__], "by_path", [notify(told), notify(told)], raising=False)
    Alerts(None, Airflow().context()).tell_now(Alert(kind=Kind.LATE, cause="x", text="x"))
    assert len(told) == 2


@pytest.mark.parametrize("path", ["airflow.providers.nowhere.Notifier", "tests.notifiers.nobody"])
def test_a_notifier_that_is_not_installed_ends_no_task_and_the_log_says_so(path, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW__MASKMATCH__NOTIFIER", path)
    airflow = Airflow()
    Alerts(None, airflow.context()).tell_now(Alert(kind=Kind.LATE, cause="x", text="x"))
    [telling] = alerts_to()["on_failure_callback"]
    telling(airflow.context(exception=InputError("mend x")))
    name = path.split(".")[2]
    assert caplog.text.count(f"has no attribute '{name}': install what the notifier needs") == 2


def test_a_notifier_that_cannot_be_loaded_keeps_no_other_from_telling(told, monkeypatch, caplog):
    monkeypatch.setattr(
        sys.modules[__name__], "by_path", [notify(told), "no_such_package.mail"], raising=False
    )

    class NeedsMore:
        def __init__(self):
            raise TypeError("AKIDx")

    setting = ["no_such_package.chat", f"{__name__}.by_path", NeedsMore, notify(told)]
    Alerts(setting, Airflow().context()).tell_now(LATE)
    assert len(told) == 2
    assert caplog.text.count("No module named 'no_such_package': install what the notifier needs") == 2
    assert "it cannot be made: TypeError" in caplog.text
    assert "nobody is told" not in caplog.text


def late_plan(tonight, **arguments):
    """Return a task that plans a night of 600 calls, which at one a second will miss its deadline."""
    write_pairs(tonight.run.source, 600)
    soon = datetime.now(UTC) + timedelta(minutes=2)
    return PlanComparisonOperator(
        task_id="plan",
        source=tonight.run.source.uri,
        warehouse=tonight.run.warehouse.uri,
        day=str(DAY),
        deadline=f"{soon:%H:%M}",
        **arguments,
    )


@pytest.mark.server
def test_a_forecast_beyond_the_deadline_is_told_before_anything_is_called(night, told):  # noqa: F811
    tonight = night(10, extra={"calls_per_second": 1})
    task = late_plan(tonight, **alerts_to(notify(told)))
    task.execute({**Airflow().context(), **context_of_run()})
    [alert] = told
    assert (alert["kind"], alert["title"]) == ("late", f"nightly {DAY}: will miss its deadline")
    assert "600 calls" in alert["text"]
    assert "MISSED" in alert["text"]
    assert tonight.local.meter()["billed"] == 0

"""What the page needs of a connection, and what it does with orders that reach nobody."""

import json
from functools import partial

import pytest

from maskmatch.core.clock import SystemClock
from maskmatch.core.errors import InputError
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.opening import open_coordinator
from maskmatch.permits.steps.claims import Claim, Priority
from maskmatch.web import account


@pytest.fixture
def connection(tmp_path, monkeypatch):
    """A connection without a key that can pay, and the coordinator of the runs of its account."""
    store = f"sqlite:///{tmp_path}/permits.sqlite3"
    extra = {"account_id": "100001234567", "permit_store": store, "calls_per_second": 20}
    extra["budget_calls_per_day"] = 1000
    monkeypatch.setenv(
        "AIRFLOW_CONN_TENCENT_IAI_DEFAULT", json.dumps({"conn_type": "tencent_iai", "extra": extra})
    )
    account.look.cache.clear()
    coordinator = open_coordinator(store, secret_id="100001234567", calls_per_second=20, clock=SystemClock())
    yield coordinator
    coordinator.close()
    account.look.cache.clear()


def test_an_account_is_seen_without_any_key_that_can_pay(connection):
    connection.reserve(5, Claim(run_id="r1", priority=Priority.NIGHTLY))
    seen = account.look("tencent_iai_default")
    assert (seen.problem, seen.has_key) == ("", False)
    assert [user.run_id for user in seen.now.users] == ["r1"]
    assert [(each.kind, each.most_calls) for each in seen.budgets] == [("day", 1000), ("month", None)]


def test_an_order_is_recorded_with_who_gave_it_and_seen_at_once(connection):
    connection.reserve(5, Claim(run_id="r1", priority=Priority.NIGHTLY))
    assert account.look("tencent_iai_default").order_for("pause", "r1") is None
    account.give(
        "tencent_iai_default",
        lambda found: PermitCoordinator.pause(found, "r1", by="ann in Airflow"),
        run="r1",
    )
    order = account.look("tencent_iai_default").order_for("pause", "r1")
    assert (order.by, order.whom) == ("ann in Airflow", "r1")
    assert connection.orders(1) == [order]


def test_an_order_that_reaches_nobody_is_refused_and_leaves_nothing(connection):
    with pytest.raises(InputError, match="no run has ever used this account"):
        account.give("tencent_iai_default", PermitCoordinator.pause)
    connection.reserve(5, Claim(run_id="r1", priority=Priority.NIGHTLY))
    with pytest.raises(InputError, match="does not know r2"):
        account.give("tencent_iai_default", PermitCoordinator.pause, run="r2")
    with pytest.raises(InputError, match="not among the connections of this page"):
        account.give("other", PermitCoordinator.pause)
    assert connection.orders(5) == []
    account.give("tencent_iai_default", partial(PermitCoordinator.pause, run_id="r2"), run="r2", is_ours=True)
    assert connection.snapshot().paused == ("r2",)


def test_a_connection_that_is_not_there_is_a_problem_that_is_told(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({"conn_type": "http"}))
    account.look.cache.clear()
    assert "make it tencent_iai" in account.look("odd").problem


def test_the_connections_that_are_shown_are_named_in_a_variable(monkeypatch):
    assert account.shown_connections() == ["tencent_iai_default"]
    monkeypatch.setenv("MASKMATCH_PAGE_CONNECTIONS", " a , b,")
    assert account.shown_connections() == ["a", "b"]

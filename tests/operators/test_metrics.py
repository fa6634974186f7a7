"""Metrics of a task that compares, at a StatsD socket and at a collector of OpenTelemetry."""

import os
import subprocess
import sys

import pytest

from maskmatch.core.metrics import METRICS, Kind
from tests.collectors import otlp_collector, statsd_socket
from tests.nights import DAY
from tests.operators.test_compare import night  # noqa: F401  a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.server

PAIRS = 120
BUDGETS = {"budget_calls_per_day": 500, "budget_cny_per_day": 30, "budget_calls_per_month": 9000}
WANTED = {
    f"airflow.{metric.name}"
    for metric in METRICS
    if not metric.name.startswith("maskmatch.alerts.")
    and metric.name.rpartition(".")[2] not in {"failed", "skipped", "maybe_billed", "month_cny"}
}
"""All but what a night without a failure, an alert and such a budget has not."""


def compare(tonight, **settings):
    """Compare the night in a process whose Airflow exports metrics as it is set."""
    metrics = {f"AIRFLOW__METRICS__{name.upper()}": str(value) for name, value in settings.items()}
    run, plan = tonight.run, tonight.plan
    words = [run.source.uri, run.warehouse.uri, str(DAY), plan.folder, plan.shards[0].key]
    subprocess.run(
        [sys.executable, "-m", "tests.operators.metered_task", *words],
        env={**os.environ, **metrics},
        check=True,
        timeout=120,
        capture_output=True,
    )


def check(received, tonight):
    assert received.names >= WANTED
    counters, gauges = received.counters, received.gauges
    assert counters["airflow.maskmatch.pairs.scored"] == PAIRS
    assert counters["airflow.maskmatch.calls.billed"] == PAIRS
    assert counters["airflow.maskmatch.calls.attempts"] == PAIRS + counters["airflow.maskmatch.calls.refused"]
    assert received.timers["airflow.maskmatch.call_latency"] == counters["airflow.maskmatch.calls.attempts"]
    assert gauges["airflow.maskmatch.rate.allowed"] == 60
    assert 0 < gauges["airflow.maskmatch.rate.use"] <= 1
    assert 0 <= gauges["airflow.maskmatch.budget_left.day_calls"] <= 500
    secrets = [tonight.local.account.secret_id, tonight.local.account.secret_key, "images/"]
    assert not [secret for secret in secrets if secret.encode() in b"".join(received.raw)]


def a_night(night):  # noqa: F811
    """Return a night whose gateway allows less than the account is thought to have, so that it refuses."""
    return night(PAIRS, extra={**BUDGETS, "calls_per_second": 60}, calls_per_second=40)


def test_metrics_arrive_at_statsd(night):  # noqa: F811
    tonight = a_night(night)
    with statsd_socket() as received:
        compare(tonight, statsd_on=True, statsd_host="127.0.0.1", statsd_port=received.port)
        wait_until(lambda: received.counters["airflow.maskmatch.pairs.scored"] == PAIRS, "the last datagram")
    check(received, tonight)


def test_metrics_arrive_at_a_collector_of_opentelemetry(night):  # noqa: F811
    tonight = a_night(night)
    with otlp_collector() as received:
        compare(tonight, otel_on=True, otel_host="127.0.0.1", otel_port=received.port)
    check(received, tonight)
    assert received.exponential == {"airflow.maskmatch.call_latency": "ms"}


def test_without_an_exporter_the_permit_store_is_not_asked_for_metrics(night, monkeypatch):  # noqa: F811
    from maskmatch.hooks.meter import Meter  # noqa: PLC0415

    show = print
    assert Meter("tencent_iai_default", settings=lambda: pytest.fail("asked")).along(show) is show


def test_every_kind_of_alert_has_a_metric():
    from maskmatch.core.alerts import Kind as AlertKind  # noqa: PLC0415

    names = {metric.name.removeprefix("maskmatch.alerts.") for metric in METRICS if "alerts" in metric.name}
    assert names == {str(kind) for kind in AlertKind}
    assert {metric.kind for metric in METRICS} == set(Kind)

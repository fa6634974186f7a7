"""What lies in deploy/monitoring and docs/monitoring.md names the metrics that there are, and no other."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from devstack.project import project_root
from maskmatch.core.metrics import METRICS, Kind

FOLDER = project_root() / "deploy" / "monitoring"
RULES = FOLDER / "prometheus-rules.yml"
_ENDS = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.TIMER: ("", "_bucket", "_sum", "_count")}
SERIES = {f"airflow_{metric.name.replace('.', '_')}{end}" for metric in METRICS for end in _ENDS[metric.kind]}
"""The names that Prometheus has of them."""


def named_in(text):
    return set(re.findall(r"airflow_maskmatch_\w+", text))


def test_the_document_lists_each_metric_with_its_kind():
    text = (project_root() / "docs" / "monitoring.md").read_text()
    for metric in METRICS:
        assert f"| `airflow.{metric.name}` | {metric.kind} | {metric.help} |" in text


def test_the_dashboard_and_the_rules_ask_for_metrics_that_there_are():
    dashboard, rules = (FOLDER / "grafana-dashboard.json").read_text(), RULES.read_text()
    assert named_in(dashboard) <= SERIES
    assert named_in(rules) <= SERIES
    shown = {name.removesuffix("_bucket") for name in named_in(dashboard)}
    assert shown >= {name for name in SERIES if not name.endswith(("_bucket", "_sum", "_count"))}


def test_the_dashboard_has_what_grafana_needs_of_one():
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= dashboard.keys()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert {"type", "title", "gridPos", "targets", "fieldConfig"} <= panel.keys()
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        assert all(target["expr"] for target in panel["targets"])


def test_a_panel_of_percent_shows_shares_and_no_other_panel_does():
    shares = {f"airflow_{each.name.replace('.', '_')}" for each in METRICS if "share of" in each.help}
    assert len(shares) == 2
    for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
        is_of_percent = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
        for target in panel["targets"]:
            assert bool(named_in(target["expr"]) & shares) == is_of_percent, (panel["title"], target)


def test_each_rule_has_an_expression_and_each_alert_says_how_grave_it_is():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["expr"]
            assert ("record" in rule) != ("alert" in rule)
            if "alert" in rule:
                assert rule["labels"]["severity"] in {"page", "ticket"}
                assert rule["annotations"]["summary"]


def test_the_mapping_of_statsd_names_counters_as_opentelemetry_does():
    mappings = yaml.safe_load((FOLDER / "statsd-mapping.yml").read_text())["mappings"]
    counters = {metric.name for metric in METRICS if metric.kind is Kind.COUNTER}
    mapped = {name for name in counters for mapping in mappings if _matches(mapping, f"airflow.{name}")}
    assert mapped == counters


def _matches(mapping, name):
    if mapping["match_metric_type"] != "counter":
        return False
    pattern = mapping["match"] if mapping.get("match_type") == "regex" else re.escape(mapping["match"])
    found = re.fullmatch(pattern, name)
    if not found:
        return False
    series = mapping["name"]
    for number, part in enumerate(found.groups(), start=1):
        series = series.replace(f"${{{number}}}", part)
    return series in SERIES


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian package prometheus) is not here")
def test_prometheus_itself_accepts_the_rules_and_they_fire_as_their_tests_say():
    for words in (["check", "rules", RULES], ["test", "rules", RULES.with_suffix(".test.yml")]):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

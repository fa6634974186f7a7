"""The metrics of a run, by the names that Airflow's exporters send behind their prefix (`airflow.`).

No name and no tag holds a date, a shard or an address: there are as many series as there are accounts.

Decision: docs/adr/0033-what-a-run-tells.md
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `help` says what it counts, with its unit."""

    name: str
    kind: Kind
    help: str


_OUTCOMES = {
    "scored": "pairs that have a score",
    "failed": "pairs that have failed, whatever the reason",
    "skipped": "pairs that were skipped",
}
_CALLS = {
    "attempts": "calls sent",
    "billed": "calls that are billed",
    "maybe_billed": "calls without an answer, which may be billed",
    "refused": "calls that the gateway refused for their rate",
}
_LEFT = {
    "day_calls": "calls that the budget of the day still allows",
    "day_cny": "CNY that the budget of the day still allows",
    "month_calls": "calls that the budget of the month still allows",
    "month_cny": "CNY that the budget of the month still allows",
}
_RATE = {
    "allowed": "calls per second that the account may make at this hour",
    "used": "calls per second that were granted over the last 10 s, to all who share the account",
    "use": "used as a share of allowed, 0 to 1",
    "margin": "share of the rate that stays unused, as refusals have taught",
}
_ALERTS = {
    "failed": "alerts that a task has failed",
    "budget_spent": "alerts that a budget is spent",
    "late": "alerts that a run will miss its deadline",
    "model_changed": "alerts that the face model has changed",
    "waiting": "alerts that a task waits for the service, a store or the permit store",
    "approval": "alerts that a plan waits for a person to approve it",
}


def _named(group: str, kind: Kind, helps: dict[str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(f"maskmatch.{group}.{name}", kind, text) for name, text in helps.items())


METRICS = (
    *_named("pairs", Kind.COUNTER, _OUTCOMES),
    *_named("calls", Kind.COUNTER, _CALLS),
    Metric("maskmatch.permit_wait_ms", Kind.COUNTER, "milliseconds that ready calls have waited for permits"),
    Metric("maskmatch.call_latency", Kind.TIMER, "milliseconds from a call's first byte to its answer's end"),
    *_named("rate", Kind.GAUGE, _RATE),
    *_named("budget_left", Kind.GAUGE, _LEFT),
    *_named("alerts", Kind.COUNTER, _ALERTS),
)

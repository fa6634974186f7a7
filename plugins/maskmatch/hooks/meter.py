"""Metrics of a task that compares, through whatever exporter Airflow has: StatsD, OpenTelemetry, Datadog.

Decision: docs/adr/0033-what-a-run-tells.md
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.observability import stats

from maskmatch.engine.measures import Measured
from maskmatch.hooks.exporters import is_measured
from maskmatch.pipeline.budget_left import left_by_name
from maskmatch.settings.account import AccountSettings

log = logging.getLogger(__name__)

_ACCOUNT_EVERY_SECONDS = 15.0
_MOST_LOOKS = 100
"""Of those that nobody sends, the newest: while nothing is exported, or the permit store lets us wait."""


class Meter:
    """Sends what a task counts; `measured` is called by the loop, what `along` returns by a thread.

    `account` names the connection, `settings` returns what it holds: rate and budgets are asked of the permit
    store now and then, the same for all who share the account.
    """

    def __init__(self, account: str, settings: Callable[[], AccountSettings]) -> None:
        self._tags = {"account": account}
        self._settings = settings
        self._measured: deque[Measured] = deque(maxlen=_MOST_LOOKS)
        self._sent: Counter[str] = Counter()
        self._asked_at = float("-inf")

    def measured(self, found: Measured) -> None:
        """Take how calls went; return at once."""
        self._measured.append(found)

    def along(self, show: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """Return what shows facts and sends them as metrics; just `show` where nothing is exported."""
        if not is_measured():
            return show

        def show_and_send(facts: dict[str, Any]) -> None:
            try:
                self._send(facts)
            except Exception as error:  # noqa: BLE001  no pair depends on a metric
                log.warning("metrics are missing: %s", type(error).__name__)
            show(facts)

        return show_and_send

    def _send(self, facts: Mapping[str, Any]) -> None:
        """Send what has come since the last time; `facts` are those of the progress."""
        counts: Counter[str] = Counter()
        for name, pairs in facts["counts"].items():
            counts[f"pairs.{name if name in ('scored', 'skipped') else 'failed'}"] += pairs
        counts.update({f"calls.{name}": calls for name, calls in facts["calls"].items()})
        for name, count in (counts - self._sent).items():
            self._count(name, count)
        self._sent = counts
        while self._measured:
            self._send_measured(self._measured.popleft())
        if time.monotonic() - self._asked_at >= _ACCOUNT_EVERY_SECONDS:
            self._asked_at = time.monotonic()
            self._send_account()

    def _send_measured(self, found: Measured) -> None:
        self._count("calls.refused", found.refused)
        self._count("permit_wait_ms", found.permit_wait_ms)
        for milliseconds in found.latencies_ms:
            stats.timing("maskmatch.call_latency", milliseconds, tags=self._tags)

    def _send_account(self) -> None:
        settings = self._settings()
        with closing(settings.open_coordinator()) as coordinator:
            now = coordinator.snapshot()
        self._gauge("rate.allowed", now.calls_per_second)
        self._gauge("rate.used", now.effective)
        self._gauge("rate.use", now.effective / max(now.calls_per_second, now.effective, 1e-9))
        self._gauge("rate.margin", now.margin)
        for name, left in left_by_name(now, settings.budgets, datetime.now(UTC)).items():
            self._gauge(f"budget_left.{name}", left)

    def _count(self, name: str, count: int) -> None:
        if count:
            stats.incr(f"maskmatch.{name}", count, tags=self._tags)

    def _gauge(self, name: str, value: float) -> None:
        stats.gauge(f"maskmatch.{name}", value, tags=self._tags)

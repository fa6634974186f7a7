"""Wait for what happens in another thread or process and reports nothing by itself."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.airflow_api import AirflowApi


def wait_until(claim: Callable[[], object], what: str, *, seconds: float = 60, every: float = 0.005) -> None:
    """Return when the claim holds; fail with what was waited for when it does not in time.

    :param every: seconds between two looks, more of them where a look is work for who is waited for
    """
    ends = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends, f"not within {seconds:g} s: {what}"
        time.sleep(every)  # whoever can say so by an event is waited for by that


def wait_for_airflow(
    airflow: "AirflowApi", claim: Callable[[], object], what: str, *, seconds: float = 300
) -> None:
    """Wait for what Airflow does; a scheduler that a backfill on SQLite has ended is started again."""

    def holds() -> object:
        airflow.look_after()
        return claim()

    wait_until(holds, what, seconds=seconds, every=0.5)

"""The record of orders: who ordered what, when, for whom."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from maskmatch.core.errors import Unavailable
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.state import ALL_RUNS

_OR_PAGE = ", or Resume on Airflow's page Maskmatch, lets it go on"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was given: `what` is pause, resume, drain, floor or spent.

    `whom` is a run, ALL_RUNS, of a floor the priority that gets `share` of the rate, of what was spent the
    budget, such as day:2026-11-22, in which at least so many `calls` count.
    """

    at: datetime
    by: str
    what: str
    whom: str
    share: float | None = None
    calls: int | None = None


def encode_order(
    moment: Moment, *, by: str, what: str, whom: str, share: float | None = None, calls: int | None = None
) -> bytes:
    """Return the record of an order that is given now."""
    return msgspec.json.encode(Order(at=moment.utc, by=by, what=what, whom=whom, share=share, calls=calls))


def decode_order(record: bytes) -> Order:
    """Read a record; raise Unavailable for one that is damaged."""
    try:
        return msgspec.json.decode(record, type=Order)
    except msgspec.DecodeError as error:
        raise Unavailable(f"a record of an order in the permit store is damaged: {error}") from error


def order_in_force(orders: Iterable[Order], what: str, run_id: str) -> Order | None:
    """Return the newest order of a kind that holds for a run, of orders from the newest on; None for none."""
    return next((order for order in orders if order.what == what and order.whom in (run_id, ALL_RUNS)), None)


def pause_in_words(order: Order | None, run_id: str) -> str:
    """Return who has paused a run, when, and how it goes on."""
    if order is None:
        return f"paused through the permit store: `maskmatch resume`{_OR_PAGE}"
    whom, option = ("all runs", "") if order.whom == ALL_RUNS else ("this run", f" --run {run_id}")
    return (
        f"paused ({whom}) by {order.by} at {order.at:%Y-%m-%d %H:%M:%S} UTC: "
        f"`maskmatch resume{option}`{_OR_PAGE}"
    )

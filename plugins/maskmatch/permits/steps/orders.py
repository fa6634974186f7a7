"""The record of orders: who ordered what, when, for whom."""

from datetime import datetime

import msgspec

from maskmatch.core.errors import Unavailable
from maskmatch.permits.steps.document import Moment


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was given: `what` is pause, resume, drain or floor.

    `whom` is a run, ALL_RUNS or, of a floor, the priority that gets `share` of the rate.
    """

    at: datetime
    by: str
    what: str
    whom: str
    share: float | None = None


def encode_order(moment: Moment, *, by: str, what: str, whom: str, share: float | None) -> bytes:
    """Return the record of an order that is given now."""
    return msgspec.json.encode(Order(at=moment.utc, by=by, what=what, whom=whom, share=share))


def decode_order(record: bytes) -> Order:
    """Read a record; raise Unavailable for one that is damaged."""
    try:
        return msgspec.json.decode(record, type=Order)
    except msgspec.DecodeError as error:
        raise Unavailable(f"a record of an order in the permit store is damaged: {error}") from error

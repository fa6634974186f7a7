"""What can go wrong, split by what the caller should do next.

MaskmatchError
├── InputError        a manifest or a parameter is wrong: fix it, nothing was sent
├── StopRun           the account or a setting is wrong: the message holds the cure
│   └── Replaced      another try of the same shard has taken over
├── BudgetSpent       a budget is used up: `until` says when there is more
├── Unavailable       the service or the store is away: try the same task again later
├── Interrupted       we were asked to stop: what is done is kept
│   └── Drained       the same, asked through the permit store
├── BooksError        the counts do not add up: nothing is published
├── ImageUnusable     one image cannot be sent: record the pair and go on
├── SlotMissed        the time of a permit passed before its call was sent: ask for another
├── CallFailed        one call was refused, or its fate is unknown: `rule` says what next
├── ObjectMissing     there is no object under this key
└── ObjectExists      a create-only write met an object
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from maskmatch.core.codes import Rule


PREFLIGHT_CODES = {
    "column_unknown": "A JSON line has a column that is not known.",
    "image_forbidden": "The store does not let us read the image, or its address is invalid.",
    "image_missing": "There is no object under the image's key.",
    "image_unavailable": "The store of the image did not answer; a later run tries again.",
    "pair_id_missing": "The row has no pair_id.",
    "pair_id_repeated": "The pair_id also appears in an earlier row.",
    "probe_id_missing": "The row has no probe_id.",
    "reference_id_missing": "The row has no reference_id.",
    "row_malformed": "The line cannot be read, or has too few or too many fields.",
    "signed_url_refused": "A value holds a signed URL or a key, which must not end up in tables.",
    "value_invalid": "The value is not one that its column may have.",
}
"""Failure codes of our own, given before any call; others stand in codes.csv."""


class MaskmatchError(Exception):
    """Base of all errors of this package."""


class InputError(MaskmatchError):
    """A manifest or a parameter must be fixed by its owner."""


class StopRun(MaskmatchError):
    """Nothing can succeed until a person fixes the account or a setting."""


class Replaced(StopRun):
    """Another try of the same shard has taken over; it goes on, this one stops."""


class BudgetSpent(MaskmatchError):
    """A budget is used up: that of `window` (run, day or month), until the time `until` (UTC) if ever."""

    def __init__(self, message: str, *, window: str, until: datetime | None) -> None:
        super().__init__(message)
        self.window = window
        self.until = until


class Unavailable(MaskmatchError):
    """The service or the store cannot be reached now; a later try resumes from the journal."""


class Interrupted(MaskmatchError):
    """The task was asked to stop; finished pairs are in the journal."""


class Drained(Interrupted):
    """The run was asked, through the coordinator, to end after the calls in flight."""


class BooksError(MaskmatchError):
    """Manifest rows, outcomes and journal disagree."""


class ObjectMissing(MaskmatchError):
    """There is no object under this key."""


class ObjectExists(MaskmatchError):
    """A create-only write found an object under its key."""


class ImageUnusable(MaskmatchError):
    """An image cannot be sent; `code` is the failure code of its pair."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SlotMissed(MaskmatchError):
    """The time of a permit had passed before the first byte of its call: nothing was sent."""


class CallFailed(MaskmatchError):
    """The vendor refused a call, or no answer arrived.

    `rule` is the entry of the code table, `request_id` the vendor's id where one came back, `never_sent`
    says that the service could not even be reached.
    """

    def __init__(
        self, rule: Rule, message: str, *, request_id: str | None = None, never_sent: bool = False
    ) -> None:
        super().__init__(f"{rule.code}: {message}" + (f" (request {request_id})" if request_id else ""))
        self.rule = rule
        self.message = message
        self.request_id = request_id
        self.never_sent = never_sent

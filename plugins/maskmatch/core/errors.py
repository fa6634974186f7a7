"""What can go wrong, split by what the caller should do next.

MaskmatchError
├── InputError        a manifest or a parameter is wrong: mend it, nothing was sent
├── StopRun           the account or a setting is wrong: the message holds the cure
├── Unavailable       the service or the store is away: try the same task again later
├── Interrupted       we were asked to stop: what is done is kept
├── BooksError        the counts do not add up: nothing is published
├── ImageUnusable     one image cannot be sent: record the pair and go on
├── CallFailed        one call was refused, or its fate is unknown: `rule` says what next
├── ObjectMissing     there is no object under this key
└── ObjectExists      a create-only write met an object
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskmatch.core.codes import Rule


class MaskmatchError(Exception):
    """Base of all errors of this package."""


class InputError(MaskmatchError):
    """A manifest or a parameter must be mended by its owner."""


class StopRun(MaskmatchError):
    """Nothing can succeed until a person mends the account or a setting."""


class Unavailable(MaskmatchError):
    """The service or the store cannot be reached now; a later try resumes from the journal."""


class Interrupted(MaskmatchError):
    """The task was asked to stop; finished pairs are in the journal."""


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


class CallFailed(MaskmatchError):
    """The vendor refused a call, or nobody knows what became of it.

    `rule` is the entry of the code table, `request_id` the vendor's id where one came back.
    """

    def __init__(self, rule: Rule, message: str, *, request_id: str | None = None) -> None:
        super().__init__(f"{rule.code}: {message}" + (f" (request {request_id})" if request_id else ""))
        self.rule = rule
        self.message = message
        self.request_id = request_id

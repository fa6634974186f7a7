"""What can go wrong, split by what the caller should do next.

MaskmatchError
├── InputError        a manifest or a parameter is wrong: fix it, nothing was sent
│   ├── ManifestMissing  there is no manifest for the date, or not yet
│   ├── WrongSetting  a setting is wrong: the message holds its place and the right form
│   ├── ApprovalMissing  a plan costs more than the limit, and nobody has approved it
│   ├── AccountUnknown  an order for an account that the permit store has never heard of
│   └── RunUnknown    an order for a run that the permit store does not know
├── StopRun           the account or a setting is wrong: the message holds the cure
│   ├── Replaced      another try of the same shard has taken over
│   ├── ModelChanged  another version of the face model answers than before
│   ├── PackageMissing  a package cannot be imported here: the cure is a line of pip
│   └── StoreRefused  a store does not accept key, right or setting: `rule` says which
├── LeaseHeld         another run works at the same date: wait until it has ended
├── BudgetSpent       a budget is used up: `until` says when there is more
│   └── OutsideHours  no calls are allowed at this hour: `until` says when they are again
├── Unavailable       the service or the store is away: try the same task again later
│   └── StoreAway     a store does not answer, or reports an error of its own
├── Interrupted       we were asked to stop: what is done is kept
│   └── Drained       the same, asked through the permit store
├── BooksError        the counts do not add up: nothing is published
├── Superseded        a newer publication of the date is there: this one stays in the history
├── ImageUnusable     one image cannot be sent: record the pair and go on
├── SourceWaits       the source is in trouble: its pairs wait
├── SlotMissed        the time of a permit passed before its call was sent: ask for another
├── CallFailed        one call was refused, or its fate is unknown: `rule` says what next
├── ObjectMissing     there is no object under this key
├── ObjectExists      a conditional write met an object that it was not to replace
└── ConditionUnsupported  a store has no create-only writes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from maskmatch.core.codes import Rule
    from maskmatch.core.store_troubles import StoreRule


BAD_ROW_CODES = {
    "column_unknown": "A JSON line has a column that is not known.",
    "pair_id_missing": "The row has no pair_id.",
    "pair_id_repeated": "The pair_id also appears in rows with other images or quality control.",
    "row_id_repeated": "The row_id that the manifest brings also appears in another row.",
    "probe_id_missing": "The row has no probe_id.",
    "reference_id_missing": "The row has no reference_id.",
    "row_malformed": "The line cannot be read, or has too few or too many fields.",
    "signed_url_refused": "A value holds a signed URL or a key, which must not end up in tables.",
    "value_invalid": "The value is not one that its column may have.",
}
"""Failure codes of rows that are no pairs, given by the plan."""
IMAGE_CODES = {
    "image_archived": "The image is in an archive: restore it.",
    "image_forbidden": "The store does not let us read this image, or it is missing and we may not list.",
    "image_id_invalid": "The image id is not one that a store understands.",
    "image_missing": "There is no object under the image's key.",
    "image_not_allowed": "Manifests may not name this bucket or host (or it is not https): allow it.",
    "image_replaced": "The picture was replaced after the date was planned: run the date again.",
    "image_unavailable": "The store of the image, which is not the source, cannot be read.",
}
"""Failure codes of pairs whose images cannot be sent, given before any call; others stand in codes.csv."""


class MaskmatchError(Exception):
    """Base of all errors of this package; `cure` is what a person does who finds a task ended by it."""

    cure = "Clear this task: it goes on from what is kept. If it ends so again, report it."


class InputError(MaskmatchError):
    """A manifest or a parameter must be fixed by its owner."""

    cure = "Mend what is named above, then clear this task (with downstream). Airflow does not try it again."


class ManifestMissing(InputError):
    """No manifest lies in the folder of the date, or not yet."""

    cure = "Put it there, then clear this task (with downstream); or let the next run wait: manifest_wait."


class WrongSetting(InputError):
    """A setting must be entered anew: the message says which, where, and how it is written."""


class ApprovalMissing(InputError):
    """A plan costs more than the limit, and nobody has approved it: the message says how."""

    cure = "Clear the task approve (with downstream) and answer its question. Nothing was called."


class AccountUnknown(InputError):
    """An order reaches nobody: no run has ever used the account at this permit store."""


class RunUnknown(InputError):
    """An order reaches no run: the permit store knows none of this name."""


class StopRun(MaskmatchError):
    """Nothing can succeed until a person fixes the account or a setting."""

    cure = (
        "Mend what is named above, then clear this task (with downstream): only what is missing is called. "
        "Airflow does not try it again."
    )


class Replaced(StopRun):
    """Another try of the same shard has taken over; it goes on, this one stops."""

    cure = "Nothing, as long as the other one goes on; nothing is lost. If it has failed, clear this task."


class ModelChanged(StopRun):
    """Another version of the face model answers than before: scores of two versions are not comparable."""

    cure = "Decide which of the two it is to be. Nothing is lost; Airflow does not try it again."


class PackageMissing(StopRun):
    """A package that is known cannot be imported on this host; its cure is made with it."""

    cure = (
        "Install what is named above on every host that runs tasks, then clear this task (with downstream)."
    )


class LeaseHeld(MaskmatchError):
    """Another run, `holder`, works at the same date, and was seen so many seconds ago: wait for it."""

    def __init__(self, holder: str, *, seen_seconds_ago: float) -> None:
        super().__init__(f"{holder} compares this date, and was seen {seen_seconds_ago:.0f} s ago")
        self.holder = holder
        self.seen_seconds_ago = seen_seconds_ago


class StoreRefused(StopRun):
    """A store refused us, and nothing says that it will not do so again."""

    def __init__(self, message: str, rule: StoreRule) -> None:
        super().__init__(message)
        self.rule = rule


class BudgetSpent(MaskmatchError):
    """A budget is used up: that of `window` (run, day or month), until the time `until` (UTC) if ever."""

    cure = "Run the date again with a larger budget: what has an answer is not paid again."

    def __init__(self, message: str, *, window: str, until: datetime | None) -> None:
        super().__init__(message)
        self.window = window
        self.until = until


class OutsideHours(BudgetSpent):
    """No calls are allowed at this hour, though budgets may have some left."""

    def __init__(self, message: str, *, until: datetime | None) -> None:
        super().__init__(message, window="hour", until=until)


class Unavailable(MaskmatchError):
    """The service or the store cannot be reached now; a later try resumes from the journal."""

    cure = (
        "Nothing yet: it is tried again in a minute, and goes on from the journal. If the tries run out, "
        "look at network and endpoint, then clear this task."
    )


class StoreAway(Unavailable):
    """A store cannot be reached, has too much to do or is full; it comes back by itself."""

    def __init__(self, message: str, rule: StoreRule) -> None:
        super().__init__(message)
        self.rule = rule


class Interrupted(MaskmatchError):
    """The task was asked to stop; finished pairs are in the journal."""

    cure = "Clear this task when it is to go on: only what is missing is called."


class Drained(Interrupted):
    """The run was asked, through the coordinator, to end after the calls in flight."""

    cure = "Resume it on the page Maskmatch or by `maskmatch resume`, then clear this task (with downstream)."


class BooksError(MaskmatchError):
    """Manifest rows, outcomes and journal disagree."""

    cure = "Nothing was published. Do as the line above says; if it names no cause, report it with this log."


class Superseded(MaskmatchError):
    """While a publication was made, a newer one of its date has become the current one, and stays it."""


class ObjectMissing(MaskmatchError):
    """There is no object under this key."""


class ObjectExists(MaskmatchError):
    """A conditional write found an object under its key that it was not to replace."""


class ConditionUnsupported(MaskmatchError):
    """A store refuses a create-only write because it has none."""


class ImageUnusable(MaskmatchError):
    """An image cannot be sent: `code` is the failure code of its pair, `vendor_code` the vendor's."""

    def __init__(self, code: str, message: str, *, vendor_code: str | None = None) -> None:
        super().__init__(message)
        self.vendor_code = vendor_code
        self.code = code
        self.message = message


class SourceWaits(MaskmatchError):
    """An image was not read, and the source or our key may be the reason: its pair waits.

    `is_sure` is False while other images may still show that it is this one alone.
    """

    def __init__(self, message: str, *, is_sure: bool) -> None:
        super().__init__(message)
        self.is_sure = is_sure


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

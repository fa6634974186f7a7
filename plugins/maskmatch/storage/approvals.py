"""Approvals as objects beside their plans: create-only, so that the first of a plan stays.

Decision: docs/adr/0022-a-person-approves-a-plan.md
"""

import json
from contextlib import suppress

from maskmatch.core.approval import Approval
from maskmatch.core.errors import BooksError, ObjectExists, ObjectMissing
from maskmatch.storage.object_stores import Store


def write_approval(store: Store, folder: str, approval: Approval, *, only_new: bool) -> None:
    """Keep an approval beside the plan in a folder; one that is there stays, where the store can do that."""
    text = json.dumps(approval.to_record(), indent=2).encode()
    with suppress(ObjectExists):
        store.put(_key(folder, approval.digest), text, only_new=only_new)


def read_approval(store: Store, folder: str, digest: str) -> Approval | None:
    """Return the approval of a plan, None when nobody has approved it; raise BooksError for a damaged one."""
    key = _key(folder, digest)
    try:
        approval = Approval.from_record(json.loads(store.get(key)))
        if approval.digest != digest:
            raise ValueError(f"it names {approval.digest:.80}")  # noqa: TRY301 - all are told alike
    except ObjectMissing:
        return None
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise BooksError(f"{store.uri}/{key} is damaged ({error}): remove it and approve again") from error
    return approval


def _key(folder: str, digest: str) -> str:
    return f"{folder}/approval-{digest}.json"

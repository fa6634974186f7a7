"""Approvals as objects beside their plans: create-only, so that the first of a plan stays; and who asked.

Decision: docs/adr/0022-a-person-approves-a-plan.md
"""

import hashlib
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


def note_question(store: Store, folder: str, digest: str, run_id: str) -> None:
    """Note beside the plan in a folder that a run asks about it."""
    store.put(_question_key(folder, digest, run_id), run_id.encode())


def was_asked(store: Store, folder: str, digest: str, run_id: str) -> bool:
    """Return True if a run has asked about the plan in a folder."""
    return store.head(_question_key(folder, digest, run_id)) is not None


def _question_key(folder: str, digest: str, run_id: str) -> str:
    return f"{folder}/asked-{digest}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"


def _key(folder: str, digest: str) -> str:
    return f"{folder}/approval-{digest}.json"

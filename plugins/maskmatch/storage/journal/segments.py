"""The objects that one opening of a journal writes.

Decision: docs/adr/0007-outcomes-are-journaled-in-groups.md
"""

import json
import secrets
from contextlib import suppress

from maskmatch.core.errors import ObjectExists, ObjectMissing, Replaced
from maskmatch.storage.journal.names import Writer, claim_key, list_journal, segment_key
from maskmatch.storage.journal.records import FORMAT
from maskmatch.storage.journal.tally import Counts
from maskmatch.storage.object_stores import Store


class Segments:
    """Writes segments under an epoch; whoever claims a later epoch replaces it.

    `only_new` asks the store to refuse overwriting, where it can. Elsewhere the random token in the names
    keeps two writers of one epoch apart.
    """

    def __init__(self, store: Store, prefix: str, *, epoch: int, run_id: str, only_new: bool) -> None:
        self._store = store
        self._prefix = prefix
        self._writer = Writer(epoch, secrets.token_hex(3))
        self._claim = json.dumps({"format": FORMAT, "token": self._writer.token, "run_id": run_id}).encode()
        self._only_new = only_new
        self._written = 0

    def claim(self) -> None:
        """Claim the epoch and those that nobody used before it, so that an earlier writer sees its next one.

        Raise Replaced when somebody has this epoch or a later one, who has claimed this one too.
        """
        epoch = self._writer.epoch
        last = list_journal(self._store, self._prefix).last_epoch
        for skipped in range(last + 1, epoch):
            with suppress(ObjectExists):
                self._put_claim(skipped)
        try:
            self._put_claim(epoch)
        except ObjectExists as error:
            if not self._is_mine():
                raise self._replaced() from error

    def append(self, data: bytes, counts: Counts) -> None:
        """Write the next segment; after an error the same may be appended again, and lands once."""
        key = segment_key(self._prefix, self._writer, self._written + 1, counts)
        try:
            self._store.put(key, data, only_new=self._only_new)
        except ObjectExists:  # our own, whose answer was lost; or it broke off, and a part was kept
            if self._store.get(key) != data:
                self._store.put(key, data)
        self._written += 1

    def check(self) -> None:
        """Raise Replaced once somebody has claimed a later epoch, or without conditional writes this one."""
        if self._store.head(claim_key(self._prefix, self._writer.epoch + 1)):
            raise self._replaced()
        if not self._only_new and not self._is_mine():
            raise self._replaced()

    def _put_claim(self, epoch: int) -> None:
        key = claim_key(self._prefix, epoch)
        if not self._only_new and self._store.head(key):
            raise ObjectExists(f"{key} exists already")
        self._store.put(key, self._claim, only_new=self._only_new)

    def _is_mine(self) -> bool:
        with suppress(ObjectMissing):
            return self._store.get(claim_key(self._prefix, self._writer.epoch)) == self._claim
        return True

    def _replaced(self) -> Replaced:
        return Replaced(f"another run has taken over {self._prefix}: it goes on, this one stops")


def run_of(store: Store, prefix: str, epoch: int) -> str | None:
    """Return the run that claimed an epoch; None where its claim does not tell."""
    try:
        return str(json.loads(store.get(claim_key(prefix, epoch)))["run_id"])
    except (ValueError, KeyError, TypeError, ObjectMissing):
        return None

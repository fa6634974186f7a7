"""Is it the image or the source? What a refusal means while a run reads images.

    refused ──> look at an object that was read before ──refused──> the source is in trouble: wait
                                                       └──read────> read the image once more, and believe it

Decision: docs/adr/0016-a-trouble-that-passes-is-no-failure.md
"""

import threading
from collections.abc import Callable

from maskmatch.core.errors import MaskmatchError, ObjectMissing, SourceWaits, StoreAway, StoreRefused
from maskmatch.core.outage import Outage
from maskmatch.core.store_troubles import Kind, Proof, Step, Whose, step_for
from maskmatch.storage.object_stores import Store

MOST_UNPROVEN = 20
"""Images refused, and none read: then it is hardly each of them."""
_UNCLEAR_SECONDS = 30.0
"""Where few are refused, none is read and the manifest is: then it is they, as when they are all there is."""


class SourceWatch:
    """Tells troubles of the source from properties of its images; for many threads.

    The `manifest` is known to be readable. `patience_seconds` is how long one trouble may last; `say` is told
    of it once a minute.
    """

    def __init__(
        self,
        source: Store,
        manifest: str,
        *,
        now: Callable[[], float],
        say: Callable[[str], None],
        patience_seconds: float,
    ) -> None:
        self._source, self._manifest = source, manifest
        self._now = now
        self._unclear_since: float | None = None
        self._lock = threading.Lock()
        self._outage = Outage(now=now, say=say, patience_seconds=patience_seconds)
        self._say = say
        self._known_good: tuple[Store, str] | None = None
        self._refused: set[str] = set()

    def is_well(self, store: Store, key: str) -> None:
        """Note that an object was read."""
        if self._known_good is None or self._outage.goes_on:
            with self._lock:
                self._known_good = store, key
                self._refused.clear()
                self._unclear_since = None
                self._outage.note_success(f"{self._source.uri} is read again; calls go on")

    def judge(self, image_id: str, error: StoreRefused | StoreAway) -> Step:
        """Return ROW when it is the image; raise SourceWaits while it may be the source or our key.

        Raise the error itself when the trouble has lasted for longer than the patience.
        """
        proof = self._proof(image_id) if error.rule.kind is Kind.PERMISSION else Proof.UNCLEAR
        step = step_for(error.rule.kind, Whose.SOURCE, proof)
        if step is Step.ROW:
            return step
        with self._lock:
            self._outage.note_failure(self._waiting(error))
            if self._outage.has_lasted_too_long:
                raise error
        raise SourceWaits(str(error), is_sure=error.rule.kind is not Kind.PERMISSION or proof is Proof.ILL)

    def _proof(self, image_id: str) -> Proof:
        """Look at an image that was read before; without one, at the manifest and how many were refused."""
        if known := self._known_good:
            return Proof.WELL if self._can_read(*known) else Proof.ILL
        with self._lock:
            self._refused.add(image_id)
            self._unclear_since = self._unclear_since or self._now()
            is_known_long = self._now() - self._unclear_since > _UNCLEAR_SECONDS
        if len(self._refused) >= MOST_UNPROVEN or not self._can_read(self._source, self._manifest):
            return Proof.ILL
        return Proof.WELL if is_known_long else Proof.UNCLEAR

    def _can_read(self, store: Store, key: str) -> bool:
        try:
            store.get(key, limit=1)
        except ObjectMissing:
            self._known_good = None  # somebody has removed it meanwhile
        except MaskmatchError:
            return False
        return True

    def _waiting(self, error: StoreRefused | StoreAway) -> str:
        return (
            f"the images of {self._source.uri} cannot be read, calls wait until they can, "
            f"at most {self._outage.patience_seconds:.0f} s: {error}"
        )

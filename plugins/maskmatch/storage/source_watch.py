"""Is it the image or the source? What a refusal means while a run reads images.

    refused ──> look at an object that was read before ──refused──> the source is in trouble: wait
                                                       └──read────> read the image once more, and believe it

Decision: docs/adr/0016-a-trouble-that-passes-is-no-failure.md
"""

import math
import threading
from collections.abc import Callable

from maskmatch.core.errors import MaskmatchError, ObjectMissing, SourceWaits, StoreAway, StoreRefused
from maskmatch.core.outage import Outage
from maskmatch.core.store_troubles import Kind, Proof, Step, Whose, step_for
from maskmatch.core.waits import Waits
from maskmatch.storage.object_stores import Store

MOST_UNPROVEN = 20
"""Images refused, and none read: then it is hardly each of them."""
_OBSTINATE_SECONDS = 30.0
"""An image that is refused for so long while others, or where there are none the manifest, are read."""
_LOOK_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""A source that lets us wait for so long is in trouble until the opposite is shown: to look takes as long."""


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
        waits: Waits | None = None,
    ) -> None:
        self._source, self._manifest = source, manifest
        self.now = self._now = now
        self._lock = threading.Lock()
        self._outage = Outage(
            now=now,
            say=say,
            patience_seconds=patience_seconds,
            waits=waits,
            what=f"the store {source.host}",
        )
        self._say = say
        self._known_good: tuple[Store, str] | None = None
        self._refused_since: dict[str, float] = {}
        self._looking = threading.Lock()
        self._looked_at, self._saw_well = -math.inf, False

    def is_well(self, image_id: str, store: Store, key: str) -> None:
        """Note that an image, which lies there, was read."""
        if self._known_good is None or self._outage.goes_on or image_id in self._refused_since:
            with self._lock:
                self._known_good = store, key
                self._refused_since.pop(image_id, None)
                self._is_over()

    def judge(self, image_id: str, error: StoreRefused | StoreAway, *, began: float | None = None) -> Step:
        """Return ROW when it is the image; raise SourceWaits while it may be the source or our key.

        `began` is when it was asked for, by the same clock. Raise the error itself when the trouble has
        lasted for longer than the patience.
        """
        if error.rule.is_passing and began is not None and self._now() - began > _SILENCE_SECONDS:
            with self._lock:
                self._outage.note_failure(self._waiting(error), began=began)
        proof = self._proof(image_id)
        step = step_for(error.rule.kind, Whose.SOURCE, proof)
        if step is Step.ROW:
            return step
        if proof is Proof.WELL:
            raise SourceWaits(str(error), is_sure=False)
        with self._lock:
            self._outage.note_failure(self._waiting(error))
            if self._outage.has_lasted_too_long:
                raise error
        raise SourceWaits(str(error), is_sure=error.rule.kind is not Kind.PERMISSION or proof is Proof.ILL)

    def _proof(self, image_id: str) -> Proof:
        """Look at an image that was read before; without one, at the manifest and how many were refused."""
        with self._lock:
            since = self._refused_since.setdefault(image_id, self._now())
            is_long = self._now() - since > _OBSTINATE_SECONDS
        if self._known_good:
            return (Proof.OBSTINATE if is_long else Proof.WELL) if self._reads_well() else Proof.ILL
        if len(self._refused_since) >= MOST_UNPROVEN or not self._can_read(
            self._source, self._manifest, limit=1
        ):
            return Proof.ILL
        return Proof.OBSTINATE if is_long else Proof.UNCLEAR

    def _reads_well(self) -> bool:
        """Return True if what was read before is read now; threads that ask together look once."""
        with self._looking:
            if self._now() - self._looked_at > _LOOK_SECONDS and (known := self._known_good):
                self._saw_well = self._can_read(*known)
                self._looked_at = self._now()
                if self._saw_well and self._outage.goes_on:
                    with self._lock:
                        self._is_over()
            return self._saw_well

    def _can_read(self, store: Store, key: str, *, limit: int | None = None) -> bool:
        """Read an object whole, for bodies may break off, or its first bytes, where it may be large."""
        try:
            store.get(key, limit=limit)
        except ObjectMissing:
            self._known_good = None  # somebody has removed it meanwhile
        except MaskmatchError:
            return False
        return True

    def _is_over(self) -> None:
        self._outage.note_success(f"{self._source.uri} is read again; calls go on")

    def _waiting(self, error: StoreRefused | StoreAway) -> str:
        return (
            f"the images of {self._source.uri} cannot be read, calls wait until they can, "
            f"at most {self._outage.patience_seconds:.0f} s: {error}"
        )

"""Both images of a pair, or why it cannot be called: one that cannot be read now is tried again later.

An image that stays unreadable fails its pair, to be called again by a later run; a store that is away, which
fails for every image, ends the run.
"""

import threading

from maskmatch.core.errors import ImageUnusable, Unavailable
from maskmatch.core.image_rules import Picture, fit_one_request
from maskmatch.core.outcomes import FailureClass, Reason, Side
from maskmatch.engine.context import Images
from maskmatch.engine.retries import Trial

_TRIES = 3
_AWAY_AT = 20
"""Images in a row that could not be read mean that the store is away; three, when none was read before."""
_AWAY_AT_START = 3

Pictures = tuple[Picture, Picture]


class Loading:
    """Loads the images of pairs; may be used by many threads."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._lock = threading.Lock()
        self._unread: set[str] = set()
        self._has_read = False

    def both(self, trial: Trial) -> Pictures | Reason | None:
        """Return both images, why the pair fails, or None to try again later; raise Unavailable."""
        pair, pictures = trial.pair, []
        for side, image_id in ((Side.REFERENCE, pair.reference_id), (Side.PROBE, pair.probe_id)):
            loaded = self._load(trial, side, image_id)
            if not isinstance(loaded, Picture):
                return loaded
            pictures.append(loaded)
        reference, probe = pictures
        return (reference, probe) if fit_one_request(reference, probe) else _TOO_LARGE

    def _load(self, trial: Trial, side: Side, image_id: str) -> Picture | Reason | None:
        try:
            picture = self._images.load(image_id)
        except ImageUnusable as error:
            self._note_read()
            return _reason(FailureClass.DATA, error.code, side, f"{image_id}: {error.message}")
        except Unavailable as error:
            return self._not_now(trial, side, image_id, error)
        if not picture.is_kept:
            self._note_read()
        return picture

    def _note_read(self) -> None:
        if self._unread or not self._has_read:
            with self._lock:
                self._has_read = True
                self._unread.clear()

    def _not_now(self, trial: Trial, side: Side, image_id: str, error: Unavailable) -> Reason | None:
        trial.unread += 1
        with self._lock:
            self._unread.add(image_id)
            if len(self._unread) >= (_AWAY_AT if self._has_read else _AWAY_AT_START):
                raise error
        if trial.unread < _TRIES:
            return None
        return _reason(FailureClass.INFRASTRUCTURE, "image_unavailable", side, f"{image_id}: {error}")


def _reason(failure_class: FailureClass, code: str, side: Side, text: str) -> Reason:
    return Reason(failure_class=failure_class, code=code, message=f"{side} {text}", side=side)


_TOO_LARGE = Reason(
    failure_class=FailureClass.DATA,
    code="request_too_large",
    message="both images together exceed one request of 10 MB: use URLs or smaller images",
)

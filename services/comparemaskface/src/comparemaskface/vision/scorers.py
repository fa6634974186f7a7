"""Where scores come from: a hash, for tests of the pipeline, or the face model."""

from typing import Protocol

from comparemaskface.settings import Scores, Settings
from comparemaskface.vision.examination import Examination
from comparemaskface.vision.weights import MODEL
from comparemaskface.wire.comparison import Comparison, Picture
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError


class Scorer(Protocol):
    """Score comparisons; close it when done."""

    async def score(self, comparison: Comparison) -> float:
        """Return the similarity of the two sides, 0 to 100, or raise a ServiceError."""

    async def examine(self, comparison: Comparison) -> Examination:
        """Return the same score, or the same error, together with what was seen."""

    async def aclose(self) -> None:
        """Give back threads and connections."""


NO_FACE = b" no face"
"""A picture that ends like this has none, where no picture is looked at."""


class HashScorer:
    """Draw the score from the pair's key: no picture is looked at, no URL fetched."""

    async def score(self, comparison: Comparison) -> float:
        """Return the same number for the same pair, whichever side comes first."""
        for side in (comparison.a, comparison.b):
            if isinstance(side, Picture) and side.content.endswith(NO_FACE):
                raise ServiceError(VendorError.NO_FACE)
        return int.from_bytes(comparison.pair[:8]) % 10_001 / 100

    async def examine(self, comparison: Comparison) -> Examination:
        """Return the score; nothing was seen."""
        return Examination(score=await self.score(comparison))

    async def aclose(self) -> None:
        """Hold nothing."""


def scorer_name(settings: Settings) -> str:
    """Return who makes the scores, such as comparemaskface/hash; they are never the vendor's."""
    model = "" if settings.scores is Scores.HASH else f":{MODEL}"
    return f"comparemaskface/{settings.scores}{model}"


def build_scorer(settings: Settings) -> Scorer:
    """Return the scorer the settings ask for; loads the model's files, so it may raise WeightsError."""
    if settings.scores is Scores.HASH:
        return HashScorer()
    from comparemaskface.vision import model_scorer  # noqa: PLC0415 - hash mode must start without OpenCV

    return model_scorer.load(settings)

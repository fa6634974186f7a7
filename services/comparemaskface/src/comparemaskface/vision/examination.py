"""One comparison as a person wants to see it: what was found on each picture, and score or problem."""

from dataclasses import dataclass

from comparemaskface.wire.errors import ServiceError


@dataclass(frozen=True)
class PictureFindings:
    """What was found on one picture. `box`: x, y, width, height in pixels of the upright picture."""

    box: tuple[float, float, float, float] | None = None
    quality_level: int | None = None
    shortcomings: tuple[str, ...] = ()
    """Why the quality is not a level higher."""
    problem: ServiceError | None = None


@dataclass(frozen=True)
class Examination:
    """What was found on both pictures, and either the score or the error a caller would get in its place."""

    a: PictureFindings = PictureFindings()
    b: PictureFindings = PictureFindings()
    score: float | None = None
    problem: ServiceError | None = None

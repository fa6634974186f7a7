"""One comparison as a person wants to see it: what was found on each picture, and score or problem."""

from dataclasses import dataclass

from comparemaskface.wire.errors import ServiceError


@dataclass(frozen=True)
class View:
    """What was found on one picture. `box`: x, y, width, height in pixels of the upright picture."""

    box: tuple[float, float, float, float] | None = None
    quality_level: int | None = None
    shortcomings: tuple[str, ...] = ()
    """Why the quality is not a level higher."""
    problem: ServiceError | None = None


@dataclass(frozen=True)
class Examination:
    """Both views, and either the score or what a caller would be told in its place."""

    a: View = View()
    b: View = View()
    score: float | None = None
    problem: ServiceError | None = None

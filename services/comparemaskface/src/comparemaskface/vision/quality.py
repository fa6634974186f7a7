"""How usable a face picture is, on the vendor's scale 0 (anything) to 4 (very good).

The vendor names blur, brightness and hidden parts of the face without numbers
(https://cloud.tencent.com/document/api/867/50425, QualityControl). The numbers here were chosen on
clean, blurred, over- and under-exposed pictures and on faces behind masks. Hidden brows, cheeks and chins
are not distinguished: they only show as a shorter vector of the recogniser.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

# The strip around the eyes in the aligned 112 x 112 face, the part a mask leaves free.
EYE_ROWS = slice(24, 68)
EYE_COLUMNS = slice(18, 94)
CLIPPED_ABOVE = 245
DARK_BELOW = 30


@dataclass(frozen=True)
class QualityRequirement:
    """What one level asks for."""

    sharpness: float
    luminance: tuple[float, float]
    clipped: float
    dark: float
    vector_length: float
    eye_distance: float


# Share of pictures that pass levels 1 to 4: studio 1/1/1/.96, behind real masks .95/.89/.77/.54,
# blurred by sigma 2 px .89/.63/.12/.01, gamma 5 .46/.16/.04/0.
REQUIREMENTS = (
    QualityRequirement(
        -2.05, luminance=(20, 240), clipped=0.60, dark=0.7, vector_length=7.5, eye_distance=12
    ),
    QualityRequirement(
        -1.85, luminance=(35, 225), clipped=0.40, dark=0.5, vector_length=8.5, eye_distance=18
    ),
    QualityRequirement(
        -1.60, luminance=(50, 210), clipped=0.25, dark=0.3, vector_length=9.5, eye_distance=24
    ),
    QualityRequirement(
        -1.35, luminance=(65, 195), clipped=0.10, dark=0.1, vector_length=10.5, eye_distance=32
    ),
)


@dataclass(frozen=True)
class Quality:
    """What was measured on one face.

    sharpness: log10 of the Laplacian's variance over the grey variance, hence free of exposure; clean
    faces -1.2 to -0.25. luminance: mean grey, 0 to 255. clipped, dark: shares of the pixels, 0 to 1.
    vector_length: of the recogniser's raw vector; clean 13, masked 11 to 12. eye_distance: pixels of the
    original picture.
    """

    sharpness: float
    luminance: float
    clipped: float
    dark: float
    vector_length: float
    eye_distance: float

    @property
    def level(self) -> int:
        """Return the highest QualityControl, 0 to 4, that this face passes."""
        passed = [
            level for level, requirement in enumerate(REQUIREMENTS, start=1) if not self._unmet(requirement)
        ]
        return max(passed, default=0)

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """Return in words what keeps this face from the next level; empty at the highest."""
        return self._unmet(REQUIREMENTS[self.level]) if self.level < len(REQUIREMENTS) else ()

    def _unmet(self, requirement: QualityRequirement) -> tuple[str, ...]:
        darkest, brightest = requirement.luminance
        meets = {
            "blurred": self.sharpness >= requirement.sharpness,
            "too dark": self.luminance >= darkest and self.dark <= requirement.dark,
            "too bright": self.luminance <= brightest and self.clipped <= requirement.clipped,
            "partly hidden or turned away": self.vector_length >= requirement.vector_length,
            "too small": self.eye_distance >= requirement.eye_distance,
        }
        return tuple(word for word, is_met in meets.items() if not is_met)


def measure_quality(chip: np.ndarray, *, vector_length: float, eye_distance: float) -> Quality:
    """Measure an aligned 112 x 112 BGR face."""
    strip = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)[EYE_ROWS, EYE_COLUMNS]
    return Quality(
        sharpness=_sharpness(strip),
        luminance=float(strip.mean()),
        clipped=float((strip > CLIPPED_ABOVE).mean()),
        dark=float((strip < DARK_BELOW).mean()),
        vector_length=vector_length,
        eye_distance=eye_distance,
    )


def _sharpness(grey: np.ndarray) -> float:
    detail = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    return math.log10(detail / float(grey.var())) if detail else -math.inf

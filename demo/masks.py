"""Drawing a surgical mask on a face.

    eyes, nose tip and box  ->  FaceFrame: s runs from edge to edge of the face (-1 to 1),
                                           t runs down from the nose tip (0) to the chin (1)
                            ->  cloth where the outline says so, pleats, wire and shade on it, ear loops

The upper edge runs over the tip of the nose, the most that CompareMaskFace allows
(https://cloud.tencent.com/document/api/867/50425).
"""

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from comparemaskface.vision.faces import Face

TOP = -0.08
EDGE_LIFT = 0.10
WIDTH = 0.97
LENGTH = 1.06
LOOP_COLOUR = (225, 225, 225)
PLEATS = (0.28, 0.47, 0.66)


class Cloth(Enum):
    """Colours of masks, as blue, green, red."""

    BLUE = (222, 190, 140)
    WHITE = (238, 238, 236)
    BLACK = (52, 48, 46)
    GREEN = (176, 205, 152)
    PINK = (196, 180, 232)


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """Coordinates on one face: origin at the nose tip, across along the eyes, down towards the chin."""

    nose: np.ndarray
    across: np.ndarray
    left: float
    right: float
    down: float

    @property
    def width(self) -> float:
        """Return the width of the face in pixels."""
        return self.left + self.right

    def coordinates(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return s and t of every pixel."""
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        x, y = x - self.nose[0], y - self.nose[1]
        sideways = x * self.across[0] + y * self.across[1]
        s = sideways / np.where(sideways < 0, self.left, self.right)
        return s, (y * self.across[0] - x * self.across[1]) / self.down

    def point(self, s: float, t: float) -> tuple[int, int]:
        """Return the pixel at s, t."""
        downwards = np.array([-self.across[1], self.across[0]])
        sideways = s * (self.left if s < 0 else self.right)
        x, y = self.nose + sideways * self.across + t * self.down * downwards
        return round(float(x)), round(float(y))


def draw_mask(image: np.ndarray, face: Face, cloth: Cloth) -> np.ndarray:
    """Return the picture with a mask of this colour on the face."""
    masked = image.copy()
    rows, columns = _around(face)
    part = masked[rows, columns]
    part[:] = _dressed(part, frame_of(face, left=columns.start, top=rows.start), cloth)
    return masked


def _around(face: Face) -> tuple[slice, slice]:
    x, y, width, height = face.box
    margin = 0.25 * max(width, height)
    rows = slice(max(0, int(y - margin)), int(y + height + margin))
    return rows, slice(max(0, int(x - margin)), int(x + width + margin))


def _dressed(image: np.ndarray, frame: FaceFrame, cloth: Cloth) -> np.ndarray:
    s, t = frame.coordinates(image.shape)
    cover = _outline(s, t, softness=1.5 / frame.width)
    light = _light(image, cover, frame)
    dressed = _ear_loops(image, frame)
    on = cover > 0  # a third of the part: the rest needs no texture
    texture = np.array(cloth.value, np.float32) * (_folds(s[on], t[on]) * light[on])[:, None]
    dressed[on] += cover[on, None] * (np.clip(texture, 0, 255) - dressed[on])
    return np.asarray(np.rint(dressed).astype(np.uint8))


def frame_of(face: Face, *, left: int, top: int) -> FaceFrame:
    """Lay the coordinates on a face in a part of the picture; the box gives its sides and the chin."""
    left_eye, right_eye, nose = face.landmarks[:3].astype(np.float64) - (left, top)
    across = (right_eye - left_eye) / np.linalg.norm(right_eye - left_eye)
    x, y, width, height = face.box[0] - left, face.box[1] - top, *face.box[2:]
    return FaceFrame(
        nose=nose, across=across, left=nose[0] - x, right=x + width - nose[0], down=y + height - nose[1]
    )


def _outline(s: np.ndarray, t: np.ndarray, *, softness: float) -> np.ndarray:
    """Return how far each pixel is covered, 0 to 1: a straight upper edge, rounded cheeks and chin."""
    below_top = t - (TOP - EDGE_LIFT * s**2)
    roundness = (np.abs(s) / WIDTH) ** 2.6 + (np.clip(t, 0, None) / LENGTH) ** 2.6
    inside = 1 - roundness ** (1 / 2.6)
    cover: np.ndarray = np.clip(np.minimum(below_top, inside) / (2 * softness) + 0.5, 0, 1)
    return cover.astype(np.float32)


def _folds(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the relief of the cloth as brightness: pleats across, a wire over the nose, darker sides."""
    sagging = t - 0.10 * s**2
    relief = 1.0 - 0.22 * np.abs(s) ** 2.5 - 0.12 * np.clip(t, 0, 1) ** 2
    for pleat in PLEATS:
        step = (sagging - pleat) / 0.012
        relief = relief - 0.13 * np.exp(-(step**2)) + 0.05 * np.exp(-((step - 2.5) ** 2) / 4)
    wire = (t - (TOP - EDGE_LIFT * s**2) - 0.05) / 0.012
    return np.asarray(relief - 0.10 * np.exp(-(wire**2)))


def _light(image: np.ndarray, cover: np.ndarray, frame: FaceFrame) -> np.ndarray:
    """Return the light on the covered part of the face, 1 on average, from which side it may come."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    blur = 0.12 * frame.width
    weight = cv2.GaussianBlur(cover, (0, 0), blur) + 1e-3
    soft = cv2.GaussianBlur(grey * cover, (0, 0), blur) / weight
    average = float((soft * cover).sum() / cover.sum())
    return np.asarray(np.clip((soft / average) ** 0.6, 0.6, 1.2))


def _ear_loops(image: np.ndarray, frame: FaceFrame) -> np.ndarray:
    looped = image.copy()
    thickness = max(1, round(frame.width / 70))
    for side in (-1, 1):
        for start, end in (((0.93, -0.14), (1.06, -0.42)), ((0.86, 0.55), (1.06, 0.02))):
            near, far = (frame.point(side * s, t) for s, t in (start, end))
            cv2.line(looped, near, far, LOOP_COLOUR, thickness, cv2.LINE_AA)
    return looped.astype(np.float32)

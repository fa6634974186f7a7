"""Finding faces and their five landmarks with YuNet.

    picture -> detect: every face, largest first
            -> landmark_sets: the chosen face looked at again, 4 sizes x mirrored, as up to 8 opinions

The second look is for masks: under a mask one set of landmarks is often off, and most lost matches come
from that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

GREY = (127, 127, 127)

# OpenCV's default of 0.9 finds 50 of 171 faces behind real masks, 0.7 finds 168 of them.
FACE_THRESHOLD = 0.7
# The second look at a face already found only needs its landmarks.
LANDMARK_THRESHOLD = 0.3
OVERLAP_THRESHOLD = 0.3
MOST_FACES = 500

# With a side of 32 pixels or less, YuNet in OpenCV 4.14 finds faces in memory that was never set.
SHORTEST_SIDE = 64

# Longest side in pixels, grey border as a share of it. A face that fills the frame is only found small
# and with space around it.
LOOKS = ((640, 0.0), (320, 0.3))

# The second look: longest side of the face's box in pixels, and what is cut out around the box.
FACE_SIZES = (96, 140, 200, 280)
CROP_MARGIN = 0.35

# Eyes and corners of the mouth change places in a mirror.
MIRRORED_ORDER = (1, 0, 2, 4, 3)


@dataclass(frozen=True, eq=False)
class Detection:
    """One face: box as x, y, width, height; landmarks eye, eye, nose tip, mouth corner, mouth corner."""

    box: np.ndarray
    landmarks: np.ndarray
    confidence: float

    @classmethod
    def from_row(cls, row: np.ndarray) -> Self:
        """Read one row of the detector's output."""
        return cls(box=row[:4], landmarks=row[4:14].reshape(5, 2), confidence=float(row[14]))

    @property
    def area(self) -> float:
        """Return the area of the box in square pixels."""
        return float(self.box[2] * self.box[3])

    @property
    def side(self) -> float:
        """Return the longer side of the box in pixels."""
        return float(max(self.box[2], self.box[3]))

    @property
    def centre(self) -> np.ndarray:
        """Return the centre of the box."""
        return self.box[:2] + self.box[2:] / 2

    def placed(self, *, scale: float, left: float, top: float) -> "Detection":
        """Return the face in the picture from which this one was cut at (left, top), then scaled."""
        origin = np.array([left, top], np.float32)
        box = np.concatenate([self.box[:2] / scale + origin, self.box[2:] / scale])
        return Detection(box, self.landmarks / scale + origin, self.confidence)

    def mirrored(self, width: int) -> "Detection":
        """Return the face as it is before the picture of this width was mirrored."""
        x, y, box_width, box_height = self.box
        box = np.array([width - x - box_width, y, box_width, box_height], np.float32)
        landmarks = self.landmarks[MIRRORED_ORDER, :].copy()
        landmarks[:, 0] = width - landmarks[:, 0]
        return Detection(box, landmarks, self.confidence)


class Detector:
    """YuNet. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(
            str(path), "", (320, 320), LANDMARK_THRESHOLD, OVERLAP_THRESHOLD, MOST_FACES
        )

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find the faces of a picture, largest box first."""
        for side, border in LOOKS:
            faces = [face for face in self._look(image, side, border) if _is_face(face, image)]
            if faces:
                return sorted(faces, key=lambda face: -face.area)
        return []

    def landmark_sets(self, image: np.ndarray, face: Detection) -> list[Detection]:
        """Look again at one face; the face itself is the only answer when no second look finds it."""
        return list(self._second_looks(image, face)) or [face]

    def _look(self, image: np.ndarray, side: int, border: float) -> list[Detection]:
        # Scaled before it is framed: a frame around 4000 x 4000 pixels would take 120 MB.
        scale = min(1.0, side / (max(image.shape[:2]) * (1 + 2 * border)))
        small = _scaled(image, scale)
        margin = int(max(small.shape[:2]) * border)
        framed = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=GREY)
        found = self._run(framed)
        return [face.placed(scale=scale, left=-margin / scale, top=-margin / scale) for face in found]

    def _second_looks(self, image: np.ndarray, face: Detection) -> Iterator[Detection]:
        crop, left, top = _cut_out(image, face)
        for size in FACE_SIZES:
            scale = size / face.side
            small = _scaled(crop, scale)
            mirror = np.ascontiguousarray(small[:, ::-1])
            seen = self._run(small), [again.mirrored(mirror.shape[1]) for again in self._run(mirror)]
            for candidates in seen:
                placed = [again.placed(scale=scale, left=left, top=top) for again in candidates]
                yield from _same_face(placed, face)

    def _run(self, image: np.ndarray) -> list[Detection]:
        wide_enough = _at_least(image, SHORTEST_SIDE)
        height, width = wide_enough.shape[:2]
        self._net.setInputSize((width, height))
        rows = self._net.detect(wide_enough)[1]
        return [] if rows is None else [Detection.from_row(row.copy()) for row in rows]


def _is_face(face: Detection, image: np.ndarray) -> bool:
    height, width = image.shape[:2]
    x, y = face.centre
    return face.confidence >= FACE_THRESHOLD and 0 <= x < width and 0 <= y < height


def _same_face(candidates: list[Detection], face: Detection) -> list[Detection]:
    """Keep the one nearest to the face, unless it lies half a face away."""
    distances = [float(np.hypot(*(again.centre - face.centre))) for again in candidates]
    if not distances or min(distances) >= face.side / 2:
        return []
    return [candidates[distances.index(min(distances))]]


def _cut_out(image: np.ndarray, face: Detection) -> tuple[np.ndarray, int, int]:
    """Cut a face with its surroundings out, and continue the edges where the picture ends."""
    margin = int(CROP_MARGIN * face.side)
    x, y, box_width, box_height = (float(value) for value in face.box)
    left, top = int(x) - margin, int(y) - margin
    right, bottom = int(x + box_width) + margin, int(y + box_height) + margin
    height, width = image.shape[:2]
    inside = image[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    missing = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    return cv2.copyMakeBorder(inside, *missing, cv2.BORDER_REPLICATE), left, top


def _at_least(image: np.ndarray, side: int) -> np.ndarray:
    """Continue a thin picture in grey, to the right or below, so that no place in it moves."""
    below, right = (max(0, side - length) for length in image.shape[:2])
    if not (below or right):
        return image
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=GREY)


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=kind)

"""Turning an aligned face into 128 numbers with SFace."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 112

# Where eyes, nose tip and corners of the mouth lie in the 112 x 112 faces SFace was trained on (the ArcFace
# template, also in OpenCV's modules/objdetect/src/face_recognize.cpp).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


class Embedder:
    """SFace. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        # Not cv2.FaceRecognizerSF: in OpenCV 5.0 it cannot load block-quantised weights.
        self._net = cv2.dnn.readNetFromONNX(str(path))

    def embed(self, chip: np.ndarray) -> np.ndarray:
        """Return the raw vector, float32[128], of an aligned BGR face."""
        self._net.setInput(cv2.dnn.blobFromImage(chip, size=(SIDE, SIDE), swapRB=True), "data")
        return np.array(self._net.forward(), np.float32).reshape(-1)


def align(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cut a face out, turned and scaled so that its landmarks meet the template."""
    return cv2.warpAffine(image, similarity(landmarks, TEMPLATE), (SIDE, SIDE))


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the 2 x 3 matrix that turns, scales and moves source onto target by least squares.

    With points as complex numbers this is a straight line fit: the slope turns and scales.
    """
    points, goals = _complex(source), _complex(target)
    centred = points - points.mean()
    slope = np.vdot(centred, goals) / np.vdot(centred, centred).real
    shift = goals.mean() - slope * points.mean()
    return np.array([[slope.real, -slope.imag, shift.real], [slope.imag, slope.real, shift.imag]])


def _complex(points: np.ndarray) -> np.ndarray:
    return np.asarray(points.astype(np.float64) @ np.array([1, 1j]))

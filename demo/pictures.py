"""Write the demo's pictures and manifests to a folder, which then serves as the image and manifest store.

    OUTDIR/images/portraits/   ten portraits of five people, with their credits
    OUTDIR/images/masked/      the same, each behind a drawn mask
    OUTDIR/images/odd/         one picture for each thing that can be wrong
    OUTDIR/manifests/ds=DATE/  which pairs to compare on that date, in three formats
    OUTDIR/expected.csv        what must become of the odd pairs and of the bad rows

The same versions of the libraries write the same bytes each time.
"""

import argparse
import shutil
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from comparemaskface.vision.faces import FaceModel

from demo.manifest import write_manifests
from demo.masks import Cloth, draw_mask
from demo.odd import ODD_PICTURES, PORTRAITS

DATES = (date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22))


def main(arguments: Sequence[str] | None = None, *, model: FaceModel | None = None) -> int:
    """Write everything, and say how far it is in one line; a model that is loaded already can be given."""
    options = _parser().parse_args(arguments)
    for count, picture in enumerate(write_pictures(options.outdir, model=model), start=1):
        print(f"\r{count:3d} pictures  {picture.name:24s}", end="", flush=True)
    write_manifests(options.outdir, dates=options.dates)
    print(f"\r{count:3d} pictures, manifests for {len(options.dates)} dates in {options.outdir}")
    return 0


def write_pictures(out: Path, *, model: FaceModel | None = None) -> Iterator[Path]:
    """Write all pictures below images/; yield the path of each when it is there."""
    for folder in ("portraits", "masked", "odd"):
        (out / "images" / folder).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PORTRAITS / "CREDITS.md", out / "images" / "CREDITS.md")
    yield from _write_portraits(out / "images" / "portraits")
    yield from _write_masked(out / "images" / "masked", model or FaceModel())
    for name, picture in ODD_PICTURES.items():
        path = out / "images" / "odd" / name
        path.write_bytes(picture())
        yield path


def _write_portraits(folder: Path) -> Iterator[Path]:
    for portrait in sorted(PORTRAITS.glob("*.jpg")):
        yield Path(shutil.copyfile(portrait, folder / portrait.name))


def _write_masked(folder: Path, model: FaceModel) -> Iterator[Path]:
    for portrait, cloth in zip(sorted(PORTRAITS.glob("*.jpg")), cycle(Cloth), strict=False):
        path = folder / portrait.name
        cv2.imwrite(str(path), _masked(portrait, cloth, model), [cv2.IMWRITE_JPEG_QUALITY, 92])
        yield path


def _masked(portrait: Path, cloth: Cloth, model: FaceModel) -> np.ndarray:
    image = np.asarray(cv2.imread(str(portrait)))
    face = model.read(image)
    if face is None:
        raise ValueError(f"{portrait.name} shows no face on which to draw a mask")
    return draw_mask(image, face, cloth)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.pictures", description=__doc__.partition("\n")[0])
    parser.add_argument("outdir", type=Path, metavar="OUTDIR", help="folder to write to; files are replaced")
    parser.add_argument(
        "--dates",
        nargs="+",
        type=date.fromisoformat,
        default=DATES,
        metavar="DATE",
        help=f"dates of the manifests (default: {' '.join(map(str, DATES))})",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

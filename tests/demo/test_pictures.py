import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from comparemaskface.vision.detection import Detector
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.score_scale import score
from comparemaskface.vision.weights import find_weights
from PIL import Image

from demo.odd import PORTRAITS
from demo.pictures import DATES, main

NAMES = sorted(path.name for path in PORTRAITS.glob("*.jpg"))


def read(model: FaceModel, path: Path) -> Face:
    face = model.read(cv2.imread(str(path)))
    assert face is not None
    return face


def test_the_portraits_are_copied_whole_with_their_credits(out: Path) -> None:
    credits_text = (out / "images/CREDITS.md").read_text()

    for name in NAMES:
        content = (out / "images/portraits" / name).read_bytes()
        assert content == (PORTRAITS / name).read_bytes()
        assert f"{hashlib.sha256(content).hexdigest()}  {name}" in credits_text
        assert f"| `{name}` |" in credits_text


def test_no_face_shows_no_face(out: Path, model: FaceModel) -> None:
    assert model.read(cv2.imread(str(out / "images/odd/no_face.jpg"))) is None


def test_several_faces_shows_three_of_which_one_is_much_larger(out: Path) -> None:
    found = Detector(find_weights().detector).detect(cv2.imread(str(out / "images/odd/several_faces.jpg")))

    assert len(found) == 3
    assert found[0].area > 3 * found[1].area


def test_the_animation_is_a_gif_with_a_face(out: Path, model: FaceModel) -> None:
    path = out / "images/odd/animation.gif"
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))

    assert path.read_bytes().startswith(b"GIF8")
    assert model.read(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)) is not None


def test_the_truncated_picture_has_a_header_and_no_end(out: Path) -> None:
    height, width = cv2.imread(str(PORTRAITS / "ardern-2.jpg")).shape[:2]

    with Image.open(out / "images/odd/truncated.jpg") as image:
        assert image.size == (width, height)
        with pytest.raises(OSError, match="truncated"):
            image.load()


def test_too_small_is_only_too_small(out: Path, model: FaceModel) -> None:
    image = cv2.imread(str(out / "images/odd/too_small.jpg"))

    assert min(image.shape[:2]) < 64
    assert model.read(image) is not None


def test_too_large_pixels_is_a_small_file(out: Path, model: FaceModel) -> None:
    path = out / "images/odd/too_large_pixels.png"
    image = cv2.imread(str(path))

    assert max(image.shape[:2]) > 2000
    assert path.stat().st_size < 500_000
    assert model.read(image) is not None


def test_too_many_bytes_has_pixels_within_the_limit(out: Path, model: FaceModel) -> None:
    path = out / "images/odd/too_many_bytes.bmp"
    image = cv2.imread(str(path))

    assert len(base64.b64encode(path.read_bytes())) > 5 * 1024**2
    assert path.stat().st_size < 6_000_000
    assert max(image.shape[:2]) < 2000
    assert model.read(image) is not None


def test_the_blurred_face_fails_level_3_and_matches(out: Path, model: FaceModel) -> None:
    blurred = read(model, out / "images/odd/blurred.jpg")

    assert blurred.quality.level < 3
    assert score(blurred, read(model, PORTRAITS / "obama-1.jpg")) > 50


def test_the_empty_picture_is_empty(out: Path) -> None:
    assert (out / "images/odd/empty.jpg").read_bytes() == b""


def test_the_rotated_picture_shows_a_face_only_with_its_orientation(out: Path, model: FaceModel) -> None:
    path = out / "images/odd/rotated_exif.jpg"
    as_stored = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)

    assert model.read(as_stored) is None
    assert score(read(model, path), read(model, PORTRAITS / "obama-4.jpg")) > 50


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the demo once more, with a date that was not there."""
    folder = tmp_path_factory.mktemp("again")
    assert main([str(folder), "--dates", *map(str, DATES), "2027-01-31"]) == 0
    return folder


def test_the_same_bytes_are_written_again(out: Path, again: Path) -> None:
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (out, again)
    )

    over_all_dates = Path("expected.csv")
    assert second.pop(over_all_dates).startswith(first.pop(over_all_dates))
    assert first == {path: data for path, data in second.items() if "ds=2027-01-31" not in path.parts}


def test_other_dates_can_be_asked_for(again: Path) -> None:
    assert {path.name for path in (again / "manifests").iterdir()} == {
        *(f"ds={day}" for day in DATES),
        "ds=2027-01-31",
    }


def test_the_help_names_the_folder_and_the_dates() -> None:
    program = [sys.executable, "-m", "demo.pictures", "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=PORTRAITS.parents[1])

    assert "OUTDIR" in done.stdout
    assert "--dates" in done.stdout

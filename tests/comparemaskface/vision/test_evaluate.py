"""python -m comparemaskface.vision.evaluate, on the portraits of the demo."""

import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from comparemaskface.vision.evaluate import find_pictures, main

from demo.odd import PORTRAITS, no_face, truncated


@pytest.fixture(scope="module")
def printed() -> str:
    with redirect_stdout(io.StringIO()) as out:
        assert main([str(PORTRAITS)]) == 0
    return out.getvalue()


def test_the_rates_at_each_score_come_with_counts_and_interval(printed: str) -> None:
    assert "10 faces of 5 people" in printed
    for score in (40, 50, 60):
        assert re.search(
            rf"^{score} +FMR +0.00e\+00 +0.00e\+00 to 2.78e-01 +0 of 37 +10 pairs", printed, re.M
        )
        assert re.search(rf"^{score} +TAR +1.0000 +0.4385 to 1.0000 +8 of 8 +3 people", printed, re.M)


def test_the_document_shows_what_is_printed(printed: str) -> None:
    page = (PORTRAITS.parents[1] / "docs" / "local-service.md").read_text()
    (shown,) = re.findall(r"```\n(\d+ faces of .*?)```", page, re.DOTALL)
    lines = [line for line in shown.splitlines() if line not in {"", "..."}]
    assert len(lines) > 5
    assert set(lines) <= set(printed.splitlines())


def test_the_knots_that_these_people_would_give_stand_beside_those_of_the_scale(printed: str) -> None:
    knots = re.findall(r"^(40|50|60) +(1e-0\d) +([\d.]+) +([\d.]+) +([\d.]+)$", printed, re.M)
    assert [(score, rate, knot) for score, rate, knot, *_ in knots] == [
        ("40", "1e-03", "0.39"),
        ("50", "1e-04", "0.45"),
        ("60", "1e-05", "0.50"),
    ]
    fitted = [float(knot) for *_, knot, _ in knots]
    assert fitted == sorted(fitted)
    assert all(0.3 < knot < 0.6 for knot in fitted)


def test_a_folder_per_person_names_the_person_as_the_file_names_do(tmp_path: Path) -> None:
    for path in PORTRAITS.glob("*.jpg"):
        folder = tmp_path / path.stem.partition("-")[0]
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / f"{path.stem[-1]}.JPG")
    (tmp_path / "obama" / "notes.txt").write_text("no picture")
    assert sorted(find_pictures(tmp_path).values()) == sorted(find_pictures(PORTRAITS).values())


def test_pictures_that_cannot_be_read_are_left_out_and_counted_by_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("macron-1.jpg", "macron-2.jpg", "sunak-1.jpg"):
        shutil.copy(PORTRAITS / name, tmp_path)
    (tmp_path / "hills-1.jpg").write_bytes(no_face())
    (tmp_path / "half-1.jpg").write_bytes(truncated())
    assert main([str(tmp_path), "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert "3 faces of 2 people" in out
    assert "1 left out: InvalidParameterValue.NoFaceInPhoto" in out
    assert "1 left out: FailedOperation.ImageDecodeFailed" in out
    assert "too few pairs of people to fit" in out


def test_a_folder_without_faces_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "holds 0 pictures with a face" in capsys.readouterr().err


def test_a_folder_without_the_model_is_an_error_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(PORTRAITS), "--models", str(tmp_path)]) == 2
    assert "OpenCV Zoo" in capsys.readouterr().err


def test_help_shows_how_the_people_are_named() -> None:
    command = [sys.executable, "-m", "comparemaskface.vision.evaluate", "--help"]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"}
    ).stdout
    assert "one folder per person, or files named PERSON-NUMBER" in shown

import shutil
from pathlib import Path

import pytest
from comparemaskface.vision.weights import DETECTOR, DIGESTS, RECOGNISER, WeightsError, find_weights


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    weights = find_weights()
    for path in (weights.detector, weights.recogniser):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_both_files_are_found_in_the_installed_package() -> None:
    weights = find_weights()

    assert weights.detector.name == DETECTOR
    assert weights.recogniser.name == RECOGNISER


def test_a_directory_is_used_instead_of_the_package(copies: Path) -> None:
    weights = find_weights(copies)

    assert weights.detector == copies / DETECTOR
    assert weights.recogniser == copies / RECOGNISER


@pytest.mark.parametrize("name", DIGESTS)
def test_a_missing_file_is_named_with_its_place_and_the_remedy(copies: Path, name: str) -> None:
    (copies / name).unlink()

    with pytest.raises(WeightsError) as caught:
        find_weights(copies)

    assert str(copies / name) in str(caught.value)
    assert "pip install ./services/comparemaskface" in str(caught.value)


@pytest.mark.parametrize("name", DIGESTS)
def test_an_altered_file_is_named_with_both_digests(copies: Path, name: str) -> None:
    with (copies / name).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(WeightsError, match=f"{name} has SHA-256 [0-9a-f]{{64}}, expected {DIGESTS[name]}"):
        find_weights(copies)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(WeightsError, match=r"The package no-such-package, .* is not installed"):
        find_weights(package="no-such-package")


def test_a_package_without_the_files_names_those_missing() -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights(package="pytest")

    assert DETECTOR in str(caught.value)
    assert RECOGNISER in str(caught.value)

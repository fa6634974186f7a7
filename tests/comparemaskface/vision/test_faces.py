from itertools import combinations

import cv2
import numpy as np
import pytest
from comparemaskface.vision.detection import Detection, Detector
from comparemaskface.vision.embedding import TEMPLATE, align, similarity
from comparemaskface.vision.faces import Face, FaceModel
from comparemaskface.vision.score_scale import score
from comparemaskface.vision.weights import find_weights
from hypothesis import given
from hypothesis import strategies as st

from demo.odd import PORTRAITS, no_face, several_faces
from tests.comparemaskface.vision.conftest import picture

NAMES = sorted(path.stem for path in PORTRAITS.glob("*.jpg"))


def decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(find_weights().detector)


def read(model: FaceModel, image: np.ndarray) -> Face:
    face = model.read(image)
    assert face is not None
    return face


@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_yields_a_box_with_the_landmarks_in_it_and_a_unit_embedding(
    faces: dict[str, Face], name: str
) -> None:
    face = faces[name]
    x, y, width, height = face.box
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks

    assert face.landmarks.dtype == face.embedding.dtype == np.float32
    assert face.landmarks.shape == (5, 2)
    assert face.embedding.shape == (128,)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-6)
    assert ((face.landmarks > (x, y)) & (face.landmarks < (x + width, y + height))).all()
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize(("a", "b"), list(combinations(NAMES, 2)))
def test_one_person_scores_above_50_and_two_people_below_40(faces: dict[str, Face], a: str, b: str) -> None:
    mated = a.partition("-")[0] == b.partition("-")[0]
    points = score(faces[a], faces[b])

    assert points > 50 if mated else points < 40


def test_the_same_picture_scores_100(model: FaceModel, faces: dict[str, Face]) -> None:
    again = read(model, picture("ardern-1"))

    assert score(again, faces["ardern-1"]) == 100
    assert (again.embedding == faces["ardern-1"].embedding).all()


@pytest.mark.parametrize(
    "image",
    [
        decoded(no_face()),
        np.zeros((480, 640, 3), np.uint8),
        np.random.default_rng(2).integers(0, 256, (300, 300, 3), dtype=np.uint8),
    ],
    ids=["landscape", "black", "noise"],
)
def test_a_picture_without_a_face_yields_none(model: FaceModel, image: np.ndarray) -> None:
    assert model.read(image) is None


@pytest.mark.parametrize("shape", [(64, 64), (64, 4000), (4000, 64)])
def test_the_smallest_and_the_longest_pictures_can_be_read(model: FaceModel, shape: tuple[int, int]) -> None:
    assert model.read(np.full((*shape, 3), 90, np.uint8)) is None


@pytest.mark.parametrize("thin", [(1, 640), (640, 10), (32, 640), (640, 32)])
def test_a_thin_picture_shows_no_face_whatever_lay_in_memory_before(
    detector: Detector, thin: tuple[int, int]
) -> None:
    for _ in range(5):
        # Given back at once, for the network to find.
        np.random.default_rng(1).normal(0, 1e34, 200_000).astype(np.float32)
        assert detector._run(np.full((*thin, 3), 90, np.uint8)) == []


def test_the_largest_of_several_faces_is_taken(
    model: FaceModel, detector: Detector, faces: dict[str, Face]
) -> None:
    collage = decoded(several_faces())

    assert len(detector.detect(collage)) == 3
    assert score(read(model, collage), faces["ardern-2"]) > 50
    assert score(read(model, np.ascontiguousarray(collage[:, ::-1])), faces["ardern-2"]) > 50


def test_faces_come_largest_first(detector: Detector) -> None:
    areas = [face.area for face in detector.detect(decoded(several_faces()))]

    assert areas == sorted(areas, reverse=True)


def test_a_face_that_fills_the_frame_is_found(model: FaceModel, faces: dict[str, Face]) -> None:
    x, y, width, height = faces["obama-4"].box
    image = picture("obama-4")
    close = image[
        int(y + 0.15 * height) : int(y + 0.85 * height), int(x + 0.15 * width) : int(x + 0.85 * width)
    ]

    assert model.read(cv2.resize(close, (900, 1200))) is not None


def test_a_face_cut_by_the_edge_of_the_picture_is_read(model: FaceModel, faces: dict[str, Face]) -> None:
    x, y, width, height = (int(value) for value in faces["ardern-2"].box)
    cut = picture("ardern-2")[y : y + height, x : x + int(0.9 * width)]

    assert score(read(model, cut), faces["ardern-2"]) > 50


def test_the_place_and_the_size_of_a_face_do_not_matter(model: FaceModel, faces: dict[str, Face]) -> None:
    image = picture("obama-1")
    moved = cv2.copyMakeBorder(image, 200, 0, 300, 0, cv2.BORDER_REPLICATE)
    doubled = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    face = faces["obama-1"]

    assert read(model, moved).landmarks == pytest.approx(face.landmarks + np.array([300, 200]), abs=4)
    assert read(model, doubled).landmarks == pytest.approx(face.landmarks * 2, abs=8)
    assert score(read(model, doubled), face) > 90


def test_a_picture_is_left_as_it_was(model: FaceModel) -> None:
    image = picture("macron-1")
    model.read(image)

    assert (image == picture("macron-1")).all()


def test_a_face_does_not_show_its_embedding(faces: dict[str, Face]) -> None:
    text = repr(faces["sunak-1"])

    assert "quality=" in text
    assert "embedding" not in text
    assert "landmarks" not in text


@pytest.mark.parametrize("name", NAMES)
def test_eight_second_looks_agree_on_the_landmarks(detector: Detector, name: str) -> None:
    image = picture(name)
    face = detector.detect(image)[0]
    sets = np.stack([again.landmarks for again in detector.landmark_sets(image, face)])

    assert len(sets) == 8
    assert np.abs(sets - sets.mean(axis=0)).max() < 0.1 * face.side


def test_without_a_second_look_the_first_landmarks_stand(detector: Detector) -> None:
    imagined = Detection(np.array([20, 20, 40, 50], np.float32), TEMPLATE.astype(np.float32), 0.9)

    assert detector.landmark_sets(np.zeros((112, 112, 3), np.uint8), imagined) == [imagined]


def test_a_detection_is_placed_back_where_it_was_cut_out() -> None:
    face = Detection(np.array([10, 20, 30, 40], np.float32), np.full((5, 2), 8, np.float32), 0.9)
    placed = face.placed(scale=2, left=100, top=-50)

    assert placed.box.tolist() == [105, -40, 15, 20]
    assert placed.landmarks.tolist() == [[104, -46]] * 5
    assert placed.confidence == 0.9


def test_mirroring_changes_sides_and_twice_changes_nothing() -> None:
    landmarks = np.array([[12, 30], [30, 31], [21, 40], [14, 50], [28, 52]], np.float32)
    face = Detection(np.array([10, 20, 24, 40], np.float32), landmarks, 0.9)
    mirrored = face.mirrored(100)

    assert mirrored.box.tolist() == [66, 20, 24, 40]
    assert mirrored.landmarks.tolist() == [[70, 31], [88, 30], [79, 40], [72, 52], [86, 50]]
    assert (mirrored.mirrored(100).landmarks == landmarks).all()


@given(turn=st.floats(-3.1, 3.1), size=st.floats(0.1, 20), x=st.floats(-4000, 4000), y=st.floats(-4000, 4000))
def test_a_turned_scaled_and_moved_template_is_brought_back(
    turn: float, size: float, x: float, y: float
) -> None:
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    seen = TEMPLATE @ matrix.T + (x, y)

    found = similarity(seen, TEMPLATE)

    assert seen @ found[:, :2].T + found[:, 2] == pytest.approx(TEMPLATE, abs=1e-6)


def test_no_other_turn_or_size_fits_landmarks_better() -> None:
    generator = np.random.default_rng(3)
    seen = TEMPLATE * 3 + generator.normal(0, 9, (5, 2))
    best = similarity(seen, TEMPLATE)

    def misfit(matrix: np.ndarray) -> float:
        return float(((seen @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE) ** 2).sum())

    for a, b, x, y in generator.normal(0, 0.01, (200, 4)):
        assert misfit(best + np.array([[a, -b, x], [b, a, y]])) > misfit(best)


def test_aligning_sets_the_landmarks_on_the_template() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    landmarks = TEMPLATE * 2 + 60
    cv2.circle(image, np.rint(landmarks[2]).astype(int).tolist(), 6, (255, 255, 255), -1)

    chip = align(image, landmarks)
    y, x = (float(axis.mean()) for axis in np.nonzero(chip[..., 0] > 127))

    assert chip.shape == (112, 112, 3)
    assert (x, y) == pytest.approx(tuple(TEMPLATE[2]), abs=1)

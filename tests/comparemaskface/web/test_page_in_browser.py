"""The page as a person uses it, in a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from comparemaskface.vision.faces import FaceModel
from comparemaskface.vision.fetching import Fetcher
from comparemaskface.vision.model_scorer import ModelScorer
from comparemaskface.web.app import build_app

from demo.odd import no_face, rotated_exif
from tests.comparemaskface.browser import CHROMIUM, Tab, chromium
from tests.comparemaskface.service import SETTINGS, compare, running, sdk_client
from tests.comparemaskface.vision.test_model_scorer import OBAMA, OBAMA_AGAIN, PORTRAITS, text

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"),
]

SHOWN_BOX = """(letter => {
    const image = document.querySelector(`#${letter} img`), rect = document.querySelector(`#${letter} rect`);
    const whole = image.getBoundingClientRect(), box = rect.getBoundingClientRect();
    const scale = Math.min(whole.width / image.naturalWidth, whole.height / image.naturalHeight);
    const left = whole.x + (whole.width - scale * image.naturalWidth) / 2;
    const top = whole.y + (whole.height - scale * image.naturalHeight) / 2;
    return [(box.x - left) / scale, (box.y - top) / scale, box.width / scale, box.height / scale];
})"""
MIDDLE = """(selector => {
    const box = document.querySelector(selector).getBoundingClientRect();
    return {x: box.x + box.width / 2, y: box.y + box.height / 2};
})"""
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(build_app(SETTINGS, scorer=ModelScorer([FaceModel()], fetcher=Fetcher()))) as base:
        yield base


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Start one browser, before whose camera a portrait stands."""
    folder = tmp_path_factory.mktemp("browser")
    film = folder / "camera.mjpeg"
    portrait = cv2.resize(cv2.imread(str(PORTRAITS / "obama-1.jpg")), (640, 736))  # an odd side makes no film
    film.write_bytes(cv2.imencode(".jpg", portrait)[1].tobytes())
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with chromium(folder, *camera) as tab:
        yield tab


@pytest.fixture
def page(browser: Tab, address: str) -> Tab:
    browser.events.clear()
    browser.open(address)
    return browser


def choose(page: Tab, a: str, b: str) -> None:
    page.choose_file("#a input", PORTRAITS / a)
    page.choose_file("#b input", PORTRAITS / b)


def click_compare(page: Tab) -> None:
    page.wait("!document.getElementById('compare').disabled")
    page.read("document.getElementById('compare').click()")
    wait_for_answer(page)


def wait_for_answer(page: Tab) -> None:
    page.wait("!document.getElementById('result').hidden && !document.getElementById('compare').disabled")


def shown(page: Tab, selector: str) -> str:
    return str(page.read(f"document.querySelector({selector!r}).innerText"))


def test_two_portraits_show_the_score_that_the_sdk_gets_and_the_decisions(page: Tab, address: str) -> None:
    choose(page, "obama-1.jpg", "obama-2.jpg")
    click_compare(page)
    with sdk_client(address) as client:
        score = compare(client, ImageA=text(OBAMA), ImageB=text(OBAMA_AGAIN)).Score
    assert shown(page, "#score") == f"{score:.2f}"
    assert re.findall(r"(\d+)\s+1 in [\d,]+\s+(.*)", shown(page, "#decisions")) == [
        ("40", "match"),
        ("50", "match"),
        ("60", "match"),
    ]
    assert re.search(r"\d+ ms in the service", shown(page, "#timing"))
    assert "obama-1.jpg. Quality 4 of 4." in shown(page, "#a .about")
    assert page.events == []


def test_the_box_lies_around_the_face_that_the_model_found_also_in_a_turned_picture(
    page: Tab, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(rotated_exif())
    page.choose_file("#a input", turned)
    page.choose_file("#b input", PORTRAITS / "obama-2.jpg")
    click_compare(page)
    upright = page.read(f"{SHOWN_BOX}('b')")
    assert page.read(f"{SHOWN_BOX}('a')") == pytest.approx(upright, abs=8)
    assert all(value > 50 for value in upright)


def test_two_people_are_a_non_match(page: Tab) -> None:
    choose(page, "obama-1.jpg", "biden-1.jpg")
    click_compare(page)
    assert shown(page, "#decisions").count("non-match") == 3


def test_a_picture_without_a_face_shows_the_vendors_text_and_code(page: Tab, tmp_path: Path) -> None:
    hills = tmp_path / "hills.jpg"
    hills.write_bytes(no_face())
    page.choose_file("#a input", PORTRAITS / "obama-1.jpg")
    page.choose_file("#b input", hills)
    click_compare(page)
    words = "There is no face in the image. (InvalidParameterValue.NoFaceInPhoto)"
    assert shown(page, "#failure") == shown(page, "#b .about") == words
    assert "Quality 4" in shown(page, "#a .about")
    assert page.read("document.getElementById('scored').hidden")


def test_a_file_that_is_no_picture_says_so_and_is_refused_as_the_vendor_does(
    page: Tab, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    page.choose_file("#a input", broken)
    page.choose_file("#b input", PORTRAITS / "obama-1.jpg")
    page.wait("document.querySelector('#a img').hidden")
    assert shown(page, "#a .hint") == "This file cannot be shown as a picture."
    click_compare(page)
    assert "FailedOperation.ImageDecodeFailed" in shown(page, "#failure")


def test_another_picture_or_quality_takes_the_old_answer_away(page: Tab) -> None:
    choose(page, "obama-1.jpg", "obama-2.jpg")
    click_compare(page)
    page.choose_file("#b input", PORTRAITS / "biden-1.jpg")
    page.wait("document.getElementById('result').hidden")
    assert page.read("document.querySelector('#a svg').checkVisibility()") is False
    click_compare(page)
    assert float(shown(page, "#score")) < 40


def test_a_file_can_be_dropped(page: Tab) -> None:
    page.choose_file("#a input", PORTRAITS / "obama-1.jpg")
    spot = page.read(f"{MIDDLE}('#b .drop')")
    data = {"items": [], "files": [str(PORTRAITS / "obama-2.jpg")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.do("Input.dispatchDragEvent", type=kind, data=data, **spot)
    click_compare(page)
    assert "obama-2.jpg" in shown(page, "#b .about")
    assert float(shown(page, "#score")) > 50


def test_the_camera_takes_a_picture(page: Tab) -> None:
    page.choose_file("#a input", PORTRAITS / "obama-1.jpg")
    page.read("document.querySelector('#b .camera').click()")
    page.wait("document.getElementById('camera').open && !document.getElementById('shoot').disabled")
    page.read("document.getElementById('shoot').click()")
    click_compare(page)
    assert "camera.jpg" in shown(page, "#b .about")
    assert float(shown(page, "#score")) > 80
    assert page.read("document.querySelector('video').srcObject.active") is False


def test_the_keyboard_reaches_everything_in_order_and_compares(page: Tab) -> None:
    choose(page, "obama-1.jpg", "obama-2.jpg")
    page.wait("!document.getElementById('compare').disabled")
    reached = []
    for _ in range(6):
        page.press("Tab", code=9)
        reached.append(page.read(FOCUSED))
    page.press("Enter", code=13, text="\r")
    wait_for_answer(page)
    assert reached[:4] == [
        "Choose picture A",
        "Take picture A with the camera",
        "Choose picture B",
        "Take picture B with the camera",
    ]
    assert reached[5] == "Compare"
    assert float(shown(page, "#score")) > 50


def test_every_control_has_a_name_for_those_who_cannot_see_it(page: Tab) -> None:
    nodes = page.do("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in nodes if node["role"]["value"] in {"button", "combobox", "textbox"}]
    assert len(controls) >= 6
    assert all(node["name"]["value"] for node in controls)


def test_nothing_but_the_service_is_asked_for_anything(page: Tab, address: str) -> None:
    choose(page, "obama-1.jpg", "obama-2.jpg")
    click_compare(page)
    asked = page.read("performance.getEntries().map(entry => entry.name).filter(name => name.includes(':'))")
    assert f"{address}/compare" in asked
    assert all(name.startswith((address, f"blob:{address}")) for name in asked)


def test_the_snippet_is_python_that_asks_the_same_and_holds_no_secret(page: Tab, address: str) -> None:
    choose(page, "obama-1.jpg", "obama-2.jpg")
    click_compare(page)
    snippet = page.read("document.getElementById('snippet').textContent")
    compile(snippet, "snippet", "exec")
    assert SETTINGS.secret_key not in snippet
    assert address.removeprefix("http://") in snippet
    assert 'text("obama-1.jpg"), text("obama-2.jpg")' in snippet


def test_a_service_that_has_gone_is_reported_in_words(browser: Tab) -> None:
    with running(build_app(SETTINGS, scorer=ModelScorer([FaceModel()], fetcher=Fetcher()))) as gone:
        browser.open(gone)
        choose(browser, "obama-1.jpg", "obama-2.jpg")
    click_compare(browser)
    assert shown(browser, "#failure").startswith("The service did not answer")

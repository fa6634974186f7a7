"""The page of the service and the comparisons it asks for, without a browser."""

import base64
import hashlib
import json
import logging
import re
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from comparemaskface.vision.examination import Examination
from comparemaskface.vision.faces import FaceModel
from comparemaskface.vision.fetching import Fetcher
from comparemaskface.vision.model_scorer import ModelScorer
from comparemaskface.web.app import build_app
from comparemaskface.wire.comparison import Comparison

from demo.odd import blurred, no_face, truncated
from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import SETTINGS, TLS, compare, running, sdk_client
from tests.comparemaskface.vision.test_model_scorer import BIDEN, OBAMA, OBAMA_AGAIN, text

pytestmark = pytest.mark.server

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(build_app(SETTINGS, scorer=ModelScorer([FaceModel()], fetcher=Fetcher()))) as base:
        yield base


def get(address: str, **headers: str) -> httpx.Response:
    return httpx.get(address, headers=headers, trust_env=False, verify=TLS)


def post(address: str, content: bytes, **headers: str) -> httpx.Response:
    headers = {"Origin": address} | headers
    return httpx.post(
        f"{address}/compare", content=content, headers=headers, trust_env=False, verify=TLS, timeout=60
    )


def ask(address: str, a: bytes, b: bytes, **parameters: Any) -> dict[str, Any]:
    answer = post(address, json.dumps({"ImageA": text(a), "ImageB": text(b)} | parameters).encode())
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


def test_a_browser_gets_a_page_that_may_load_nothing_but_its_own_style_and_script(address: str) -> None:
    page = get(address, **BROWSER)
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_names_no_other_address(address: str) -> None:
    assert set(re.findall(r"https?://[^\s\"'`<]+", get(address, **BROWSER).text)) == {
        "http://www.w3.org/2000/svg"
    }


def test_the_page_is_installed_with_the_package() -> None:
    project = tomllib.loads(
        (Path(__file__).parents[3] / "services/comparemaskface/pyproject.toml").read_text()
    )
    assert "web/page.html" in project["tool"]["setuptools"]["package-data"]["comparemaskface"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Accept": "*/*"}),
        ("?Action=CompareMaskFace", BROWSER),
        ("", BROWSER | {"X-TC-Action": "CompareMaskFace"}),
        ("", BROWSER | {"Authorization": "TC3-HMAC-SHA256 nonsense"}),
    ],
)
def test_a_client_that_calls_the_action_with_get_is_answered_by_the_service(
    address: str, query: str, headers: dict[str, str]
) -> None:
    assert "Error" in get(f"{address}/{query}", **headers).json()["Response"]


def test_without_the_page_a_browser_is_a_client_and_nothing_is_compared_for_it(
    start_service: StartService,
) -> None:
    address = start_service(page=False)
    assert "Error" in get(address, **BROWSER).json()["Response"]
    assert post(address, b"{}").status_code == 404


def test_the_page_gets_the_score_that_the_sdk_gets(address: str) -> None:
    answer = ask(address, OBAMA, OBAMA_AGAIN)
    with sdk_client(address) as client:
        assert answer["score"] == compare(client, ImageA=text(OBAMA), ImageB=text(OBAMA_AGAIN)).Score
    assert answer["problem"] is None
    assert answer["milliseconds"] > 0


def test_the_page_gets_a_decision_at_each_threshold_with_its_false_match_rate(address: str) -> None:
    same, other = ask(address, OBAMA, OBAMA_AGAIN), ask(address, OBAMA, BIDEN)
    rates = {40: "1 in 1,000", 50: "1 in 10,000", 60: "1 in 100,000"}
    assert {each["threshold"]: each["rate"] for each in same["decisions"]} == rates
    assert [each["is_match"] for each in same["decisions"]] == [True, True, True]
    assert [each["is_match"] for each in other["decisions"]] == [False, False, False]


def test_the_page_gets_box_and_quality_of_each_face(address: str) -> None:
    sharp, poor = ask(address, OBAMA, blurred())["pictures"]
    assert (sharp["quality"], sharp["shortcomings"]) == (4, [])
    assert poor["quality"] < 3
    assert "blurred" in poor["shortcomings"]
    assert all(side > 20 for picture in (sharp, poor) for side in picture["box"])


@pytest.mark.parametrize(
    ("content", "code"),
    [(no_face(), "InvalidParameterValue.NoFaceInPhoto"), (truncated(), "FailedOperation.ImageDecodeFailed")],
)
def test_a_problem_is_shown_at_its_picture_and_the_other_is_shown_all_the_same(
    address: str, content: bytes, code: str
) -> None:
    answer = ask(address, OBAMA, content)
    assert answer["score"] is None
    assert answer["decisions"] == []
    assert answer["problem"]["code"] == answer["pictures"][1]["problem"]["code"] == code
    assert answer["problem"]["message"].endswith(".")
    assert answer["pictures"][0]["problem"] is None
    assert answer["pictures"][0]["quality"] == 4


def test_a_quality_too_low_shows_both_levels(address: str) -> None:
    answer = ask(address, OBAMA, blurred(), QualityControl=4)
    assert answer["problem"]["code"] == "FailedOperation.FaceQualityNotQualified"
    assert [picture["quality"] == 4 for picture in answer["pictures"]] == [True, False]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "InvalidParameter"),
        (b"{}", "MissingParameter.ErrorParameterEmpty"),
        (
            b'{"UrlA": "http://a.test/1.jpg", "UrlB": "http://a.test/2.jpg"}',
            "MissingParameter.ErrorParameterEmpty",
        ),
        (b'{"ImageA": "%s", "ImageB": "eA=="}' % (b"A" * 5_300_000), "FailedOperation.ImageSizeExceed"),
        (b" " * (10 * 1024 * 1024 + 1), "RequestSizeLimitExceeded"),
    ],
    ids=["no JSON", "no picture", "addresses", "large picture", "large request"],
)
def test_what_the_page_would_not_send_has_the_vendors_code(address: str, content: bytes, code: str) -> None:
    assert post(address, content).json()["problem"]["code"] == code


@pytest.mark.parametrize("origin", ["", "null", "http://elsewhere.test", "http://127.0.0.1:1", "http://["])
def test_another_page_of_the_same_browser_may_not_compare(address: str, origin: str) -> None:
    assert post(address, b"{}", Origin=origin).status_code == 403


def test_nothing_that_the_page_compares_is_on_the_meter_or_under_the_rate_limit(
    start_service: StartService,
) -> None:
    address = start_service(calls_per_second=1)
    answers = [ask(address, b"1", b"2") for _ in range(5)]
    assert {answer["score"] for answer in answers} == {answers[0]["score"]}
    assert answers[0]["pictures"][0] == {"box": None, "quality": None, "shortcomings": [], "problem": None}
    meter = get(f"{address}/meter").json()
    assert (meter["accepted"], meter["refused"], meter["billed"]) == (0, 0, 0)


def test_a_browser_that_leaves_in_the_middle_leaves_no_fault(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = address.removeprefix("http://").split(":")
    head = (
        f"POST /compare HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {address}\r\nContent-Length: 100\r\n\r\n{{"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
    assert ask(address, OBAMA, OBAMA)["score"] == 100
    assert "Exception" not in caplog.text
    assert "fault=" not in caplog.text


class Broken:
    """Fail, and say what it was given."""

    async def examine(self, comparison: Comparison) -> Examination:
        raise RuntimeError(str(comparison.a.content))

    async def aclose(self) -> None:
        """Hold nothing."""


def test_a_fault_is_an_internal_error_and_the_log_never_shows_a_picture(
    start_service: StartService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = ask(start_service(scorer=Broken()), b"private picture", b"another")
    assert answer["problem"]["code"] == "InternalError"
    assert "fault=RuntimeError" in caplog.text
    assert "code=InternalError" in caplog.text
    assert "private" not in caplog.text
    assert text(b"private picture") not in caplog.text

"""What goes over the wire: the envelopes, the body and its limits, and what is logged of it."""

import io
import json
import logging
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from comparemaskface.web.access_log import AccessLog
from comparemaskface.wire.forms import LARGEST_REQUEST

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import SECRET_KEY, TLS, HandMade
from tests.waiting import wait_until

pytestmark = pytest.mark.server


def test_a_success_has_the_exact_envelope(address: str, good: HandMade) -> None:
    answer = good.send(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    pattern = rb'\{"Response": \{"Score": [\d.]+, "FaceModelVersion": "3.0", "RequestId": "[0-9a-f-]{36}"\}\}'
    assert re.fullmatch(pattern, answer.content)


def test_an_error_has_the_exact_envelope_and_status_200(address: str, good: HandMade) -> None:
    answer = good.but(body=b"{}").send(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    content = json.loads(answer.content)
    assert list(content) == ["Response"]
    assert list(content["Response"]) == ["Error", "RequestId"]
    assert list(content["Response"]["Error"]) == ["Code", "Message"]


def test_texts_are_english_when_no_language_is_asked_for(address: str, good: HandMade) -> None:
    _, message = good.but(body=b"{}").error(address)
    assert message == "A required parameter is empty."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe\xfa",
        b"[" * 100_000,
        b"9" * 5000,
        "{}".encode("utf-16"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(address: str, good: HandMade, body: bytes) -> None:
    chinese = good.but(body=body, headers={"x-tc-language": "zh-CN"})
    assert chinese.error(address) == (
        "InvalidParameter",
        "对于指定content-type=application/json协议下，请求内容不是合法的Json格式。",
    )


def test_an_unknown_parameter_is_named_but_not_repeated_at_length(address: str, good: HandMade) -> None:
    assert good.but(body=b'{"$schema": 1}').error(address) == (
        "UnknownParameter",
        "The parameter `$schema` is not recognized.",
    )
    _, message = good.but(body=json.dumps({"x" * 9000: 1}).encode()).error(address)
    assert len(message) < 120


@pytest.mark.parametrize("value", ["1.0", "true", '"0"', "-1", "18446744073709551616", "[]"])
def test_quality_control_is_an_unsigned_integer(address: str, good: HandMade, value: str) -> None:
    body = b'{"UrlA": "http://p.test/1", "UrlB": "http://p.test/2", "QualityControl": %s}' % value.encode()
    assert good.but(body=body).error(address) == (
        "InvalidParameter",
        "The value type of parameter `QualityControl` is not valid.",
    )


@pytest.mark.parametrize(
    "url", ["http://", "http://a b/", "http://p.test:99999/", "http://[::1", "http://p.test/\\ud800", "//p/"]
)
def test_an_invalid_url_is_refused(address: str, good: HandMade, url: str) -> None:
    body = f'{{"UrlA": "{url}", "UrlB": "http://p.test/2"}}'.encode()
    assert good.but(body=body).error(address)[0] == "InvalidParameterValue.UrlIllegal"


def test_a_null_counts_as_absent(address: str, good: HandMade) -> None:
    body = b'{"UrlA": "http://p.test/1", "UrlB": "http://p.test/2", "ImageA": null, "QualityControl": null}'
    assert "Score" in good.but(body=body).send(address).text


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(
    address: str, good: HandMade
) -> None:
    too_large = good.but(body=b"x" * (LARGEST_REQUEST + 1))
    assert too_large.error(address)[0] == "RequestSizeLimitExceeded"

    def chunks() -> Iterator[bytes]:
        for _ in range(LARGEST_REQUEST // 65536 + 2):
            yield b"x" * 65536

    headers = good.but(without=("content-length",)).headers_signed()
    with httpx.Client(trust_env=False, verify=TLS) as client:
        answer = client.post(address, content=chunks(), headers=headers)
    assert answer.json()["Response"]["Error"]["Code"] == "RequestSizeLimitExceeded"


def test_one_line_is_logged_per_request_without_its_content(
    start_service: StartService,
    good: HandMade,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    address = start_service()
    body = b'{"UrlA": "http://p.test/1?sign=SECRETSIGN", "UrlB": "http://p.test/2"}'
    request_id = good.but(body=body).send(address).json()["Response"]["RequestId"]
    (line,) = (line for line in capfd.readouterr().err.splitlines() if request_id in line)
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO comparemaskface.access"
    assert re.fullmatch(rf"{when} request_id={request_id} account=[\w-]+ code=Scored ms=[\d.]+ fault=-", line)
    logged = [record.getMessage() for record in caplog.records if "httpcore" not in record.name]
    assert not [record for record in caplog.records if record.name.startswith("maskmatch")]
    served = " ".join([line, *logged])
    for secret in ("SECRETSIGN", SECRET_KEY, "Signature="):
        assert secret not in served


def test_a_log_that_cannot_be_written_costs_no_answer() -> None:
    stream = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - closing it fails
    AccessLog(stream).write("id", account=None, code="Scored", ms=1.0, fault="-")
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_health_says_what_gives_the_scores(address: str) -> None:
    with httpx.Client(trust_env=False, verify=TLS) as client:
        assert client.get(f"{address}/health").json() == {"status": "ok", "scores": "hash"}
        assert client.get(f"{address}/elsewhere").status_code == 404


def test_a_fault_of_the_service_is_an_internal_error(
    start_service: StartService, good: HandMade, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        async def score(self, _comparison: object) -> float:
            raise RuntimeError("holds what the caller sent")

        async def aclose(self) -> None: ...

    assert good.error(start_service(scorer=Broken())) == ("InternalError", "Internal error.")
    assert "fault=RuntimeError" in caplog.text
    assert "holds what the caller sent" not in caplog.text


def test_a_caller_who_leaves_before_the_end_of_the_request_disturbs_no_other(
    start_service: StartService, good: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not `capfd`: what is written while it empties its file is lost.
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    address = start_service()
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 1000\r\n\r\n{")

    def is_logged() -> bool:
        assert "Score" in good.send(address).text
        return "code=ClientDisconnected" in log.getvalue()

    wait_until(is_logged, "the call of the caller who left is logged")

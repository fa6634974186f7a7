"""Requests signed by hand, with one thing wrong in the headers of each: the codes and the order of checks."""

import time

import httpx
import pytest

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import TLS, HandMade

pytestmark = pytest.mark.server

CREDENTIAL = "TC3-HMAC-SHA256 Credential=AKIDtest/2026-01-01/iai/tc3_request"
SIGNED = "SignedHeaders=content-type;host"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("x-tc-action", "Action"),
        ("x-tc-version", "Version"),
        ("x-tc-timestamp", "Timestamp"),
        ("authorization", "Authorization"),
    ],
)
def test_a_missing_common_parameter_is_named(address: str, good: HandMade, header: str, name: str) -> None:
    assert good.but(without=(header,)).error(address) == (
        "MissingParameter",
        f"The request is missing a required parameter `{name}`.",
    )


@pytest.mark.parametrize("seconds", [-301, 302])
def test_a_clock_more_than_five_minutes_off_is_expired(address: str, seconds: int) -> None:
    assert HandMade(at=time.time() + seconds).error(address) == (
        "AuthFailure.SignatureExpire",
        "The signature is expired, please request again.",
    )


@pytest.mark.parametrize("seconds", [-295, 295])
def test_a_clock_less_than_five_minutes_off_is_accepted(address: str, seconds: int) -> None:
    assert "Score" in HandMade(at=time.time() + seconds).send(address).text


def test_a_date_that_is_not_the_timestamps_date_in_utc_fails_the_signature(
    address: str, good: HandMade
) -> None:
    assert good.but(date="2020-01-01").error(address)[0] == "AuthFailure.SignatureFailure"


def test_an_altered_body_fails_the_signature(address: str, good: HandMade) -> None:
    signed = good.headers_signed()
    with httpx.Client(trust_env=False, verify=TLS) as client:
        answer = client.post(address, content=good.body + b" ", headers=signed)
    assert answer.json()["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_another_products_signature_is_refused(address: str, good: HandMade) -> None:
    code, message = good.but(service="cvm").error(address)
    assert code == "AuthFailure.InvalidAuthorization"
    assert message.endswith("tencentcloud standards: `Service` in Credential not valid.")


@pytest.mark.parametrize(
    "text",
    [
        "SKIP",
        "Bearer abc",
        f"{CREDENTIAL.replace('tc3_request', 'tc4_request')}, {SIGNED}, Signature={'0' * 64}",
        f"{CREDENTIAL}, {SIGNED}, Signature=xyz",
        f"{CREDENTIAL}, SignedHeaders=host, Signature={'0' * 64}",
    ],
)
def test_a_malformed_authorization_is_refused(address: str, good: HandMade, text: str) -> None:
    code, _ = good.but(headers={"authorization": text}).error(address)
    assert code == "AuthFailure.InvalidAuthorization"


@pytest.mark.parametrize("signed", ["host;content-type", "content-type;host;host"])
def test_signed_headers_must_be_sorted_and_different(address: str, good: HandMade, signed: str) -> None:
    assert good.but(signed=signed).error(address)[0] == "AuthFailure.InvalidAuthorization"


def test_other_headers_may_be_signed_too_in_lower_case(address: str, good: HandMade) -> None:
    more = good.but(signed="content-type;host;x-tc-action;x-tc-timestamp")
    assert "Score" in more.send(address).text
    assert more.but(without=("x-tc-action",)).error(address)[0] == "MissingParameter"


def test_a_signed_header_that_was_not_sent_fails_the_signature(address: str, good: HandMade) -> None:
    more = good.but(signed="content-type;host;x-other", headers={"x-other": "1"}, without=("x-other",))
    assert more.error(address)[0] == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("host", ["127.0.0.1:8390", "http://127.0.0.1:8390", "IAI.Example"])
def test_the_host_is_verified_as_it_was_sent(address: str, good: HandMade, host: str) -> None:
    assert "Score" in good.but(host=host).send(address).text


def test_a_charset_in_the_requests_content_type_is_allowed(address: str, good: HandMade) -> None:
    assert "Score" in good.but(content_type="application/json; charset=utf-8").send(address).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_than_get_and_post_are_refused(address: str, good: HandMade, method: str) -> None:
    assert good.but(method=method, body=b"").error(address)[0] == "UnsupportedProtocol"


@pytest.mark.parametrize("content_type", ["multipart/form-data", ""])
def test_other_kinds_of_content_are_refused(address: str, good: HandMade, content_type: str) -> None:
    assert good.but(content_type=content_type).error(address)[0] == "UnsupportedProtocol"


def test_another_version_does_not_exist(address: str, good: HandMade) -> None:
    assert good.but(headers={"x-tc-version": "2018-03-01"}).error(address) == (
        "NoSuchVersion",
        "The specified api version=`2018-03-01` does not exist in service=`iai`.",
    )


def test_another_action_is_not_found(address: str, good: HandMade) -> None:
    assert good.but(headers={"x-tc-action": "CompareFace"}).error(address) == (
        "InvalidAction",
        "The request `Action` is invalid or not found.",
    )


def test_an_empty_region_is_not_valid(address: str, good: HandMade) -> None:
    code, message = good.but(headers={"x-tc-region": ""}).error(address)
    assert code == "UnsupportedRegion"
    assert message.startswith("A value specified in `X-TC-Region` is not valid")


@pytest.mark.parametrize("timestamp", ["soon", "-5", "1e9", "²", "9" * 30])
def test_a_timestamp_is_a_whole_number(address: str, good: HandMade, timestamp: str) -> None:
    headers = good.headers_signed() | {"x-tc-timestamp": timestamp}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    with httpx.Client(trust_env=False, verify=TLS) as client:
        answer = client.post(address, content=good.body, headers=raw)
    problem = answer.json()["Response"]["Error"]
    assert problem["Code"] == "InvalidParameter"
    assert problem["Message"] == "The value type of parameter `Timestamp` is not valid."


def test_checks_come_in_the_documented_order(start_service: StartService) -> None:
    now = time.time()
    address = start_service(calls_per_second=1, clock=lambda: now)
    wrong = HandMade(
        at=now - 1000,
        body=b"{",
        service="cvm",
        secret_id="AKIDother",
        headers={"x-tc-token": "t", "x-tc-action": "Other", "x-tc-version": "1"},
        without=("x-tc-action",),
        date="2020-01-01",
    )
    codes = []
    for cure in [
        {},
        {"without": ()},
        {"service": "iai"},
        {"at": now},
        {"secret_id": HandMade(at=0).secret_id},
        {"headers": {"x-tc-action": "Other", "x-tc-version": "1"}},
        {"date": None},
        {"headers": {"x-tc-action": "Other"}},
        {"headers": {}},
    ]:
        wrong = wrong.but(**cure)
        codes.append(wrong.error(address)[0])
    assert codes == [
        "MissingParameter",
        "AuthFailure.InvalidAuthorization",
        "AuthFailure.SignatureExpire",
        "AuthFailure.SecretIdNotFound",
        "AuthFailure.TokenFailure",
        "AuthFailure.SignatureFailure",
        "NoSuchVersion",
        "InvalidAction",
        "InvalidParameter",
    ]
    assert wrong.error(address)[0] == "RequestLimitExceeded"

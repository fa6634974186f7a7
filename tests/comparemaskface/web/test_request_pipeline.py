"""Whatever arrives: requests put together at random get an answer with a code, and never break anything."""

import asyncio
from typing import Any

import httpx
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web.app import build_app
from comparemaskface.wire.vendor_errors import VendorError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.comparemaskface.contract.by_hand import URLENCODED, Credential, Old, Tc3
from tests.comparemaskface.service import SECRET_ID, SECRET_KEY, SETTINGS

NOW = 1_800_000_000.0
APP = build_app(SETTINGS, scorer=HashScorer(), clock=lambda: NOW)
CODES = {error.code for error in VendorError if error is not VendorError.INTERNAL}
CREDENTIAL = Credential(SECRET_ID, SECRET_KEY)

VALUES = st.sampled_from(
    ["", "CompareMaskFace", "2020-03-03", str(int(NOW)), "ap-guangzhou", "1", "0"]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
NAMES = st.sampled_from(
    [
        "authorization",
        "content-type",
        "host",
        "x-tc-action",
        "x-tc-content-sha256",
        "x-tc-language",
        "x-tc-region",
        "x-tc-timestamp",
        "x-tc-token",
        "x-tc-version",
    ]
)
TYPES = st.sampled_from(
    ["application/json", URLENCODED, "multipart/form-data", "application/json; charset=x"]
)
FIELDS = st.sampled_from(
    ["Action", "Version", "Timestamp", "Nonce", "Signature", "SecretId", "Region", "UrlA", "QualityControl"]
)


def sent(method: str, query: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(APP, raise_app_exceptions=True)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        async with httpx.AsyncClient(transport=transport, base_url="http://p.test") as client:
            return await client.request(method, f"/?{query}", headers=raw, content=body)

    reply = asyncio.run(send())
    assert reply.status_code == 200
    response: dict[str, Any] = reply.json()["Response"]
    assert len(response["RequestId"]) == 36
    return response


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    content_type=TYPES,
    headers=st.dictionaries(NAMES, VALUES),
    fields=st.dictionaries(FIELDS, VALUES),
    junk=st.binary(max_size=60),
)
def test_an_unsigned_request_gets_a_code(
    method: str, content_type: str, headers: dict[str, str], fields: dict[str, str], junk: bytes
) -> None:
    query = httpx.QueryParams(fields)
    body = b"" if method == "GET" else str(query).encode() + junk
    url = str(query) if method == "GET" else ""
    response = sent(method, url, {"content-type": content_type} | headers, body)
    assert response["Error"]["Code"] in CODES


@settings(deadline=None)
@given(
    raw=st.binary(max_size=80)
    | st.sampled_from([b'{"UrlA": "\\ud800", "UrlB": ""}', b'{"QualityControl": 1e400}']),
    is_query=st.booleans(),
)
def test_any_content_that_is_signed_gets_a_code(raw: bytes, is_query: bool) -> None:
    if is_query:
        raw = bytes(byte for byte in raw if 33 <= byte < 127 and byte not in b'#"<>`{}|\\^[]')
    request = Tc3(CREDENTIAL, at=NOW, method="GET" if is_query else "POST", raw=raw)
    headers = request._plain_headers()
    headers["authorization"] = request.authorization(headers, raw)
    query, body = (raw.decode(), b"") if is_query else ("", raw)
    response = sent(request.method, query, headers, body)
    assert response["Error"]["Code"] in CODES


@settings(deadline=None)
@given(parameters=st.dictionaries(FIELDS | st.text(max_size=5), st.text(max_size=10), max_size=5))
def test_any_fields_that_are_signed_get_a_code(parameters: dict[str, str]) -> None:
    from_text = {name: value.encode("utf-8", "ignore").decode() for name, value in parameters.items()}
    request = Old(
        CREDENTIAL, at=NOW, parameters={name: from_text[name] for name in from_text if name.isascii()}
    )
    response = sent("POST", "", {"content-type": URLENCODED, "host": request.host}, request.content())
    assert response["Error"]["Code"] in CODES


def test_a_good_request_made_the_same_way_is_answered() -> None:
    request = Old(CREDENTIAL, at=NOW)
    response = sent("POST", "", {"content-type": URLENCODED, "host": request.host}, request.content())
    assert 0 <= response["Score"] <= 100

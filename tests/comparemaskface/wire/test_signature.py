"""Our verification against the SDK's own signing."""

import hashlib
from typing import Any

import pytest
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.signature import Authorization, read_authorization, tc3_signature_matches
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.http.request import RequestInternal

from tests.comparemaskface.service import SECRET_ID, SECRET_KEY, sdk_client

HOSTS = st.sampled_from(["iai.tencentcloudapi.com", "127.0.0.1:8390", "Some.Host:1", "http://127.0.0.1:8390"])
PARAMETERS = st.dictionaries(st.text(max_size=20), st.text() | st.integers() | st.booleans(), max_size=6)


def signed_by_sdk(host: str, parameters: dict[str, Any], *, key: str = SECRET_KEY) -> RequestInternal:
    request = RequestInternal(host, "POST", "/")
    with sdk_client(host, secret_key=key) as client:
        client.profile.httpProfile.endpoint = host
        AbstractClient._build_req_inter(client, "CompareMaskFace", parameters, request)
    return request


def is_accepted(request: RequestInternal, *, body: bytes | None = None, key: str = SECRET_KEY) -> bool:
    headers = Headers(request.header)
    payload = request.data.encode() if body is None else body
    return tc3_signature_matches(
        key,
        read_authorization(headers["authorization"]),
        headers=headers,
        timestamp=headers["x-tc-timestamp"],
        payload_sha256=hashlib.sha256(payload).hexdigest(),
    )


@given(host=HOSTS, parameters=PARAMETERS)
def test_whatever_the_sdk_signs_is_accepted_and_anything_altered_is_not(
    host: str, parameters: dict[str, Any]
) -> None:
    request = signed_by_sdk(host, parameters)
    assert is_accepted(request)
    assert not is_accepted(request, body=request.data.encode() + b" ")
    assert not is_accepted(request, key=SECRET_KEY + "x")
    request.header["X-TC-Timestamp"] = str(int(request.header["X-TC-Timestamp"]) + 1)
    assert not is_accepted(request)


@given(key=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1))
def test_any_secret_key_works(key: str) -> None:
    assert is_accepted(signed_by_sdk("p.test", {}, key=key), key=key)


@given(text=st.text(alphabet=st.characters(max_codepoint=255)))
def test_any_other_header_is_malformed_and_breaks_nothing(text: str) -> None:
    with pytest.raises(ServiceError, match=r"AuthFailure\.InvalidAuthorization"):
        read_authorization(text)


def test_a_claim_does_not_show_its_signature_or_its_secret_id() -> None:
    claim = Authorization(
        secret_id=SECRET_ID, date="d", service="iai", signed_headers=("host",), signature="sig"
    )
    assert SECRET_ID not in repr(claim)
    assert "sig'" not in repr(claim)

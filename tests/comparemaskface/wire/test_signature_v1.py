"""Our verification of the older signatures against the SDK's own signing."""

from typing import Any

import pytest
from comparemaskface.wire.signature_v1 import v1_signature_matches
from comparemaskface.wire.urlencoded import read_fields
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.http.request import RequestInternal

from tests.comparemaskface.service import SECRET_KEY, sdk_client

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
PARAMETERS = st.dictionaries(st.sampled_from(["UrlA", "UrlB", "ImageA", "Some_Name"]), TEXTS | st.integers())


def signed_by_sdk(parameters: dict[str, Any], *, method: str, sign_method: str) -> dict[str, str]:
    request = RequestInternal("p.test:1", method, "/")
    with sdk_client("p.test:1", method=method, sign_method=sign_method) as client:
        AbstractClient._build_req_inter(client, "CompareMaskFace", parameters, request)
    return read_fields(request.data.encode())


def is_accepted(
    fields: dict[str, str], *, method: str, key: str = SECRET_KEY, host: str = "p.test:1"
) -> bool:
    return v1_signature_matches(key, fields, method=method, host=host)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sign_method", ["HmacSHA1", "HmacSHA256"])
@given(parameters=PARAMETERS)
def test_whatever_the_sdk_signs_is_accepted_and_anything_altered_is_not(
    method: str, sign_method: str, parameters: dict[str, Any]
) -> None:
    fields = signed_by_sdk(parameters, method=method, sign_method=sign_method)
    assert is_accepted(fields, method=method)
    assert not is_accepted(fields, method="PUT")
    assert not is_accepted(fields, method=method, key=SECRET_KEY + "x")
    assert not is_accepted(fields, method=method, host="p.test:2")
    assert not is_accepted(fields | {"Nonce": "0"}, method=method)


@given(signature=st.text())
def test_no_other_text_is_a_signature_and_none_breaks_anything(signature: str) -> None:
    fields = signed_by_sdk({}, method="GET", sign_method="HmacSHA1")
    assert not is_accepted(fields | {"Signature": signature}, method="GET")

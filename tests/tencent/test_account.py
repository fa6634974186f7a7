"""Who calls the vendor: what is mended in an account, what is refused, and what it does not show."""

from dataclasses import replace

import pytest

from maskmatch.core.errors import InputError
from maskmatch.tencent import Account

FIELDS = ["secret_id", "secret_key", "session_token", "region"]


def account_with(**fields):
    return Account(**{"secret_id": "id", "secret_key": "key"} | fields)


def refusal_of(**fields):
    with pytest.raises(InputError) as caught:
        account_with(**fields)
    return str(caught.value)


@pytest.mark.parametrize("rate", [0, -5, 1e-320, float("nan"), float("inf")])
def test_a_wrong_rate_is_refused(rate):
    assert "calls_per_second must be a number of 0.001 or more" in refusal_of(calls_per_second=rate)


def test_the_name_of_an_account_tells_no_secret_id():
    account = account_with(secret_id="AKIDmine")
    assert (account.name, replace(account, account_id="125").name) == ("key-57f4dc97fdcb", "125")


def test_neither_key_nor_token_is_shown_by_repr():
    account = account_with(secret_id="AKIDshown", secret_key="hidden", session_token="tok")
    assert all(word not in repr(account) for word in ("AKIDshown", "hidden", "tok"))


@pytest.mark.parametrize(
    ("typed", "endpoint", "protocol", "answered_by"),
    [
        ("https://iai.tencentcloudapi.com/", "iai.tencentcloudapi.com", "https", "iai.tencentcloudapi.com"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "http", "127.0.0.1"),
        (" IAI.tencentcloudapi.com\n", "iai.tencentcloudapi.com", "https", "iai.tencentcloudapi.com"),
        ("http://[::1]:80", "[::1]:80", "http", "[::1]"),
        (
            "iai.ap-shanghai.tencentcloudapi.com",
            "iai.ap-shanghai.tencentcloudapi.com",
            "https",
            "iai.tencentcloudapi.com",
        ),
        (
            "iai.ap-shanghai-fsi.tencentcloudapi.com",
            "iai.ap-shanghai-fsi.tencentcloudapi.com",
            "https",
            "iai.ap-shanghai-fsi.tencentcloudapi.com",
        ),
    ],
)
def test_an_endpoint_is_mended(typed, endpoint, protocol, answered_by):
    account = account_with(endpoint=typed)
    assert (account.endpoint, account.protocol, account.answered_by) == (endpoint, protocol, answered_by)
    assert replace(account, region="r") == account_with(endpoint=endpoint, protocol=protocol, region="r")


@pytest.mark.parametrize("typed", ["https://iai.tencentcloudapi.com/v1", "x\r\nX-Evil: 1", "", "ftp://a"])
def test_an_endpoint_that_cannot_be_mended_is_refused(typed):
    assert "write iai.tencentcloudapi.com, or host:port" in refusal_of(endpoint=typed)


@pytest.mark.parametrize("protocol", ["ftp", "HTTP", "https://", ""])
def test_another_protocol_is_refused(protocol):
    assert refusal_of(protocol=protocol) == f"protocol must be https or http, not {protocol!r}"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (" s3cret", "a blank at its beginning"),
        ("\r\ns3cret", "a blank at its beginning"),
        ("   ", "a blank at its beginning"),
        ("s3cret ", "a blank at its end"),
        ("s3cret\n", "a blank at its end"),
        ("s3cret\u00a0", "a blank at its end"),
        ("s3 cret", "a blank inside"),
        ("s3\tcret", "a blank inside"),
        ("s3cret\r\nX-Evil: 1", "a blank inside"),
        ("\ufeffs3cret", "a character that is not visible ASCII at its beginning"),
        ("s3cret\u200b", "a character that is not visible ASCII at its end"),
        ("s3\x00cret", "a character that is not visible ASCII inside"),
        ("s3сret", "a character that is not visible ASCII inside"),
    ],
)
def test_what_pasting_brings_is_refused_by_field_and_place_and_the_value_not_shown(field, value, problem):
    text = refusal_of(**{field: value})
    assert text == f"{field} holds {problem}: enter it anew, without blanks and line breaks"


@pytest.mark.parametrize("field", FIELDS)
def test_all_visible_ascii_is_taken(field):
    account_with(**{field: "".join(map(chr, range(33, 127)))})

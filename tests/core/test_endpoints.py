"""An endpoint as people type it is mended where its meaning is plain, else refused with the right form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskmatch.core.endpoints import Endpoint, read_endpoint
from maskmatch.core.errors import InputError

HOST = "iai.tencentcloudapi.com"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (HOST, Endpoint(HOST)),
        (f"  {HOST}\r\n", Endpoint(HOST)),
        (f"{HOST}/", Endpoint(HOST)),
        (f"https://{HOST}/", Endpoint(HOST, "https")),
        (f" HTTP://{HOST.upper()}:8080 ", Endpoint(f"{HOST}:8080", "http")),
        ("localhost:1", Endpoint("localhost:1")),
        ("my_service:65535", Endpoint("my_service:65535")),
        ("127.0.0.1:443", Endpoint("127.0.0.1:443")),
        ("[::1]", Endpoint("[::1]")),
        ("https://[FE80::1]:8443/", Endpoint("[fe80::1]:8443", "https")),
    ],
)
def test_what_is_plainly_meant_is_taken(typed, meant):
    assert read_endpoint(typed) == meant


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "names no host"),
        ("  ", "names no host"),
        ("https://", "names no host"),
        ("https:///", "names no host"),
        (":443", "names no host"),
        (f"https://{HOST}/v1", "path"),
        (f"{HOST}//", "path"),
        (f"{HOST}?a", "query"),
        (f"{HOST}#a", "fragment"),
        (f"{HOST}\\", "path"),
        ("iai. tencentcloudapi.com", "blank"),
        ("iai\r\nX-Evil: 1", "blank"),
        (f"{HOST} :443", "blank"),
        (f"ftp://{HOST}", "protocol other than"),
        (f"https://https://{HOST}", "protocol other than"),
        (f"https:{HOST}", "valid port"),
        (f"{HOST}:", "valid port"),
        (f"{HOST}:https", "valid port"),
        (f"{HOST}:0", "valid port"),
        (f"{HOST}:65536", "valid port"),
        (f"{HOST}:-1", "valid port"),
        (f"{HOST}:4_3", "valid port"),
        (f"{HOST}:1:2", "valid port"),
        ("::1", "names no host"),
        ("[::1", "valid port"),
        ("[::1]443", "valid port"),
        ("[::g]", "valid host"),
        ("[]", "valid host"),
        ("[fe80::1%eth0]", "valid host"),
        ("a..b", "valid host"),
        (f"{HOST}.", "valid host"),
        ("-a.com", "valid host"),
        ("a" * 64, "valid host"),
        (".".join(["a" * 63] * 4), "valid host"),
        ("a\x00b", "valid host"),
        ("іai.tencentcloudapi.com", "not ASCII"),
        (f"{HOST}\u200b", "not ASCII"),
        (f"{HOST}:４４３", "not ASCII"),
        (f"{HOST}\udcff", "not ASCII"),
    ],
)
def test_anything_else_is_refused_with_what_was_typed_and_the_right_form(typed, problem):
    with pytest.raises(InputError, match=problem) as caught:
        read_endpoint(typed)
    text = str(caught.value)
    assert ascii(typed)[1:60] in text
    assert text.endswith("write iai.tencentcloudapi.com, or host:port for another service")
    assert text.isascii()


@pytest.mark.parametrize(
    "typed",
    [
        f"https://me:s3cret@{HOST}",
        f"me:s3cret@{HOST}",
        f"https://me:s3cret@{HOST}/path",
        f"https://me:s3/cret?s3#cret@s3cret@{HOST}",
        f"socks5://me:s3cret@{HOST}",
        f"https://me:s3\ncret@{HOST}",
    ],
)
def test_user_and_password_are_refused_and_not_shown(typed):
    with pytest.raises(InputError, match="holds a user or a password") as caught:
        read_endpoint(typed)
    assert "s3" not in str(caught.value)
    assert f"...@{HOST}" in str(caught.value)


def test_a_query_is_not_shown():
    with pytest.raises(InputError, match=r"\?\.\.\.' holds a path, a query") as caught:
        read_endpoint(f"{HOST}?Signature=s3cret")
    assert "s3cret" not in str(caught.value)


def test_what_was_typed_is_shown_short():
    with pytest.raises(InputError) as caught:
        read_endpoint("a" * 10_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("typed", "host", "port"), [(HOST, HOST, None), ("a:80", "a", 80), ("[::1]:80", "::1", 80)]
)
def test_host_and_port_can_be_had_apart(typed, host, port):
    endpoint = read_endpoint(typed)
    assert (endpoint.host, endpoint.port) == (host, port)


@given(st.text(st.sampled_from("ab1.:-_/@[]%? \téhtps"), max_size=30))
def test_what_is_taken_fits_a_header_and_is_taken_again_unchanged(typed):
    try:
        endpoint = read_endpoint(typed)
    except InputError:
        return
    assert endpoint.host_port.isascii()
    assert endpoint.host_port.isprintable()
    assert read_endpoint(endpoint.host_port) == Endpoint(endpoint.host_port)

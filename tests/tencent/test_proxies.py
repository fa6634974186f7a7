"""The proxy that the environment names: which, for whom, and that its password is never shown."""

import re
import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from devstack.tls_host import tls_host
from maskmatch.core.codes import Billed
from maskmatch.core.endpoints import Endpoint
from maskmatch.core.errors import CallFailed, InputError, StopRun
from maskmatch.tencent import Account, TencentComparer, connections
from maskmatch.tencent.connections import Place
from maskmatch.tencent.proxies import Proxy, proxy_for, read_proxy
from tests.tencent.answers import ONE, OTHER, SCORED, calls_to, peer, reply, serving, trusted_in

pytestmark = pytest.mark.server

HOST = "iai.tencentcloudapi.com"
NAMES = [f"{name}_proxy" for name in ("https", "http", "all", "no")]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in (*NAMES, *map(str.upper, NAMES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch):
    """Return a function that sets variables."""
    return lambda **variables: [monkeypatch.setenv(*each) for each in variables.items()]


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy:3128", Proxy("proxy", 3128)),
        ("proxy:3128", Proxy("proxy", 3128)),
        (" HTTP://Proxy:3128/ ", Proxy("proxy", 3128)),
        ("proxy", Proxy("proxy", 80)),
        ("http://me:p%40ss@proxy:3128", Proxy("proxy", 3128, "me:p@ss")),
        ("me:p@s/s#?@proxy:3128", Proxy("proxy", 3128, "me:p@s/s#?")),
        ("http://me@proxy", Proxy("proxy", 80, "me:")),
        ("http://[::1]:3128", Proxy("::1", 3128)),
    ],
)
def test_a_proxy_is_read_with_or_without_its_protocol(text, proxy):
    assert read_proxy(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "socks5://me:s3cret@proxy:1080",
        "https://me:s3cret@proxy:3128",
        "http://me:s3cret@proxy:port",
        "me:s3cret@",
        "http://me:s3cret@proxy/path",
        "http://me:s3cret@pro xy",
        "http://me:s3cret@s3cret@proxy:0",
    ],
)
def test_any_other_proxy_is_refused_with_the_cure_and_without_its_password(text):
    with pytest.raises(InputError, match=r"a proxy must be given as http://host:port") as caught:
        read_proxy(text)
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
    assert "...@" in str(caught.value)


def test_neither_a_proxy_nor_a_place_shows_its_password():
    place = Place(endpoint="a", authorities=None, proxy=read_proxy("http://me:s3cret@proxy"))
    assert "s3cret" not in repr(place)


def test_a_password_that_is_no_text_is_sent_as_the_environment_holds_it():
    assert read_proxy("me:\udcff@proxy").headers == {"Proxy-Authorization": "Basic bWU6/w=="}


@pytest.mark.parametrize(
    ("protocol", "variable", "is_used"),
    [
        ("https", "HTTPS_PROXY", True),
        ("https", "https_proxy", True),
        ("https", "HTTP_PROXY", False),
        ("http", "HTTP_PROXY", True),
        ("http", "http_proxy", True),
        ("http", "HTTPS_PROXY", False),
        ("https", "ALL_PROXY", True),
        ("http", "all_proxy", True),
    ],
)
def test_each_protocol_has_its_variable(protocol, variable, is_used, environment):
    environment(**{variable: "proxy:1"})
    assert proxy_for(Endpoint(HOST), protocol=protocol) == (Proxy("proxy", 1) if is_used else None)


def test_the_more_special_variable_and_the_lower_case_go_first(environment):
    environment(ALL_PROXY="all:1", HTTPS_PROXY="upper:1")
    assert proxy_for(Endpoint(HOST), protocol="https") == Proxy("upper", 1)
    environment(https_proxy="lower:1")
    assert proxy_for(Endpoint(HOST), protocol="https") == Proxy("lower", 1)


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("no_proxy", "endpoint", "is_exempt"),
    [
        (".tencentcloudapi.com", HOST, True),
        ("tencentcloudapi.com", HOST, True),
        ("*.tencentcloudapi.com", HOST, True),
        ("TencentCloudAPI.com", HOST, True),
        (HOST, HOST, True),
        ("*", HOST, True),
        ("a.test, *", HOST, True),
        ("a.test , .tencentcloudapi.com ,", HOST, True),
        ("a.test tencentcloudapi.com", HOST, True),
        (f"{HOST}:443", HOST, True),
        (f"{HOST}:443", f"{HOST}:443", True),
        (f"{HOST}:8443", HOST, False),
        (f"{HOST}:8443", f"{HOST}:8443", True),
        ("cloudapi.com", HOST, False),
        ("ai.tencentcloudapi.com", HOST, False),
        (f"x.{HOST}", HOST, False),
        ("com.test", HOST, False),
        ("", HOST, False),
        (" , ", HOST, False),
        ("127.0.0.1", "127.0.0.1:8390", True),
        ("10.0.0.0/8", "10.1.2.3:8390", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", HOST, False),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("::1", "[::1]:8390", True),
        ("[::1]", "[::1]", True),
        ("fd00::/8", "[fd00::1]", True),
        ("fd00::/8", "10.1.2.3", False),
    ],
)
def test_no_proxy_exempts_hosts_domains_and_networks(variable, no_proxy, endpoint, is_exempt, environment):
    environment(HTTPS_PROXY="proxy:1", **{variable: no_proxy})
    assert (proxy_for(Endpoint(endpoint), protocol="https") is None) == is_exempt


def account_of(endpoint, protocol="https"):
    return Account(secret_id="i", secret_key="k", endpoint=endpoint, protocol=protocol)


@pytest.mark.parametrize("proxy", ["https://me:s3cret@127.0.0.1:9", "socks5://me:s3cret@127.0.0.1:9"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_of_another_kind_stops_the_run_naming_the_variable(variable, proxy, environment):
    environment(**{variable: proxy})
    with pytest.raises(StopRun, match=f"^{variable}: .*http://host:port") as caught:
        TencentComparer(account_of(HOST), connections=1)
    assert "s3cret" not in str(caught.value)


def test_one_for_an_exempt_host_is_not_looked_at(environment):
    environment(HTTPS_PROXY="socks5://proxy", NO_PROXY=HOST)
    TencentComparer(account_of(HOST), connections=1).close()


def test_a_proxy_of_plain_http_is_asked_for_the_whole_address(environment):
    seen = []

    def answer(handler):
        seen.append((handler.path, handler.headers["Host"], handler.headers["Proxy-Authorization"]))
        reply(handler, 200, SCORED)

    with serving(answer) as proxy:
        environment(HTTP_PROXY=f"me:p%40ss@{proxy}")
        with closing(TencentComparer(account_of("iai.test:81", "http"), connections=1)) as comparer:
            comparer.compare(ONE, OTHER, quality_control=0)
    assert seen == [("http://iai.test:81/", "iai.test:81", "Basic bWU6cEBzcw==")]


def tunnel(handler):
    """Connect as a proxy does, and carry bytes both ways."""
    host, _, port = handler.path.partition(":")
    with socket.create_connection((host, int(port))) as far:
        handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=carry, args=(far, handler.connection))
        back.start()
        carry(handler.connection, far)
        back.join()
    handler.close_connection = True


def carry(source, target):
    with suppress(OSError):  # whoever hangs up first
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_tls_goes_through_a_tunnel_of_the_proxy(tmp_path):
    asked = []

    def answer(handler):
        asked.append((handler.path, handler.headers["Host"], handler.headers["Proxy-Authorization"]))
        tunnel(handler)

    with tls_host(tmp_path) as port, serving(answer) as proxy:
        place = {"authorities": trusted_in(tmp_path), "proxy": read_proxy(f"http://me:pass@{proxy}")}
        with calls_to(f"localhost:{port}", **place) as each:
            assert each.made().response.status_code == 501
    assert asked == [(f"localhost:{port}", f"localhost:{port}", "Basic bWU6cGFzcw==")]


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


on_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no loopback of IPv6")


@on_ipv6
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("form", ["http://[::1]:{}", "[::1]:{}", "http://me:pass@[::1]:{}/", "[0:0::1]:{}"])
def test_tls_goes_through_a_tunnel_of_a_proxy_on_ipv6(tmp_path, environment, variable, form):
    asked = []

    def answer(handler):
        asked.append(handler.path)
        tunnel(handler)

    with tls_host(tmp_path) as port, serving(answer, host="::1") as proxy:
        environment(
            **{variable: form.format(proxy.rpartition(":")[2])}, REQUESTS_CA_BUNDLE=trusted_in(tmp_path).path
        )
        with closing(TencentComparer(account_of(f"localhost:{port}"), connections=1)) as comparer:
            comparer.give_up(comparer.prepare(ONE, OTHER, quality_control=0))  # TLS is through, or it raises
    assert asked == [f"localhost:{port}"]


@on_ipv6
def test_a_proxy_of_plain_http_may_be_on_ipv6(environment):
    seen = []

    def answer(handler):
        seen.append(handler.path)
        reply(handler, 200, SCORED)

    with serving(answer, host="::1") as proxy:
        environment(HTTP_PROXY=f"http://{proxy}")
        with closing(TencentComparer(account_of("iai.test", "http"), connections=1)) as comparer:
            assert comparer.compare(ONE, OTHER, quality_control=0).score == 1
    assert seen == ["http://iai.test/"]


@on_ipv6
def test_a_tunnel_may_lead_to_an_address_of_ipv6(environment):
    asked = []

    def answer(handler):
        asked.append((handler.path, handler.headers["Host"]))
        reply(handler, 502, b"")

    with serving(answer, host="::1") as proxy:
        environment(HTTPS_PROXY=proxy)
        comparer = TencentComparer(account_of("[::1]:8390"), connections=1)
        # The proxy is named as it was written.
        told = re.escape(f"the proxy {proxy} answered 502")
        with closing(comparer), pytest.raises(CallFailed, match=told):
            comparer.prepare(ONE, OTHER, quality_control=0)
    assert asked == [("[::1]:8390", "[::1]:8390")]


def test_the_certificate_behind_a_tunnel_is_checked_for_the_endpoint(tmp_path, environment):
    with tls_host(tmp_path) as port, serving(tunnel) as proxy:
        environment(HTTPS_PROXY=proxy, REQUESTS_CA_BUNDLE=trusted_in(tmp_path).path)
        with pytest.raises(StopRun, match="IP address mismatch"):
            TencentComparer(account_of(f"127.0.0.1:{port}"), connections=1).check()


def failure_through(proxy, environment):
    environment(HTTPS_PROXY=proxy)
    comparer = TencentComparer(account_of(HOST), connections=1)
    with closing(comparer), pytest.raises(CallFailed) as caught:
        comparer.prepare(ONE, OTHER, quality_control=0)
    failure = caught.value
    assert (failure.never_sent, failure.rule.billed) == (True, Billed.NO)
    assert "s3cret" not in str(failure)
    return failure.message


def test_a_proxy_that_refuses_breaks_before_any_byte_and_its_password_is_not_told(environment):
    with serving(lambda handler: reply(handler, 502, b"")) as proxy:
        assert f"the proxy {proxy} answered 502" in failure_through(f"http://me:s3cret@{proxy}", environment)


def test_a_proxy_that_wants_a_password_stops_with_the_cure(environment):
    with serving(lambda handler: reply(handler, 407, b"")) as proxy:
        environment(HTTPS_PROXY=f"http://me:s3cret@{proxy}")
        comparer = TencentComparer(account_of(HOST), connections=1)
        told = r"wants a user and a password .*HTTPS_PROXY as"
        with closing(comparer), pytest.raises(StopRun, match=told) as caught:
            comparer.prepare(ONE, OTHER, quality_control=0)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"no HTTP at all\r\n\r\n"])
def test_a_proxy_that_answers_no_http_breaks_before_any_byte(said, environment):
    def talk(sock):
        sock.recv(65536)
        sock.sendall(said)

    with peer(talk) as proxy:
        failure_through(f"me:s3cret@{proxy}", environment)


def test_a_proxy_that_answers_without_end_is_given_up_in_time(environment, monkeypatch):
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)

    def talk(sock):
        sock.recv(65536)
        with suppress(OSError):
            sock.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                sock.sendall(b"A: b\r\n")
                time.sleep(0.02)  # drips

    with peer(talk) as proxy:
        assert "timed out" in failure_through(proxy, environment)

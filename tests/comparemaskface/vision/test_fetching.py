import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from comparemaskface.vision.fetching import Address, Fetcher, is_any, is_public
from comparemaskface.wire.errors import ServiceError

from devstack.tls_host import tls_host
from tests.comparemaskface.pictures_host import PICTURE, PicturesHost, pictures_host

pytestmark = pytest.mark.server

DOWNLOAD_ERROR = "FailedOperation.ImageDownloadError"


@pytest.fixture(scope="module")
def host() -> Iterator[PicturesHost]:
    with pictures_host() as running:
        yield running


class Names:
    """A name service with fixed answers, which remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = [ip_address(answer) for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, name: str, _port: int) -> list[Address]:
        self.asked.append(name)
        return self.answers


def fetch(url: str, **choices: Any) -> bytes:
    async def once() -> bytes:
        fetcher = Fetcher(**{"allows": is_any} | choices)
        try:
            async with asyncio.timeout(30):  # some hosts here never end
                return await fetcher.fetch(url)
        finally:
            await fetcher.aclose()

    return asyncio.run(once())


def codes(urls: list[str], **choices: Any) -> list[str]:
    """Fetch with one fetcher, one after the other; return the code of each failure."""

    async def all_of_them() -> list[str]:
        fetcher, failures = Fetcher(**{"allows": is_any} | choices), []
        for url in urls:
            with pytest.raises(ServiceError) as caught:
                await fetcher.fetch(url)
            failures.append(caught.value.code)
        await fetcher.aclose()
        return failures

    return asyncio.run(all_of_them())


def code(url: str, **choices: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        fetch(url, **choices)
    return caught.value.code


def test_a_picture_is_fetched(host: PicturesHost) -> None:
    assert fetch(host.url("/picture.jpg?sign=abc")) == PICTURE
    assert host.requests[-1] == (f"127.0.0.1:{host.port}", "/picture.jpg?sign=abc")


def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_given(
    host: PicturesHost,
) -> None:
    names = Names("127.0.0.1")
    assert fetch(host.url("/picture.jpg", host="pictures.test"), resolver=names) == PICTURE
    assert names.asked == ["pictures.test"]
    assert host.requests[-1] == (f"pictures.test:{host.port}", "/picture.jpg")


@pytest.mark.parametrize(
    "path",
    [
        "/missing.jpg",
        "/cut",
        "/junk",
        "/headers",
        *(f"/status?{status}" for status in (201, 204, 206, 300, 304, 400, 403, 404, 500, 503)),
    ],
)
def test_a_failed_download_has_its_code(host: PicturesHost, path: str) -> None:
    assert code(host.url(path)) == DOWNLOAD_ERROR


def test_a_host_that_is_not_there_is_a_failed_download(host: PicturesHost) -> None:
    assert code("http://127.0.0.1:1/picture.jpg") == DOWNLOAD_ERROR
    assert code(host.url("/picture.jpg", host="name.invalid")) == DOWNLOAD_ERROR
    assert code(host.url("/picture.jpg", host="a" * 70 + ".test")) == DOWNLOAD_ERROR


def test_an_empty_answer_is_an_empty_image(host: PicturesHost) -> None:
    assert code(host.url("/empty")) == "InvalidParameterValue.ImageEmpty"


@pytest.mark.parametrize("path", ["/endless", "/chunks"])
def test_an_endless_answer_is_cut_off_at_the_limit(host: PicturesHost, path: str) -> None:
    assert code(host.url(path)) == "FailedOperation.ImageSizeExceed"


def test_an_endless_preamble_ends_with_the_time(host: PicturesHost) -> None:
    assert code(host.url("/informed"), time_limit=timedelta(seconds=0.5)) == DOWNLOAD_ERROR


@pytest.mark.parametrize("label", ["text/html", "application/octet-stream", "image/webp", "nonsense"])
def test_the_content_decides_not_its_label(host: PicturesHost, label: str) -> None:
    assert fetch(host.url(f"/labelled?{label}")) == PICTURE


def test_a_packed_answer_is_not_unpacked(host: PicturesHost) -> None:
    packed = fetch(host.url("/gzip"))
    assert packed.startswith(b"\x1f\x8b")
    assert len(packed) < 100_000


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://name:word@127.0.0.1:1/",
        "http://[::1%25lo]:1/",
        "http://a..b/",
        "http://\x00/",
        "http://xn--.test/",
        "http://127.0.0.1:1/" + "a" * 70_000,
        "//127.0.0.1/",
        "mailto:a@b.test",
        "",
    ],
)
def test_addresses_that_cannot_be_followed_are_failed_downloads(url: str) -> None:
    assert code(url) == DOWNLOAD_ERROR


def test_a_redirect_to_itself_ends(host: PicturesHost) -> None:
    seen = len(host.requests)
    assert code(host.url("/redirect?/loop")) == DOWNLOAD_ERROR
    with pictures_host() as other:
        here, there = host.url("/redirect?"), other.url("/redirect?")
        assert code(here + there + here + there + here) == DOWNLOAD_ERROR
    assert len(host.requests) - seen <= 6


def test_credentials_in_an_address_are_not_sent_on(host: PicturesHost) -> None:
    assert fetch(host.url("/picture.jpg", host="name:word@127.0.0.1")) == PICTURE
    assert host.requests[-1][0] == f"127.0.0.1:{host.port}"


def test_no_more_fetches_are_under_way_than_allowed(host: PicturesHost) -> None:
    class Busy(Names):
        now = most = 0

        async def __call__(self, name: str, port: int) -> list[Address]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)  # lets in all the others that are allowed at the same time
            self.now -= 1
            return await super().__call__(name, port)

    async def many(names: Busy) -> list[bytes]:
        fetcher = Fetcher(allows=is_any, resolver=names, most_at_once=3)
        try:
            return await asyncio.gather(*(fetcher.fetch(host.url("/picture.jpg")) for _ in range(12)))
        finally:
            await fetcher.aclose()

    names = Busy("127.0.0.1")
    assert asyncio.run(many(names)) == [PICTURE] * 12
    assert names.most <= 3


def test_a_fetch_that_gets_no_turn_in_time_is_a_failed_download(host: PicturesHost) -> None:
    seen = len(host.requests)
    url, limit = host.url("/picture.jpg"), timedelta(seconds=0.1)
    assert code(url, most_at_once=0, time_limit=limit) == DOWNLOAD_ERROR
    assert len(host.requests) == seen


def test_a_name_that_changes_its_address_between_check_and_connection_gains_nothing(
    host: PicturesHost,
) -> None:
    class Rebinding(Names):
        async def __call__(self, name: str, port: int) -> list[Address]:
            self.asked.append(name)
            return [ip_address("127.0.0.1" if len(self.asked) == 1 else "127.0.0.2")]

    names = Rebinding()
    assert fetch(host.url("/picture.jpg", host="p.test"), resolver=names) == PICTURE
    assert names.asked == ["p.test"]


def test_an_untrusted_certificate_is_a_failed_download(tmp_path: Path) -> None:
    with tls_host(tmp_path) as port:
        assert code(f"https://localhost:{port}/picture.jpg") == DOWNLOAD_ERROR


def test_a_host_that_speaks_no_tls_is_a_failed_download(host: PicturesHost) -> None:
    assert code(host.url("/picture.jpg").replace("http://", "https://")) == DOWNLOAD_ERROR


def test_the_time_limit_covers_the_whole_fetch(host: PicturesHost) -> None:
    assert code(host.url("/slow"), time_limit=timedelta(seconds=0.3)) == DOWNLOAD_ERROR


@pytest.mark.parametrize("hops", [1, 3])
def test_up_to_three_redirects_are_followed(host: PicturesHost, hops: int) -> None:
    path = "/redirect?" * hops + "/picture.jpg"
    assert fetch(host.url(path)) == PICTURE


def test_a_fourth_redirect_is_not_followed(host: PicturesHost) -> None:
    assert code(host.url("/redirect?" * 4 + "/picture.jpg")) == DOWNLOAD_ERROR
    assert host.requests[-1][1] == "/redirect?/picture.jpg"


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "http://", "http://[", ""])
def test_a_redirect_to_something_else_than_http_is_not_followed(host: PicturesHost, target: str) -> None:
    assert code(host.url(f"/redirect?{target}")) == DOWNLOAD_ERROR


def test_a_redirect_into_the_private_network_is_not_followed(host: PicturesHost) -> None:
    def allows(address: Address) -> bool:
        return address == ip_address("127.0.0.1")

    seen = len(host.requests)
    redirect = host.url("/redirect?" + host.url("/picture.jpg", host="127.0.0.2"))
    assert code(redirect, allows=allows) == DOWNLOAD_ERROR
    assert len(host.requests) == seen + 1


def test_private_addresses_are_refused_without_a_connection(host: PicturesHost) -> None:
    seen = len(host.requests)
    names = (
        *("127.0.0.1", "localhost", "0.0.0.0", "0", "[::]", "[::1]", "127.1", "2130706433", "0x7f000001"),
        *("0177.0.0.1", "0x7f.0.0.1", "017700000001", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        *("[64:ff9b::7f00:1]", "[::127.0.0.1]", "93.184.216.34@127.0.0.1", "a:b@localhost", "127。0。0。1"),
        *("１２７.0.0.1", "LOCALHOST", "localhost."),
    )
    urls = [host.url("/picture.jpg", host=name) for name in names]
    assert codes(urls, allows=is_public) == [DOWNLOAD_ERROR] * len(names)
    assert len(host.requests) == seen


def test_a_name_with_one_private_address_among_its_own_is_refused(host: PicturesHost) -> None:
    names = Names("93.184.216.34", "127.0.0.1")
    assert code(host.url("/picture.jpg", host="p.test"), allows=is_public, resolver=names) == DOWNLOAD_ERROR


def test_a_name_without_addresses_is_refused(host: PicturesHost) -> None:
    assert code(host.url("/picture.jpg", host="p.test"), resolver=Names()) == DOWNLOAD_ERROR


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fec0::1",
        "::7f00:1",
        "3fff::1",
        "2001:db8::1",
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "240.0.0.1",
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_names_are_resolved_in_threads_that_no_other_work_waits_for() -> None:
    async def names_and_work() -> int:
        fetcher = Fetcher(allows=is_public)
        fetches = [fetcher.fetch(f"http://127.0.0.{number}/") for number in range(1, 40)]
        await asyncio.gather(*fetches, return_exceptions=True)
        await fetcher.aclose()
        return sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())

    assert asyncio.run(names_and_work()) == 0


def test_nothing_is_logged_of_a_signed_url(host: PicturesHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fetch(host.url("/picture.jpg?sign=SECRETSIGN"))
    with pytest.raises(ServiceError) as caught:
        fetch(host.url("/missing?sign=SECRETSIGN"))
    assert "SECRETSIGN" not in caplog.text
    assert "SECRETSIGN" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"

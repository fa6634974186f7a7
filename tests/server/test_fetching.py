import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from maskmatch.server.errors import ServiceError
from maskmatch.server.fetching import Address, Fetcher, is_any, is_public
from tests.server.pictures_host import PICTURE, PicturesHost, pictures_host

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
            return await fetcher.fetch(url)
        finally:
            await fetcher.aclose()

    return asyncio.run(once())


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


@pytest.mark.parametrize("path", ["/missing.jpg", "/cut"])
def test_a_failed_download_is_told_so(host: PicturesHost, path: str) -> None:
    assert code(host.url(path)) == DOWNLOAD_ERROR


def test_a_host_that_is_not_there_is_a_failed_download(host: PicturesHost) -> None:
    assert code("http://127.0.0.1:1/picture.jpg") == DOWNLOAD_ERROR
    assert code(host.url("/picture.jpg", host="name.invalid")) == DOWNLOAD_ERROR
    assert code(host.url("/picture.jpg", host="a" * 70 + ".test")) == DOWNLOAD_ERROR


def test_an_empty_answer_is_an_empty_image(host: PicturesHost) -> None:
    assert code(host.url("/empty")) == "InvalidParameterValue.ImageEmpty"


def test_an_endless_answer_is_cut_off_at_the_limit(host: PicturesHost) -> None:
    assert code(host.url("/endless")) == "FailedOperation.ImageSizeExceed"


def test_the_time_limit_covers_the_whole_fetch(host: PicturesHost) -> None:
    started = time.monotonic()
    assert code(host.url("/slow"), time_limit=timedelta(seconds=0.3)) == DOWNLOAD_ERROR
    assert time.monotonic() - started < 2


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
    for name in ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433"):
        assert code(host.url("/picture.jpg", host=name), allows=is_public) == DOWNLOAD_ERROR
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
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_nothing_is_logged_of_a_signed_url(host: PicturesHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fetch(host.url("/picture.jpg?sign=SECRETSIGN"))
    with pytest.raises(ServiceError) as caught:
        fetch(host.url("/missing?sign=SECRETSIGN"))
    assert "SECRETSIGN" not in caplog.text
    assert "SECRETSIGN" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"

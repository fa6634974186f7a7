"""The bill, read over HTTP after calls by the SDK."""

import time
from typing import Any

import httpx
import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from maskmatch.server.comparison import Comparison
from maskmatch.server.errors import Mistake, ServiceError
from tests.server.conftest import StartService
from tests.server.service import compare, sdk_client


class FacelessAtOdd:
    """Finds no face, or fails to download, by the URL of side A."""

    async def score(self, comparison: Comparison) -> float:
        url = getattr(comparison.a, "url", "")
        if "faceless" in url:
            raise ServiceError(Mistake.NO_FACE)
        if "gone" in url:
            raise ServiceError(Mistake.DOWNLOAD_FAILED)
        return 50.0

    async def aclose(self) -> None: ...


def call(address: str, a: str, b: str = "http://p.test/b", **choices: Any) -> str:
    try:
        with sdk_client(address, **choices) as client:
            return str(compare(client, UrlA=a, UrlB=b).RequestId)
    except TencentCloudSDKException as error:
        return str(error.get_request_id())


def meter(address: str, query: str = "") -> Any:
    with httpx.Client(trust_env=False) as client:
        return client.get(f"{address}/meter{query}").raise_for_status().json()


def test_a_new_meter_reads_zero(start_service: StartService) -> None:
    assert meter(start_service(), "?calls=1") == {
        "accepted": 0,
        "billed": 0,
        "throttled": 0,
        "refused": 0,
        "distinct_billed_pairs": 0,
        "paid_again": 0,
        "first_accepted_at": None,
        "last_accepted_at": None,
        "calls": [],
    }


def test_only_successes_and_faceless_pictures_are_billed(start_service: StartService) -> None:
    address = start_service(scorer=FacelessAtOdd())
    for name in ("fine", "faceless", "gone"):
        call(address, f"http://p.test/{name}")
    call(address, "not a url")
    counts = meter(address)
    assert (counts["accepted"], counts["billed"], counts["refused"]) == (4, 2, 0)
    assert counts["paid_again"] == 0


def test_a_pair_billed_again_is_counted_even_when_signed_anew_or_swapped(start_service: StartService) -> None:
    address = start_service()
    call(address, "http://p.test/a?sign=1")
    call(address, "http://p.test/a?sign=2")
    call(address, "http://p.test/b", "http://p.test/a")
    call(address, "http://p.test/another")
    counts = meter(address)
    assert (counts["billed"], counts["distinct_billed_pairs"], counts["paid_again"]) == (4, 2, 2)


def test_throttled_and_refused_requests_are_not_accepted(start_service: StartService) -> None:
    now = time.time()
    address = start_service(calls_per_second=1, clock=lambda: now)
    call(address, "http://p.test/a", secret_key="wrong")
    for _ in range(3):
        call(address, "http://p.test/a")
    counts = meter(address)
    assert (counts["accepted"], counts["throttled"], counts["refused"]) == (1, 2, 1)
    assert counts["first_accepted_at"] == counts["last_accepted_at"] == now


def test_each_accepted_call_can_be_listed(start_service: StartService) -> None:
    address = start_service(scorer=FacelessAtOdd())
    names = ("fine", "faceless", "gone", "fine")
    ids = [call(address, f"http://p.test/{name}") for name in names]
    calls = meter(address, "?calls=1")["calls"]
    assert [entry["request_id"] for entry in calls] == ids
    assert [(entry["code"], entry["billed"]) for entry in calls] == [
        ("Scored", True),
        ("InvalidParameterValue.NoFaceInPhoto", True),
        ("FailedOperation.ImageDownloadError", False),
        ("Scored", True),
    ]
    pairs = [entry["pair"] for entry in calls]
    assert pairs[0] == pairs[3]
    assert len(set(pairs)) == 3
    assert sorted(entry["at"] for entry in calls) == [entry["at"] for entry in calls]


@pytest.mark.parametrize("path", ["/meter", "/meter?calls=1"])
def test_there_is_no_meter_unless_asked_for(start_service: StartService, path: str) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.get(start_service(meter=False) + path).status_code == 404

"""The bill, read over HTTP after calls by the SDK."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from comparemaskface.accounts.account import Scope
from comparemaskface.wire.comparison import Comparison
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.contract.by_hand import Credential
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.service import TLS, compare, sdk_client

pytestmark = pytest.mark.server


class FacelessAtOdd:
    """Finds no face, or fails to download, by the URL of side A."""

    async def score(self, comparison: Comparison) -> float:
        url = getattr(comparison.a, "url", "")
        if "faceless" in url:
            raise ServiceError(VendorError.NO_FACE)
        if "gone" in url:
            raise ServiceError(VendorError.DOWNLOAD_FAILED)
        return 50.0

    async def aclose(self) -> None: ...


def call(address: str, a: str, b: str = "http://p.test/b", **choices: Any) -> str:
    try:
        with sdk_client(address, **choices) as client:
            return str(compare(client, UrlA=a, UrlB=b).RequestId)
    except TencentCloudSDKException as error:
        return str(error.get_request_id())


def meter(address: str, query: str = "") -> Any:
    with httpx.Client(trust_env=False, verify=TLS) as client:
        return client.get(f"{address}/meter{query}").raise_for_status().json()


def test_a_new_meter_reads_zero(start_service: StartService) -> None:
    assert meter(start_service(), "?calls=1") == {
        "accepted": 0,
        "billed": 0,
        "throttled": 0,
        "refused": 0,
        "distinct_billed_pairs": 0,
        "paid_again": 0,
        "cost_cny": 0,
        "first_accepted_at": None,
        "last_accepted_at": None,
        "accounts": {"default": {"accepted": 0, "billed": 0, "throttled": 0, "refused": 0, "cost_cny": 0}},
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
    with httpx.Client(trust_env=False, verify=TLS) as client:
        assert client.get(start_service(meter=False) + path).status_code == 404


@pytest.fixture
def two_accounts(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.toml"
    file.write_text(
        '[[account]]\nname = "one"\nfree_calls_per_month = 1\n'
        '[[account.key]]\nsecret_id = "AKIDone"\nsecret_key = "k"\n'
        '[[account.key]]\nsecret_id = "AKIDuno"\nsecret_key = "k"\n'
        '[[account]]\nname = "two"\nbalance_calls = 1\n'
        '[[account.key]]\nsecret_id = "AKIDtwo"\nsecret_key = "k"\n'
    )
    return file


def test_each_account_has_its_own_counts_and_bill(start_service: StartService, two_accounts: Path) -> None:
    address = start_service(accounts=two_accounts)
    for secret_id, key in (("AKIDone", "k"), ("AKIDuno", "k"), ("AKIDtwo", "k"), ("AKIDtwo", "k")):
        call(address, "http://p.test/a", secret_id=secret_id, secret_key=key)
    call(address, "http://p.test/a", secret_id="AKIDone", secret_key="wrong")
    counts = meter(address, "?calls=1")
    assert counts["accounts"] == {
        "one": {"accepted": 2, "billed": 2, "throttled": 0, "refused": 0, "cost_cny": 0.0032},
        "two": {"accepted": 2, "billed": 1, "throttled": 0, "refused": 0, "cost_cny": 0.0032},
    }
    assert (counts["billed"], counts["refused"], counts["cost_cny"]) == (3, 1, 0.0064)
    assert (counts["distinct_billed_pairs"], counts["paid_again"]) == (2, 1)
    assert [(entry["account"], entry["code"]) for entry in counts["calls"]] == [
        ("one", "Scored"),
        ("one", "Scored"),
        ("two", "Scored"),
        ("two", "ResourceUnavailable.InArrears"),
    ]


def test_throttled_calls_are_counted_by_account(start_service: StartService) -> None:
    now = time.time()
    address = start_service(limits=((Scope.IP, 1),), clock=lambda: now)
    for _ in range(3):
        call(address, "http://p.test/a")
    assert meter(address)["accounts"]["default"]["throttled"] == 2


def test_a_meter_set_back_forgets_calls_and_money(start_service: StartService, two_accounts: Path) -> None:
    address = start_service(accounts=two_accounts)
    with httpx.Client(trust_env=False, verify=TLS) as client:
        for _ in range(2):
            call(address, "http://p.test/a", secret_id="AKIDtwo", secret_key="k")
            assert meter(address, "?calls=1")["calls"][-1]["code"] == "Scored"
            assert client.delete(f"{address}/meter").json()["accepted"] == 0
    assert meter(address)["cost_cny"] == 0


def test_money_runs_out_even_when_the_meter_is_not_shown(
    start_service: StartService, two_accounts: Path
) -> None:
    address = start_service(accounts=two_accounts, meter=False)
    account = Credential("AKIDtwo", "k")
    assert [by_sdk(address, account).code for _ in range(2)] == ["Scored", "ResourceUnavailable.InArrears"]

"""GET and POST /faults: faults that come and go while the service runs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from comparemaskface.faults.named_faults import plan_of
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web.app import build_app
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import SETTINGS, TLS, compare, running, sdk_client

pytestmark = pytest.mark.server

NOTHING: dict[str, Any] = {
    "faults": [],
    "seed": 0,
    "by": "call",
    "per_pair": 0,
    "calls": 0,
    "applied": {},
}


def send(address: str, method: str = "GET", **request: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, verify=TLS) as client:
        return client.request(method, f"{address}/faults", **request)


def test_there_are_no_faults_to_see_or_set_unless_asked_for(start_service: StartService) -> None:
    address = start_service()
    assert send(address).status_code == 404
    assert send(address, "POST", json={"faults": ["cut"]}).status_code == 404


def test_a_service_shows_the_faults_it_was_started_with(start_service: StartService) -> None:
    address = start_service(admin=True, faults=plan_of(["arrears=2"], seed=3))
    with sdk_client(address) as client:
        compare(client)
        with pytest.raises(TencentCloudSDKException):
            compare(client)
    assert send(address).json() == NOTHING | {
        "faults": ["arrears=2"],
        "seed": 3,
        "calls": 2,
        "applied": {"arrears": 1},
    }


def test_faults_are_set_and_cleared_while_it_runs(start_service: StartService) -> None:
    address = start_service(admin=True)
    assert send(address).json() == NOTHING
    plan = {"faults": ["internal", "slow=0,0@0.5"], "seed": 5, "by": "pair", "per_pair": 3}
    applied = {"internal": 0, "slow": 0}
    assert send(address, "POST", json=plan).json() == NOTHING | plan | {"applied": applied}
    with sdk_client(address) as client:
        with pytest.raises(TencentCloudSDKException) as caught:
            compare(client)
        assert caught.value.get_code() == "InternalError"
        assert send(address).json()["applied"]["internal"] == 1
        assert send(address, "POST", json={"faults": []}).json() == NOTHING
        assert compare(client).Score is not None


@pytest.fixture(scope="module")
def cutting() -> Iterator[str]:
    """Return the address of a service whose one plan nothing replaces."""
    settings = replace(SETTINGS, admin=True, faults=plan_of(["cut"]))
    with running(build_app(settings, scorer=HashScorer())) as address:
        yield address


@pytest.mark.parametrize(
    ("request_", "status", "complaint"),
    [
        ({"json": {"faults": ["flood"]}}, 400, "is not a fault"),
        ({"json": {"faults": "cut"}}, 400, "faults must be a list"),
        ({"json": {"faults": [{"name": "cut"}]}}, 400, "is not a fault"),
        ({"json": {"seed": True}}, 400, "seed must be a int"),
        ({"json": {"by": "moon"}}, 400, "by is one of call, pair"),
        ({"json": {"per_pair": -1}}, 400, "0 or more"),
        ({"json": {"flaws": []}}, 400, "some of faults, seed, by, per_pair"),
        ({"json": ["cut"]}, 400, "a plan is an object"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"content": b"[" * 65_537, "headers": {"content-type": "application/json"}}, 400, "at most 65536"),
        ({"content": b"[" * 60_000, "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"data": {"faults": "cut"}}, 415, "application/json"),
    ],
)
def test_an_invalid_plan_is_refused_and_changes_nothing(
    cutting: str, request_: dict[str, Any], status: int, complaint: str
) -> None:
    answer = send(cutting, "POST", **request_)
    assert answer.status_code == status
    assert complaint in answer.json()["error"]
    assert send(cutting).json()["faults"] == ["cut"]

"""Each fault by name: what the vendor's SDK makes of it over real HTTP, and what the meter says."""

import io
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from comparemaskface.faults.named_faults import FaultBy, plan_of
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface import service
from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import TLS, compare, sdk_client
from tests.waiting import wait_until

pytestmark = pytest.mark.server


def outcome(address: str, name: str = "a", **choices: Any) -> str:
    """Return the code that the SDK raises, or `Scored`."""
    pair = {"UrlA": f"http://p.test/{name}?sign={time.time_ns()}", "UrlB": "http://p.test/b"}
    return service.outcome(address, pair, **choices)


def meter(address: str, *counts: str) -> tuple[int, ...]:
    with httpx.Client(trust_env=False, verify=TLS) as client:
        totals = client.get(f"{address}/meter").raise_for_status().json()
    return tuple(totals[count] for count in counts)


@pytest.mark.parametrize(
    ("fault", "code", "accepted", "billed"),
    [
        ("throttle", "RequestLimitExceeded", 0, 0),
        ("internal", "InternalError", 1, 0),
        ("rpc-fail", "FailedOperation.RpcFail", 1, 0),
        ("bad-gateway", "ServerNetworkError", 1, 0),
        ("slow=0.01,0", "Scored", 1, 1),
        ("hang=0.01", "ClientNetworkError", 1, 0),
        ("cut", "ClientNetworkError", 1, 0),
        ("lost", "ClientNetworkError", 1, 1),
        ("bad-json", "JSONDecodeError", 1, 1),
        ("clock-skew=301", "AuthFailure.SignatureExpire", 0, 0),
        ("clock-skew=-301", "AuthFailure.SignatureExpire", 0, 0),
        ("clock-skew=250", "Scored", 1, 1),
        ("model-version", "Scored", 1, 1),
        ("arrears", "ResourceUnavailable.InArrears", 1, 0),
        ("key-revoked", "AuthFailure.SecretIdNotFound", 0, 0),
    ],
)
def test_a_fault_has_its_code_in_the_sdk_and_its_entry_on_the_meter(
    start_service: StartService, fault: str, code: str, accepted: int, billed: int
) -> None:
    address = start_service(faults=plan_of([fault]))
    assert outcome(address) == code
    assert meter(address, "accepted", "billed") == (accepted, billed)


def test_a_service_without_faults_scores(address: str) -> None:
    assert outcome(address) == "Scored"


def test_throttling_is_counted_as_throttled_and_ends(start_service: StartService) -> None:
    now = time.time()
    seconds_passed = 0.0
    address = start_service(faults=plan_of(["throttle=5"]), clock=lambda: now + seconds_passed)
    assert [outcome(address), outcome(address)] == ["RequestLimitExceeded"] * 2
    seconds_passed = 6.0
    assert outcome(address) == "Scored"
    assert meter(address, "accepted", "throttled") == (1, 2)


def test_throttling_names_a_limit_even_where_the_service_has_none(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["throttle"]))
    with sdk_client(address) as client, pytest.raises(TencentCloudSDKException) as caught:
        compare(client)
    assert "exceeds the frequency limit `50` for a second" in caught.value.get_message()


def test_the_page_of_a_bad_gateway_is_html_with_status_502(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["bad-gateway"]))
    with sdk_client(address) as client, pytest.raises(TencentCloudSDKException) as caught:
        compare(client)
    assert b"502 Bad Gateway" in caught.value.get_message()


def test_a_slow_call_takes_its_time_and_is_billed_though_the_caller_gave_up(
    start_service: StartService,
) -> None:
    address = start_service(faults=plan_of(["slow=0.4,0"]))
    assert outcome(address, timeout=0.1) == "ClientNetworkError"
    wait_until(lambda: meter(address, "accepted", "billed") == (1, 1), "the call is billed")


def test_a_hanging_call_is_let_go_when_the_caller_gives_up(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    address = start_service(faults=plan_of(["hang=600"]))
    assert outcome(address, timeout=0.1) == "ClientNetworkError"

    wait_until(lambda: "fault=hang" in log.getvalue(), "the call is logged")
    assert "code=ConnectionCut" in log.getvalue()
    assert meter(address, "accepted", "billed") == (1, 0)


def test_a_lost_answer_is_paid_again_when_the_caller_asks_again(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["lost"], per_pair=1))
    assert [outcome(address), outcome(address)] == ["ClientNetworkError", "Scored"]
    assert meter(address, "billed", "distinct_billed_pairs", "paid_again") == (2, 1, 1)


def test_the_model_changes_at_the_call_named_and_stays_changed(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["model-version=3,5.0"]))
    with sdk_client(address) as client:
        versions = [compare(client).FaceModelVersion for _ in range(4)]
    assert versions == ["3.0", "3.0", "5.0", "5.0"]


def test_arrears_begin_at_the_call_named(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["arrears=3"]))
    arrears = "ResourceUnavailable.InArrears"
    assert [outcome(address) for _ in range(4)] == ["Scored", "Scored", arrears, arrears]
    assert meter(address, "billed") == (2,)


def test_a_key_is_revoked_at_the_call_named(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["key-revoked=3"]))
    revoked = "AuthFailure.SecretIdNotFound"
    assert [outcome(address) for _ in range(4)] == ["Scored", "Scored", revoked, revoked]
    assert meter(address, "accepted", "billed", "refused") == (2, 2, 2)


def test_of_several_faults_the_first_named_decides_and_slow_joins_it(
    start_service: StartService, capfd: pytest.CaptureFixture[str]
) -> None:
    address = start_service(faults=plan_of(["slow=0.01,0", "rpc-fail", "internal"]))
    assert outcome(address) == "FailedOperation.RpcFail"
    assert "fault=slow+rpc-fail\n" in capfd.readouterr().err


def test_the_same_seed_gives_the_same_calls_the_same_faults(start_service: StartService) -> None:
    def outcomes(seed: int) -> list[str]:
        address = start_service(faults=plan_of(["internal@0.5"], seed=seed))
        return [outcome(address, str(number)) for number in range(20)]

    first = outcomes(1)
    assert set(first) == {"Scored", "InternalError"}
    assert outcomes(1) == first
    assert outcomes(2) != first


def test_by_pair_a_pair_gets_the_same_faults_signed_anew_in_any_order(
    start_service: StartService,
) -> None:
    address = start_service(faults=plan_of(["internal@0.5"], by=FaultBy.PAIR))
    names = [str(number) for number in range(12)]
    first = {name: outcome(address, name) for name in names}
    assert set(first.values()) == {"Scored", "InternalError"}
    assert {name: outcome(address, name) for name in reversed(names)} == first


def test_a_pair_meets_no_more_faults_than_allowed(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["internal"], by=FaultBy.PAIR, per_pair=2))
    for name in ("one", "other"):
        assert [outcome(address, name) for _ in range(4)] == ["InternalError"] * 2 + ["Scored"] * 2


def test_a_request_that_names_no_pair_meets_faults_too(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["internal"], by=FaultBy.PAIR, per_pair=1))
    with sdk_client(address) as client:
        for _ in range(3):
            with pytest.raises(TencentCloudSDKException) as caught:
                compare(client, UrlA="no url")
            assert caught.value.get_code() == "InternalError"


def test_the_log_names_account_and_faults_but_nothing_of_what_was_sent(
    start_service: StartService, capfd: pytest.CaptureFixture[str]
) -> None:
    address = start_service(faults=plan_of(["internal", "slow=0.001,0", "model-version"]))
    assert outcome(address, "SECRETNAME") == "InternalError"
    (line,) = capfd.readouterr().err.splitlines()
    assert " account=default code=InternalError ms=" in line
    assert line.endswith(" fault=slow+model-version+internal")
    assert "SECRETNAME" not in line


def test_a_request_that_is_refused_meets_no_fault(start_service: StartService) -> None:
    address = start_service(faults=plan_of(["cut"]))
    assert outcome(address, secret_key="wrong") == "AuthFailure.SignatureFailure"
    assert outcome(address) == "ClientNetworkError"


def test_under_many_callers_the_counts_of_caller_meter_and_faults_agree(start_service: StartService) -> None:
    plan = plan_of(["throttle=600@0.1", "internal@0.1", "bad-gateway@0.1", "cut@0.1", "lost@0.1"], seed=4)
    address = start_service(faults=plan, admin=True)
    with ThreadPoolExecutor(8) as callers:
        seen = Counter(callers.map(lambda number: outcome(address, str(number)), range(200)))
    with httpx.Client(trust_env=False, verify=TLS) as client:
        applied = client.get(f"{address}/faults").json()["applied"]
    assert min(applied.values()) > 5
    assert seen == {
        "RequestLimitExceeded": applied["throttle"],
        "InternalError": applied["internal"],
        "ServerNetworkError": applied["bad-gateway"],
        "ClientNetworkError": applied["cut"] + applied["lost"],
        "Scored": 200 - sum(applied.values()),
    }
    assert meter(address, "accepted", "throttled", "billed") == (
        200 - applied["throttle"],
        applied["throttle"],
        seen["Scored"] + applied["lost"],
    )

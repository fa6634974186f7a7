import argparse
import base64
import socket
from pathlib import Path

import httpx
import pytest
from comparemaskface.command import add_arguments
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from devstack.processes import ChildFailedError, PortTakenError
from devstack.service import LocalService, ServiceOptions
from tests.devstack.processes_seen import is_running, listening_addresses

pytestmark = pytest.mark.server

ACCOUNTS = """
[[account]]
name = "prepaid"
balance_calls = 1

[[account.key]]
secret_id = "AKIDprepaid"
secret_key = "of-the-file"
"""


def compare(service: LocalService, *, secret_key: str | None = None) -> float:
    request = CompareMaskFaceRequest()
    request.ImageA, request.ImageB = (base64.b64encode(image).decode() for image in (b"one", b"two"))
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=service.endpoint))
    credential = Credential(service.secret_id, secret_key or service.secret_key)
    return IaiClient(credential, "ap-guangzhou", profile).CompareMaskFace(request).Score


def code_of(service: LocalService, *, secret_key: str | None = None) -> str:
    """Return the code with which the service refuses a call."""
    with pytest.raises(TencentCloudSDKException) as caught:
        compare(service, secret_key=secret_key)
    return caught.value.get_code()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with LocalService(tmp_path_factory.mktemp("service"), scores="hash", admin=True) as running:
        yield running


@pytest.fixture
def service(shared):
    """Return a running service without faults and with nothing on its meter."""
    shared.set_faults([])
    shared.reset_meter()
    return shared


def test_the_vendors_sdk_is_answered_and_the_meter_counts(service):
    assert 0 <= compare(service) <= 100
    assert service.meter()["billed"] == 1
    assert [call["code"] for call in service.meter(with_calls=True)["calls"]] == ["Scored"]


def test_the_meter_can_be_set_to_nothing(service):
    compare(service)
    service.reset_meter()
    assert service.meter(with_calls=True)["calls"] == []
    assert service.meter()["billed"] == 0


def test_another_secret_is_refused(service):
    assert code_of(service, secret_key="wrong") == "AuthFailure.SignatureFailure"


def test_it_listens_on_loopback_only(service):
    assert listening_addresses([service.pid]) == {"127.0.0.1"}


def test_faults_are_replaced_while_it_runs(service):
    service.set_faults(["internal"])
    assert code_of(service) == "InternalError"
    assert service.faults()["applied"] == {"internal": 1}
    service.set_faults(["rpc-fail"], per_pair=1)
    assert code_of(service) == "FailedOperation.RpcFail"
    assert compare(service) >= 0


def test_a_plan_of_faults_is_told_whole(service):
    service.set_faults(("internal@0.5", "slow=0.4,0.5"), seed=7, by="pair", per_pair=2)
    plan = service.faults()
    assert plan["faults"] == ["internal@0.5", "slow=0.4,0.5"]
    assert (plan["seed"], plan["by"], plan["per_pair"]) == (7, "pair", 2)


def test_a_plan_that_is_wrong_is_refused_and_the_old_one_stays(service):
    service.set_faults(["internal"])
    with pytest.raises(ValueError, match="'rain' is not a fault"):
        service.set_faults(["rain"])
    assert service.faults()["faults"] == ["internal"]


def test_a_running_service_is_not_started_twice(service):
    pid = service.pid
    with pytest.raises(PortTakenError):
        service.start()
    assert service.pid == pid
    assert compare(service) >= 0


def test_a_killed_service_has_the_same_address_and_secret_and_a_new_meter_when_started_again(tmp_path):
    with LocalService(tmp_path, scores="hash", faults=["arrears=2"]) as service:
        before = (service.endpoint, service.secret_key, compare(service))
        killed = service.pid
        service.kill()
        assert not is_running(killed)
        service.start()
        assert service.meter()["billed"] == 0
        assert (service.endpoint, service.secret_key, compare(service)) == before
        assert code_of(service) == "ResourceUnavailable.InArrears"
    with service:
        assert (service.endpoint, service.secret_key, compare(service)) == before


def test_faults_cannot_be_replaced_by_anybody_unless_asked_for(tmp_path):
    with LocalService(tmp_path, scores="hash") as service, pytest.raises(httpx.HTTPStatusError, match="404"):
        service.set_faults(["internal"])


def test_a_fault_that_does_not_exist_keeps_it_from_starting(tmp_path):
    service = LocalService(tmp_path, scores="hash", faults=["rain"])
    with pytest.raises(ChildFailedError, match="cannot start: 'rain' is not a fault"):
        service.start()
    assert not is_running(service.pid)


def test_a_port_that_another_takes_before_the_start_is_refused(tmp_path):
    service = LocalService(tmp_path, scores="hash")
    address = ("127.0.0.1", int(service.endpoint.partition(":")[2]))
    with socket.create_server(address), pytest.raises(PortTakenError):
        service.start()
    assert service.pid == 0


def test_a_service_that_never_ran_can_be_stopped_and_killed(tmp_path):
    service = LocalService(tmp_path)
    service.stop()
    service.kill()
    assert service.pid == 0


def test_a_file_of_accounts_takes_the_place_of_the_secret(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("accounts.toml").write_text(ACCOUNTS)
    with LocalService(tmp_path / "state", scores="hash", accounts=Path("accounts.toml")) as service:
        assert (service.secret_id, service.secret_key) == ("AKIDprepaid", "of-the-file")
        assert compare(service) >= 0
        assert code_of(service) == "ResourceUnavailable.InArrears"
        service.reset_meter()
        assert compare(service) >= 0
    assert not (tmp_path / "state" / "secret").exists()


def test_stopping_leaves_nothing_running_and_the_secret_in_one_private_file(tmp_path):
    with LocalService(tmp_path, scores="hash") as service:
        pid = service.pid
    assert not is_running(pid)
    secret = service.secret_key.encode()
    assert [path.name for path in tmp_path.iterdir() if secret in path.read_bytes()] == ["secret"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return parser


def understood(tmp_path: Path, **options) -> dict[str, object]:
    """Return what the service's own command line reads from the words it is started with."""
    words = LocalService(tmp_path, **options)._command()
    return vars(parser().parse_args(words[3:]))


def test_every_option_of_the_command_line_is_offered():
    ours = {"host", "port", "secret_id", "secret_key"}
    theirs = set(vars(parser().parse_args([]))) - ours
    repeated = {"fault": "faults", "limit": "limits"}
    assert {repeated.get(name, name) for name in theirs} == set(ServiceOptions.__annotations__)


def test_options_reach_the_command_line_as_they_are_meant(tmp_path):
    numbers = {"workers": 3, "latency_ms": 40, "calls_per_second": 1_000_000, "burst": 7}
    faults = {"fault_seed": -3, "fault_by": "pair", "faults_per_pair": 2}
    plain = {"scores": "hash", "counting": "bucket", "admin": True, "no_page": True, **numbers, **faults}
    read = understood(
        tmp_path, limits={"uin": 40, "ip": 9}, faults=["internal@0.01", "slow=0.4,0.5"], **plain
    )
    assert {name: read[name] for name in plain} == plain
    assert read["limit"] == [("uin", 40), ("ip", 9)]
    assert read["fault"] == ["internal@0.01", "slow=0.4,0.5"]


def test_what_is_not_said_is_as_the_service_has_it_but_for_meter_and_addresses(tmp_path):
    defaults = vars(parser().parse_args([])) | {"meter": True, "allow_private_urls": True}
    read = understood(tmp_path, workers=None, accounts=None)
    assert {**read, "port": defaults["port"]} == defaults


def test_meter_and_private_addresses_can_be_switched_off(tmp_path):
    read = understood(tmp_path, meter=False, allow_private_urls=False)
    assert (read["meter"], read["allow_private_urls"]) == (False, False)

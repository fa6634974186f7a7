import base64

import pytest
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from maskmatch.embedded.service import LocalService
from tests.embedded.processes_seen import is_running, listening_addresses


def compare(service: LocalService, *, secret_key: str) -> float:
    request = CompareMaskFaceRequest()
    request.ImageA, request.ImageB = (base64.b64encode(image).decode() for image in (b"one", b"two"))
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=service.endpoint))
    client = IaiClient(Credential(service.secret_id, secret_key), "ap-guangzhou", profile)
    return client.CompareMaskFace(request).Score


@pytest.fixture
def service(tmp_path):
    with LocalService(tmp_path, scores="hash", calls_per_second=0) as running:
        yield running


def test_the_vendors_sdk_is_answered_and_the_meter_counts(service):
    assert 0 <= compare(service, secret_key=service.secret_key) <= 100
    assert service.meter()["billed"] == 1
    assert [call["code"] for call in service.meter(with_calls=True)["calls"]] == ["Scored"]


def test_another_secret_is_refused(service):
    with pytest.raises(TencentCloudSDKException) as caught:
        compare(service, secret_key="wrong")
    assert caught.value.get_code() == "AuthFailure.SignatureFailure"


def test_it_listens_on_loopback_only(service):
    assert listening_addresses([service.pid]) == {"127.0.0.1"}


def test_stopping_leaves_nothing_running_and_the_secret_in_one_private_file(tmp_path):
    with LocalService(tmp_path, scores="hash") as service:
        pid = service.pid
    assert not is_running(pid)
    secret = service.secret_key.encode()
    assert [path.name for path in tmp_path.iterdir() if secret in path.read_bytes()] == ["secret"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600

"""The vendor's own SDK, unmodified, over real HTTP: what it gets is what it would get from the vendor."""

import base64
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from comparemaskface.wire.comparison import LARGEST_BASE64
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.comparemaskface.conftest import StartService
from tests.comparemaskface.service import compare, sdk_client

pytestmark = pytest.mark.server

IMAGE = base64.b64encode(b"any bytes, hash mode does not look").decode()


def failure(
    address: str, parameters: dict[str, Any] | None = None, **choices: Any
) -> TencentCloudSDKException:
    with sdk_client(address, **choices) as client, pytest.raises(TencentCloudSDKException) as caught:
        compare(client, **(parameters or {}))
    assert uuid.UUID(caught.value.get_request_id())
    return caught.value


def test_a_comparison_of_urls_gets_score_version_and_request_id(address: str) -> None:
    with sdk_client(address) as client:
        answer = compare(client)
    assert 0 <= answer.Score <= 100
    assert answer.FaceModelVersion == "3.0"
    assert uuid.UUID(answer.RequestId).version == 4


def test_each_answer_has_its_own_request_id(address: str) -> None:
    with sdk_client(address) as client:
        assert compare(client).RequestId != compare(client).RequestId


def test_a_pair_scores_the_same_again_and_swapped_and_another_pair_differs(address: str) -> None:
    with sdk_client(address) as client:
        one = compare(client, UrlA="http://p.test/1", ImageB=IMAGE).Score
        assert compare(client, UrlA="http://p.test/1", ImageB=IMAGE).Score == one
        assert compare(client, ImageA=IMAGE, UrlB="http://p.test/1").Score == one
        assert compare(client, UrlA="http://p.test/2", ImageB=IMAGE).Score != one


def test_a_url_signed_anew_is_the_same_image(address: str) -> None:
    with sdk_client(address) as client:
        first = compare(client, UrlA="http://p.test/1?signature=one", ImageB=IMAGE)
        second = compare(client, UrlA="http://p.test/1?signature=two", ImageB=IMAGE)
    assert first.Score == second.Score


def test_where_both_are_given_the_url_wins(address: str) -> None:
    with sdk_client(address) as client:
        both = compare(client, UrlA="http://p.test/1", ImageA="not base64!", ImageB=IMAGE)
        alone = compare(client, UrlA="http://p.test/1", ImageB=IMAGE)
    assert both.Score == alone.Score


def test_the_full_form_of_a_request_is_understood(address: str) -> None:
    with sdk_client(address) as client:
        answer = compare(client, ImageA=IMAGE, ImageB=IMAGE, FaceModelVersion="3.0", QualityControl=4)
    assert answer.Score is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_id": "AKIDother"}, "AuthFailure.SecretIdNotFound"),
        ({"secret_key": "another key"}, "AuthFailure.SignatureFailure"),
        ({"token": "a temporary one"}, "AuthFailure.TokenFailure"),
        ({"region": "ap-atlantis"}, "UnsupportedRegion"),
    ],
)
def test_a_caller_without_permission_gets_the_code(address: str, changes: dict[str, Any], code: str) -> None:
    assert failure(address, **changes).get_code() == code


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"UrlA": "http://p.test/1"}, "MissingParameter.ErrorParameterEmpty"),
        ({"ImageA": IMAGE, "UrlB": ""}, "MissingParameter.ErrorParameterEmpty"),
        ({"ImageA": "", "ImageB": IMAGE}, "InvalidParameterValue.ImageEmpty"),
        ({"ImageA": IMAGE, "ImageB": "data:image/png;base64,"}, "InvalidParameterValue.ImageEmpty"),
        ({"ImageA": "!", "ImageB": IMAGE}, "FailedOperation.ImageDecodeFailed"),
        ({"ImageA": "A" * (LARGEST_BASE64 + 4), "ImageB": IMAGE}, "FailedOperation.ImageSizeExceed"),
        ({"ImageA": "A" * LARGEST_BASE64, "ImageB": "A" * LARGEST_BASE64}, "RequestSizeLimitExceeded"),
        ({"UrlA": "ftp://p.test/1", "ImageB": IMAGE}, "InvalidParameterValue.UrlIllegal"),
        ({"UrlA": "p.test/1", "ImageB": IMAGE}, "InvalidParameterValue.UrlIllegal"),
        (
            {"ImageA": IMAGE, "ImageB": IMAGE, "FaceModelVersion": "2.0"},
            "InvalidParameterValue.FaceModelVersionIllegal",
        ),
        (
            {"ImageA": IMAGE, "ImageB": IMAGE, "QualityControl": 5},
            "InvalidParameterValue.QualityControlIllegal",
        ),
        ({"ImageA": IMAGE, "ImageB": IMAGE, "QualityControl": -1}, "InvalidParameter"),
        ({"ImageA": IMAGE, "ImageB": IMAGE, "QualityControl": "1"}, "InvalidParameter"),
        ({"ImageA": 17, "ImageB": IMAGE}, "InvalidParameter"),
    ],
)
def test_an_invalid_request_gets_its_code(address: str, parameters: dict[str, Any], code: str) -> None:
    assert failure(address, parameters).get_code() == code


def test_the_largest_image_allowed_is_accepted(address: str) -> None:
    with sdk_client(address) as client:
        assert compare(client, ImageA="A" * LARGEST_BASE64, ImageB=IMAGE).Score is not None


def test_line_breaks_and_a_data_url_prefix_change_nothing(address: str) -> None:
    wrapped = "data:image/jpeg;base64," + "\r\n".join(IMAGE[i : i + 8] for i in range(0, len(IMAGE), 8))
    with sdk_client(address) as client:
        plain = compare(client, ImageA=IMAGE, UrlB="http://p.test/1").Score
        assert compare(client, ImageA=wrapped, UrlB="http://p.test/1").Score == plain


def test_texts_are_chinese_for_a_chinese_caller(address: str) -> None:
    parameters = {"ImageA": "", "ImageB": IMAGE}
    assert failure(address, parameters, language="zh-CN").get_message() == "图片为空。"
    assert failure(address, parameters, language="en-US").get_message() == "The image is empty."
    wrong_key = failure(address, secret_key="another", language="zh-CN")
    assert wrong_key.get_message() == "请求签名验证失败，请检查您的签名计算是否正确。"


def test_the_call_over_the_limit_gets_the_figures(start_service: StartService) -> None:
    now = time.time()
    address = start_service(calls_per_second=2, clock=lambda: now)
    with sdk_client(address) as client:
        compare(client)
        compare(client)
    failure(address)
    fourth = failure(address)
    assert fourth.get_code() == "RequestLimitExceeded"
    assert fourth.get_message() == (
        "Your current request times equals to `4` in a second, which exceeds the frequency limit `2` for a "
        "second. Please reduce the frequency of calls."
    )
    assert failure(address, language="zh-CN").get_message() == (
        "您当前每秒请求 `5` 次，超过了每秒频率上限 `2`，请稍后重试。"
    )


def test_latency_is_added_to_an_accepted_call(start_service: StartService) -> None:
    address = start_service(latency=timedelta(milliseconds=150))
    with sdk_client(address) as client:
        started = time.perf_counter()
        compare(client)
        assert time.perf_counter() - started >= 0.15


def test_a_region_is_optional_unless_the_service_is_strict(address: str, start_service: StartService) -> None:
    with sdk_client(address, region="") as client:
        assert compare(client).Score is not None
    error = failure(start_service(strict_region=True), region="")
    assert (error.get_code(), "`Region`" in error.get_message()) == ("MissingParameter", True)

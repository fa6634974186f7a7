"""The same through the vendor's own SDK, unmodified, in each way it can sign and send."""

import asyncio
from typing import Any

from tencentcloud.common.credential import Credential as SdkCredential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.iai_client_async import IaiClient as AsyncIaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

from tests.comparemaskface.contract.by_hand import PAIR, SCORED, Answer, Credential


def by_sdk(
    address: str,
    credential: Credential,
    parameters: dict[str, Any] | None = None,
    *,
    is_async: bool = False,
    region: str = "ap-guangzhou",
    **choices: Any,
) -> Answer:
    """Call once; `choices`: method, sign_method, language, unsigned."""
    parts = (
        SdkCredential(credential.secret_id, credential.secret_key, credential.token),
        region,
        _profile(address, **choices),
    )
    request = CompareMaskFaceRequest()
    request._deserialize(PAIR if parameters is None else parameters)
    try:
        answer = asyncio.run(_call_async(parts, request)) if is_async else _call(parts, request)
    except TencentCloudSDKException as error:
        return Answer(str(error.get_code()), str(error.get_message()), str(error.get_request_id()))
    is_well_formed = 0 <= answer.Score <= 100 and answer.FaceModelVersion == "3.0"
    return Answer(SCORED, "", answer.RequestId, is_well_formed)


def _profile(
    address: str,
    *,
    method: str = "POST",
    sign_method: str = "TC3-HMAC-SHA256",
    language: str = "en-US",
    unsigned: bool = False,
) -> ClientProfile:
    protocol, _, endpoint = address.partition("://")
    http = HttpProfile(protocol=protocol, endpoint=endpoint, reqMethod=method, reqTimeout=30)
    profile = ClientProfile(signMethod=sign_method, httpProfile=http, language=language)
    profile.unsignedPayload = unsigned
    return profile


def _call(parts: tuple[Any, ...], request: CompareMaskFaceRequest) -> Any:
    client = IaiClient(*parts)
    try:
        return client.CompareMaskFace(request)
    finally:
        client.request.conn._session.close()


async def _call_async(parts: tuple[Any, ...], request: CompareMaskFaceRequest) -> Any:
    async with AsyncIaiClient(*parts) as client:
        return await client.CompareMaskFace(request)

"""The local service, with its faults, says the same to the vendor's unmodified client and to ours."""

import base64
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from comparemaskface.faults.named_faults import plan_of
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.iai.v20200303 import models

from maskmatch.core.codes import Billed, rule_for
from maskmatch.core.errors import CallFailed
from maskmatch.core.image_rules import Picture
from maskmatch.tencent import TencentComparer
from tests.account import local_account
from tests.tencent.answers import ONE, OTHER, answering, error, reply
from tests.tencent.test_request import sdk_of

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Told:
    """What a caller learns from one call."""

    score: float | None = None
    model_version: str | None = None
    code: str | None = None
    billed: Billed = Billed.YES
    has_request_id: bool = True
    message: str | None = None


def by_sdk(account, one, other):
    request = models.CompareMaskFaceRequest()
    request.FaceModelVersion, request.QualityControl = "3.0", 0
    for side, picture in (("A", one), ("B", other)):
        if picture.url is not None:
            setattr(request, f"Url{side}", picture.url)
        else:
            setattr(request, f"Image{side}", base64.b64encode(picture.data).decode())
    client = sdk_of(account)
    try:
        answer = client.CompareMaskFace(request)
    except TencentCloudSDKException as refusal:
        code = refusal.get_code()
        vendors = refusal.get_request_id() is not None
        return Told(
            code=code,
            billed=rule_for(code).billed,
            has_request_id=vendors,
            message=refusal.get_message() if vendors else None,
        )
    finally:
        client.request.conn._session.close()
    return Told(answer.Score, answer.FaceModelVersion, has_request_id=answer.RequestId is not None)


def by_us(account, one, other):
    comparer = TencentComparer(account, connections=1)
    try:
        answer = comparer.compare(one, other, quality_control=0)
    except CallFailed as refusal:
        vendors = refusal.request_id is not None
        return Told(
            code=refusal.rule.code,
            billed=refusal.rule.billed,
            has_request_id=vendors,
            message=refusal.message if vendors else None,
        )
    finally:
        comparer.close()
    return Told(answer.score, answer.model_version, has_request_id=answer.request_id is not None)


URLS = (Picture(url="http://p.test/a"), Picture(url="http://p.test/b"))
FAULTS = [
    "throttle",
    "internal",
    "rpc-fail",
    "bad-gateway",
    "slow=0.01,0",
    "hang=0.01",
    "cut",
    "lost",
    "bad-json",
    "clock-skew=301",
    "clock-skew=250",
    "model-version",
    "arrears",
    "key-revoked",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_alike_and_is_billed_alike(fault):
    told, counted = [], []
    for call in (by_sdk, by_us):
        with local_account(faults=plan_of([fault])) as local:
            told.append(call(local.account, *URLS))
            counted.append({name: local.meter()[name] for name in ("accepted", "throttled", "billed")})
    assert told[0] == told[1]
    assert counted[0] == counted[1]


@pytest.fixture(scope="module")
def local():
    with local_account() as account:
        yield account


LARGE = Picture(data=b"\xff\xd8\xff" + bytes(3_000_000))
PAIRS = {
    "urls": URLS,
    "bytes": (ONE, OTHER),
    "mixed": (ONE, URLS[1]),
    "megabytes": (LARGE, OTHER),
    "no_bytes": (Picture(data=b""), OTHER),
    "no_url": (Picture(url=""), OTHER),
    "a_file_too_large": (Picture(data=b"\xff\xd8\xff" + bytes(4_000_000)), OTHER),
    "a_request_too_large": (Picture(data=bytes(3_900_000)), Picture(data=bytes(3_950_000))),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_is_answered_alike(local, pair):
    assert by_us(local.account, *PAIRS[pair]) == by_sdk(local.account, *PAIRS[pair])


@pytest.mark.parametrize(
    "change",
    [
        {"secret_key": "wrong"},
        {"secret_id": "AKIDnobody"},
        {"session_token": "made-up"},
        {"region": "nowhere"},
        {"region": ""},
    ],
)
def test_a_mistake_in_the_account_is_told_alike(local, change):
    account = replace(local.account, **change)
    assert by_us(account, *URLS) == by_sdk(account, *URLS)


@contextmanager
def breaking(how):
    def answer(handler):
        handler.close_connection = True
        handler.wfile.write(how)

    with answering(answer) as account:
        yield account


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "how",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        CHUNKED + b"5\r\n{}",
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad",
    ],
)
def test_a_broken_answer_has_the_code_of_the_vendors_client(how):
    with breaking(how) as account:
        assert by_us(account, *URLS) == by_sdk(account, *URLS)


def test_an_answer_that_breaks_off_in_its_head_has_a_code_with_the_same_rule():
    with breaking(b"HTTP/1.1 200 OK\r\nContent-Ty") as account:
        told = [rule_for(by(account, *URLS).code) for by in (by_us, by_sdk)]
    ours, theirs = (replace(rule, code="", meaning="") for rule in told)
    assert ours == theirs


def test_an_answer_in_chunks_and_one_without_length_are_read():
    text = b'{"Response": {"Score": 7, "FaceModelVersion": "3.0", "RequestId": "r"}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    for how in (CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text), head + text):
        with breaking(how) as account:
            assert by_us(account, *URLS) == by_sdk(account, *URLS) == Told(7, "3.0")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_request_ids_and_messages_are_passed_on(content_type):
    body = error("SomeNew.Code", "what happened")
    with answering(lambda handler: reply(handler, 200, body, content_type)) as account:
        ours = by_us(account, *URLS)
        assert ours == by_sdk(account, *URLS)
    assert (ours.code, ours.message, ours.has_request_id) == ("SomeNew.Code", "what happened", True)

"""What is sent is, byte for byte, what the vendor's client sends."""

import base64
import hashlib
import json
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.sign import Sign
from tencentcloud.iai.v20200303 import models
from tencentcloud.iai.v20200303.iai_client import IaiClient

from maskmatch.core.image_rules import Picture, base64_length
from maskmatch.tencent import Account
from maskmatch.tencent.answers import Response
from maskmatch.tencent.client import LeanClient
from maskmatch.tencent.request import Signer, body_of
from tests.tencent.answers import ONE, OTHER, SCORED, answering, calls_to, reply

pytestmark = pytest.mark.server

NOT_SENT_BY_US = {"user-agent", "accept", "connection"}
DIFFERENT = {"x-tc-traceid", "accept-encoding"}


def sdk_of(account):
    http = HttpProfile(protocol="http", endpoint=account.endpoint, reqTimeout=(3, 10))
    credential = Credential(account.secret_id, account.secret_key, account.session_token)
    return IaiClient(credential, account.region, ClientProfile(httpProfile=http, language="en-US"))


def request_of(encoded, **parameters):
    request = models.CompareMaskFaceRequest()
    for name, value in parameters.items():
        setattr(request, name, encoded(value.data) if isinstance(value, Picture) else value)
    return request


REQUESTS = {
    "urls": {"UrlA": 'http://p.test/ä"\\\n.jpg?sign=1', "UrlB": "http://p.test/b"},
    "bytes": {"ImageA": ONE, "ImageB": OTHER, "FaceModelVersion": "3.0", "QualityControl": 0},
    "megabytes": {"ImageA": Picture(data=b"\x00\xff~" * 700_001), "UrlB": "http://p.test/b"},
    "an_empty_image": {"ImageA": Picture(data=b""), "ImageB": ONE},
    "nothing": {},
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("token", [None, "a-token"])
def test_head_and_body_are_those_of_the_vendors_client(name, token):
    sent = []

    def note(handler):
        sent.append(({key.lower(): value for key, value in handler.headers.items()}, handler.body))
        reply(handler, 200, SCORED)

    with answering(note) as local:
        account = replace(local, session_token=token)
        sdk = sdk_of(account)
        sdk.CompareMaskFace(request_of(lambda data: base64.b64encode(data).decode(), **REQUESTS[name]))
        sdk.request.conn._session.close()
        at = int(sent[0][0]["x-tc-timestamp"])
        client = LeanClient(account, now=lambda: at)
        with calls_to(client.place.endpoint) as each:
            ended = each.made(*client.sealed(request_of(bytes, **REQUESTS[name])))
        assert client.opened(ended.response).Score == 1
    (their_head, their_body), (our_head, our_body) = sent
    assert our_body == their_body
    assert their_head.keys() - our_head.keys() == NOT_SENT_BY_US - our_head.keys()
    assert our_head.keys() <= their_head.keys()
    assert {key: our_head[key] for key in our_head.keys() - DIFFERENT} == {
        key: their_head[key] for key in our_head.keys() - DIFFERENT
    }


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.binary(max_size=200))))
def test_a_body_is_the_json_of_its_parameters(parameters):
    plain = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in parameters.items()
    }
    body = body_of(parameters)
    whole = b"".join(body.blocks)
    assert whole == json.dumps(plain).encode()
    assert (body.length, body.digest) == (len(whole), hashlib.sha256(whole).hexdigest())


@pytest.mark.parametrize("size", [0, 1, 2, 49151, 49152, 49153, 98304, 100_000])
def test_base64_of_blocks_is_base64_of_the_whole(size):
    data = bytes(index % 251 for index in range(size))
    text = json.loads(b"".join(body_of({"ImageA": data}).blocks))["ImageA"]
    assert base64.b64decode(text) == data
    assert len(text) == base64_length(data)


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_a_key_of_one_day_is_not_used_on_another(timestamp):
    shared = Signer("id", "a key", None)
    for at in (timestamp, timestamp + 86_400, timestamp):
        fresh = Signer("id", "a key", None)
        call = {"host": "h", "service": "iai", "digest": "0" * 64, "timestamp": at}
        assert shared.authorization(**call) == fresh.authorization(**call)


def test_threads_sign_alike_across_midnight():
    signer, wrong = Signer("id", "a key", None), []

    def work():
        for at in [86_399, 86_400] * 500:
            call = {"host": "h", "service": "iai", "digest": "0" * 64, "timestamp": at}
            if signer.authorization(**call) != Signer("id", "a key", None).authorization(**call):
                wrong.append(at)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.fixture
def restless_threads():
    """Let threads take turns after a few instructions."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_answers_that_are_opened_in_several_threads_are_not_mixed_up(restless_threads):
    client, wrong = LeanClient(Account(secret_id="id", secret_key="key")), []

    def work(score):
        text = b'{"Response": {"Score": %d, "RequestId": "r"}}' % score
        answer = Response(200, {"Content-Type": "application/json"}, text)
        wrong.extend(score for _ in range(300) if client.opened(answer).Score != score)

    threads = [threading.Thread(target=work, args=(score,)) for score in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_secrets_of_a_signer_and_the_images_of_a_body_are_not_shown_by_repr():
    shown = repr(Signer("AKIDx", "hidden", "tok")) + repr(body_of({"ImageA": b"picture"}))
    assert all(word not in shown for word in ("AKIDx", "hidden", "tok", "cGljdHVyZQ"))


def test_a_signature_is_the_one_of_the_vendors_signing_function():
    signer = Signer("id", "a key", None)
    header = signer.authorization(host="h", service="iai", digest="0" * 64, timestamp=0)
    request = "POST\n/\n\ncontent-type:application/json\nhost:h\n\ncontent-type;host\n" + "0" * 64
    text = "TC3-HMAC-SHA256\n0\n1970-01-01/iai/tc3_request\n" + hashlib.sha256(request.encode()).hexdigest()
    assert header.endswith(Sign.sign_tc3("a key", "1970-01-01", "iai", text))

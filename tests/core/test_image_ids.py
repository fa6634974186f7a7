"""What an image id may be, and how a secret in one may be spelled."""

import pytest

from maskmatch.core.image_ids import may_hold_secret, what_is_wrong

SECRETS = [
    "https://cdn/x.jpg?X-Amz-Signature=abc",
    "https://cdn/x.jpg?x-amz-signature=abc",
    "https://cdn/x.jpg?X%2DAmz%2DSignature=abc",
    "https://cdn/x.jpg?X%252DAmz%252DSignature=abc",
    "https://cdn/x.jpg?w=1&X-Amz-Credential=AKIA",
    "https://cdn/x.jpg?X-Amz-Security-Token=abc",
    "https://cdn/x.jpg?q-signature=abc",
    "https://cdn/x.jpg?q-sign-algorithm=sha1&q-ak=AKID",
    "https://cdn/x.jpg?Signature=abc&Expires=1&AWSAccessKeyId=x",
    "https://cdn/x.jpg?OSSAccessKeyId=x",
    "https://cdn/x.jpg?GoogleAccessId=x",
    "https://cdn/x.jpg?X-Goog-Signature=abc",
    "https://cdn/x.jpg?sv=2020&sig=abc",
    "https://cdn/x.jpg?txSecret=abc&txTime=5",
    "https://cdn/x.jpg?sign=abc",
    "https://cdn/x.jpg?auth_key=abc",
    "https://cdn/x.jpg?access_token=abc",
    "https://cdn/x.jpg?token=abc",
    "https://cdn/x.jpg?key=abc",
    "https://cdn/x.jpg?api-key=abc",
    "https://cdn/x.jpg?password=abc",
    "https://cdn/x.jpg?pwd=abc",
    "https://cdn/x.jpg?secret=abc",
    "https://cdn/x.jpg?w=SG9sYSBtdW5kbyBzZWNyZXQ",
    "https://cdn/x.jpg?abc",
    "https://cdn/x.jpg;token=abc",
    "https://cdn/x.jpg#access_token=abc",
    "https://user:word@cdn/x.jpg",
    "https://TOKEN@cdn/x.jpg",
    "https://user%3Aword%40cdn/x.jpg",
    "HTTPS://cdn/x.jpg?SIGNATURE=abc",
    "//cdn/x.jpg?sig=abc",
    "see https://cdn/x.jpg?sig=abc for it",
    "x.jpg?X-Amz-Signature=abc",
    "s3://AKIA:secret@bucket/x.jpg",
    "user:pw@host/a.jpg",
    "user:p/w@host/a.jpg",
    "see user:pw@host/a.jpg",
    ":pw@host",
    "user%3Apw%40host/a.jpg",
    "https:\\\\user:pw@host\\a.jpg",
    "https:\\\\host\\a.jpg?sig=abc",
    "\\\\user:pw@host\\a.jpg",
    "https://cdn/x.jpg%25253fsig%25253dabc",
    "https://cdn/x.jpg?X%2525252DAmz%2525252DSignature=abc",
    "x.jpg%2525253fsig%2525253dabc",
    "https://cdn/%" + "25" * 20 + "41",
    "https://cdn/x.jpg&X-Amz-Signature=abc",
    "x.jpg&X-Amz-Signature=abc",
    "x.jpg&w=1&X-Amz-Signature=abc",
    "x.jpg%26X-Amz-Signature%3Dabc",
    "x.jpg#access_token=abc",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_seen_however_it_is_spelled(text):
    assert may_hold_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "images/a.jpg",
        "images/a b (1).jpg",
        "images/who?.jpg",
        "images/50% off.jpg",
        "images/a@home.jpg",
        "s3://bucket/a.jpg",
        "https://cdn/x.jpg",
        "https://cdn/x.jpg?size=large",
        "https://cdn/x.jpg?w=100&h=200&q=80",
        "a subject, 5 = five?",
        "tom&jerry.jpg",
        "https://cdn/tom&jerry.jpg",
        "images//a.jpg",
        "s3://bucket/a@home.jpg",
        "lat=1;lon=2",
        "100%",
        "10:30 at a@home",
        "x.jpg&w=100",
    ],
)
def test_what_holds_none_is_let_pass(text):
    assert not may_hold_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/mine/object/a.jpg",
        "s3://arn:aws:s3-object-lambda:us-east-1:1:accesspoint/mine/a.jpg",
        "s3://Bucket/a.jpg",
        "s3://bucket",
        "s3:///a.jpg",
        "s3://-bucket/a.jpg",
        "s3://buck_et/a.jpg",
        "s3://own/../other/key",
        "s3://own/a/../b.jpg",
        "s3://own/..",
        "https:\\\\host\\a",
        "https:/host/a.jpg",
        "https:host/a.jpg",
        "HTTPS://host/a.jpg",
        "s3:bucket/a.jpg",
        "file:/etc/passwd",
        "data:image/jpeg;base64,abc",
        "C:\\a.jpg",
        "/etc/passwd",
        "../a.jpg",
        "images/../../a.jpg",
        "file:///etc/passwd",
        "ftp://host/a.jpg",
        "https://",
    ],
)
def test_what_is_no_image_id_is_told(text):
    assert what_is_wrong(text)


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg",
        "a..b/c.jpg",
        "camera:7/a.jpg",
        "10:30/a.jpg",
        "s3://b/cam:1.jpg",
        "s3://bucket/a..b",
        "images/C:a.jpg",
    ],
)
def test_what_is_an_image_id_is_let_pass(text):
    assert what_is_wrong(text) is None


def test_a_long_value_is_looked_at_in_one_go():
    assert not may_hold_secret("a" * 1_000_000)
    assert not may_hold_secret("&" * 1_000_000)
    assert may_hold_secret("%" + "25" * 500_000)

"""Addresses as exports write them, and the one image id of an object."""

import pytest

from maskmatch.core.addresses import Provider, SourcePlace, hint_for_missing
from maskmatch.core.image_ids import what_is_wrong

COS = SourcePlace.of("s3://faces-1250000000/in", "cos.ap-guangzhou.myqcloud.com")
AWS = SourcePlace.of("s3://faces/in", "s3.eu-west-1.amazonaws.com")
OSS = SourcePlace.of("s3://faces/in", "oss-cn-hangzhou.aliyuncs.com")
OTHER = SourcePlace.of("s3://faces/in", "127.0.0.1:8333")
FOLDER = SourcePlace.of("file:///faces/in", "localhost")


@pytest.mark.parametrize(
    ("host", "provider", "region"),
    [
        ("cos.ap-guangzhou.myqcloud.com", Provider.COS, "ap-guangzhou"),
        ("cos-internal.ap-guangzhou.myqcloud.com", Provider.COS, "ap-guangzhou"),
        ("cos.ap-beijing.tencentcos.cn", Provider.COS, "ap-beijing"),
        ("cos.accelerate.myqcloud.com", Provider.COS, None),
        ("s3.amazonaws.com", Provider.AWS, None),
        ("s3.eu-west-1.amazonaws.com", Provider.AWS, "eu-west-1"),
        ("s3.cn-north-1.amazonaws.com.cn", Provider.AWS, "cn-north-1"),
        ("oss-cn-hangzhou.aliyuncs.com", Provider.OSS, "cn-hangzhou"),
        ("s3.oss-cn-hangzhou.aliyuncs.com", Provider.OSS, "cn-hangzhou"),
        ("oss-cn-hangzhou-internal.aliyuncs.com", Provider.OSS, "cn-hangzhou"),
        ("127.0.0.1:8333", Provider.OTHER, None),
        ("minio.example.com", Provider.OTHER, None),
        ("s3.amazonaws.com.evil.test", Provider.OTHER, None),
    ],
)
def test_a_store_is_known_by_its_host(host, provider, region):
    place = SourcePlace.of("s3://b/p", host)
    assert (place.provider, place.region) == (provider, region)


@pytest.mark.parametrize("source", [COS, AWS, OSS, OTHER])
@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_addresses_of_s3_mean_whichever_store_the_source_is_in(source, scheme):
    assert source.image_id(f"{scheme}://{source.bucket}/in/a.jpg") == "a.jpg"
    assert (
        source.image_id(f"{scheme}://{source.bucket}/elsewhere/a.jpg")
        == f"s3://{source.bucket}/elsewhere/a.jpg"
    )
    assert source.image_id(f"{scheme}://archive/a.jpg") == "s3://archive/a.jpg"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (COS, "cos://faces-1250000000/in/a.jpg"),
        (COS, "cosn://faces-1250000000/in/a.jpg"),
        (COS, "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com/in/a.jpg"),
        (COS, "http://faces-1250000000.cos.ap-guangzhou.myqcloud.com/in/a.jpg"),
        (COS, "https://FACES-1250000000.COS.ap-guangzhou.myqcloud.com/in/a.jpg"),
        (COS, "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com:443/in/a.jpg"),
        (COS, "https://faces-1250000000.cos-internal.ap-guangzhou.tencentcos.cn/in/a.jpg"),
        (COS, "https://faces-1250000000.cos.accelerate.myqcloud.com/in/a.jpg"),
        (COS, "https://cos.ap-guangzhou.myqcloud.com/faces-1250000000/in/a.jpg"),
        (AWS, "https://faces.s3.eu-west-1.amazonaws.com/in/a.jpg"),
        (AWS, "https://faces.s3.amazonaws.com/in/a.jpg"),
        (AWS, "https://faces.s3-eu-west-1.amazonaws.com/in/a.jpg"),
        (AWS, "https://faces.s3.dualstack.eu-west-1.amazonaws.com/in/a.jpg"),
        (AWS, "https://s3.eu-west-1.amazonaws.com/faces/in/a.jpg"),
        (AWS, "https://faces.s3-fips.eu-west-1.amazonaws.com/in/a.jpg"),
        (AWS, "https://faces.s3-fips.dualstack.eu-west-1.amazonaws.com/in/a.jpg"),
        (AWS, "https://faces.s3-accelerate.dualstack.amazonaws.com/in/a.jpg"),
        (AWS, "https://s3.amazonaws.com/faces/in/a.jpg"),
        (OSS, "oss://faces/in/a.jpg"),
        (OSS, "https://faces.oss-cn-hangzhou.aliyuncs.com/in/a.jpg"),
        (OSS, "https://faces.oss-cn-hangzhou-internal.aliyuncs.com/in/a.jpg"),
        (OSS, "https://oss-cn-hangzhou.aliyuncs.com/faces/in/a.jpg"),
        (OSS, "https://faces.s3.oss-cn-hangzhou.aliyuncs.com/in/a.jpg"),
        (OTHER, "http://127.0.0.1:8333/faces/in/a.jpg"),
    ],
)
def test_an_object_below_the_source_is_its_key_however_it_is_written(source, address):
    assert source.image_id(address) == "a.jpg"


@pytest.mark.parametrize(
    ("source", "address", "told"),
    [
        (
            AWS,
            "cos://b/a.jpg",
            "cos:// is an address of Tencent COS, and the source is Amazon S3: give the key",
        ),
        (AWS, "cosn://b/a.jpg", "cosn:// is an address of Tencent COS"),
        (COS, "oss://b/a.jpg", "oss:// is an address of Alibaba OSS, and the source is Tencent COS"),
        (OTHER, "cos://b/a.jpg", "and the source is another S3 store"),
        (OTHER, "oss://b/a.jpg", "and the source is another S3 store"),
        (FOLDER, "cos://b/a.jpg", "and the source is a folder"),
        (FOLDER, "oss://b/a.jpg", "and the source is a folder"),
        (COS, "https://b.cos.ap-guangzhou.myqcloud.com/a#b.jpg", "# ends an https:// address: write %23"),
        (COS, "https://b.cos.ap-guangzhou.myqcloud.com/%ff.jpg", "not those of UTF-8: give the key"),
    ],
)
def test_an_address_of_another_store_is_refused_with_the_reason(source, address, told):
    with pytest.raises(ValueError, match=told):
        source.image_id(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.example.com/a.jpg",
        "https://faces.s3.eu-west-1.amazonaws.com/in/a.jpg",  # of a store that is not the source's
        "https://b.cos.ap-shanghai.myqcloud.com/a.jpg",  # of a region that our endpoint does not serve
        "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com/in/a.jpg?w=100",  # a picture made of it
        "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com.evil.test/in/a.jpg",
        "https://faces-1250000000.cos-website.ap-guangzhou.myqcloud.com/in/a.jpg",
        "https://faces-1250000000.cos.ap-guangzhou.myqcloud.com:8080/in/a.jpg",
        "ftp://host/a.jpg",
        "images/a.jpg",
        "camera:7/a.jpg",
        "a://b",
    ],
)
def test_public_addresses_and_keys_stay_as_they_are(address):
    assert COS.image_id(address) == address


@pytest.mark.parametrize(
    "key", ["a#b.jpg", "a?b.jpg", "100%.jpg", "a%20b.jpg", "a[1].jpg", "a b.jpg", "王.jpg", "a+b"]
)
def test_each_character_of_a_key_is_meant(key):
    assert AWS.image_id(f"s3://faces/in/{key}") == key
    assert AWS.image_id(f"s3://archive/{key}") == f"s3://archive/{key}"
    assert AWS.image_id(key) == key


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a%23b.jpg", "a#b.jpg"),
        ("a%3Fb.jpg", "a?b.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("a%2520b.jpg", "a%20b.jpg"),
        ("a+b.jpg", "a+b.jpg"),
        ("%E7%8E%8B.jpg", "王.jpg"),
        ("王.jpg", "王.jpg"),
    ],
)
def test_escapes_of_a_web_address_are_those_of_the_web(path, key):
    assert AWS.image_id(f"https://faces.s3.eu-west-1.amazonaws.com/in/{path}") == key


@pytest.mark.parametrize(
    "address",
    [
        "s3://faces/in/../a.jpg",
        "s3a://faces/in/../a.jpg",
        "https://s3.amazonaws.com/faces/in/%2e%2e/a.jpg",
        "../a.jpg",
    ],
)
def test_going_up_is_refused_however_it_is_written(address):
    assert "no .. between slashes" in what_is_wrong(AWS.image_id(address))


@pytest.mark.parametrize("key", ["/a.jpg", "", "https://x/a.jpg", "s3:a.jpg"])
def test_a_key_that_would_mean_something_else_keeps_its_address(key):
    assert AWS.image_id(f"s3://faces/in/{key}") == f"s3://faces/in/{key}"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("a%20b.jpg", "it looks percent-encoded, and keys are taken as they are: was 'a b.jpg' meant?"),
        ("%E7%8E%8B.jpg", "was '王.jpg' meant?"),
        ("images\\a.jpg", "it has backslashes, and keys have slashes"),
        ("a\u200b.jpg", r"'a\\u200b.jpg'"),
        ("a\u202e.jpg", r"'a\\u202e.jpg'"),
        ("\ufeffa.jpg", r"'\\ufeffa.jpg'"),
        ("a\u00a0b.jpg", r"'a\\xa0b.jpg'"),
        ("images／a.jpg", r"'images\\uff0fa.jpg'"),
        ("ａ.jpg", r"'\\uff41.jpg'"),
    ],
)
def test_what_may_be_wrong_with_a_key_that_is_missing_is_told(key, hint):
    assert hint.replace("\\\\", "\\") in hint_for_missing(key)


@pytest.mark.parametrize("key", ["a.jpg", "100%.jpg", "王 (1).jpg", "a+b#c?.jpg"])
def test_a_sound_key_has_no_hint(key):
    assert hint_for_missing(key) == ""

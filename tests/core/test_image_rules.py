import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.pictures import JPEG_HEAD
from maskmatch.core.errors import ImageUnusable
from maskmatch.core.image_rules import MAX_FILE_BYTES, Picture, base64_length, check_head, fit_one_request


@given(st.binary(max_size=100))
def test_the_base64_length_is_that_of_the_real_encoding(data):
    assert base64_length(data) == len(base64.b64encode(data))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_empty"),
        (b"GIF89a..", "image_undecodable"),
        (b"RIFF....WEBP", "image_undecodable"),
        (JPEG_HEAD + bytes(MAX_FILE_BYTES), "image_too_many_bytes"),
    ],
)
def test_what_the_vendor_is_sure_to_refuse_is_not_sent(data, code):
    with pytest.raises(ImageUnusable) as caught:
        check_head(data, size=len(data))
    assert caught.value.code == code


@pytest.mark.parametrize("data", [JPEG_HEAD, JPEG_HEAD + bytes(MAX_FILE_BYTES - len(JPEG_HEAD))])
def test_what_may_be_an_image_is_sent(data):
    check_head(data, size=len(data))


def test_two_images_that_are_each_small_enough_may_be_too_large_together():
    large = Picture(data=bytes(MAX_FILE_BYTES))
    assert not fit_one_request(large, large)
    assert fit_one_request(large, Picture(url="https://cdn/x.jpg"))


def test_neither_bytes_nor_address_are_shown_by_repr():
    assert repr(Picture(data=b"secret", url="https://secret")) == "Picture()"

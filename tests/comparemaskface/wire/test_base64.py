"""Pictures as text: what callers wrap around base64, and what is not base64."""

import base64
import json

import pytest
from comparemaskface.wire.comparison import LARGEST_BASE64, Picture, read_comparison
from comparemaskface.wire.errors import ServiceError
from hypothesis import given
from hypothesis import strategies as st

CONTENT = bytes(range(256)) * 3
TEXT = base64.b64encode(CONTENT).decode()


def sides(text: str) -> tuple[object, object]:
    comparison = read_comparison(json.dumps({"ImageA": text, "ImageB": TEXT}).encode())
    return comparison.a, comparison.b


def outcome(text: str) -> str:
    try:
        sides(text)
    except ServiceError as error:
        return error.code
    return "a picture"


def code(text: str) -> str:
    with pytest.raises(ServiceError) as caught:
        sides(text)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)),
        "\r\n".join(TEXT[i : i + 64] for i in range(0, len(TEXT), 64)) + "\r\n",
        f"  {TEXT}\t",
        "data:image/jpeg;base64," + TEXT,
        "data:image/svg+xml;base64,\n" + TEXT,
    ],
    ids=["plain", "MIME", "PEM", "spaces", "data URL", "data URL and line break"],
)
def test_what_is_wrapped_around_the_text_does_no_harm(text: str) -> None:
    a, b = sides(text)
    assert isinstance(a, Picture)
    assert a == b
    assert a.content == CONTENT


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        TEXT[:-1],
        "=" + TEXT,
        TEXT[:100] + "=" + TEXT[100:],
        TEXT.replace("/", "_").replace("+", "-"),
        "data:image/png," + TEXT,
        "data:text/html;base64," + TEXT,
        "ＡＡＡＡ",
        "\x00" * 8,
    ],
    ids=[
        "words",
        "cut",
        "padded",
        "padded within",
        "URL alphabet",
        "no base64",
        "no image",
        "wide",
        "nought",
    ],
)
def test_what_is_no_base64_cannot_be_decoded(text: str) -> None:
    assert code(text) == "FailedOperation.ImageDecodeFailed"


@pytest.mark.parametrize("text", ["", "\r\n", "data:image/png;base64,"])
def test_a_text_with_nothing_in_it_is_an_empty_image(text: str) -> None:
    assert code(text) == "InvalidParameterValue.ImageEmpty"


def test_the_longest_text_is_five_mebibytes() -> None:
    longest = "A" * LARGEST_BASE64
    assert LARGEST_BASE64 == 5 * 2**20
    assert isinstance(sides(longest)[0], Picture)
    assert code(longest + "AAAA") == "FailedOperation.ImageSizeExceed"


@given(text=st.text(max_size=200))
def test_any_text_gives_a_picture_or_a_code(text: str) -> None:
    assert outcome(text) in {
        "a picture",
        "FailedOperation.ImageDecodeFailed",
        "InvalidParameterValue.ImageEmpty",
    }

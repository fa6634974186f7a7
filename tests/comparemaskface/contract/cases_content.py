"""VendorErrors in what is asked: JSON, names and types of parameters, their values, pictures and URLs."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from tests.comparemaskface.contract.by_hand import PAIR, SCORED, Answer
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.contract.case import Case
from tests.comparemaskface.contract.world import World

PORTRAIT = Path(__file__).parents[3] / "demo" / "portraits" / "obama-1.jpg"
DECODE, SIZE = "FailedOperation.ImageDecodeFailed", "FailedOperation.ImageSizeExceed"
DOWNLOAD, ILLEGAL = "FailedOperation.ImageDownloadError", "InvalidParameterValue.UrlIllegal"
LARGE, SMALL = "FailedOperation.ImageResolutionExceed", "FailedOperation.ImageResolutionTooSmall"
NO_FACE = "InvalidParameterValue.NoFaceInPhoto"
TEXT = base64.b64encode(b"any bytes will do here").decode()


def content_cases() -> Iterator[Case]:
    yield from _json_cases()
    yield from _value_cases()
    yield from _picture_cases()
    yield from _url_cases()


def _json_cases() -> Iterator[Case]:
    for name, raw in {
        "no body": b"",
        "half a brace": b"{",
        "a list": b"[]",
        "a text": b'"text"',
        "null": b"null",
        "no UTF-8": b"\xff\xfe",
        "a deep list": b"[" * 100_000,
        "a long number": b"9" * 5000,
    }.items():
        says = "对于指定content-type=application/json协议下，请求内容不是合法的Json格式。"
        yield Case(
            f"JSON: {name}",
            "InvalidParameter",
            lambda w, raw=raw: w.tc3(raw=raw, headers={"x-tc-language": "zh-CN"}).send(w.plain),
            says,
            is_portable=True,
        )
    for kind in ("JSON", "query", "v1"):
        says = "The parameter `URLA` is not recognized."
        yield Case(f"unknown parameter in {kind}", "UnknownParameter", _sent(kind, {"URLA": "1"}), says)
    for value in (1.5, True, "0", -1, 2**64, [0], {}):
        says = "The value type of parameter `QualityControl` is not valid."
        yield Case(
            f"QualityControl {value!r}", "InvalidParameter", _sent("JSON", {"QualityControl": value}), says
        )
    for kind in ("query", "v1"):
        for text in ("", "high", "-1", "1.5"):
            parameters = {"QualityControl": text}
            yield Case(f"QualityControl {text!r} in {kind}", "InvalidParameter", _sent(kind, parameters))
    for name in ("ImageA", "UrlB", "FaceModelVersion"):
        yield Case(f"{name} a number", "InvalidParameter", _sent("JSON", {name: 7}), f"`{name}`")


def _sent(kind: str, parameters: dict[str, Any]) -> Any:
    def act(w: World) -> Answer:
        if kind == "v1":
            return w.old(parameters=PAIR | parameters).send(w.plain)
        method = "GET" if kind == "query" else "POST"
        raw = None if kind == "query" else json.dumps(PAIR | parameters).encode()
        return w.tc3(method=method, raw=raw, parameters=PAIR | parameters).send(w.plain)

    return act


def _value_cases() -> Iterator[Case]:
    missing = "MissingParameter.ErrorParameterEmpty"
    yield _sdk("no parameters", missing, {})
    yield _sdk("one side", missing, {"UrlA": PAIR["UrlA"]})
    yield _sdk("the other side", missing, {"ImageB": TEXT})
    yield _sdk("empty URL", missing, PAIR | {"UrlA": ""})
    yield _sdk("empty image", "InvalidParameterValue.ImageEmpty", {"ImageA": "", "ImageB": TEXT})
    yield _sdk(
        "only a data URL's prefix",
        "InvalidParameterValue.ImageEmpty",
        {"ImageA": "data:image/png;base64,", "ImageB": TEXT},
    )
    yield _sdk("bad base64", DECODE, {"ImageA": "!", "ImageB": TEXT})
    yield _sdk("bad padding", DECODE, {"ImageA": "AAAAA", "ImageB": TEXT})
    yield _sdk("base64 over 5 MiB", SIZE, {"ImageA": "A" * (5 * 2**20 + 4), "ImageB": TEXT})
    yield _sdk("base64 of 5 MiB", SCORED, {"ImageA": "A" * (5 * 2**20), "ImageB": TEXT})
    yield _sdk(
        "two of 5 MiB", "RequestSizeLimitExceeded", {"ImageA": "A" * (5 * 2**20), "ImageB": "A" * (5 * 2**20)}
    )
    yield _sdk(
        "line breaks and a prefix",
        SCORED,
        {"ImageA": f"data:image/png;base64,{TEXT[:8]}\r\n{TEXT[8:]}", "ImageB": TEXT},
    )
    for url in (
        "p.test/1",
        "ftp://p.test/1",
        "http://",
        "http://a b/",
        "http://p.test:99999/",
        "http://[::1",
        "//p/",
        "file:///etc/passwd",
    ):
        yield _sdk(f"URL {url}", ILLEGAL, PAIR | {"UrlB": url})
    for version in ("2.0", "3", "", "4.0"):
        yield _sdk(
            f"model version {version!r}",
            "InvalidParameterValue.FaceModelVersionIllegal",
            PAIR | {"FaceModelVersion": version},
        )
    for quality in (5, 100):
        yield _sdk(
            f"quality {quality}",
            "InvalidParameterValue.QualityControlIllegal",
            PAIR | {"QualityControl": quality},
        )
    for quality in (0, 4):
        yield _sdk(
            f"quality {quality}", SCORED, PAIR | {"QualityControl": quality, "FaceModelVersion": "3.0"}
        )
    yield _sdk("both URL and image", SCORED, PAIR | {"ImageA": "!"})


def _sdk(name: str, code: str, parameters: dict[str, Any]) -> Case:
    return Case(
        name, code, lambda w: by_sdk(w.plain, w.credential("good"), parameters), is_portable=code != SCORED
    )


@cache
def _portrait() -> Image.Image:
    return Image.open(PORTRAIT).convert("RGB").resize((400, 500))


def _file(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _picture_cases() -> Iterator[Case]:
    face, grey = _portrait(), Image.linear_gradient("L").convert("RGB")
    for form in ("PNG", "JPEG", "BMP"):
        yield _picture(form, SCORED, _file(face, form))
        whole = _file(face, form)
        yield _picture(f"{form} cut in the middle", DECODE, whole[: len(whole) // 2])
        yield _picture(f"{form} of its first bytes", DECODE, whole[:20])
    for form in ("GIF", "WEBP", "TIFF", "PDF", "ICO"):
        yield _picture(form, DECODE, _file(face, form))
    yield _picture("SVG", DECODE, b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    yield _picture("no picture", DECODE, b"not a picture at all")
    yield _picture("progressive JPEG", SCORED, _file(face, "JPEG", progressive=True))
    yield _picture("grey PNG", SCORED, _file(face.convert("L"), "PNG"))
    yield _picture("PNG with alpha", SCORED, _file(face.convert("RGBA"), "PNG"))
    for form, most in (("JPEG", 4000), ("PNG", 2000), ("BMP", 2000)):
        for size in ((most, 64), (64, most)):
            yield _picture(f"{form} of {size}", NO_FACE, _file(grey.resize(size), form))
        for size in ((most + 1, 64), (64, most + 1)):
            yield _picture(f"{form} of {size}", LARGE, _file(grey.resize(size), form))
        for size in ((63, 500), (500, 63)):
            yield _picture(f"{form} of {size}", SMALL, _file(grey.resize(size), form))
    yield _picture("no face", NO_FACE, _file(grey, "PNG"))
    blurred = _file(face.filter(ImageFilter.GaussianBlur(6)), "PNG")
    yield _picture("blurred face, any quality", SCORED, blurred)
    yield _picture(
        "blurred face, best quality", "FailedOperation.FaceQualityNotQualified", blurred, quality=4
    )


def _picture(name: str, code: str, content: bytes, *, quality: int = 0) -> Case:
    def act(w: World) -> Answer:
        sides = {
            "ImageA": base64.b64encode(_file(_portrait(), "JPEG")).decode(),
            "ImageB": base64.b64encode(content).decode(),
        }
        return by_sdk(w.faces, w.credential("good"), sides | {"QualityControl": quality})

    return Case(f"picture: {name}", code, act)


def _url_cases() -> Iterator[Case]:
    for path, code in (
        ("/picture.jpg", DECODE),
        ("/absent", DOWNLOAD),
        ("/redirect?http://127.0.0.1:9/", DOWNLOAD),
        ("/redirect?/redirect", DOWNLOAD),
        ("/redirect?ftp://p.test/", DOWNLOAD),
        ("/cut", DOWNLOAD),
        ("/empty", "InvalidParameterValue.ImageEmpty"),
        ("/endless", SIZE),
    ):
        yield Case(f"fetch {path}", code, lambda w, path=path: _fetched(w, w.pictures.url(path)))
    yield Case(
        "fetch from loopback",
        DOWNLOAD,
        lambda w: _fetched(w, w.pictures.url("/picture.jpg"), is_guarded=True),
    )
    for host in (
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.0.23",
        "2130706433",
    ):
        yield Case(
            f"fetch from {host}",
            DOWNLOAD,
            lambda w, host=host: _fetched(w, f"http://{host}/a.jpg", is_guarded=True),
        )


def _fetched(w: World, url: str, *, is_guarded: bool = False) -> Answer:
    address = w.guarded if is_guarded else w.faces
    return by_sdk(address, w.credential("good"), {"UrlA": url, "UrlB": url})

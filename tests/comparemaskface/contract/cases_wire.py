"""VendorErrors in the protocol: form, size, common parameters, signature, target."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.comparemaskface.contract.by_hand import PAIR, SCORED, Answer, Changes, Credential
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.contract.case import Case
from tests.comparemaskface.contract.world import World

MISSING = "The request is missing a required parameter `{}`."
NOT_STANDARD = "The request `Authorization` header does not conform to tencentcloud standards: "
SIGNATURE = "AuthFailure.SignatureFailure"
AUTHORIZATION = "AuthFailure.InvalidAuthorization"
BIG = {"ImageA": "A" * 40_000, "UrlB": PAIR["UrlB"]}


def wire_cases() -> Iterator[Case]:
    yield from _sdk_cases()
    yield from _missing_cases()
    yield from _form_cases()
    yield from _caller_cases()
    yield from _authorization_cases()
    yield from _signature_cases()
    yield from _target_cases()


def _tc3(name: str, code: str, says: str = "", *, account: str = "good", **parts: Any) -> Case:
    return _by_hand(name, code, says, account, lambda w: w.tc3(account, **parts).send(w.plain))


def _old(name: str, code: str, says: str = "", *, account: str = "good", **parts: Any) -> Case:
    return _by_hand(name, code, says, account, lambda w: w.old(account, **parts).send(w.plain))


def _by_hand(name: str, code: str, says: str, account: str, act: Callable[[World], Answer]) -> Case:
    # An answer with a score needs pictures that exist.
    return Case(name, code, act, says, is_portable=account in {"good", "nobody"} and code != SCORED)


def _sdk_cases() -> Iterator[Case]:
    def call(w: World, **choices: Any) -> Answer:
        return by_sdk(w.plain, w.credential("good"), **choices)

    for is_async in (False, True):
        side = "async SDK" if is_async else "SDK"
        for method in ("POST", "GET"):
            for sign_method in ("TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"):
                act = partial(call, method=method, sign_method=sign_method, is_async=is_async)
                yield Case(f"{side}, {method}, {sign_method}", SCORED, act)
            act = partial(call, method=method, unsigned=True, is_async=is_async)
            yield Case(f"{side}, {method}, payload not signed", SCORED, act)
            act = partial(call, method=method, parameters=BIG, is_async=is_async)
            code = SCORED if method == "POST" else "RequestSizeLimitExceeded"
            yield Case(f"{side}, {method} of 40 kB", code, act)
    for language, text in (("en-US", "A required parameter"), ("zh-CN", "必选参数为空。")):
        for sign_method in ("TC3-HMAC-SHA256", "HmacSHA1"):
            act = partial(call, language=language, sign_method=sign_method, parameters={})
            yield Case(f"{language}, {sign_method}", "MissingParameter.ErrorParameterEmpty", act, text)


def _missing_cases() -> Iterator[Case]:
    for method in ("POST", "GET"):
        for name in ("Action", "Version", "Timestamp", "Authorization"):
            if method == "GET" and name == "Action":
                continue  # it would still be recognised by its Authorization, as the next lines show
            header = name.lower() if name == "Authorization" else f"x-tc-{name.lower()}"
            for late in ({header: None}, {header: ""}):
                kind = "without" if late[header] is None else "with an empty"
                yield _tc3(
                    f"{method} {kind} {name}",
                    "MissingParameter",
                    MISSING.format(name),
                    method=method,
                    late=late,
                )
        for name in ("Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature"):
            late: Changes = {name: None}
            yield _old(
                f"v1 {method} without {name}",
                "MissingParameter",
                MISSING.format(name),
                method=method,
                late=late,
            )
    for region in (None, ""):
        yield Case(
            f"strict, region {region!r}",
            "MissingParameter",
            lambda w, region=region: w.tc3(headers={"x-tc-region": region}).send(w.strict),
            MISSING.format("Region"),
        )
    yield Case(
        "strict, v1 without region",
        "MissingParameter",
        lambda w: w.old(fields={"Region": None}).send(w.strict),
        MISSING.format("Region"),
    )
    for value in ("soon", "-5", "1e9", "9" * 30):
        says = "`Timestamp` is not valid"
        yield _tc3(f"timestamp {value}", "InvalidParameter", says, headers={"x-tc-timestamp": value})
        yield _old(f"v1 timestamp {value}", "InvalidParameter", says, fields={"Timestamp": value})
    yield _old("nonce that is not a number", "InvalidParameter", "`Nonce`", fields={"Nonce": "once"})


def _form_cases() -> Iterator[Case]:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        yield _tc3(f"method {method}", "UnsupportedProtocol", method=method)
    for media_type in (
        "multipart/form-data",
        "application/octet-stream",
        "text/plain",
        "application/xml",
        "",
    ):
        says = f"this action not support Content-Type=`{media_type}`"
        yield _tc3(
            f"content type {media_type!r}", "UnsupportedProtocol", says, headers={"content-type": media_type}
        )
    yield _tc3("JSON with a charset", SCORED, headers={"content-type": "application/json; charset=utf-8"})
    yield _tc3(
        "GET of JSON", "UnsupportedProtocol", method="GET", headers={"content-type": "application/json"}
    )
    yield _tc3("over 10 MiB", "RequestSizeLimitExceeded", raw=b"x" * (10 * 2**20 + 1))
    yield _tc3("over 10 MiB in chunks", "RequestSizeLimitExceeded", raw=b"x" * (10 * 2**20 + 1), chunked=True)
    yield _tc3("JSON in chunks", SCORED, chunked=True)
    large = {"ImageA": "A" * 2**20, "UrlB": PAIR["UrlB"]}
    for digest, name in (("sha1", "HmacSHA1"), ("sha256", "HmacSHA256")):
        says = "because of exceeding request size limit, please use new signature method `TC3-HMAC-SHA256`."
        parts = {"fields": {"SignatureMethod": name}, "digest": digest}
        yield _old(f"v1 {name} over 1 MiB", SIGNATURE, says, parameters=large, **parts)
        yield _old(f"v1 {name} under 1 MiB", SCORED, parameters=BIG, **parts)
    yield _old("v1 GET over 32 KiB", "RequestSizeLimitExceeded", parameters=BIG, method="GET")
    says = "Url key and value should be splited by `=`."
    yield _tc3("query without =", "InvalidParameter", says, method="GET", raw=b"UrlA")
    yield _tc3("query with an empty field", "InvalidParameter", says, method="GET", raw=b"UrlA=1&&UrlB=2")
    yield _old("v1 form without =", "InvalidParameter", says, late_raw="&UrlA")
    yield _old("v1 query without =", "InvalidParameter", says, method="GET", late_raw="&UrlA")


def _caller_cases() -> Iterator[Case]:
    expired = "The signature is expired, please request again."
    for seconds in (-301, 301, -86_400):
        code, says = "AuthFailure.SignatureExpire", expired
        yield _case_at(f"clock {seconds} s off", code, says, seconds=seconds)
        yield _case_at(f"v1 clock {seconds} s off", code, says, seconds=seconds, is_old=True)
    for seconds in (-299, 299):
        yield _case_at(f"clock {seconds} s off", SCORED, seconds=seconds)
        yield _case_at(f"v1 clock {seconds} s off", SCORED, seconds=seconds, is_old=True)
    for make in (_tc3, _old):
        kind = "v1 " if make is _old else ""
        says = "The SecretId is not found, please ensure that your SecretId is correct."
        yield make(f"{kind}unknown SecretId", "AuthFailure.SecretIdNotFound", says, account="nobody")
        yield make(f"{kind}disabled key", "AuthFailure.SecretIdNotFound", account="disabled")
        yield make(f"{kind}key of another kind", "AuthFailure.InvalidSecretId", account="wrongkind")
        yield make(f"{kind}key that needs MFA", "AuthFailure.MFAFailure", account="mfa")
        token = "AuthFailure.TokenFailure"
        yield make(f"{kind}token with a permanent key", token, account="good", token="a token")
        yield make(f"{kind}temporary key without token", token, account="temporary")
        yield make(f"{kind}another token", token, account="temporary", token="the tokem")
        yield make(f"{kind}expired token", token, account="expired", token="the token")
        yield make(f"{kind}right token", SCORED, account="temporary", token="the token")


def _case_at(name: str, code: str, says: str = "", *, seconds: int, is_old: bool = False) -> Case:
    def act(w: World) -> Answer:
        request = w.old() if is_old else w.tc3()
        return request.but(at=w.now + seconds).send(w.plain)

    return Case(name, code, act, says)


def _authorization_cases() -> Iterator[Case]:
    start, zeros = "TC3-HMAC-SHA256 Credential=AKIDgood/", "0" * 64
    scope, signed = "2026-01-01/iai/tc3_request", "SignedHeaders=content-type;host"
    for name, text, part in (
        ("no form at all", "SKIP", "its format is"),
        ("another scheme", "Bearer abc", "its format is"),
        ("no signature", f"{start}{scope}, {signed}", "its format is"),
        (
            "another algorithm",
            f"{start}{scope}, {signed}, Signature={zeros}".replace("256", "512", 1),
            "its format is",
        ),
        ("another end", f"{start}2026-01-01/iai/tc4_request, {signed}, Signature={zeros}", "`Credential`"),
        ("no date", f"{start}iai/tc3_request, {signed}, Signature={zeros}", "`Credential`"),
        (
            "another service",
            f"{start}2026-01-01/cvm/tc3_request, {signed}, Signature={zeros}",
            "`Service` in Credential",
        ),
        ("a short signature", f"{start}{scope}, {signed}, Signature=abc", "`Signature`"),
        ("a signature in capitals", f"{start}{scope}, {signed}, Signature={'A' * 64}", "`Signature`"),
        ("only host signed", f"{start}{scope}, SignedHeaders=host, Signature={zeros}", "`SignedHeaders`"),
        (
            "headers out of order",
            f"{start}{scope}, SignedHeaders=host;content-type, Signature={zeros}",
            "`SignedHeaders`",
        ),
        ("a header twice", f"{start}{scope}, {signed};host, Signature={zeros}", "`SignedHeaders`"),
        (
            "headers in capitals",
            f"{start}{scope}, SignedHeaders=Content-Type;Host, Signature={zeros}",
            "`SignedHeaders`",
        ),
    ):
        says = f"{NOT_STANDARD}{part} not valid."
        yield _tc3(f"Authorization: {name}", AUTHORIZATION, says, late={"authorization": text})


def _signature_cases() -> Iterator[Case]:
    wrong = "The provided credentials could not be validated. Please check your signature is correct."
    key = {"account": "good"}
    yield _tc3("altered body", SIGNATURE, wrong, late_raw=b"{}", **key)
    yield _tc3("altered query", SIGNATURE, wrong, method="GET", late_raw=b"UrlA=1&UrlB=2", **key)
    yield _tc3("altered host", SIGNATURE, wrong, late={"host": "iai.intl.tencentcloudapi.com"})
    yield _tc3("altered content type", SIGNATURE, wrong, late={"content-type": "application/json;"})
    yield _tc3("date of another day", SIGNATURE, wrong, date="2020-01-01")
    yield _tc3("signed header not sent", SIGNATURE, wrong, signed="content-type;host;x-tc-other")
    signed = "content-type;host;x-tc-action"
    yield _tc3("another header signed", SCORED, signed=signed)
    yield _tc3("that header altered", SIGNATURE, wrong, signed=signed, late={"x-tc-action": "CompareFace"})
    yield _tc3("a header that is not signed altered", SCORED, late={"x-tc-region": "ap-beijing"})
    unsigned = {"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}
    yield _tc3(
        "payload not signed, altered",
        SCORED,
        headers=unsigned,
        late_raw=b'{"UrlA":"http://a/","UrlB":"http://b/"}',
    )
    yield _tc3("payload not signed, said too late", SIGNATURE, wrong, late=unsigned)
    for method in ("POST", "GET"):
        yield _old(
            f"v1 {method} altered", SIGNATURE, wrong, method=method, late={"UrlA": "http://other.test/"}
        )
    yield _old("v1 with another method", SIGNATURE, wrong, late={"SignatureMethod": "HmacSHA256"})
    yield _old("v1 with an unknown method", SIGNATURE, wrong, fields={"SignatureMethod": "HmacMD5"})
    yield _old("v1 without a method", SCORED)
    yield _old("v1 signature not in base64", SIGNATURE, wrong, late={"Signature": "*"})
    for sign_method in ("TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"):
        for method in ("POST", "GET"):
            yield Case(
                f"SDK with a wrong key, {method}, {sign_method}",
                SIGNATURE,
                lambda w, method=method, sign_method=sign_method: by_sdk(
                    w.plain, _wrong_key(w), method=method, sign_method=sign_method
                ),
                wrong,
                is_portable=True,
            )


def _wrong_key(w: World) -> Credential:
    good = w.credential("good")
    return replace(good, secret_key=good.secret_key + "x")


def _target_cases() -> Iterator[Case]:
    for make, name in ((_tc3, "x-tc-{}"), (_old, "{}")):
        kind = "v1 " if make is _old else ""
        place = "fields" if make is _old else "headers"

        def header(word: str, name: str = name, is_old: bool = make is _old) -> str:
            return name.format(word if is_old else word.lower())

        for version in ("2018-03-01", "2020-3-3"):
            says = f"The specified api version=`{version}` does not exist in service=`iai`."
            yield make(
                f"{kind}version {version}", "NoSuchVersion", says, **{place: {header("Version"): version}}
            )
        for action in ("CompareFace", "compareMaskFace"):
            says = "The request `Action` is invalid or not found."
            yield make(f"{kind}action {action}", "InvalidAction", says, **{place: {header("Action"): action}})
        for region in ("ap-atlantis", "guangzhou"):
            says = "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used."
            yield make(
                f"{kind}region {region}", "UnsupportedRegion", says, **{place: {header("Region"): region}}
            )
        yield make(f"{kind}no region", SCORED, **{place: {header("Region"): None}})

"""Requests signed without the vendor's SDK, so that each part of them can be wrong.

`headers` and `fields` are changed before the signature is made, `late` after it; None takes one away.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.comparemaskface.service import TLS

URLENCODED = "application/x-www-form-urlencoded"
PAIR = {"UrlA": "http://pictures.test/a.jpg", "UrlB": "http://pictures.test/b.jpg"}
SCORED = "Scored"

Changes = Mapping[str, str | None]


@dataclass(frozen=True)
class Credential:
    secret_id: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: SCORED or the vendor's code."""

    code: str
    message: str
    request_id: str
    is_well_formed: bool = True


@dataclass(frozen=True)
class Tc3:
    """A request signed with TC3: a POST of JSON, or a GET."""

    credential: Credential
    at: float
    method: str = "POST"
    parameters: Mapping[str, Any] = field(default_factory=lambda: PAIR)
    raw: bytes | None = None
    headers: Changes = field(default_factory=dict)
    late: Changes = field(default_factory=dict)
    signed: str = "content-type;host"
    date: str | None = None
    service: str = "iai"
    late_raw: bytes | None = None
    chunked: bool = False

    def but(self, **changes: Any) -> "Tc3":
        return replace(self, **changes)

    def send(self, address: str) -> Answer:
        content = self._content()
        headers = _changed(self._plain_headers(), self.headers)
        headers = _changed({"authorization": self.authorization(headers, content)} | headers, self.late)
        sent = content if self.late_raw is None else self.late_raw
        if self.method == "GET":
            return _answer(self.method, f"{address}/?{sent.decode()}", headers, b"")
        return _answer(self.method, f"{address}/", headers, _chunks(sent) if self.chunked else sent)

    def authorization(self, headers: Mapping[str, str], content: bytes) -> str:
        date = self.date or datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")
        scope = f"{date}/{self.service}/tc3_request"
        digest = hashlib.sha256(self._canonical(headers, content).encode("latin-1")).hexdigest()
        text = f"TC3-HMAC-SHA256\n{headers.get('x-tc-timestamp', '')}\n{scope}\n{digest}"
        key = f"TC3{self.credential.secret_key}".encode()
        for step in (date, self.service, "tc3_request", text):
            key = hmac.digest(key, step.encode("latin-1"), "sha256")
        claim = f"Credential={self.credential.secret_id}/{scope}, SignedHeaders={self.signed}"
        return f"TC3-HMAC-SHA256 {claim}, Signature={key.hex()}"

    def _content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return (urlencode(self.parameters) if self.method == "GET" else json.dumps(self.parameters)).encode()

    def _plain_headers(self) -> dict[str, str]:
        headers = {
            "content-type": URLENCODED if self.method == "GET" else "application/json",
            "host": "iai.tencentcloudapi.com",
            "x-tc-action": "CompareMaskFace",
            "x-tc-version": "2020-03-03",
            "x-tc-timestamp": str(int(self.at)),
            "x-tc-region": "ap-guangzhou",
        }
        return headers | ({"x-tc-token": self.credential.token} if self.credential.token else {})

    def _canonical(self, headers: Mapping[str, str], content: bytes) -> str:
        values = {name: headers.get(name, "") for name in self.signed.split(";")}
        lines = "".join(
            f"{name}:{value if name in {'content-type', 'host'} else value.strip().lower()}\n"
            for name, value in values.items()
        )
        query, payload = (content.decode(), b"") if self.method == "GET" else ("", content)
        if headers.get("x-tc-content-sha256") == "UNSIGNED-PAYLOAD":
            payload = b"UNSIGNED-PAYLOAD"
        digest = hashlib.sha256(payload).hexdigest()
        return f"{self.method}\n/\n{query}\n{lines}\n{self.signed}\n{digest}"


@dataclass(frozen=True)
class Old:
    """A request with an older signature: a GET, or a POST of a form."""

    credential: Credential
    at: float
    method: str = "POST"
    parameters: Mapping[str, Any] = field(default_factory=lambda: PAIR)
    fields: Changes = field(default_factory=dict)
    late: Changes = field(default_factory=dict)
    digest: str = "sha1"
    late_raw: str = ""
    host: str = "iai.tencentcloudapi.com"

    def but(self, **changes: Any) -> "Old":
        return replace(self, **changes)

    def send(self, address: str) -> Answer:
        headers = {"content-type": URLENCODED, "host": self.host}
        if self.method == "GET":
            return _answer("GET", f"{address}/?{self.content().decode()}", headers, b"")
        return _answer("POST", f"{address}/", headers, self.content())

    def content(self) -> bytes:
        fields = _changed(self._plain_fields(), self.fields)
        text = f"{self.method}{self.host}/?" + "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        signature = hmac.digest(self.credential.secret_key.encode(), text.encode(), self.digest)
        signed = {"Signature": base64.b64encode(signature).decode()}
        return (urlencode(_changed(fields | signed, self.late)) + self.late_raw).encode()

    def _plain_fields(self) -> dict[str, str]:
        fields = {
            "Action": "CompareMaskFace",
            "Version": "2020-03-03",
            "Region": "ap-guangzhou",
            "Timestamp": str(int(self.at)),
            "Nonce": "11886",
            "SecretId": self.credential.secret_id,
        }
        token = {"Token": self.credential.token} if self.credential.token else {}
        return fields | token | {name: str(value) for name, value in self.parameters.items()}


def _changed(given: dict[str, str], changes: Changes) -> dict[str, str]:
    return {name: value for name, value in ({**given, **changes}).items() if value is not None}


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


def _answer(method: str, url: str, headers: dict[str, str], content: bytes | Iterator[bytes]) -> Answer:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    with httpx.Client(trust_env=False, verify=TLS, timeout=30) as client:
        reply = client.request(method, url, headers=raw, content=content)
    response = json.loads(reply.content)["Response"]
    error = response.get("Error")
    is_well_formed = (
        reply.status_code == 200
        and reply.headers["content-type"] == "application/json"
        and set(response) == ({"Error", "RequestId"} if error else {"Score", "FaceModelVersion", "RequestId"})
    )
    code, message = (error["Code"], error["Message"]) if error else (SCORED, "")
    return Answer(code, message, response["RequestId"], is_well_formed)

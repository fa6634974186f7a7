"""Start the service in a thread, and speak to it as callers do: with the vendor's SDK, or by hand."""

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import uvicorn
from comparemaskface.settings import Scores, Settings
from comparemaskface.web.running import address_of, build_server, listen
from starlette.applications import Starlette
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.iai.v20200303.iai_client import IaiClient
from tencentcloud.iai.v20200303.models import CompareMaskFaceRequest

SECRET_ID = "AKIDtest"
SECRET_KEY = "a-key-for-tests-only"
SETTINGS = Settings(
    secret_id=SECRET_ID, secret_key=SECRET_KEY, calls_per_second=0, scores=Scores.HASH, meter=True
)

TLS = httpx.create_ssl_context(trust_env=False)
"""Made once: by itself each client reads all certificates again, which takes 30 ms."""


def accepted_calls(address: str) -> int:
    """Return how many calls the service has accepted, by its meter."""
    return int(httpx.get(f"{address}/meter", trust_env=False, verify=TLS).json()["accepted"])


@contextmanager
def running(app: Starlette, **choices: Any) -> Iterator[str]:
    """Serve an application on a free loopback port; yield its address. `choices` as of `build_server`."""
    with listen("127.0.0.1", 0) as listener:
        server = build_server(app, **choices)
        server.main_loop = partial(_wait_for_exit, server)  # type: ignore[method-assign]  # see there
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(listener)
        finally:
            server.should_exit = True
            thread.join(timeout=60)
            if thread.is_alive():
                raise TimeoutError("the service has not stopped within 60 s")


async def _wait_for_exit(server: uvicorn.Server) -> None:
    """Do what uvicorn's own loop does, ten times as often: nearly every test waits for it in the end."""
    while not await server.on_tick(0):
        await asyncio.sleep(0.01)  # a tenth of uvicorn's own pause


@contextmanager
def sdk_client(
    address: str, *, secret_id: str = SECRET_ID, secret_key: str = SECRET_KEY, **choices: Any
) -> Iterator[IaiClient]:
    """Yield the vendor's client; `choices`: token, region, language, method, timeout."""
    http = HttpProfile(
        protocol="http",
        endpoint=address.removeprefix("http://"),
        reqMethod=choices.get("method", "POST"),
        reqTimeout=choices.get("timeout", 20),
    )
    profile = ClientProfile(
        signMethod=choices.get("sign_method", "TC3-HMAC-SHA256"),
        httpProfile=http,
        language=choices.get("language", "en-US"),
    )
    credential = Credential(secret_id, secret_key, choices.get("token"))
    client = IaiClient(credential, choices.get("region", "ap-guangzhou"), profile)
    try:
        yield client
    finally:
        client.request.conn._session.close()


def compare(client: IaiClient, **parameters: Any) -> Any:
    """Call CompareMaskFace with the SDK; by default with two URLs."""
    request = CompareMaskFaceRequest()
    request._deserialize(
        parameters or {"UrlA": "http://pictures.test/a.jpg", "UrlB": "http://pictures.test/b.jpg"}
    )
    return client.CompareMaskFace(request)


def outcome(address: str, parameters: Mapping[str, Any] | None = None, **choices: Any) -> str:
    """Make one call; return the code that the SDK raises, or `Scored`."""
    with sdk_client(address, **choices) as client:
        try:
            compare(client, **parameters or {})
        except TencentCloudSDKException as error:
            return str(error.get_code())
    return "Scored"


@dataclass(frozen=True)
class HandMade:
    """A request signed without the SDK, so that each part of it can be wrong."""

    at: float
    body: bytes = b'{"UrlA": "http://pictures.test/a.jpg", "UrlB": "http://pictures.test/b.jpg"}'
    headers: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    host: str = "iai.tencentcloudapi.com"
    content_type: str = "application/json"
    signed: str = "content-type;host"
    date: str | None = None
    service: str = "iai"
    secret_id: str = SECRET_ID
    method: str = "POST"

    def but(self, **changes: Any) -> "HandMade":
        return replace(self, **changes)

    def send(self, address: str) -> httpx.Response:
        with httpx.Client(trust_env=False, verify=TLS, timeout=20) as client:
            return client.request(self.method, address, content=self.body, headers=self.headers_signed())

    def error(self, address: str) -> tuple[str, str]:
        """Send, and return the code and the message of the error that came back."""
        problem = json.loads(self.send(address).content)["Response"]["Error"]
        return problem["Code"], problem["Message"]

    def headers_signed(self) -> dict[str, str]:
        headers = {
            "content-type": self.content_type,
            "host": self.host,
            "x-tc-action": "CompareMaskFace",
            "x-tc-version": "2020-03-03",
            "x-tc-timestamp": str(int(self.at)),
            "x-tc-region": "ap-guangzhou",
        } | self.headers
        headers = {"authorization": self._authorization(headers)} | headers
        return {name: value for name, value in headers.items() if name not in self.without}

    def _authorization(self, headers: dict[str, str]) -> str:
        date = self.date or datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")
        names = self.signed.split(";")
        lines = "".join(
            f"{name}:{headers[name] if name in ('content-type', 'host') else headers[name].lower()}\n"
            for name in names
        )
        canonical = f"POST\n/\n\n{lines}\n{self.signed}\n{hashlib.sha256(self.body).hexdigest()}"
        scope = f"{date}/{self.service}/tc3_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"TC3-HMAC-SHA256\n{headers['x-tc-timestamp']}\n{scope}\n{digest}"
        key = b"TC3" + SECRET_KEY.encode()
        for step in (date, self.service, "tc3_request", text):
            key = hmac.digest(key, step.encode(), "sha256")
        return (
            f"TC3-HMAC-SHA256 Credential={self.secret_id}/{scope}, "
            f"SignedHeaders={self.signed}, Signature={key.hex()}"
        )

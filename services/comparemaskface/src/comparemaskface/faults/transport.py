"""How faults look on the wire: no answer, half of one, or another machine's.

A web application cannot close its own connection, so the protocol under it hands itself over in the scope.
"""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from comparemaskface.faults.decisions import FaultDecision
from comparemaskface.faults.named_faults import FaultName
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import VendorError

CONNECTION = "comparemaskface.connection"
"""Name of the scope's extension that holds the connection."""

BAD_GATEWAY = HTMLResponse(
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>stgw</center>\r\n</body>\r\n</html>\r\n",
    status_code=502,
)


_VENDOR_ERRORS = {
    FaultName.INTERNAL: VendorError.INTERNAL,
    FaultName.RPC_FAIL: VendorError.RPC_FAILED,
    FaultName.ARREARS: VendorError.IN_ARREARS,
}


class CallAborted(Exception):
    """A call ends before it is served, with a reply that is not one of the vendor's answers."""

    def __init__(self, outcome: str, reply: ASGIApp) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.reply = reply


async def apply_fault(decision: FaultDecision, request: Request) -> None:
    """Delay an accepted call as decided; raise ServiceError or CallAborted if it is not to be served."""
    if decision.delay:
        await _wait(request, seconds=decision.delay)
    if decision.fault in _VENDOR_ERRORS:
        raise ServiceError(_VENDOR_ERRORS[decision.fault])
    if decision.fault is FaultName.BAD_GATEWAY:
        raise CallAborted("BadGateway", BAD_GATEWAY)
    if decision.fault is FaultName.HANG:
        await _hang(request, seconds=decision.hang)
    if decision.fault in {FaultName.HANG, FaultName.CUT}:
        raise CallAborted("ConnectionCut", cut)


def deliver(decision: FaultDecision, answer: Response) -> ASGIApp:
    """Return what the caller gets of an answer."""
    if decision.fault is FaultName.LOST:
        return cut
    if decision.fault is FaultName.BAD_JSON:
        return _break_json(answer)
    return answer


class Connection(HttpToolsProtocol):
    """A connection that an application can cut, and that knows when the server stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopping = asyncio.Event()

    def on_message_begin(self) -> None:
        """Hand the connection over to the application that answers this request."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]  # this service's, not one of ASGI's

    def shutdown(self) -> None:
        """Stop after the answer in progress; calls that hang end at once."""
        self.stopping.set()
        super().shutdown()

    def cut(self) -> None:
        """Close at once; what was not sent yet is lost."""
        self.transport.abort()


async def cut(scope: Scope, receive: Receive, _send: Send) -> None:
    """Close the connection without an answer."""
    _connection(scope).cut()
    # Until the server knows: it takes a missing answer on an open connection for an error of the application.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait(request: Request, *, seconds: float) -> None:
    """Wait, though not longer than the server runs."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_connection(request.scope).stopping.wait(), seconds)


async def _hang(request: Request, *, seconds: float) -> None:
    """Wait until the time is over, the caller hangs up, or the server stops."""
    ends = {
        asyncio.ensure_future(_caller_leaves(request)),
        asyncio.ensure_future(_connection(request.scope).stopping.wait()),
    }
    try:
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()


def _break_json(answer: Response) -> Response:
    """Return the answer without the last third of its bytes."""
    body = bytes(answer.body)
    return Response(body[: len(body) * 2 // 3], media_type=answer.media_type)


async def _caller_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _connection(scope: Scope) -> Connection:
    connection: Connection = scope["extensions"][CONNECTION]
    return connection

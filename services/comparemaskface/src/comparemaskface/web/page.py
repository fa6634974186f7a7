"""The page for a person: two pictures in a browser, compared by hand.

    GET /  from a browser ─▶ page.html          GET, POST /  from a client ─▶ Gateway
    POST /compare  the JSON of the action ─▶ the same checks and the same scorer, without a signature

What is compared here takes no slot of the rate limit and is on no bill.
"""

import base64
import hashlib
import logging
import re
import time
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from comparemaskface.vision.examination import Examination, PictureFindings
from comparemaskface.vision.scorers import Scorer
from comparemaskface.web.blocking_work import without_blocking
from comparemaskface.web.body_memory import BodyMemoryLimiter
from comparemaskface.wire.comparison import Comparison, Picture, read_comparison
from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.forms import Form, held_size, read_content
from comparemaskface.wire.vendor_errors import Language, VendorError

log = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_THRESHOLDS = {40: "1 in 1,000", 50: "1 in 10,000", 60: "1 in 100,000"}
"""Score -> false match rate (https://cloud.tencent.com/document/api/867/50425, face model 3.0)."""


class PageRouter:
    """Show the page to browsers and hand every other request to the gateway: an ASGI application."""

    def __init__(self, gateway: ASGIApp) -> None:
        self._gateway = gateway
        html = files(__package__).joinpath("page.html").read_text("utf-8")
        self._page = HTMLResponse(html, headers={**_HEADERS, "Content-Security-Policy": _policy(html)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._page if _wants_page(scope) else self._gateway
        await app(scope, receive, send)


class ComparePictures:
    """Answer the page's own requests: JSON as the action takes it, with pictures only."""

    def __init__(self, scorer: Scorer, body_memory: BodyMemoryLimiter) -> None:
        self._scorer = scorer
        self._body_memory = body_memory

    async def answer(self, request: Request) -> Response:
        """Compare once and log one line about it."""
        if not _is_own_page(request.headers):
            return Response("Only the page of this service may use this.", 403, media_type="text/plain")
        started = time.perf_counter()
        try:
            examination = await self._examine(request)
        except ClientDisconnect:
            return Response(status_code=400)  # the browser has hung up
        milliseconds = (time.perf_counter() - started) * 1000
        problem = examination.problem
        log.info("page code=%s ms=%.1f", problem.code if problem else "Scored", milliseconds)
        return JSONResponse(_flat(examination) | {"milliseconds": round(milliseconds, 1)})

    async def _examine(self, request: Request) -> Examination:
        taken = await self._body_memory.acquire(held_size(request.headers))
        try:
            content = await read_content(request, Form.JSON, request.headers)
            comparison = await without_blocking(_read, content)
            return await self._scorer.examine(comparison)
        except ServiceError as problem:
            return Examination(problem=problem)
        except ClientDisconnect:
            raise
        except Exception as fault:  # noqa: BLE001 - its message may quote what was sent, so only its class shows
            log.error("page fault=%s", type(fault).__name__)  # noqa: TRY400 - a traceback shows the message
            return Examination(problem=ServiceError(VendorError.INTERNAL))
        finally:
            self._body_memory.release(taken)


def _wants_page(scope: Scope) -> bool:
    """Return True if a browser opens the page, False if a client calls the action with GET."""
    if scope["method"] not in {"GET", "HEAD"}:
        return False
    headers = Headers(scope=scope)
    is_call = b"Action=" in scope["query_string"] or "x-tc-action" in headers or "authorization" in headers
    return "text/html" in headers.get("accept", "") and not is_call


def _is_own_page(headers: Headers) -> bool:
    """Return True if the page itself asks, False if a page of another origin does."""
    try:
        origin = urlsplit(headers.get("origin", "")).netloc
    except ValueError:
        return False
    return bool(origin) and origin == headers.get("host")


def _read(body: bytes) -> Comparison:
    comparison = read_comparison(body)
    if not (isinstance(comparison.a, Picture) and isinstance(comparison.b, Picture)):
        raise ServiceError(VendorError.NO_IMAGE_GIVEN)
    return comparison


def _flat(examination: Examination) -> dict[str, Any]:
    score = examination.score
    return {
        "score": score,
        "decisions": [
            {"threshold": threshold, "rate": rate, "is_match": score >= threshold}
            for threshold, rate in _THRESHOLDS.items()
            if score is not None
        ],
        "problem": _problem(examination.problem),
        "pictures": [_flat_findings(findings) for findings in (examination.a, examination.b)],
    }


def _flat_findings(findings: PictureFindings) -> dict[str, Any]:
    return {
        "box": findings.box,
        "quality": findings.quality_level,
        "shortcomings": findings.shortcomings,
        "problem": _problem(findings.problem),
    }


def _problem(error: ServiceError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message(Language.ENGLISH)}


def _policy(html: str) -> str:
    """Allow the page its own style and script, pictures from the disk, requests to this service; no more."""
    style, script = (_inline(html, tag) for tag in ("style", "script"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; "
        "img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _inline(html: str, tag: str) -> str:
    (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

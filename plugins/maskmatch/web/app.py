"""The application of the pages: everybody signs in first, and no other site may frame or feed a page."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse

from maskmatch.web import documents, orders, pages
from maskmatch.web.rendering import render
from maskmatch.web.security import is_signed_in

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


def build_app() -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="Maskmatch", dependencies=[is_signed_in], docs_url=None, redoc_url=None, openapi_url=None
    )
    app.middleware("http")(_with_headers)
    app.add_exception_handler(HTTPException, _told)
    app.include_router(pages.router)
    app.include_router(orders.router)
    app.include_router(documents.router)
    app.add_api_route("/static/{name}", _static, include_in_schema=False)
    return app


async def _with_headers(request: Request, serve: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await serve(request)
    response.headers.update(_HEADERS)
    return response


async def _told(request: Request, error: Exception) -> Response:
    """Tell a person, as a page, why there is none; programs get JSON."""
    if not isinstance(error, HTTPException):  # what FastAPI hands over is one
        raise error
    if "text/html" not in request.headers.get("accept", ""):
        return await http_exception_handler(request, error)
    return HTMLResponse(render("told.html", code=error.status_code, detail=error.detail), error.status_code)


def _static(name: str) -> Response:
    if name not in _STATIC:
        raise HTTPException(404, "There is no such file.")
    content = files(__package__).joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name])

"""The service as a web application: the vendor's action at `/`, and two pages of our own."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maskmatch.server.gateway import Gateway
from maskmatch.server.meter import Meter
from maskmatch.server.quota import Clock
from maskmatch.server.scorers import Scorer
from maskmatch.server.settings import Settings


def build_app(settings: Settings, *, scorer: Scorer, clock: Clock = time.time) -> Starlette:
    """Return the application; it closes the scorer when it stops."""
    meter = Meter(enabled=settings.meter)

    async def show_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "scores": settings.scores})

    async def show_meter(request: Request) -> Response:
        return await _meter_page(meter, with_calls=request.query_params.get("calls") == "1")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await scorer.aclose()

    routes = [
        Route("/", Gateway(settings, scorer=scorer, meter=meter, clock=clock)),
        Route("/health", show_health),
    ]
    if settings.meter:
        routes.append(Route("/meter", show_meter))
    return Starlette(routes=routes, lifespan=lifespan)


async def _meter_page(meter: Meter, *, with_calls: bool) -> Response:
    content: dict[str, Any] = meter.totals()
    if with_calls:
        content["calls"] = meter.calls()
    # In a thread: a long list of calls takes seconds to write.
    text = await asyncio.to_thread(_to_json, content)
    return Response(text, media_type="application/json")


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, default=list)

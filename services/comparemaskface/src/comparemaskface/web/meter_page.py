"""GET /meter shows the counts, with ?calls=1 each call too; DELETE /meter sets all to zero, money too."""

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from comparemaskface.accounts.meter import Meter


def meter_route(meter: Meter) -> Route:
    """Return the route of both."""

    async def show_or_reset(request: Request) -> Response:
        if request.method == "DELETE":
            meter.reset()
        content: dict[str, Any] = meter.totals()
        if request.query_params.get("calls") == "1":
            content["calls"] = meter.calls()
        # In a thread: a long list of calls takes seconds to write.
        return Response(await asyncio.to_thread(_to_json, content), media_type="application/json")

    return Route("/meter", show_or_reset, methods=["GET", "DELETE"])


def _to_json(content: dict[str, Any]) -> str:
    return json.dumps(content, default=list)

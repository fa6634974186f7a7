"""GET /capacity shows how much the service manages, POST /capacity replaces it while the service runs.

{"capacity": "queue=20"}        {"capacity": null}
"""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from comparemaskface.faults.capacity import Capacity, Workload, parse_capacity
from comparemaskface.web.faults_page import problem, read_body


def capacity_route(workload: Workload) -> Route:
    """Return the route of both."""

    async def show_or_replace(request: Request) -> Response:
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                return problem("send Content-Type: application/json", status=415)
            try:
                workload.configure(_read(await read_body(request)))
            except ValueError as error:
                return problem(str(error), status=400)
        return JSONResponse({"capacity": str(workload.capacity) if workload.capacity else None})

    return Route("/capacity", show_or_replace, methods=["GET", "POST"])


def _read(body: bytes) -> Capacity | None:
    try:
        text = json.loads(body)["capacity"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise ValueError('send {"capacity": "NAME=VALUE"}, or null for no limit') from None
    return parse_capacity(str(text)) if text is not None else None

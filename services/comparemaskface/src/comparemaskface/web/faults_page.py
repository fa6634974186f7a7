"""GET /faults shows which faults are in force, POST /faults replaces them while the service runs.

{"faults": ["internal@0.01", "slow=0.4,0.5"], "seed": 7, "by": "pair", "per_pair": 1}
"""

import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from comparemaskface.faults.decisions import Faults
from comparemaskface.faults.named_faults import FaultBy, FaultPlan, plan_of

LARGEST_PLAN = 64 * 1024
"""Bytes of a request."""
_TYPES: dict[str, type] = {"faults": list, "seed": int, "by": str, "per_pair": int}


def fault_route(faults: Faults) -> Route:
    """Return the route of both."""

    async def show_or_replace(request: Request) -> Response:
        if request.method == "POST":
            # A page of another origin may send a browser's forms here, but not JSON.
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                return problem("send Content-Type: application/json", status=415)
            try:
                faults.configure(_read_plan(await read_body(request)))
            except ValueError as error:
                return problem(str(error), status=400)
        return JSONResponse(faults.state())

    return Route("/faults", show_or_replace, methods=["GET", "POST"])


async def read_body(request: Request) -> bytes:
    """Return the body; raise ValueError when it is too large for a plan."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_PLAN:
            raise ValueError(f"a plan has at most {LARGEST_PLAN} bytes")
    return bytes(body)


def _read_plan(body: bytes) -> FaultPlan:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the plan is not JSON") from None
    if not isinstance(content, dict) or not content.keys() <= _TYPES.keys():
        raise ValueError(f"a plan is an object with some of {', '.join(_TYPES)}")
    for name, value in content.items():
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise ValueError(f"{name} must be a {_TYPES[name].__name__}")  # noqa: TRY004 - as for all that is wrong in a plan
    return _plan(**content)


def _plan(
    *, faults: Sequence[object] = (), seed: int = 0, by: str = FaultBy.CALL, per_pair: int = 0
) -> FaultPlan:
    if by not in list(FaultBy):
        raise ValueError(f"by is one of {', '.join(FaultBy)}")
    return plan_of(map(str, faults), seed=seed, by=FaultBy(by), per_pair=per_pair)


def problem(text: str, *, status: int) -> Response:
    """Return an answer that says what is wrong."""
    return JSONResponse({"error": text}, status_code=status)

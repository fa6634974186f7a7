"""The service as a web application: the vendor's action at `/`, and pages beside it."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from comparemaskface.accounts.meter import Meter
from comparemaskface.clock import Clock
from comparemaskface.faults.capacity import Workload
from comparemaskface.faults.decisions import Faults
from comparemaskface.settings import Settings
from comparemaskface.vision.scorers import Scorer
from comparemaskface.web.body_memory import BodyMemoryLimiter
from comparemaskface.web.capacity_page import capacity_route
from comparemaskface.web.faults_page import fault_route
from comparemaskface.web.gateway import Gateway
from comparemaskface.web.meter_page import meter_route
from comparemaskface.web.page import ComparePictures, PageRouter


class Service(Starlette):
    """The pages as routes, and a short way to the action: without middleware a fifth more calls a second."""

    def __init__(
        self, action: ASGIApp, *, routes: Sequence[BaseRoute], lifespan: Lifespan[Starlette]
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self._action = action

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_action = scope["type"] == "http" and scope["path"] == "/"
        await (self._action if is_action else super().__call__)(scope, receive, send)


def build_app(settings: Settings, *, scorer: Scorer, clock: Clock = time.time) -> Starlette:
    """Return the application; it closes the scorer when it stops."""
    meter = Meter(enabled=settings.meter)

    async def show_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "scores": settings.scores})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await scorer.aclose()

    faults = Faults(settings.faults, clock=clock)
    body_memory = BodyMemoryLimiter()
    workload = Workload(settings.capacity)
    gateway = Gateway(
        settings, scorer=scorer, meter=meter, faults=faults, workload=workload, body_memory=body_memory
    )
    routes = [Route("/health", show_health)]
    if settings.page:
        routes.append(Route("/compare", ComparePictures(scorer, body_memory).answer, methods=["POST"]))
    if settings.meter:
        routes.append(meter_route(meter))
    if settings.admin:
        routes += [fault_route(faults), capacity_route(workload)]
    return Service(PageRouter(gateway) if settings.page else gateway, routes=routes, lifespan=lifespan)

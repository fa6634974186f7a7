"""Pages behind Airflow's login: who uses the rate, what is left of budgets, how far each run is; orders.

    app         the pages' application: login, headers, templates     security   who may order, from where
    airflow     what Airflow's database knows of runs                 account    what the permit store knows
    progress    both as one: done, rate, time left, spend, reasons    pages, orders, documents   routes

They read Airflow's database and the permit store, and nothing else: no key that can pay, and no store.

Decision: docs/adr/0032-a-run-is-seen-in-one-place.md
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

Message = MutableMapping[str, Any]


class LazyApp:
    """Builds the application at the first request: every process loads the plugin, and one serves it."""

    @cached_property
    def _app(self) -> "FastAPI":
        from maskmatch.web.app import build_app  # noqa: PLC0415  the point

        return build_app()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve a request."""
        await self._app(scope, receive, send)

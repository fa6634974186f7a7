"""Services for the tests of the wire, all in hash mode unless a test asks for faces."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from comparemaskface.vision.scorers import HashScorer, Scorer
from comparemaskface.web.app import build_app

from tests.comparemaskface.service import SETTINGS, HandMade, running

StartService = Callable[..., str]


@pytest.fixture
def start_service() -> Iterator[StartService]:
    """Return a function that starts a service with other settings, scorer or clock, until the test ends."""
    with ExitStack() as services:

        def start(
            *, scorer: Scorer | None = None, clock: Callable[[], float] = time.time, **changes: Any
        ) -> str:
            settings = replace(SETTINGS, **changes)
            app = build_app(settings, scorer=scorer or HashScorer(), clock=clock)
            return services.enter_context(running(app))

        yield start


@pytest.fixture
def process_logging() -> Iterator[None]:
    """Undo what `serve` sets up for a process of its own: handlers, and less to record."""
    root, flags = logging.getLogger(), ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile")
    handlers, level, saved = root.handlers[:], root.level, {name: getattr(logging, name) for name in flags}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, value in saved.items():
        setattr(logging, name, value)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a service without rate limit, shared by the tests of a module."""
    with running(build_app(SETTINGS, scorer=HashScorer())) as base:
        yield base


@pytest.fixture
def good() -> HandMade:
    """Return a request with nothing wrong."""
    return HandMade(at=time.time())

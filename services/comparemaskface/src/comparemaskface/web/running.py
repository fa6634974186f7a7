"""From settings to a process that listens, and stops without losing a call."""

import gc
import resource
import signal
import socket
import sys
import warnings

import uvicorn
from starlette.applications import Starlette

from comparemaskface.settings import Settings
from comparemaskface.vision.scorers import build_scorer
from comparemaskface.web.allocator import return_freed_memory
from comparemaskface.web.app import build_app
from comparemaskface.web.connection_limits import BoundedConnection

KEEP_ALIVE_SECONDS = 75
"""Longer than a client's pauses: a connection closed just as it is used looks like a lost call."""
GRACE_SECONDS = 30
"""For calls in progress when the process is asked to stop."""
MOST_FILES = 16_384
"""Open at the same time, connections among them; many systems allow 1024 until a process asks for more."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, printing the address first; raises what prevents a start."""
    return_freed_memory()
    gc.freeze()  # what is loaded by now stays: the collector need not look at it again and again
    # Broken metadata of a caller's picture would show up on stderr.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    server = build_server(build_app(settings, scorer=build_scorer(settings)))
    _stop_on_signal(server)
    _allow_many_files()
    with listen(settings.host, settings.port) as listener:
        sys.stdout.write(f"CompareMaskFace at {address_of(listener)}\n")
        sys.stdout.flush()
        server.run(sockets=[listener])


def build_server(
    app: Starlette,
    *,
    connection: type[BoundedConnection] = BoundedConnection,
    keep_alive_seconds: int = KEEP_ALIVE_SECONDS,
) -> uvicorn.Server:
    """Return a server that logs nothing of its own about requests."""
    config = uvicorn.Config(
        app,
        http=connection,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def address_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_on_signal(server: uvicorn.Server) -> None:
    """Catch signals that come before uvicorn listens, and those it raises again when it has stopped."""

    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

"""Show something on a terminal, once or live."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live


def show(view: RenderableType) -> None:
    """Print it, as wide as the terminal, or 160 columns wide without one."""
    _console().print(view)


def watch(look: Callable[[], RenderableType], *, seconds: float) -> None:
    """Show it anew until Ctrl-C; rest ten times as long as a look takes, `seconds` at least."""
    with Live(console=_console(), auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            started = time.monotonic()
            live.update(look(), refresh=True)
            time.sleep(max(seconds, 10 * (time.monotonic() - started)))


def _console() -> Console:
    is_terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, width=None if is_terminal else 160, highlight=False)

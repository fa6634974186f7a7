"""Wait for what happens in another thread or process and reports nothing by itself."""

import time
from collections.abc import Callable


def wait_until(claim: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Return when the claim holds; fail with what was waited for when it does not in time."""
    ends = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends, f"not within {seconds:g} s: {what}"
        time.sleep(0.005)  # between two looks; whoever can say so by an event is waited for by that

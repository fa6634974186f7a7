"""How often a command tells how far long work is."""

import time
from collections.abc import Callable

SECONDS = 5.0


def seldom(tell: Callable[..., None]) -> Callable[..., None]:
    """Return what passes a call on every few seconds, the first time after as many; others do nothing."""
    told = time.monotonic()

    def perhaps(*facts: object) -> None:
        nonlocal told
        if (now := time.monotonic()) - told > SECONDS:
            told = now
            tell(*facts)

    return perhaps

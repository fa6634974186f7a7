"""What was ever spent, as it is kept outside the store too: one that was lost or restored counts it again.

Refunds lower what a window has spent, but not how many permits were ever granted: a store that has granted
fewer than were written down is an older one.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from maskmatch.permits.steps.budgets import Window
from maskmatch.permits.steps.state import State


class Spent(msgspec.Struct, frozen=True):
    """How many permits were ever granted, and what was spent in each window."""

    granted: int
    windows: Mapping[str, Window]


def spent(state: State) -> Spent:
    """Return what a store knows."""
    return Spent(state.granted_ever, state.windows)


def recalled(state: State, before: Spent) -> State:
    """Return the state with what was spent before, where the store has forgotten some of it."""
    if state.granted_ever >= before.granted:
        return state
    windows = dict(state.windows)
    for key, window in before.windows.items():
        if window.calls > windows.get(key, Window()).calls:
            windows[key] = window
    return replace(state, windows=windows, granted_ever=before.granted)

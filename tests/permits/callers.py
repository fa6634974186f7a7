"""Callers that use each slot of a pacer, as the dispatcher of the engine does."""

import queue
import threading
import time
from contextlib import suppress

from maskmatch.core.errors import Interrupted
from maskmatch.permits.client.pacing import Pacer


def call_until(pacer: Pacer, stop: threading.Event, passed: list[float], *, wanted: int = 20) -> None:
    """Use the slots of so many calls that are always ready, and note when, until stopped or drained."""
    slots: queue.SimpleQueue[float | None] = queue.SimpleQueue()

    def book() -> None:
        with suppress(Interrupted):
            while True:
                for slot in pacer.book(lambda: wanted, stop):
                    slots.put(slot)
        slots.put(None)

    booker = threading.Thread(target=book, daemon=True)
    booker.start()
    while (slot := slots.get()) is not None:
        time.sleep(max(0.0, slot - time.monotonic()))  # until the slot, by the clock of the pacer
        if pacer.passed(slot, used=not stop.is_set()) and not stop.is_set():
            passed.append(time.monotonic())
    booker.join()

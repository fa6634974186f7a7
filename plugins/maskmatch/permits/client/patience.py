"""Ask the permit store for what can wait: while it is away, as long as whoever asks for permits would."""

from collections.abc import Callable
from typing import TypeVar

from maskmatch.core.errors import Unavailable
from maskmatch.core.outage import Outage
from maskmatch.core.waits import Waits

T = TypeVar("T")


def patiently(
    ask: Callable[[], T],
    *,
    now: Callable[[], float],
    pause: Callable[[float], None],
    say: Callable[[str], None],
    waits: Waits | None,
    is_over: Callable[[], bool] = lambda: False,
) -> T:
    """Return what is asked for; raise Unavailable once the store was away for too long, or when it `is_over`.

    An answer that was lost is asked for again: what is asked may happen twice.
    """
    outage = Outage(now=now, say=say, waits=waits, what="the permit store")
    while True:
        try:
            answer = ask()
        except Unavailable as error:
            if is_over() or outage.has_lasted_too_long:
                raise
            text = f"waiting for the permit store, at most {outage.patience_seconds:.0f} s: {error}"
            pause(outage.note_failure(text))
        else:
            outage.note_success("the permit store is back")
            return answer

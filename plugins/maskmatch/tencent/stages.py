"""Where an exchange broke, which tells what may have become of the request.

    late, or connect ──> send ──> wait ──> read
    no byte left         not      fate     an answer began,
                         whole    unknown  fate unknown

Up to `send` it is known not to be billed.

Decision: docs/adr/0009-a-lean-way-below-the-vendors-client.md
"""

from enum import StrEnum


class Stage(StrEnum):
    """Where an exchange broke."""

    LATE = "late"
    CONNECT = "connect"
    SEND = "send"
    WAIT = "wait"
    READ = "read"


class ExchangeBroken(Exception):
    """No whole answer came; `__cause__` says why, `stage` where."""

    def __init__(self, stage: Stage, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.stage = stage
        self.timed_out = isinstance(cause, TimeoutError)

"""The state that all users of an account share, as one document that is changed in one step.

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from maskmatch.permits.steps.document import Moment, SharedDocument
from maskmatch.permits.steps.state import State, decode, encode, prune

T = TypeVar("T")


class _NoChangeError(Exception):
    """Ends a step that only was to begin."""


def _change_nothing(document: bytes | None, moment: Moment) -> tuple[bytes, None]:  # noqa: ARG001
    """Write back what is there; nothing where there is nothing, for that would make an account known."""
    if document is None:
        raise _NoChangeError
    return document, None


class SharedState:
    """What each kind of request has in common: its step over the state, and who asks; for many threads."""

    def __init__(self, document: SharedDocument, *, who: str = "") -> None:
        self._document = document
        self._who = who or f"{os.uname().nodename}:{os.getpid()}"

    def prove(self) -> None:
        """Raise Unavailable when the store cannot be changed; what is there stays as it is."""
        with suppress(_NoChangeError):
            self._document.change(_change_nothing)

    def close(self) -> None:
        """Close the connection to the store."""
        self._document.close()

    def _alter(self, alter: Callable[[State, Moment], State]) -> None:
        self._change(lambda state, moment: (alter(state, moment), None))

    def _change(
        self,
        step: Callable[[State, Moment], tuple[State, T]],
        *,
        record: Callable[[Moment], bytes] | None = None,
    ) -> T:
        def on_bytes(document: bytes | None, moment: Moment) -> tuple[bytes, T]:
            state, result = step(prune(decode(document), moment), moment)
            return encode(state), result

        return self._document.change(on_bytes, record=record)

"""The clock that the service is given, so that a test can set the time."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Unix time in seconds."""

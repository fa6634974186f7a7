"""What options of the command line are read as; what is wrong is said in the user's words."""

import argparse
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

Choice = TypeVar("Choice", bound=StrEnum)


def whole_number(text: str) -> int:
    """Read 0, 1, 2 ..."""
    return _at_least(0, text)


def positive_number(text: str) -> int:
    """Read 1, 2, 3 ..."""
    return _at_least(1, text)


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Return what reads one of these words."""

    def read(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(choices)}") from None

    return read


def _at_least(least: int, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number from {least}")
    return int(text)

"""Numbers as the text that they stand for: exact, or refused with the cure."""

import math

MOST_EXACT = 2**53
"""Above it a float stands for more than one whole number."""


class Inexact(ValueError):
    """A number does not say exactly which value was meant."""


def text_of_float(value: float) -> str | None:
    """Return the shortest text of a float, a whole number without a point; None for NaN; raise Inexact."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise Inexact("a number is infinite or beyond all bounds: write it as text")
    if not value.is_integer():
        return repr(value)
    if abs(value) > MOST_EXACT:
        raise Inexact(f"the number {value!r} is a float above 2**53 and no longer exact: write ids as text")
    return str(int(value))

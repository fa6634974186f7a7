"""The right to send one call now: rate, budget, fence and class, checked in one atomic step."""

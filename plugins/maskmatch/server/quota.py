"""The vendor's rate limit: so many accepted calls per calendar second and SecretId."""

from collections.abc import Callable

from maskmatch.server.errors import Mistake, ServiceError

Clock = Callable[[], float]
"""Unix time in seconds."""


class Quota:
    """Count requests in calendar seconds, as the text of RequestLimitExceeded shows the vendor does.

    A rejected request counts among the requests of its second, but takes no slot.
    """

    def __init__(self, calls_per_second: int, *, clock: Clock) -> None:
        self._limit = calls_per_second
        self._clock = clock
        self._second = -1
        self._requests: dict[str, int] = {}

    def admit(self, secret_id: str) -> float:
        """Take a slot and return its time; raise TOO_MANY_REQUESTS when this second has none left.

        A limit of 0 admits all.
        """
        now = self._clock()
        if int(now) != self._second:
            self._second = int(now)
            self._requests.clear()
        requests = self._requests[secret_id] = self._requests.get(secret_id, 0) + 1
        if self._limit and requests > self._limit:
            raise ServiceError(Mistake.TOO_MANY_REQUESTS, requests=requests, limit=self._limit)
        return now

"""Look at all that a run needs: nothing is billed, and each trouble is told with its cure.

Whoever never answers is given up: each point has its time, and all together have theirs.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from threading import Thread
from typing import NamedTuple

from maskmatch.core.errors import MaskmatchError, StopRun
from maskmatch.core.packages import pip_line
from maskmatch.permits.opening import check_default
from maskmatch.permits.steps.state import ALL_RUNS
from maskmatch.settings.account import AccountSettings
from maskmatch.tencent import TencentComparer

POINT_SECONDS = 15.0
"""Above the longest wait of a point for one silent server that tells its own trouble: a call's 10 s and the
3 s of its connection."""
WHOLE_SECONDS = 50.0
"""Points that come later have a second each, and so the whole is over within a minute."""
_LEAST_SECONDS = 1.0
_MOST_BEHIND_SECONDS = 60.0
"""A signature lives 300 s, and a store's 900 s."""


class Finding(NamedTuple):
    """One thing that a run needs, whether it is well, and what was found or is to be done."""

    subject: str
    is_well: bool
    text: str


class _SilentError(Exception):
    """A point did not come to its end in time."""


def examine(
    checks: Mapping[str, Callable[[], str]],
    *,
    point_seconds: float = POINT_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
) -> Iterator[Finding]:
    """Yield what each check finds, while the next ones are still to be made."""
    told: dict[str, str] = {}
    ends_at = time.monotonic() + whole_seconds
    for subject, check in checks.items():
        seconds = max(min(point_seconds, ends_at - time.monotonic()), _LEAST_SECONDS)
        try:
            yield Finding(subject, True, _within(seconds, check))
        except MaskmatchError as error:
            first = told.setdefault(str(error), subject)
            yield Finding(subject, False, str(error) if first == subject else f"wants the {first}")
        except ImportError as error:
            extras = "install maskmatch with the extra airflow (connections) or cluster (Redis, Postgres)"
            cure = pip_line(error) or extras
            yield Finding(subject, False, f"{error}: {cure}")
        except _SilentError:
            why = f"no answer within {seconds:.0f} s, and it is looked at no longer"
            yield Finding(subject, False, f"{why}: check its address, the network and firewalls between")


def _within(seconds: float, check: Callable[[], str]) -> str:
    """Return what a check finds; raise _SilentError when it takes longer, and leave it to itself."""
    found: Future[str] = Future()

    def look() -> None:
        try:
            found.set_result(check())
        except BaseException as error:  # noqa: BLE001  whatever it is, it is raised below
            found.set_exception(error)

    thread = Thread(target=look, daemon=True, name="doctor")
    thread.start()
    thread.join(seconds)
    if not found.done():
        raise _SilentError
    return found.result()


def look_at_permits(settings: AccountSettings) -> str:
    """Return what the permit store says; raise StopRun when all runs are paused or drained."""
    check_default(settings.permit_store, secret_id=settings.account.owner)
    with closing(settings.open_coordinator()) as coordinator:
        coordinator.prove()
        now = coordinator.snapshot()
    orders = [word for word, whom in (("paused", now.paused), ("drained", now.drained)) if ALL_RUNS in whom]
    if orders:
        raise StopRun(f"all runs of the account are {' and '.join(orders)}: maskmatch resume takes that back")
    users = f"{len(now.users)} processes use it now" if now.is_known else "nobody has used the account here"
    return f"{settings.permit_store_shown} can be changed, {users}"


def look_at_service(settings: AccountSettings) -> str:
    """Make one call that is not billed; return what it shows. Raise StopRun for a clock that is wrong."""
    with closing(TencentComparer(settings.account, connections=1)) as comparer:
        behind = comparer.check().behind
    done = f"{settings.account.endpoint} answers and accepts the key"
    if behind is None:
        return f"{done}; it tells no time"
    if abs(behind) > _MOST_BEHIND_SECONDS:
        way = "behind" if behind > 0 else "ahead of"
        raise StopRun(
            f"{done}, but this host's clock is {abs(behind):.0f} s {way} its clock: set it (NTP); signatures "
            "live for minutes, and budgets have days"
        )
    return f"{done}; its clock and this host's agree"

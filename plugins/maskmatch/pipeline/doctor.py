"""Look at all that a run needs: nothing is billed, and each trouble is told with its cure."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date
from typing import NamedTuple

from maskmatch.core.errors import MaskmatchError, StopRun
from maskmatch.permits.steps.state import ALL_RUNS
from maskmatch.settings.account import AccountSettings
from maskmatch.storage.manifests import find_manifests
from maskmatch.storage.object_stores import Store, probe_conditional_writes
from maskmatch.storage.object_stores.trial import try_store
from maskmatch.tencent import TencentComparer


class Finding(NamedTuple):
    """One thing that a run needs, whether it is well, and what was found or is to be done."""

    subject: str
    is_well: bool
    text: str


def examine(checks: Mapping[str, Callable[[], str]]) -> Iterator[Finding]:
    """Yield what each check finds, while the next ones are still to be made."""
    told: dict[str, str] = {}
    for subject, check in checks.items():
        try:
            yield Finding(subject, True, check())
        except MaskmatchError as error:
            first = told.setdefault(str(error), subject)
            yield Finding(subject, False, str(error) if first == subject else f"wants the {first}")


def look_at_permits(settings: AccountSettings) -> str:
    """Return what the permit store says; raise StopRun when all runs are paused or drained."""
    with closing(settings.open_coordinator()) as coordinator:
        coordinator.prove()
        now = coordinator.snapshot()
    orders = [word for word, whom in (("paused", now.paused), ("drained", now.drained)) if ALL_RUNS in whom]
    if orders:
        raise StopRun(f"all runs of the account are {' and '.join(orders)}: maskmatch resume takes that back")
    return f"{settings.permit_store_shown}, {len(now.users)} processes use it now"


def look_at_service(settings: AccountSettings) -> str:
    """Make one call that is not billed; return what it shows."""
    with closing(TencentComparer(settings.account, connections=1)) as comparer:
        comparer.check()
    return f"{settings.account.endpoint} answers and accepts the key"


def look_at_source(source: Store, day: date | None) -> str:
    """List and read the source; return what is there."""
    done = try_store(source, writes=False)
    if day is None:
        return done
    return f"{done}; manifests of {day}: {', '.join(find_manifests(source, day))}"


def look_at_warehouse(warehouse: Store) -> str:
    """List, read and write the warehouse; return how safe two runs of one date are there."""
    done = try_store(warehouse, writes=True)
    if probe_conditional_writes(warehouse):
        return f"{done}, and writes only what is new when told so"
    return f"{done}, but has no conditional writes: the permit store alone keeps two runs of one date apart"

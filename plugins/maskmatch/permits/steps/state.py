"""The shared document: everything that the users of one account must agree on, some KB of JSON."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from maskmatch.core.errors import StopRun
from maskmatch.permits.steps.budgets import Window
from maskmatch.permits.steps.claims import CHECK_RUN, Priority
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.hosts import HostPace
from maskmatch.permits.steps.leases import Lease, is_stale
from maskmatch.permits.steps.locks import Lock, lasting
from maskmatch.permits.steps.sharing import PriorityShare
from maskmatch.permits.steps.timeline import Timeline

ALL_RUNS = "*"
"""Stands for all runs where a run id may."""
_FORMAT = 2
_USER_SECONDS = 30.0
_RECENT_SECONDS = 12
_HOST_SECONDS = 120.0
_KEPT_SECONDS = 40 * 86400.0
_MOST_RUNS = 50
"""Of those without a budget; one that has a budget keeps its count, lest it be spent again."""
_PRUNE_EVERY_SECONDS = 10.0


class User(msgspec.Struct, frozen=True):
    """A process that takes permits; `calls` fades with time, `seen` is on the store's clock.

    Who `has_left` has given up its shard and wants none for now; who `is_paused` wants some, but may not.
    """

    run_id: str
    priority: Priority
    calls: float
    seen: float
    has_left: bool = False
    is_paused: bool = False


class _Format(msgspec.Struct, frozen=True):
    """What every version of the document has."""

    format: int = _FORMAT


class State(msgspec.Struct, frozen=True):
    """The document; times are on the store's clock except where a part says otherwise."""

    format: int = _FORMAT
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    priorities: Mapping[Priority, PriorityShare] = msgspec.field(default_factory=dict)
    hosts: Mapping[str, HostPace] = msgspec.field(default_factory=dict)
    users: Mapping[str, User] = msgspec.field(default_factory=dict)
    granted: Mapping[int, int] = msgspec.field(default_factory=dict)
    """Calls granted in each of the last seconds."""
    granted_ever: int = 0
    windows: Mapping[str, Window] = msgspec.field(default_factory=dict)
    leases: Mapping[str, Lease] = msgspec.field(default_factory=dict)
    paused: Mapping[str, float] = msgspec.field(default_factory=dict)
    drained: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Since when (seconds since 1970), by run id or ALL_RUNS."""
    locks: Mapping[str, Lock] = msgspec.field(default_factory=dict)
    is_known: bool = False
    """Whether a run has asked for permits, or somebody has given an order; the opening call is neither."""
    pruned_at: float = 0.0


def decode(document: bytes | None) -> State:
    """Read a document, None being a new one; raise StopRun with the cure for one that nobody here reads."""
    if document is None:
        return State()
    try:
        state = msgspec.json.decode(document, type=State)
    except msgspec.DecodeError as error:
        _check_format(document)  # one of another format may lack what ours has
        raise _damaged(error) from error
    if state.format != _FORMAT:
        raise _of_format(state.format)
    return state


def _check_format(document: bytes) -> None:
    """Raise StopRun for a document of another format, or one that cannot be read at all."""
    try:
        written = msgspec.json.decode(document, type=_Format).format
    except msgspec.DecodeError as error:
        raise _damaged(error) from error
    if written != _FORMAT:
        raise _of_format(written)


def _damaged(error: msgspec.DecodeError) -> StopRun:
    return StopRun(f"the permit store's document is damaged ({error}): {_CURE}")


def _of_format(written: int) -> StopRun:
    cure = _CURE if written < _FORMAT else "a newer version of maskmatch wrote it: install that one here, too"
    return StopRun(f"the permit store's document has format {written}, not {_FORMAT}: {cure}")


_CURE = (
    "delete it where the permit store's address points; what was spent is then counted from zero, "
    "unless `maskmatch quota --spent` says it"
)


def encode(state: State) -> bytes:
    """Return the document."""
    return msgspec.json.encode(state)


def known(state: State) -> State:
    """Return the document of an account that a run or an order has named."""
    return state if state.is_known else replace(state, is_known=True)


def runs_of(state: State) -> set[str]:
    """Return the runs that the document knows."""
    users = {user.run_id for user in state.users.values()}
    spent = {key.removeprefix("run:") for key in state.windows if key.startswith("run:")}
    return (users | spent | {*state.paused, *state.drained}) - {ALL_RUNS, CHECK_RUN}


def prune(state: State, moment: Moment) -> State:
    """Drop what nobody needs, now and then: the document stays small."""
    now, utc = moment.now, moment.utc.timestamp()
    if 0 <= now - state.pruned_at < _PRUNE_EVERY_SECONDS:
        return state
    return replace(
        state,
        users={who: user for who, user in state.users.items() if 0 <= now - user.seen < _USER_SECONDS},
        granted={
            second: calls for second, calls in state.granted.items() if 0 <= now - second < _RECENT_SECONDS
        },
        hosts={name: host for name, host in state.hosts.items() if 0 <= now - host.cut_at < _HOST_SECONDS},
        windows=_recent_windows(state.windows, utc),
        leases={shard: lease for shard, lease in state.leases.items() if not is_stale(lease, utc)},
        paused=_recent(state.paused, utc),
        drained=_recent(state.drained, utc),
        locks=lasting(state.locks, utc),
        pruned_at=now,
    )


def _recent(since: Mapping[str, float], utc: float) -> dict[str, float]:
    return {run_id: at for run_id, at in since.items() if run_id == ALL_RUNS or utc - at < _KEPT_SECONDS}


def _recent_windows(windows: Mapping[str, Window], utc: float) -> dict[str, Window]:
    kept = {key: window for key, window in windows.items() if utc - window.seen < _KEPT_SECONDS}
    unlimited = (key for key, window in kept.items() if key.startswith("run:") and not window.has_limit)
    for key in sorted(unlimited, key=lambda key: kept[key].seen)[:-_MOST_RUNS]:
        del kept[key]
    return kept

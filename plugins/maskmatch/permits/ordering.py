"""Orders to all that use an account, or to one run; each is recorded in the step that carries it out."""

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from maskmatch.core.errors import InputError
from maskmatch.permits.shared_state import SharedState
from maskmatch.permits.steps import budgets
from maskmatch.permits.steps.claims import Claim, Priority
from maskmatch.permits.steps.document import Moment
from maskmatch.permits.steps.orders import Order, decode_order, encode_order, order_in_force
from maskmatch.permits.steps.sharing import PriorityShare
from maskmatch.permits.steps.state import ALL_RUNS, State, known

_LOOKED_THROUGH = 100
"""Orders among which the one in force is looked for."""


class Ordering(SharedState):
    """Takes orders and shows those that were given."""

    def pause(self, run_id: str | None = None, *, by: str = "") -> None:
        """Grant nothing to a run, or to anybody, until `resume`; `by` whom is recorded, as of all orders."""
        self._order(
            lambda state, moment: replace(state, paused=_with(state.paused, run_id, moment)),
            what="pause",
            whom=run_id,
            by=by,
        )

    def drain(self, run_id: str | None = None, *, by: str = "") -> None:
        """End a run, or all, after the calls in flight; `resume` takes it back."""
        self._order(
            lambda state, moment: replace(state, drained=_with(state.drained, run_id, moment)),
            what="drain",
            whom=run_id,
            by=by,
        )

    def resume(self, run_id: str | None = None, *, by: str = "") -> None:
        """Take back `pause` and `drain` of a run; without a run, all of them."""
        self._order(
            lambda state, _: replace(
                state, paused=_without(state.paused, run_id), drained=_without(state.drained, run_id)
            ),
            what="resume",
            whom=run_id,
            by=by,
        )

    def set_floor(self, priority: Priority, share: float, *, by: str = "") -> None:
        """Let a priority have at least this share of the rate, from 0 to 0.5, whatever the others ask for."""
        if not 0 <= share <= 0.5 or priority is Priority.NIGHTLY:
            raise InputError(
                f"a floor is a share from 0 to 0.5 of a priority below nightly, not {share} of {priority}"
            )

        def alter(state: State, _: Moment) -> State:
            changed = replace(state.priorities.get(priority, PriorityShare()), floor=share, floor_at=0.0)
            return replace(state, priorities={**state.priorities, priority: changed})

        self._order(alter, what="floor", whom=priority, share=share, by=by)

    def count_spent(self, kind: str, calls: int, claim: Claim, *, by: str = "") -> None:
        """Count at least so many calls in the budget of a kind (run, day, month) that a claim falls into.

        For a store that was lost or restored, and so has forgotten calls; nothing is ever counted down.
        """

        def step(state: State, moment: Moment) -> tuple[State, None]:
            among = budgets.spans(claim, moment.utc)
            windows = budgets.count_at_least(state.windows, among, kind, calls, moment.utc)
            return known(replace(state, windows=windows)), None

        def words(moment: Moment) -> bytes:
            (span,) = (each for each in budgets.spans(claim, moment.utc) if each.kind == kind)
            return encode_order(moment, by=by or self._who, what="spent", whom=span.key, calls=calls)

        self._change(step, record=words)

    def orders(self, newest: int) -> list[Order]:
        """Return the newest orders that were given, at most so many, the newest first."""
        return [decode_order(record) for record in self._document.records(newest)]

    def pause_order(self, run_id: str) -> Order | None:
        """Return the newest order to pause a run, or all; None when there is no record of one."""
        return order_in_force(self.orders(_LOOKED_THROUGH), "pause", run_id)

    def _order(
        self,
        alter: Callable[[State, Moment], State],
        *,
        what: str,
        whom: str | None,
        by: str,
        share: float | None = None,
    ) -> None:
        """Carry out an order and record it, in one step."""
        words = partial(encode_order, by=by or self._who, what=what, whom=whom or ALL_RUNS, share=share)
        self._change(lambda state, moment: (known(alter(state, moment)), None), record=words)


def _with(since: Mapping[str, float], run_id: str | None, moment: Moment) -> dict[str, float]:
    return {**since, run_id or ALL_RUNS: moment.utc.timestamp()}


def _without(since: Mapping[str, float], run_id: str | None) -> dict[str, float]:
    return {} if run_id is None else {other: at for other, at in since.items() if other != run_id}

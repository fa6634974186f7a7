"""Orders to an account: by whom is recorded in its permit store, beside those of the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException

from maskmatch.core.errors import MaskmatchError, Unavailable
from maskmatch.permits.coordinator import PermitCoordinator
from maskmatch.permits.steps.claims import Priority
from maskmatch.web.account import give
from maskmatch.web.airflow import is_our_run
from maskmatch.web.security import User, is_from_here, may_order

router = APIRouter(dependencies=[may_order, is_from_here])
_SAID = {"pause": "Paused", "resume": "Resumed", "drain": "Draining: ends after the calls in flight"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderForm:
    """An order: for one run, or for all runs of the account; a floor is for a priority."""

    account: str
    order: Literal["pause", "resume", "drain", "floor"]
    run: str | None = None
    priority: Priority | None = None
    percent: float | None = None


@router.post("/orders")
def order(form: OrderForm, user: User, session: SessionDep) -> dict[str, str]:
    """Carry out an order, and say so."""
    carry_out, run = _carried_out(form, by=f"{user.get_name()} in Airflow"), form.run or None
    try:
        give(form.account, carry_out, run=run, is_ours=run is not None and is_our_run(session, run))
    except Unavailable as error:
        raise HTTPException(503, f"The permit store is away: {error}") from error
    except MaskmatchError as error:
        raise HTTPException(409, f"Nothing was changed: {error}") from error
    return {"message": _said(form)}


def _carried_out(form: OrderForm, *, by: str) -> Callable[[PermitCoordinator], None]:
    if form.order == "floor":
        if form.priority is None or form.percent is None:
            raise HTTPException(422, "A floor needs a priority and a share in per cent.")
        share = form.percent / 100
        return partial(PermitCoordinator.set_floor, priority=form.priority, share=share, by=by)
    carry_out = {
        "pause": PermitCoordinator.pause,
        "resume": PermitCoordinator.resume,
        "drain": PermitCoordinator.drain,
    }[form.order]
    return partial(carry_out, run_id=form.run or None, by=by)


def _said(form: OrderForm) -> str:
    if form.order == "floor":
        return f"Priority {form.priority} has at least {form.percent:g} % of the rate from now on."
    return f"{_SAID[form.order]}: {form.run or 'all runs of the account'}."

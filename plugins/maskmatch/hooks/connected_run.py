"""From Airflow connections to a run and the options it is compared with."""

from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from maskmatch.core.errors import InputError
from maskmatch.hooks.object_storage import connected_store
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.permits.steps.claims import Budget
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.run import Run
from maskmatch.storage.images import Transfer


def connected_run(
    source: str,
    warehouse: str,
    day: str,
    *,
    run_id: str,
    source_conn_id: str,
    warehouse_conn_id: str,
    store_patience: float,
) -> Run:
    """Return a run whose stores are reached through Airflow connections; `day` as YYYY-MM-DD."""
    return Run(
        run_id=run_id,
        source=connected_store(source, conn_id=source_conn_id),
        warehouse=connected_store(warehouse, conn_id=warehouse_conn_id, writes=True),
        day=_date(day),
        store_patience=store_patience,
    )


def compare_options(
    account_conn_id: str,
    source_conn_id: str,
    *,
    image_transfer: str = "bytes",
    run_budget: Budget | None = None,
    **options: Any,
) -> CompareOptions:
    """Return how to compare with the account of a connection; see `CompareOptions` for the options.

    Images in other buckets are read with the connection of the source.
    """
    hook = TencentIaiHook(account_conn_id)
    return CompareOptions(
        account=hook.get_account(),
        permit_store=hook.get_permit_store(),
        budgets=replace(hook.get_budgets(), run=run_budget or Budget()),
        transfer=Transfer(image_transfer),
        open_store=partial(connected_store, conn_id=source_conn_id),
        renew=hook.get_account,
        **options,
    )


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise InputError(f"{day!r} is not a date: trigger the run with a logical date") from None

"""From Airflow connections to a run and the options it is compared with."""

import logging
from datetime import date
from functools import partial
from typing import Any

from maskmatch.core.errors import InputError
from maskmatch.core.waits import Waits
from maskmatch.hooks.object_storage import connected_reach, connected_store
from maskmatch.hooks.tencent_iai import TencentIaiHook
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.pipeline.run import Run
from maskmatch.settings.fields import Entered
from maskmatch.storage.images import Transfer

log = logging.getLogger(__name__)


def connected_run(  # noqa: PLR0913  # each is a setting
    source: str,
    warehouse: str,
    day: str,
    *,
    run_id: str,
    source_conn_id: str,
    warehouse_conn_id: str,
    store_patience: float,
    waits: Waits,
    dag_id: str = "",
) -> Run:
    """Return a run whose stores are reached through Airflow connections; `day` as YYYY-MM-DD."""
    return Run(
        run_id=run_id,
        dag_id=dag_id,
        source=connected_store(source, conn_id=source_conn_id),
        warehouse=connected_store(warehouse, conn_id=warehouse_conn_id, writes=True),
        day=_date(day),
        store_patience=store_patience,
        waits=waits,
    )


def compare_options(
    hook: TencentIaiHook,
    source_conn_id: str,
    *,
    image_transfer: str = "bytes",
    budget_calls: Entered | None = None,
    budget_cny: Entered | None = None,
    approval_cost_limit: Entered | None = None,
    **options: Any,
) -> CompareOptions:
    """Return how to compare with the account of a hook; see `CompareOptions` for the options.

    Images in other buckets are read with the connection of the source.
    """
    settings = hook.get_settings()
    log.info("%s: %s", hook.place, settings)
    return CompareOptions(
        account=settings.account,
        permit_store=settings.permit_store,
        budgets=settings.limited(calls=budget_calls, cny=budget_cny),
        approval_cost_limit=settings.approval_limit(approval_cost_limit),
        transfer=Transfer(image_transfer),
        open_store=partial(connected_store, conn_id=source_conn_id),
        reach=connected_reach(source_conn_id),
        renew=hook.get_account,
        **options,
    )


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise InputError(f"{day!r} is not a date: trigger the run with a logical date") from None

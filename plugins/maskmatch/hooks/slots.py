"""Airflow's slots: what a run weighs, which pool its tasks go to, and whether those before find a free one.

Decision: docs/adr/0034-who-gets-the-slots.md
"""

import os
from collections.abc import Mapping

from airflow.configuration import conf

from maskmatch.core.errors import WrongSetting
from maskmatch.hooks.executors import executor_of_several_hosts
from maskmatch.permits.steps.claims import Priority

SECTION = "maskmatch"
POOL_OPTIONS = {Priority.AD_HOC: "ad_hoc_pool", Priority.BACKFILL: "backfill_pool"}
WEIGHTS: Mapping[Priority, int] = {Priority.NIGHTLY: 300, Priority.AD_HOC: 200, Priority.BACKFILL: 1}
"""Tasks of other Dags weigh some tens at most: as many as follow them."""
DEFAULT_POOL = "default_pool"
_POLICIES = "maskmatch.policies"


def pool_of(priority: Priority) -> str | None:
    """Return the pool that is named for tasks of a priority."""
    option = POOL_OPTIONS.get(priority)
    return (conf.get(SECTION, option, fallback="").strip() or None) if option else None


def look_at_slots() -> str:
    """Return how slots are shared; raise WrongSetting where a backfill may keep others from theirs."""
    _check_policy()
    named = {option: _named(priority, option) for priority, option in POOL_OPTIONS.items()}
    own = sorted(set(named.values()) - {DEFAULT_POOL})
    said = "nightly before started by hand before backfills, in pools " + ", ".join(named.values())
    if (slots := _slots_of_pools()) is None:
        return f"{said}; pools cannot be seen from here: look again where the scheduler runs"
    for pool in own:
        if slots.get(pool, 0) < 1:
            raise WrongSetting(
                f"pool {pool} is not there or has no limit: airflow pools set {pool} 3 maskmatch"
            )
    if DEFAULT_POOL in named.values():
        _check_order_in_default_pool(slots[DEFAULT_POOL])
    free = conf.getint("core", "parallelism") - sum(slots[pool] for pool in own)
    if own and free < 1:
        raise WrongSetting(
            f"pools {', '.join(own)} may take all {conf.getint('core', 'parallelism')} slots ([core] "
            "parallelism), and a nightly run waits: give them fewer, so that one is left"
        )
    return f"{said}; {free} slots are left for nightly runs"


def _check_policy() -> None:
    from airflow.settings import get_policy_plugin_manager, load_policy_plugins

    load_policy_plugins(get_policy_plugin_manager())  # those that are known already are left
    found = get_policy_plugin_manager().hook.task_instance_mutation_hook.get_hookimpls()
    if not any(each.function.__module__ == _POLICIES for each in found):
        raise WrongSetting(
            "Airflow does not know who goes first: install maskmatch with pip where scheduler and api server "
            f"run, or import task_instance_mutation_hook from {_POLICIES} in airflow_local_settings.py"
        )


def _named(priority: Priority, option: str) -> str:
    if pool := pool_of(priority):
        return pool
    variable = f"AIRFLOW__{SECTION}__{option}".upper()
    raise WrongSetting(
        f"no pool is named for runs of priority {priority}, which may take every slot: set "
        f"{variable}=maskmatch_{priority} for scheduler and api server, and make that pool: airflow pools "
        f"set maskmatch_{priority} 3 maskmatch; {variable}={DEFAULT_POOL} where that may be"
    )


def _check_order_in_default_pool(slots: int) -> None:
    """Raise WrongSetting where tasks wait in Airflow's LocalExecutor, and not where the order is known.

    That of Airflow 3.3.2 does not count what it runs, and takes all that is ready
    (https://github.com/apache/airflow/pull/71914).
    """
    parallelism = conf.getint("core", "parallelism")
    on_one_host = executor_of_several_hosts(conf.get("core", "executor"), os.environ) is None
    if on_one_host and not 0 < slots <= parallelism:
        raise WrongSetting(
            f"{DEFAULT_POOL} has more slots than the LocalExecutor runs tasks ([core] parallelism), and they "
            f"wait in it first come, first served: airflow pools set {DEFAULT_POOL} {parallelism} default"
        )


def _slots_of_pools() -> dict[str, int] | None:
    """Return the pools of this Airflow with their slots; None where its database cannot be reached."""
    from airflow.models.pool import Pool

    try:
        return {str(each.pool): each.slots for each in Pool.get_pools()}
    except Exception:  # noqa: BLE001  it is away, or not to be asked by a task: many kinds, one meaning
        return None

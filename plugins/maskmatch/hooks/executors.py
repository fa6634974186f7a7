"""Whether Airflow may run tasks on several hosts, where a file of each host would be no permit store."""

import os
import re
from collections.abc import Mapping

from maskmatch.core.errors import WrongSetting

_ON_ONE_HOST = {
    "LocalExecutor",
    "SequentialExecutor",
    "airflow.executors.local_executor.LocalExecutor",
    "airflow.executors.sequential_executor.SequentialExecutor",
}
_IN_POD = "AIRFLOW_IS_K8S_EXECUTOR_POD"
"""Set by the KubernetesExecutor in its pods, which themselves are told to use the LocalExecutor."""


def check_default_store(place: str) -> None:
    """Raise WrongSetting when tasks may run on several hosts, each of which has a default file of its own."""
    from airflow.sdk.configuration import conf

    if executor := executor_of_several_hosts(conf.get("core", "executor"), os.environ):
        raise WrongSetting(
            f"{place}: no permit store is set, and tasks of the {executor} may run on several hosts, each of "
            "which would have a file of its own, and so the whole rate and budget. Set permit_store to "
            "redis://host:port/number or postgresql://user@host/database; if one host runs all tasks, to "
            "sqlite:////absolute/path of a file there, which outlives its containers"
        )


def executor_of_several_hosts(executors: str, environment: Mapping[str, str]) -> str | None:
    """Return the first executor of a setting that may run tasks on several hosts, None where there is none.

    Its forms: Name; Name,module.Class; alias:Name; Name;team=Name,Name.
    """
    if environment.get(_IN_POD):
        return "KubernetesExecutor"
    names = (re.split(r"[=:]", each)[-1].strip() for each in re.split(r"[,;]", executors))
    return next((name for name in names if name and name not in _ON_ONE_HOST), None)

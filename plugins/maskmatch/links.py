"""The buttons of a task in Airflow's page: each leads to a part of the page of its run.

Decision: docs/adr/0032-a-run-is-seen-in-one-place.md
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import attrs
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

URL_PREFIX = "/maskmatch"
"""Where the pages lie below the address of Airflow."""


def page(path: str) -> str:
    """Return the address of a page on the server of Airflow, which may itself lie below a path."""
    return f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{URL_PREFIX}/{path}"


def run_page(dag_id: str, run_id: str) -> str:
    """Return the address of our page of a run."""
    return f"{page('run')}?{urlencode({'dag_id': dag_id, 'run_id': run_id})}"


@attrs.define()
class RunPartLink(BaseOperatorLink):
    """Leads to a part of the page of the task's run."""

    name: str
    part: str

    @property
    def xcom_key(self) -> str:
        """Return under which key the address is kept."""
        return f"_link_maskmatch_{self.part}"

    def get_link(self, operator: Any, *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002  Airflow's
        """Return the address."""
        return f"{run_page(ti_key.dag_id, ti_key.run_id)}#{self.part}"


LINKS = (RunPartLink("Plan", "plan"), RunPartLink("Table", "table"), RunPartLink("Failures", "failures"))

"""Who may see and who may order, by Airflow's own rights, and that an order comes from Airflow's own pages.

Airflow's cookie alone admits a POST from any origin, so an order has to prove where it comes from: a browser
names the origin of each, and sends JSON to another one only after asking, which nobody here allows.
"""

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_dag,
    requires_access_pool,
    requires_authenticated,
)
from airflow.sdk.configuration import conf
from fastapi import Depends, HTTPException, Request

User = GetUserDep
is_signed_in = Depends(requires_authenticated())
may_see_runs = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
may_order = Depends(requires_access_pool("PUT"))
"""The rate of an account is shared as a pool is: who may change pools may change who gets it."""


def may_user_order(user: User) -> bool:
    """Return True if orders of this user are carried out."""
    return bool(get_auth_manager().is_authorized_pool(method="PUT", user=user))


def readable_dags(user: User) -> set[str]:
    """Return the Dags whose runs this user may see."""
    return set(get_auth_manager().get_authorized_dag_ids(user=user))


ReadableDags = Annotated[set[str], Depends(readable_dags)]
MayOrder = Annotated[bool, Depends(may_user_order)]


def refuse_foreign(request: Request) -> None:
    """Raise 403 for an order that another site made a browser send."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_foreign = site not in (None, "same-origin") or (origin is not None and not _is_ours(origin, request))
    is_json = request.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    if is_foreign or not is_json:
        raise HTTPException(403, "Orders are taken as JSON, and from Airflow's own pages only.")


def _is_ours(origin: str, request: Request) -> bool:
    own = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return urlsplit(origin).netloc in own - {""}


is_from_here = Depends(refuse_foreign)

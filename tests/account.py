"""A local service in this process, and the account that may call it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web.app import build_app

from devstack.loopback import TLS
from maskmatch.tencent import Account
from tests.comparemaskface.service import SETTINGS, running


@dataclass(frozen=True)
class LocalAccount:
    """Where the service answers, and with which account."""

    address: str
    account: Account

    def meter(self) -> dict[str, Any]:
        """Return what the service has counted."""
        return dict(httpx.get(f"{self.address}/meter", trust_env=False, verify=TLS).json())

    def connection(self, **extra: Any) -> dict[str, Any]:
        """Return a connection to the service, as the JSON of a variable AIRFLOW_CONN_... holds it."""
        host, _, port = self.account.endpoint.partition(":")
        return {
            "conn_type": "tencent_iai",
            "login": self.account.secret_id,
            "password": self.account.secret_key,
            "host": host,
            "port": int(port),
            "extra": {"protocol": "http", **extra},
        }


def set_faults(local: LocalAccount, *faults: str) -> None:
    """Replace the faults of a service that runs, and that was started with `admin`."""
    body = {"faults": faults}
    httpx.post(f"{local.address}/faults", json=body, trust_env=False, verify=TLS).raise_for_status()


@contextmanager
def local_account(*, latency_ms: int = 0, **settings: Any) -> Iterator[LocalAccount]:
    """Yield a running service in hash mode and an account for it."""
    changed = replace(SETTINGS, latency=timedelta(milliseconds=latency_ms), **settings)
    with running(build_app(changed, scorer=HashScorer())) as address:
        account = Account(
            secret_id=changed.secret_id,
            secret_key=changed.secret_key,
            endpoint=address.removeprefix("http://"),
            protocol="http",
            calls_per_second=changed.calls_per_second or 500.0,
        )
        yield LocalAccount(address, account)

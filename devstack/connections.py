"""The Airflow connections of the embedded parts: all that sets them apart from production."""

from pathlib import Path
from typing import Any

from devstack.seaweed import Seaweed
from devstack.service import LocalService


def connections(
    seaweed: Seaweed,
    service: LocalService,
    *,
    permit_store: Path | str,
    calls_per_second: float = 50,
    budget_calls_per_day: int | str = "none",
) -> dict[str, dict[str, Any]]:
    """Return the connections by id, as Airflow reads them from the environment.

    `permit_store` is a file, or the address of a server.
    """
    host, _, port = service.endpoint.partition(":")
    return {
        "tencent_iai_default": {
            "conn_type": "tencent_iai",
            "login": service.secret_id,
            "password": service.secret_key,
            "host": host,
            "port": int(port),
            "extra": {
                "protocol": "http",
                "calls_per_second": calls_per_second,
                "budget_calls_per_day": budget_calls_per_day,
                "permit_store": _address(permit_store),
            },
        },
        "maskmatch_storage": {
            "conn_type": "maskmatch_store",
            "login": seaweed.access_key,
            "password": seaweed.secret_key,
            "extra": {
                "endpoint_url": seaweed.endpoint_url,
                "region": "us-east-1",
                "addressing_style": "path",
                "address": "s3://maskmatch/warehouse",
            },
        },
    }


def _address(permit_store: Path | str) -> str:
    return permit_store if isinstance(permit_store, str) else f"sqlite:///{permit_store.absolute()}"

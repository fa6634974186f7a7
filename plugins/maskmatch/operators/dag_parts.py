"""What the Dags of this project share: places, connections, tries, and Params that mean the same in each.

Addresses and connection ids come from the environment of whatever reads the Dag file.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from maskmatch.operators.alerts import Notifier, alerts_to
from maskmatch.operators.base import STORAGE_CONN_ID
from maskmatch.operators.retry_policy import RETRY_POLICY

_PLACE = {"type": "string", "pattern": "^(s3://.+|file:///.+)"}


def connections() -> dict[str, Any]:
    """Return the connections of source and warehouse, as arguments of an operator."""
    names = ("source_conn_id", "warehouse_conn_id")
    return {name: os.environ.get(f"MASKMATCH_{name.upper()}", STORAGE_CONN_ID) for name in names}


def tries(notifier: Notifier = None) -> dict[str, Any]:
    """Return how tasks are tried again and who is told that one has failed, as default arguments of a Dag."""
    return {
        **alerts_to(notifier),
        "owner": "maskmatch",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": RETRY_POLICY,
    }


def shared_params(*names: str, **descriptions: str) -> dict[str, Param]:
    """Return the Params with these names; descriptions where a Dag has its own."""
    settings = _settings()
    return {
        name: Param(**settings[name] | ({"description": descriptions[name]} if name in descriptions else {}))
        for name in names
    }


def _settings() -> dict[str, dict[str, Any]]:
    return {
        "source": {
            **_PLACE,
            "default": os.environ.get("MASKMATCH_SOURCE", "s3://maskmatch/source"),
            "title": "Source",
            "description": "Folder with manifests/ds=<date>/ and the images: s3://bucket/prefix or "
            "file:///folder.",
        },
        "warehouse": {
            **_PLACE,
            "default": os.environ.get("MASKMATCH_WAREHOUSE", "s3://maskmatch/warehouse"),
            "title": "Warehouse",
            "description": "Folder for plans, journals and the tables.",
        },
        "quality_control": {
            "default": 0,
            "type": "integer",
            "minimum": 0,
            "maximum": 4,
            "title": "Quality control",
            "description": "The quality check, 0 (off) to 4 (strict), for rows without one of their own.",
        },
        "nominal_fmr": {
            "default": 0.0001,
            "type": "number",
            "enum": [0.001, 0.0001, 0.00001],
            "title": "Nominal FMR",
            "description": "False match rate whose score is the threshold of the decision.",
        },
        "image_transfer": {
            "default": "bytes",
            "type": "string",
            "enum": ["bytes", "url"],
            "title": "Image transfer",
            "description": "Send the images, or signed URLs that the vendor can fetch (best with COS).",
        },
    }

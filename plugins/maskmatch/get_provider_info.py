"""Tell Airflow what this package brings: connection types with forms, hooks, operators, links, its plugin."""

from typing import Any

from maskmatch.settings.account_fields import EXTRA
from maskmatch.settings.airflow_options import AIRFLOW_OPTIONS
from maskmatch.settings.forms import conn_fields
from maskmatch.settings.store_fields import EXTRA_FIELDS as STORE_EXTRA

_ACCOUNT, _STORAGE = "Tencent Cloud IAI (CompareMaskFace)", "Object storage (S3, Tencent COS)"


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow's provider entry point asks for (schema: provider_info.schema.json)."""
    return {
        "package-name": "maskmatch",
        "name": "maskmatch",
        "description": "Batch face comparison with Tencent Cloud CompareMaskFace.",
        "integrations": [
            {
                "integration-name": _ACCOUNT,
                "external-doc-url": "https://cloud.tencent.com/document/product/867/50269",
                "tags": ["service"],
            },
            {
                "integration-name": _STORAGE,
                "external-doc-url": "https://cloud.tencent.com/document/product/436",
                "tags": ["service"],
            },
        ],
        "operators": [
            {
                "integration-name": _ACCOUNT,
                "python-modules": [
                    f"maskmatch.operators.{name}"
                    for name in ("approve", "compare", "plan", "publish", "redrive", "report", "start_date")
                ],
            }
        ],
        "hooks": [
            {"integration-name": _ACCOUNT, "python-modules": ["maskmatch.hooks.tencent_iai"]},
            {"integration-name": _STORAGE, "python-modules": ["maskmatch.hooks.object_storage"]},
        ],
        "connection-types": [_ACCOUNT_TYPE, _STORE_TYPE],
        "extra-links": ["maskmatch.links.RunPartLink"],
        # As Airflow's own providers do, beside the entry point, which Airflow loads by default.
        "plugins": [{"name": "maskmatch", "plugin-class": "maskmatch.plugin.MaskmatchPlugin"}],
        "config": {
            "maskmatch": {
                "description": "Who is told and when, and where tasks wait.",
                "options": dict(AIRFLOW_OPTIONS),
            }
        },
    }


_ACCOUNT_TYPE = {
    "connection-type": "tencent_iai",
    "hook-class-name": "maskmatch.hooks.tencent_iai.TencentIaiHook",
    "hook-name": _ACCOUNT,
    "ui-field-behaviour": {
        # Without a port the page of Airflow 3.3.2 refuses to test a saved connection.
        "hidden-fields": ["schema"],
        "relabeling": {"login": "SecretId", "password": "SecretKey", "host": "Endpoint"},
        "placeholders": {"host": "iai.tencentcloudapi.com", "port": "443 (for Test)", "login": "AKID..."},
    },
    "conn-fields": conn_fields(EXTRA),
}


_STORE_TYPE = {
    "connection-type": "maskmatch_store",
    "hook-class-name": "maskmatch.hooks.object_storage.ObjectStorageHook",
    "hook-name": _STORAGE,
    "ui-field-behaviour": {
        # Without a port the page of Airflow 3.3.2 refuses to test a saved connection.
        "hidden-fields": ["host", "schema"],
        "relabeling": {"login": "Access key id", "password": "Secret access key"},
        "placeholders": {"port": "443, or the endpoint's own (for Test)"},
    },
    "conn-fields": conn_fields(STORE_EXTRA),
}

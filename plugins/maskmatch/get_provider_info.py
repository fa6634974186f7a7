"""Tell Airflow about the connection type `tencent_iai`, so that its form has the right fields."""

from typing import Any

from maskmatch.settings.account_fields import EXTRA


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow's provider entry point asks for (schema: provider_info.schema.json)."""
    return {
        "package-name": "maskmatch",
        "name": "maskmatch",
        "description": "Batch face comparison with Tencent Cloud CompareMaskFace.",
        "connection-types": [
            {
                "connection-type": "tencent_iai",
                "hook-class-name": "maskmatch.hooks.tencent_iai.TencentIaiHook",
                "hook-name": "Tencent Cloud IAI (CompareMaskFace)",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {"login": "SecretId", "password": "SecretKey", "host": "Endpoint"},
                    "placeholders": {"host": "iai.tencentcloudapi.com"},
                },
                "conn-fields": _conn_fields(),
            }
        ],
    }


def _conn_fields() -> dict[str, Any]:
    return {
        each.name: {
            "label": each.label,
            "description": each.help,
            "schema": {**each.schema, "default": each.default},
        }
        for each in EXTRA
    }

"""Tell Airflow about the connection types, so that their forms have the right fields."""

from typing import Any

from maskmatch.settings.account_fields import EXTRA
from maskmatch.settings.forms import conn_fields
from maskmatch.settings.store_fields import EXTRA_FIELDS as STORE_EXTRA


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
                    # Without a port the page of Airflow 3.3.2 refuses to test a saved connection.
                    "hidden-fields": ["schema"],
                    "relabeling": {"login": "SecretId", "password": "SecretKey", "host": "Endpoint"},
                    "placeholders": {
                        "host": "iai.tencentcloudapi.com",
                        "port": "443 (for Test)",
                        "login": "AKID...",
                    },
                },
                "conn-fields": conn_fields(EXTRA),
            },
            _STORE_TYPE,
        ],
        "config": {"maskmatch": {"description": "Who is told, and when.", "options": _OPTIONS}},
    }


_OPTIONS = {
    "notifier": {
        "description": "Import path of a notifier, of several, or of a class: they are told what a person "
        "should know, where a Dag names no other.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "our_alerts.everybody",
        "default": "",
    },
    "alert_after": {
        "description": "Seconds for which a task may wait for the service, a store or the permit store until "
        "a person is told.",
        "version_added": "0.1.0",
        "type": "float",
        "example": None,
        "default": "120",
    },
}

_STORE_TYPE = {
    "connection-type": "maskmatch_store",
    "hook-class-name": "maskmatch.hooks.object_storage.ObjectStorageHook",
    "hook-name": "Object storage (S3, Tencent COS)",
    "ui-field-behaviour": {
        # Without a port the page of Airflow 3.3.2 refuses to test a saved connection.
        "hidden-fields": ["host", "schema"],
        "relabeling": {"login": "Access key id", "password": "Secret access key"},
        "placeholders": {"port": "443, or the endpoint's own (for Test)"},
    },
    "conn-fields": conn_fields(STORE_EXTRA),
}

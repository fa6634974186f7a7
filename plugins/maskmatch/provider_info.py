"""Tell Airflow about the connection type `tencent_iai`, so that its form has the right fields."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow's provider entry point asks for (schema: provider_info.schema.json)."""
    return {
        "package-name": "maskmatch",
        "name": "maskmatch",
        "description": "Batch face comparison with Tencent Cloud CompareMaskFace.",
        "connection-types": [
            {
                "connection-type": "tencent_iai",
                "hook-class-name": "maskmatch.hooks.TencentIaiHook",
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
        "region": _field("Region", "string", default="ap-guangzhou"),
        "protocol": _field("Protocol", "string", default="https", enum=["https", "http"]),
        "calls_per_second": _field(
            "Rate limit",
            "number",
            help_text="Calls per second that the vendor allows the whole account.",
            default=50,
            exclusiveMinimum=0,
        ),
        "broker": _field("Permit broker", "string", help_text=_BROKER_HELP, default=None),
        "session_token": _field(
            "Token", "string", help_text="Of a temporary credential.", default=None, format="password"
        ),
    }


_BROKER_HELP = (
    "sqlite:////path of the file through which all processes of this host share the rate limit. "
    "Empty: MASKMATCH_BROKER, or a file below the home folder."
)


def _field(label: str, kind: str, *, help_text: str | None = None, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": help_text, "schema": {"type": [kind, "null"], **schema}}

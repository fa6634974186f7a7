"""Tell Airflow about the connection types, so that their forms have the right fields."""

from typing import Any

from maskmatch.settings.forms import conn_fields
from maskmatch.settings.store_fields import EXTRA_FIELDS


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
            },
            _STORE_TYPE,
        ],
    }


_STORE_TYPE = {
    "connection-type": "maskmatch_store",
    "hook-class-name": "maskmatch.hooks.object_storage.ObjectStorageHook",
    "hook-name": "Object storage (S3, Tencent COS)",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "port", "schema"],
        "relabeling": {"login": "Access key id", "password": "Secret access key"},
    },
    "conn-fields": conn_fields(EXTRA_FIELDS),
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
        "permit_store": _field("Permit store", "string", help_text=_PERMIT_STORE_HELP, default=None),
        "permit_store_password": _field(
            "Password of the permit store",
            "string",
            help_text="Of Redis or Postgres, if required; never write it into the address.",
            default=None,
            format="password",
        ),
        "budget_calls_per_day": _limit("Calls per day", "integer"),
        "budget_cny_per_day": _limit("CNY per day", "number"),
        "budget_calls_per_month": _limit("Calls per month", "integer"),
        "budget_cny_per_month": _limit("CNY per month", "number"),
        "time_zone": _field("Time zone", "string", help_text=_TIME_ZONE_HELP, default="Asia/Shanghai"),
        "session_token": _field(
            "Token", "string", help_text="Of a temporary credential.", default=None, format="password"
        ),
        "account_id": _field("Account id", "string", help_text=_ACCOUNT_ID_HELP, default=None),
        "answered_by": _field("Answered by", "string", help_text=_ANSWERED_BY_HELP, default=None),
    }


_ACCOUNT_ID_HELP = (
    "APPID or UIN. Give it with temporary credentials, and where several keys of one account are used: all "
    "connections with the same account id share one rate and its budgets. Empty: the SecretId stands for it."
)
_ANSWERED_BY_HELP = (
    "Who answers, as the outcomes are to name it. Empty: the endpoint's host. A service that names itself, "
    "as the local one does, is believed."
)
_PERMIT_STORE_HELP = (
    "Where all processes share rate limit and budgets: sqlite:////path of a file for one host, "
    "redis://host:port/db or postgresql://user@host/db for several. "
    "Empty: MASKMATCH_PERMIT_STORE, or a file below the home folder."
)
_TIME_ZONE_HELP = "The time zone in which the budgets' days and months begin."


def _limit(label: str, kind: str) -> dict[str, Any]:
    help_text = "Of all runs together. When spent, tasks wait for the next window. Empty: no limit."
    return _field(label, kind, help_text=help_text, default=None, exclusiveMinimum=0)


def _field(label: str, kind: str, *, help_text: str | None = None, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": help_text, "schema": {"type": [kind, "null"], **schema}}

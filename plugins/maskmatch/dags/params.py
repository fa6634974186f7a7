"""The Params of the Dags: what the form of *Trigger* shows, with help and bounds.

Those that several Dags have mean the same in each. A Dag takes them by name, so that none is written twice.
"""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from maskmatch.core.errors import WrongSetting
from maskmatch.core.pairs import ATTRIBUTE_PREFIX, COLUMNS
from maskmatch.operators.run_params import DEFAULT, INSTALLATION, SET_BY
from maskmatch.settings.fields import check_names
from maskmatch.settings.readers import MOST_CNY
from maskmatch.settings.run_fields import MOST_CALLS

_PLACE = {"type": "string", "pattern": "^(s3://.+|file:///.+)"}
_SHARE = r"(0?\.[0-9]+|0\.?|1(\.0*)?)|([0-9]{1,2}(\.[0-9]*)?|\.[0-9]+|100(\.0*)?) *%"
_LIMIT = {"type": "string", "pattern": rf"^( *({_SHARE}) *(of +[0-9]+ *)?)?$"}
"""What `ShareLimit` reads: 0.5, 50% or 50% of 100."""
_OURS = "|".join([*sorted(COLUMNS), f"{ATTRIBUTE_PREFIX}[^=,]*[^=, ]"])
_MONEY = {"minimum": 0.01, "maximum": MOST_CNY}


def params_of(*names: str, **descriptions: str) -> dict[str, Param]:
    """Return the Params with these names; descriptions where a Dag has its own."""
    return {
        name: _param(_PARAMS[name] | ({"description": descriptions[name]} if name in descriptions else {}))
        for name in names
    }


def param_or_empty(name: str, description: str) -> Param:
    """Return a Param that may be empty and is so by default, with one of its values otherwise."""
    told = _PARAMS[name]
    or_none = {"default": None, "type": ["null", told["type"]], "enum": [*told["enum"], None]}
    return _param(told | or_none | {"description": description})


def _param(told: Mapping[str, Any]) -> Param:
    """Return a Param that knows its default, which the task of a run finds overwritten."""
    param = Param(**told)
    param.schema[DEFAULT] = param.value
    return param


def set_defaults(params: Mapping[str, Param], defaults: Mapping[str, Any], *, place: str) -> None:
    """Give Params other defaults; raise WrongSetting for one that is not there and for a wrong value."""
    check_names(defaults, list(params), place=f"{place}, params")
    for name, value in defaults.items():
        try:
            params[name].resolve(value)
        except ParamValidationError as error:
            raise WrongSetting(f"{place}, Param {name}: {error}") from None
        if value != params[name].schema[DEFAULT]:
            params[name].schema.update({DEFAULT: value, SET_BY: INSTALLATION})


def from_params(*names: str) -> dict[str, Any]:
    """Return arguments of an operator that are the Params of the same names, each with its type."""
    return {name: f"{{{{ params.{name} }}}}" for name in names}


_PARAMS: dict[str, dict[str, Any]] = {
    "source": {
        **_PLACE,
        "default": None,
        "title": "Source",
        "description": "Folder with manifests/ds=<date>/ and the images: s3://bucket/prefix or "
        "file:///folder.",
    },
    "warehouse": {
        **_PLACE,
        "default": None,
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
    "calls_in_flight": {
        "default": None,
        "type": ["null", "integer"],
        "minimum": 1,
        "maximum": 256,
        "title": "Calls in flight",
        "description": "Calls in flight at most, in each compare task. Empty: what the rate needs and the "
        "service answers in time.",
    },
    "call_timeout": {
        "default": 10,
        "type": "number",
        "exclusiveMinimum": 5,
        "maximum": 60,
        "title": "Time limit of a call",
        "description": "Seconds. Best is 2.5 times what the service needs for a call.",
    },
    "max_bad_rows": {
        **_LIMIT,
        "default": "50% of 100",
        "title": "Bad rows at most",
        "description": "Share of the manifest's rows that may be no pairs, of so many rows at least. Above "
        "it nothing is called and nothing replaced.",
    },
    "max_missing_share": {
        **_LIMIT,
        "default": "50% of 100",
        "title": "Missing images at most",
        "description": "Of the first 100 pairs, the share that may lack an image. Above it nothing is "
        "called.",
    },
    "max_failed_share": {
        **_LIMIT,
        "default": "50% of 100",
        "title": "Failed rows at most",
        "description": "Above this share the last task fails, after the outcomes were published.",
    },
    "allow_empty": {
        "default": False,
        "type": "boolean",
        "title": "Allow an empty table",
        "description": "Replace the table of the date also when not one call was answered.",
    },
    "store_patience": {
        "default": 300,
        "type": "number",
        "minimum": 0,
        "maximum": 86400,
        "title": "Patience with stores",
        "description": "Seconds that a trouble of a store may last (it is away, its key has expired, a "
        "right is missing) before the task ends with the cure. No pair fails for it.",
    },
    "budget_calls": {
        "default": None,
        "type": ["null", "integer"],
        "minimum": 1,
        "maximum": MOST_CALLS,
        "title": "Budget in calls",
        "description": "Calls that this run may make at most, retries included. Empty: no limit.",
    },
    "budget_cny": {
        "default": None,
        "type": ["null", "number"],
        **_MONEY,
        "title": "Budget in CNY",
        "description": "Money that this run may spend at most, retries included. Empty: no limit.",
    },
    "max_shards": {
        "default": 4,
        "type": "integer",
        "minimum": 1,
        "maximum": 32,
        "title": "Compare tasks at most",
        "description": "One saturates an account of 50 calls/s; more help with large images.",
    },
    "manifest_columns": {
        "default": None,
        "type": ["null", "string"],
        "pattern": rf"^ *(({_OURS}) *= *[^, ][^,]*(, *|$))*$",
        "title": "Columns of the manifests",
        "description": "Their names there, such as reference_id=img1, probe_id=img2. Empty: as ours.",
    },
    "manifest_encoding": {
        "default": None,
        "type": ["null", "string"],
        "title": "Encoding of the manifests",
        "description": "Such as gb18030. Empty: it is found out.",
    },
    "reuse_days": {
        "default": 0,
        "type": "integer",
        "minimum": 0,
        "maximum": 365,
        "title": "Reuse answers of so many days",
        "description": "Answers to the same two pictures that are not older are taken over and not paid "
        "again. Those of the date itself always are.",
    },
    "on_model_change": {
        "default": "stop",
        "type": "string",
        "enum": ["stop", "go_on"],
        "title": "When the face model changes",
        "description": "Scores of two versions are not comparable: stop, or go on and mark each with its "
        "model_version.",
    },
    "trust_tags": {
        "default": True,
        "type": "boolean",
        "title": "Trust tags",
        "description": "Know images by the MD5 that the store has as their tag. Off: by their ids, until "
        "they are read.",
    },
    "same_image": {
        "default": "call",
        "type": "string",
        "enum": ["call", "skip"],
        "title": "Same image twice",
        "description": "Call or skip pairs whose two images have the same content.",
    },
    "strata_attribute": {
        "default": None,
        "type": ["null", "string"],
        "pattern": "^attr_.+",
        "title": "Attribute of strata",
        "description": "Each part of the calls has its share of every value of this attribute (attr_...), "
        "as it has of mated and non-mated pairs.",
    },
    "recompare": {
        "default": False,
        "type": "boolean",
        "title": "Compare again",
        "description": "Call every pair again, also those that have a score. They are paid again.",
    },
    "plan_only": {
        "default": False,
        "type": "boolean",
        "title": "Plan only",
        "description": "Forecast calls, cost and end, then stop: nothing is called, the table stays.",
    },
    "approval_cost_limit": {
        "default": None,
        "type": ["null", "number"],
        **_MONEY,
        "title": "Approval above, CNY",
        "description": "A plan that may cost more waits until a person has approved it. Empty: what the "
        "connection says, 1000 if nothing; not more than that.",
    },
    "deadline": {
        "default": None,
        "type": ["null", "string"],
        "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$",
        "title": "Deadline",
        "description": "Time of day at which a run should have ended, such as 08:00; the forecast says "
        "whether it will. Empty: none.",
    },
    "time_zone": {
        "default": "UTC",
        "type": "string",
        "title": "Time zone of the deadline",
        "description": "Such as Asia/Shanghai.",
    },
    "manifest_wait": {
        "default": 0,
        "type": "number",
        "minimum": 0,
        "maximum": 168,
        "title": "Wait for a manifest, hours",
        "description": "While there is none, so long after the start of the run; it holds no slot. 0: a run "
        "without a manifest fails at once.",
    },
    "execution_timeout": {
        "default": None,
        "type": ["null", "number"],
        "exclusiveMinimum": 0,
        "maximum": 720,
        "title": "Time limit of a task",
        "description": "Hours after which Airflow stops a try of a task and, as after any failure, makes "
        "another, which goes on from the journal. Empty: none.",
    },
    "dates": {
        "default": None,
        "type": "array",
        "items": {"type": "string", "format": "date"},
        "minItems": 1,
        "title": "Dates",
        "description": "Published dates such as 2026-11-22, one a line.",
    },
    "codes": {
        "default": [],
        "type": "array",
        "items": {"type": "string"},
        "title": "Failure codes",
        "description": "Such as image_missing, one a line. Empty: every open failure.",
    },
    "classes": {
        "default": [],
        "type": "array",
        "items": {"type": "string", "enum": ["biometric", "data", "infrastructure"]},
        "title": "Failure classes",
        "description": "Empty: all.",
    },
    "also_final": {
        "default": False,
        "type": "boolean",
        "title": "Final ones, too",
        "description": "Call final failures also where no code is named. The same bytes fail again.",
    },
    "date": {
        "default": None,
        "type": "string",
        "format": "date",
        "title": "Date",
        "description": "A published date such as 2026-11-22.",
    },
    "publication": {
        "default": None,
        "type": ["null", "string"],
        "pattern": "^[0-9]{6,}-[0-9a-f]+$",
        "title": "Publication to go back to",
        "description": "Its name, as the table runs has it. Empty: the newest plan of the date.",
    },
}

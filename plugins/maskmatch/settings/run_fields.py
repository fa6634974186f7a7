"""The settings of one run: Params of the Dag, arguments of the operators, options of the command line."""

import codecs
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from maskmatch.core.account_rules import ANSWER_SECONDS, MOST_CALL_SECONDS, VENDOR_SECONDS
from maskmatch.core.decisions import NOMINAL_FMRS
from maskmatch.core.limits import ShareLimit
from maskmatch.core.manifest_options import parse_columns
from maskmatch.core.pairs import ATTRIBUTE_PREFIX
from maskmatch.core.planning import SameImage
from maskmatch.settings import readers
from maskmatch.settings.fields import Field

MOST_CALLS = 10**12
_FMRS = ", ".join(f"{fmr:g}" for fmr in NOMINAL_FMRS)


def _share(value: object) -> ShareLimit:
    return ShareLimit.parse(readers.text(value))


def _fmr(value: object) -> float:
    found = readers.number(value, above=0, most=1)
    if found not in NOMINAL_FMRS:
        raise ValueError
    return found


def _columns(value: object) -> Mapping[str, str]:
    return parse_columns(readers.text(value))


def _encoding(value: object) -> str:
    found = readers.text(value)
    try:
        return codecs.lookup(found).name
    except LookupError as error:
        raise ValueError from error


def _limit(name: str) -> Field:
    form = "a share such as 0.5, 50% or 50% of 100 (rows at least)"
    return Field(name=name, read=_share, form=form, default=ShareLimit())


def _whole(name: str, least: int, most: int, default: int | None = None) -> Field:
    read = partial(readers.whole, least=least, most=most)
    return Field(name=name, read=read, form=f"a whole number from {least} to {most:,}", default=default)


def _flag(name: str, *, default: bool = False) -> Field:
    return Field(name=name, read=readers.flag, form="true or false", default=default)


def _attribute(value: object) -> str:
    found = readers.text(value)
    if not found.startswith(ATTRIBUTE_PREFIX):
        raise ValueError
    return found


RUN_FIELDS = MappingProxyType(
    {
        each.name: each
        for each in (
            _whole("quality_control", 0, 4, default=0),
            _whole("max_shards", 1, 32, default=4),
            _whole("calls_in_flight", 1, 256),
            Field(
                name="nominal_fmr",
                read=_fmr,
                form=f"a false match rate: one of {_FMRS}",
                default=NOMINAL_FMRS[1],
            ),
            Field(
                name="image_transfer",
                read=readers.one_of("bytes", "url"),
                form="bytes or url",
                default="bytes",
            ),
            Field(
                name="call_timeout",
                read=partial(readers.number, above=VENDOR_SECONDS, most=MOST_CALL_SECONDS),
                form=f"a number of seconds above {VENDOR_SECONDS:.0f}, which the vendor itself may take, and "
                f"at most {MOST_CALL_SECONDS:.0f}",
                default=ANSWER_SECONDS,
            ),
            Field(
                name="store_patience",
                read=partial(readers.number, least=0, most=86_400),
                form="a number of seconds from 0 to 86400",
                default=300.0,
            ),
            Field(
                name="execution_timeout_hours",
                read=partial(readers.number, above=0, most=720),
                form="a number of hours above 0 and at most 720",
                help="Param `execution_timeout`; Airflow stops a try of a task then. Empty: none.",
            ),
            Field(
                name="manifest_columns",
                read=_columns,
                form="our names and those of the manifests, such as reference_id=img1, probe_id=img2",
                default=MappingProxyType({}),
            ),
            Field(
                name="manifest_encoding",
                read=_encoding,
                form="the name of an encoding, such as utf-8, gb18030 or utf-16",
            ),
            _flag("trust_tags", default=True),
            Field(
                name="same_image",
                read=readers.one_of(*SameImage),
                form=" or ".join(SameImage),
                default=SameImage.CALL.value,
            ),
            Field(
                name="strata_attribute",
                read=_attribute,
                form=f"the name of a column {ATTRIBUTE_PREFIX}...",
                default="",
            ),
            _limit("max_bad_rows"),
            _limit("max_missing_share"),
            _limit("max_failed_share"),
            _flag("allow_empty"),
            _flag("recompare"),
            _flag("also_final"),
            _whole("reuse_days", 0, 365, default=0),
            Field(
                name="on_model_change",
                read=readers.one_of("stop", "go_on"),
                form="stop or go_on",
                default="stop",
            ),
            _whole("budget_calls", 1, MOST_CALLS),
            Field(name="budget_cny", read=readers.money, form=readers.MONEY),
            Field(name="approval_cost_limit", read=readers.money, form=readers.MONEY),
            _flag("plan_only"),
            Field(
                name="manifest_wait",
                read=partial(readers.number, least=0, most=168),
                form="a number of hours from 0 to 168",
                default=0.0,
            ),
            Field(name="deadline", read=readers.time_of_day, form="a time of day such as 08:00"),
            Field(
                name="time_zone",
                read=readers.time_zone,
                form="the name of a time zone such as Asia/Shanghai",
                default="UTC",
            ),
        )
    }
)

"""The settings of an account: fields of its connection, and variables of the command line.

Light to import, since every process of Airflow reads the form of the connection from here.
"""

from functools import partial
from types import MappingProxyType

from maskmatch.core.account_rules import (
    DEFAULT_CALLS_PER_SECOND,
    DEFAULT_REGION,
    LEAST_CALLS_PER_SECOND,
    MOST_CALLS_PER_SECOND,
)
from maskmatch.core.approval import DEFAULT_COST_LIMIT
from maskmatch.core.rate_by_hour import parse_hours
from maskmatch.settings import readers
from maskmatch.settings.fields import Field

WAIVED = "none"
"""What a person enters as the day's budget to have none."""
_MOST_CALLS = 10**12
_CALLS = f"a whole number from 1 to {_MOST_CALLS:,} such as 500000, or empty for no limit"
_CNY = f"{readers.MONEY}, or empty for no limit"
_RATE = f"a number from {LEAST_CALLS_PER_SECOND} to {MOST_CALLS_PER_SECOND:,}, such as 50"
_OF_RUN = (
    "Of one run at most; when spent, its tasks fail, and go on once it is raised. A run may ask for less. "
    "Empty: no limit."
)
_OF_ALL = "Of all runs together; when spent, tasks wait for the next {}. Empty: no limit."


def _day_calls(value: object) -> int | str:
    if isinstance(value, str) and value.strip().lower() == WAIVED:
        return WAIVED
    return readers.whole(value, least=1, most=_MOST_CALLS)


def _calls(name: str, label: str, text: str) -> Field:
    return Field(
        name=name,
        read=partial(readers.whole, least=1, most=_MOST_CALLS),
        form=_CALLS,
        label=label,
        help=text,
        schema={"type": ["integer", "null"], "minimum": 1},
    )


def _cny(name: str, label: str, text: str) -> Field:
    return Field(
        name=name,
        read=readers.money,
        form=_CNY,
        label=label,
        help=text,
        schema={"type": ["number", "null"], "minimum": 0.01},
    )


def _words(name: str, label: str, text: str | None = None, *, default: str | None = None) -> Field:
    return Field(
        name=name,
        read=readers.word,
        form="one word without blanks",
        default=default,
        label=label,
        help=text,
        schema={"type": ["string", "null"]},
    )


def _secret(name: str, label: str, text: str | None = None) -> Field:
    return Field(
        name=name,
        read=readers.secret,
        form="a key as it was given out",
        label=label,
        help=text,
        schema={"type": ["string", "null"], "format": "password"},
        is_secret=True,
    )


SECRET_ID = _secret("secret_id", "SecretId")
SECRET_KEY = _secret("secret_key", "SecretKey")
ENDPOINT = Field(
    name="endpoint",
    read=readers.endpoint,
    form="a host such as iai.tencentcloudapi.com, or host:port",
    label="Endpoint",
    help="Empty: iai.tencentcloudapi.com. A protocol typed before it is understood.",
)
REGION = _words("region", "Region", "Of the service. Empty: ap-guangzhou.", default=DEFAULT_REGION)
PROTOCOL = Field(
    name="protocol",
    read=readers.one_of("https", "http"),
    form="https or http",
    label="Protocol",
    help="Empty: https. http is for a service of your own, on a network that nobody else reads.",
    schema={
        "type": ["string", "null"],
        "enum": [None, "https", "http"],
        "values_display": {"null": "https, unless the endpoint begins with http://"},
    },
)
CALLS_PER_SECOND = Field(
    name="calls_per_second",
    read=partial(readers.number, least=LEAST_CALLS_PER_SECOND, most=MOST_CALLS_PER_SECOND),
    form=_RATE,
    default=DEFAULT_CALLS_PER_SECOND,
    label="Rate limit, calls per second",
    help="What the vendor allows the whole account. Empty: 50, its limit for pay-per-call.",
    schema={
        "type": ["number", "null"],
        "minimum": LEAST_CALLS_PER_SECOND,
        "maximum": MOST_CALLS_PER_SECOND,
    },
)
RATE_BY_HOUR = Field(
    name="rate_by_hour",
    read=lambda value: parse_hours(readers.text(value)),
    form="a rate and its hours such as 30 from 08:00 to 22:00; several are parted by semicolons",
    default=(),
    label="Rate by hour",
    help="For an account that others use, too: 30 from 08:00 to 22:00 is at most 30 calls per second in "
    "these hours of the time zone; 0 is none: tasks end, hold no slot, and go on afterwards. Several are "
    "parted by semicolons. Empty: the same at all hours.",
    schema={"type": ["string", "null"]},
)
PERMIT_STORE = Field(
    name="permit_store",
    read=readers.text,
    form="the address of a permit store: sqlite:////absolute/path, redis://host:port/number or "
    "postgresql://user@host/database",
    label="Permit store",
    help="Where all processes share rate limit and budgets: sqlite:////path of a file for one host, "
    "redis://host:port/db or postgresql://user@host/db for several. "
    "Empty: MASKMATCH_PERMIT_STORE, or a file below the home folder.",
    schema={"type": ["string", "null"]},
    is_secret=True,
)
PERMIT_STORE_PASSWORD = Field(
    name="permit_store_password",
    read=readers.password,
    form="a password, as text",
    label="Password of the permit store",
    help="Of Redis or Postgres, if required; never write it into the address, too. A file has none.",
    schema={"type": ["string", "null"], "format": "password"},
    is_secret=True,
)
DAY_CALLS = Field(
    name="budget_calls_per_day",
    read=_day_calls,
    form=f"a whole number from 1 to {_MOST_CALLS:,} such as 500000, or {WAIVED} for no limit",
    label="Budget of a day, calls",
    help="This or the next must be set. Of all runs together; when spent, tasks wait for the next day. "
    f"Write {WAIVED} to have no limit.",
    schema={"type": ["string", "null"], "pattern": "^([0-9]+|none)$"},
)
TIME_ZONE = Field(
    name="time_zone",
    read=readers.time_zone,
    form="the name of a time zone such as Asia/Shanghai",
    default="Asia/Shanghai",
    label="Time zone",
    help="The time zone in which the budgets' days and months begin, and of the rate by hour.",
    schema={"type": ["string", "null"]},
)
APPROVAL_COST_LIMIT = Field(
    name="approval_cost_limit",
    read=readers.money,
    form=readers.MONEY,
    default=DEFAULT_COST_LIMIT,
    label="Approval above, CNY",
    help="A plan whose calls may cost more is compared only when a person has approved it. Empty: "
    f"{DEFAULT_COST_LIMIT}, three nights of 100,000 pairs. A run may ask for less.",
    schema={"type": ["number", "null"], "minimum": 0.01, "default": None},
)
ACCOUNT_ID = _words(
    "account_id",
    "Account id",
    "APPID or UIN. Give it with temporary credentials, and where several keys of one account are used: all "
    "connections with the same account id share one rate and its budgets. Empty: the SecretId stands for it.",
)
ANSWERED_BY = _words(
    "answered_by",
    "Answered by",
    "Who answers, as the outcomes are to name it. Empty: the endpoint's host. A service that names itself, "
    "as the local one does, is believed.",
)
TOKEN = _secret("session_token", "Token", "Of a temporary credential.")

BUDGETS = (
    DAY_CALLS,
    _cny("budget_cny_per_day", "Budget of a day, CNY", _OF_ALL.format("day")),
    _calls("budget_calls_per_month", "Budget of a month, calls", _OF_ALL.format("month")),
    _cny("budget_cny_per_month", "Budget of a month, CNY", _OF_ALL.format("month")),
    _calls("budget_calls_per_run", "Budget of a run, calls", _OF_RUN),
    _cny("budget_cny_per_run", "Budget of a run, CNY", _OF_RUN),
)
EXTRA = (
    *BUDGETS,
    APPROVAL_COST_LIMIT,
    TIME_ZONE,
    CALLS_PER_SECOND,
    RATE_BY_HOUR,
    PERMIT_STORE,
    PERMIT_STORE_PASSWORD,
    TOKEN,
    ACCOUNT_ID,
    REGION,
    PROTOCOL,
    ANSWERED_BY,
)
"""Fields that stand in the extra of a connection, in the order of its form: first what must be entered."""
ACCOUNT_FIELDS = (SECRET_ID, SECRET_KEY, ENDPOINT, *EXTRA)

SECRETS = ("secret_id", "secret_key", "session_token", "permit_store_password")
"""Never options: those can be seen by every user of the host."""
VARIABLES = MappingProxyType(
    {
        **{field.name: f"MASKMATCH_{field.name.upper()}" for field in ACCOUNT_FIELDS},
        "secret_id": "TENCENTCLOUD_SECRET_ID",
        "secret_key": "TENCENTCLOUD_SECRET_KEY",
        "session_token": "TENCENTCLOUD_TOKEN",
        "region": "TENCENTCLOUD_REGION",
        "account_id": "TENCENTCLOUD_ACCOUNT_ID",
    }
)
"""The variable of the command line for each field."""

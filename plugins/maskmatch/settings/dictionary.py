"""All settings in words: `python -m maskmatch.settings.dictionary` prints docs/settings.md."""

import sys
from collections.abc import Iterable, Mapping

from maskmatch.settings import account_fields, store_fields
from maskmatch.settings.airflow_options import AIRFLOW_OPTIONS
from maskmatch.settings.fields import Field
from maskmatch.settings.run_fields import RUN_FIELDS

_HEAD = """\
# Settings

Made from the tables of `plugins/maskmatch/settings` by `make docs`. A value that is wrong, and a name that
is not known, is refused before anything is called, with its place and the right form. Empty is the default.
That goes for every variable that begins with `MASKMATCH_`, those apart that Kubernetes makes for a Service of
that name, and for one of `TENCENTCLOUD_*` that is nearly one of ours. Nothing before an `@` is ever shown.

Places are `s3://bucket/prefix`, in which every character is meant (`#`, `?` and `%`, too), or
`file:///folder`, a URI (`%23` for `#`, `%3F` for `?`). Neither holds a user or a password.

"""
_OF_ACCOUNT = """\
## The account

Fields of a connection of type `tencent_iai` (`secret_id` is its login, `secret_key` its password,
`endpoint` its host and port), or variables of the command line; options of the same names go before both.
Keys are never options.

"""
_OF_STORE = """\
## Stores

Fields of a connection of type `maskmatch_store` (`access_key` is its login, `secret_key` its password). The
command line takes boto3's own variables, and `MASKMATCH_SOURCE_PROFILE` and `MASKMATCH_WAREHOUSE_PROFILE`
for two profiles. What must be allowed to the keys: [permissions](permissions.md). `MASKMATCH_TABLE_MODE`
(0640) is the mode of tables in a folder.

"""
_OF_RUN = """\
## A run

Params of the Dag, arguments of the operators, options of `maskmatch run` (`max_shards` is `--max-shards`).
On the command line `MASKMATCH_SOURCE` and `MASKMATCH_WAREHOUSE` are `--source` and `--warehouse`.

"""
_OF_AIRFLOW = """\
## Airflow

Options of section `maskmatch` in Airflow's configuration, or variables `AIRFLOW__MASKMATCH__<OPTION>`.

"""
_IN_ENVIRONMENT = """\

`MASKMATCH_PAGE_CONNECTIONS`, a variable of the api server, names the connections whose accounts
[the page](page.md) shows, parted by commas (tencent_iai_default). `MASKMATCH_CONNECTION` is `--connection` of
the command line: the account as Airflow knows it.
"""


def settings_dictionary() -> str:
    """Return docs/settings.md."""
    variables = {name: ", ".join(found) for name, found in store_fields.VARIABLES.items()}
    store = (*store_fields.KEY_FIELDS[:2], *store_fields.EXTRA_FIELDS)
    return "".join(
        [
            _HEAD,
            _OF_ACCOUNT,
            *_table(account_fields.ACCOUNT_FIELDS, account_fields.VARIABLES),
            "\n",
            _OF_STORE,
            *_table(store, variables),
            "\n",
            _OF_RUN,
            *_table(RUN_FIELDS.values(), None),
            "\n",
            _OF_AIRFLOW,
            *_options(),
            _IN_ENVIRONMENT,
        ]
    )


def _options() -> Iterable[str]:
    yield "| option | it is | default | example | |\n|---|---|---|---|---|\n"
    for name, option in AIRFLOW_OPTIONS.items():
        told = (option["type"], option["default"], option["example"] or "", option["description"])
        yield f"| `{name}` | {' | '.join(told)} |\n"


def _table(fields: Iterable[Field], variables: Mapping[str, str] | None) -> Iterable[str]:
    middle = " variable |" if variables is not None else ""
    yield f"| setting |{middle} it is | default | |\n"
    yield f"|---|{'---|' if middle else ''}---|---|---|\n"
    for field in fields:
        variable = f" {variables.get(field.name, '')} |" if variables is not None else ""
        default = "" if field.default in (None, ()) else str(field.default)
        yield f"| `{field.name}` |{variable} {field.form} | {default} | {field.help or ''} |\n"


if __name__ == "__main__":
    sys.stdout.write(settings_dictionary())

"""The data dictionary, made from the tables' schemas: `python -m maskmatch.storage.data_dictionary`."""

import sys

import pyarrow as pa

from maskmatch.core.failure_codes import failure_codes
from maskmatch.storage.schemas import TABLES, description

_HEAD = """# Tables

Made by `make docs` from the schemas; do not edit. From 0.1.0 on columns are only ever added. Null means
unknown or not applicable, never zero. Times are UTC. The date `ds` is in the path alone; `logical_date` is
the same in the file. Each file carries these descriptions at its columns and, as JSON, under the key
`maskmatch.columns`.
"""
_FAILURES = """## Failure codes

Only `biometric` failures count as failure to acquire. Final failures belong to the bytes of an image: they
need a better one. Open ones are tried again by the next run of the date, or by `maskmatch redrive`; those of
a row, which the plan finds, need a better row.

| failure_code | failure_class | it is | meaning | what to do |
|---|---|---|---|---|"""


def data_dictionary() -> str:
    """Return the dictionary as Markdown."""
    return "\n".join(
        [
            _HEAD,
            *(line for name in TABLES for line in _section(name)),
            _FAILURES,
            *_failures(),
            "",
        ]
    )


def _section(name: str) -> list[str]:
    schema = TABLES[name]
    text = f"{schema.metadata[b'description'].decode()} Place: `{name}/current/ds=<date>/data.parquet`."
    rows = [f"| {field.name} | {_kind(field.type)} | {description(field)} |" for field in schema]
    return [f"## {name}\n\n{text}\n\n| column | type | meaning |\n|---|---|---|", *rows, ""]


def _kind(kind: pa.DataType) -> str:
    return "string" if pa.types.is_dictionary(kind) else str(kind)


def _failures() -> list[str]:
    return [
        f"| {each.code} | {each.failure_class} | {each.lasting} | {each.meaning} | {each.advice} |"
        for each in failure_codes().values()
    ]


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())

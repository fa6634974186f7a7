"""Statements for Spark and Trino over the current tables: `python -m maskmatch.storage.ddl`."""

import sys

import pyarrow as pa

from maskmatch.storage.schemas import TABLES

_HEAD = """# Spark and Trino

Made by `make docs` from the schemas; do not edit. **Nobody has tried these statements**: neither engine is
among what this project is tested with. They name the columns and types of the files; put your warehouse in
place of `s3://maskmatch/warehouse`, and call the last statement of each again when a date is new.
"""
_SPARK = {
    pa.string(): "STRING",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
    pa.map_(pa.string(), pa.string()): "MAP<STRING, STRING>",
}
_TRINO = _SPARK | {
    pa.string(): "varchar",
    pa.int32(): "integer",
    pa.float32(): "real",
    pa.timestamp("us", tz="UTC"): "timestamp(6)",
    pa.map_(pa.string(), pa.string()): "map(varchar, varchar)",
}


def ddl() -> str:
    """Return the statements as Markdown."""
    spark = "\n\n".join(_spark(name, schema) for name, schema in TABLES.items())
    trino = "\n\n".join(_trino(name, schema) for name, schema in TABLES.items())
    return "\n".join([_HEAD, f"## Spark\n\n```\n{spark}\n```\n", f"## Trino\n\n```\n{trino}\n```", ""])


def _spark(name: str, schema: pa.Schema) -> str:
    return (
        f"CREATE TABLE {name} (\n{_columns(schema, _SPARK)},\n    ds DATE\n)\n"
        f"USING parquet PARTITIONED BY (ds) LOCATION 's3://maskmatch/warehouse/{name}/current';\n"
        f"MSCK REPAIR TABLE {name};"
    )


def _trino(name: str, schema: pa.Schema) -> str:
    columns = _columns(schema, {kind: text.lower() for kind, text in _TRINO.items()})
    return (
        f"CREATE TABLE {name} (\n{columns},\n    ds date\n) WITH (\n    format = 'PARQUET',\n"
        f"    external_location = 's3://maskmatch/warehouse/{name}/current',\n"
        "    partitioned_by = ARRAY['ds']\n);\n"
        f"CALL system.sync_partition_metadata('default', '{name}', 'FULL');"
    )


def _columns(schema: pa.Schema, kinds: dict[pa.DataType, str]) -> str:
    return ",\n".join(f"    {field.name} {kinds[_plain(field.type)]}" for field in schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


if __name__ == "__main__":
    sys.stdout.write(ddl())

"""SQL views over the tables of a warehouse, for DuckDB: `views.sql` with its places, advice and prices."""

from importlib.resources import files
from pathlib import Path
from string import Template

from maskmatch.core.failure_codes import failure_codes
from maskmatch.core.places import read_place
from maskmatch.core.pricing import LOWEST_PRICE, MICRO, TIERS


def views_sql(warehouse: str) -> str:
    """Return the statements that create the views; `warehouse` is s3://bucket/prefix or file:///folder.

    Raise InputError for any other address.
    """
    text = files(__package__).joinpath("views.sql").read_text(encoding="utf-8")
    place = read_place(warehouse)
    where = str(place) if isinstance(place, Path) else f"s3://{place.bucket}/{place.key}"
    return Template(text).substitute(warehouse=_quoted(where.rstrip("/")), advice=_advice(), tiers=_tiers())


def _advice() -> str:
    rows = [(each.code, each.lasting.value, each.advice) for each in failure_codes().values()]
    return ",\n".join(f"    ({', '.join(_literal(value) for value in row)})" for row in rows)


def _tiers() -> str:
    whens = [f"when month_calls <= {most} then {price / MICRO}" for most, price in TIERS]
    return " ".join([*whens, f"else {LOWEST_PRICE / MICRO}"])


def _literal(text: str) -> str:
    return f"'{_quoted(text)}'"


def _quoted(text: str) -> str:
    return text.replace("'", "''")

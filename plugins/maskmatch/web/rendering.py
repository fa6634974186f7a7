"""From values to HTML: templates in which every text is escaped, and how numbers and times are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from maskmatch.links import URL_PREFIX, page, run_page
from maskmatch.permits.steps.state import ALL_RUNS


def render(name: str, **values: Any) -> str:
    """Return a template as HTML."""
    return _environment().get_template(name).render(now=datetime.now(UTC), **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "money": money,
        "moment": moment,
        "span": span,
        "percent": percent,
        "whom": lambda name: "all runs" if name == ALL_RUNS else name,
    }
    environment.globals |= {"page": page, "airflow_run": airflow_run, "run_page": run_page}
    return environment


def money(cny: Decimal) -> str:
    """Return an amount as a person reads it; cents of a run are few."""
    return f"CNY {cny:,.2f}"


def moment(at: datetime) -> str:
    """Return a time in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Return a duration as a person says it: two units at most."""
    left = timedelta(seconds=round(seconds))
    hours, minutes = divmod(left.seconds // 60, 60)
    if left.days:
        return f"{left.days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left.seconds % 60} s" if minutes else f"{left.seconds} s"


def percent(share: float) -> str:
    """Return a share; nothing that is not all is shown as 100 %."""
    return "100 %" if share >= 1 else f"{min(99.9, 100 * share):.1f} %"


def airflow_run(dag_id: str, run_id: str) -> str:
    """Return the address of a run in Airflow's own page."""
    root = page("").removesuffix(f"{URL_PREFIX}/")
    return f"{root}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"

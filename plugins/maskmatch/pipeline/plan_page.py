"""The page `plan.html` beside a plan: its forecast, in one file that needs nothing else."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from maskmatch.core.forecast import Forecast
from maskmatch.core.forecast_words import HEADINGS, PRICES_NOTE, comparison, facts, headline, money
from maskmatch.pipeline.approval import Question

_TO_DECIDE = (
    "rows",
    "bad rows",
    "rows whose answer is known",
    "pairs to call",
    "calls to make",
    "cost",
    "rate",
    "time",
    "end",
    "deadline",
)
"""Of the forecast; more would push the two buttons off the page."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~!]")


def plan_page(this: Forecast) -> str:
    """Return the page as HTML; every text in it is escaped."""
    days = ", ".join(str(day) for day in this.days)
    return _template().substitute(
        title=escape(f"Plan of {days}"),
        headline=escape(headline(this)),
        is_late="late" if this.is_in_time is False else "",
        digest=escape(this.digest),
        made_at=escape(f"{this.made_at:%Y-%m-%d %H:%M:%S} UTC"),
        facts="\n".join(_row(("th", name), ("td", value)) for name, value in facts(this)),
        unless_compared="" if this.alternatives else "hidden",
        headings=_row(*(("th", name) for name in HEADINGS)),
        comparison="\n".join(_row(*(("td", cell) for cell in row)) for row in comparison(this)),
        note=escape(PRICES_NOTE),
    )


def approval_request(question: Question, found: Mapping[str, Any] | None, page: str) -> tuple[str, str]:
    """Return what a person is asked, as a headline and Markdown; `found` is the forecast that was written."""
    cost = money(question.cost_cny)
    words = found["in_words"] if found else {}
    table = "\n".join(f"| {_plain(name)} | {_plain(words[name])} |" for name in _TO_DECIDE if name in words)
    body = f"""\
Approving lets `compare` make these calls for plan `{question.digest}`, and for no other one. Rejecting
ends the run: nothing is called and the table of the date stays as it is.

| forecast | |
|---|---|
{table}

The plan's page: `{page.replace("`", "")}`. {PRICES_NOTE}
"""
    return f"{question.day}: approve {question.calls:,} calls for at most CNY {cost}?", body


def _plain(text: str) -> str:
    """Return a text without what Markdown would take for its own."""
    return _MARKDOWN.sub(lambda sign: "\\" + sign[0], text)


def _row(*cells: tuple[str, str]) -> str:
    return f"<tr>{''.join(_cells(cells))}</tr>"


def _cells(cells: Iterable[tuple[str, str]]) -> Iterable[str]:
    for tag, text in cells:
        yield f"<{tag}>{escape(text)}</{tag}>"


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("plan_page.html").read_text("utf-8"))

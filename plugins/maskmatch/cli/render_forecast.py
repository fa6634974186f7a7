"""What the command line shows of forecasts, as tables."""

from collections.abc import Mapping, Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.text import Text

from maskmatch.cli.render import table_of
from maskmatch.core.forecast import Forecast, Unknown
from maskmatch.core.forecast_words import HEADINGS, PRICES_NOTE, comparison, duration, facts, headline, money


def forecast_view(this: Forecast) -> RenderableType:
    """Return one forecast with what could be otherwise."""
    style = "bold red" if this.is_in_time is False else "bold"
    return Group(
        Text(headline(this), style=style),
        *([Text(f"digest {this.digest}")] if this.digest else []),
        table_of(("forecast", ""), facts(this)),
        *([table_of(HEADINGS, comparison(this))] if this.alternatives else []),
        Text(PRICES_NOTE, style="dim"),
    )


def forecasts_view(
    forecasts: Sequence[Forecast], total: Forecast | None, failed: Mapping[date, str]
) -> RenderableType:
    """Return a line for each date, one for the total, and the forecast of all of them together."""
    rows = [_row(str(each.days[0]), each) for each in forecasts]
    rows += [(str(day), "", "", "", "", "", why) for day, why in failed.items()]
    if total is None:
        return table_of(_COLUMNS, sorted(rows))
    return Group(
        table_of(_COLUMNS, [*sorted(rows), _row("total", total)]),
        Text(f"All {len(forecasts):,} dates one after the other, from now on:"),
        forecast_view(total),
    )


_COLUMNS = ("date", "rows>", "bad rows>", "calls>", "CNY>", "time>", "digest, or why there is no plan")


def _row(name: str, this: Forecast) -> tuple[str, ...]:
    cost = f"<= {money(this.cost_at_most)}" if isinstance(this.cost, Unknown) else money(this.cost)
    time = "unknown" if isinstance(this.seconds, Unknown) else duration(this.seconds)
    counts = this.counts
    bad_rows = sum(counts.bad_rows.values())
    return name, f"{counts.rows:,}", f"{bad_rows:,}", f"{this.expected_calls:,}", cost, time, this.digest

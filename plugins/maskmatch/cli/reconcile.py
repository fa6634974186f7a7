"""The command that puts permits, journals, meter and bill of a month side by side; it pays nothing."""

import argparse
import http.client
import json
import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.account_options import account_settings_of, add_permit_store
from maskmatch.cli.options import add_place, store_of
from maskmatch.cli.orders import never_heard
from maskmatch.core.errors import InputError, WrongSetting

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskmatch.pipeline.reconcile import DayBooks, MonthBooks
    from maskmatch.settings.account import AccountSettings

_METER_SECONDS = 10
_EPILOG = """\
permits   the permit store: an upper bound, kept for 40 days; a kill keeps permits whose calls nobody recorded
billed    the table attempts of all published dates: calls charged for sure, by the day of the account's time
          zone
perhaps   calls whose answer never came
bill      a csv whose columns --bill-columns names; the vendor's own export is not known here

example:
  maskmatch reconcile --month 2026-11 --bill bill.csv --bill-columns day=Date,calls=Usage,cost=Amount
"""


def add_reconcile_options(parser: argparse.ArgumentParser) -> None:
    """Add the month, the bill and where the books lie."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--month", type=_month, required=True, help="the month, as YYYY-MM")
    add_place(parser, "warehouse", "plans, journals and tables")
    add_permit_store(parser)
    add("--bill", type=Path, metavar="FILE", help="a bill as csv, UTF-8 or GB18030")
    add("--bill-columns", metavar="OURS=THEIRS,...", help="its columns: day, and calls or cost or both")
    add("--meter", metavar="HOST:PORT", help="a local service, whose meter is shown, too")


def reconcile(args: argparse.Namespace) -> int:
    """Show each day, the sums and the cost by tier."""
    from maskmatch.cli.terminal import show
    from maskmatch.pipeline.reconcile import billed_calls, reconcile
    from maskmatch.storage.bills import parse_bill_columns, read_bill

    if bool(args.bill) != bool(args.bill_columns):
        raise WrongSetting("give --bill and --bill-columns together")
    bill = read_bill(args.bill, parse_bill_columns(args.bill_columns)) if args.bill else {}
    settings = account_settings_of(args, needs_key=False)
    with closing(settings.open_coordinator()) as coordinator:
        now = coordinator.snapshot()
    books = reconcile(
        args.month,
        account=settings.account.name,
        calls=billed_calls(store_of(args, "warehouse"), args.month),
        windows=now.windows,
        bill=bill,
        meter=_meter(args.meter) if args.meter else None,
    )
    show(_view(books, f"{args.month:%Y-%m}, account {settings.account.name}, {settings.budgets.time_zone}"))
    sys.stdout.write("".join(f"{line}\n" for line in _notes(books, settings, is_known=now.is_known)))
    return 0


def _view(books: "MonthBooks", title: str) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from maskmatch.cli.render import table_of

    names = ("day", "permits>", "billed>", "perhaps>", "without record>", "bill: calls>", "bill: CNY>")
    tiers = ((f"{each.calls:,}", f"{each.price}", f"{each.cost:,.4f}") for each in books.tiers)
    lines = [
        f"the tier that the month has reached holds for all its calls: CNY {books.cost:,.4f}",
        *([f"the meter of the local service has {books.meter:,} calls"] if books.meter is not None else []),
    ]
    return Group(
        Text(title, style="bold"),
        table_of(names, [*map(_row, books.days), _sums(books)]),
        table_of(("calls as made>", "CNY each>", "CNY>"), tiers),
        *map(Text, lines),
    )


def _notes(books: "MonthBooks", settings: "AccountSettings", *, is_known: bool) -> list[str]:
    """Return what a reader would miss or misread in the books."""
    notes = []
    if not is_known:
        notes.append(never_heard(settings))
    elif books.permits is None:
        notes.append("no permits: none was taken in this month, or the permit store has forgotten it")
    if books.without_record:
        notes.append("without record are calls that kills cut off, and those of dates not published since")
    if books.other_accounts:
        notes.append(f"calls of other accounts are left out: {', '.join(books.other_accounts)}")
    if books.other_days:
        first, last = books.other_days[0], books.other_days[-1]
        notes.append(
            f"days of the bill in other months are left out: {len(books.other_days)}, {first} to {last}"
        )
    return notes


def _row(day: "DayBooks") -> tuple[str, ...]:
    bill = (day.bill.calls, day.bill.cost) if day.bill else (None, None)
    counts = (day.permits, day.billed, day.maybe_billed, day.without_record, *bill)
    return (str(day.day), *map(_text, counts))


def _sums(books: "MonthBooks") -> tuple[str, ...]:
    counts = (books.permits, books.billed, books.maybe_billed, books.without_record)
    return ("all", *map(_text, (*counts, books.bill.calls, books.bill.cost)))


def _text(value: object) -> str:
    return "" if value is None else f"{value:,}"


def _meter(address: str) -> int:
    try:
        with closing(http.client.HTTPConnection(address, timeout=_METER_SECONDS)) as connection:
            connection.request("GET", "/meter")
            return int(json.loads(connection.getresponse().read())["billed"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise InputError(f"{address} shows no meter: leave --meter out") from error


def _month(text: str) -> date:
    try:
        return datetime.strptime(f"{text}-01", "%Y-%m-%d").date()  # noqa: DTZ007  a month has no zone
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month: give YYYY-MM") from None

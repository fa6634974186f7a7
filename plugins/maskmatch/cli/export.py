"""The command that writes published outcomes for other tools: it needs no account, and pays nothing."""

import argparse
import logging
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from maskmatch.cli.objects import typed_place
from maskmatch.cli.options import add_place, day_of, store_of
from maskmatch.cli.pace import seldom
from maskmatch.core.errors import InputError, WrongSetting

if TYPE_CHECKING:
    from maskmatch.storage.exports import Target

log = logging.getLogger(__name__)

_FORMS = ("nist", "bob", "csv")
_EPILOG = """\
formats:
  nist  match log of the NIST FRVT 1:1 validation package: enrollTempl verifTempl simScore returnCode;
        a failure to acquire is -1 and 7, any other pair without a score -1 and 1
  bob   four columns of bob.bio.base: claimed_id real_id probe_label score; a failure to acquire is nan,
        other failures and rows of which nobody says whether they are mated are left out
  csv   all columns and the date as ds; no cell is a formula: a text that could be one has ' in front
In ids of nist and bob, blanks, quotes, #, % and what is not ASCII are written %XX.
What is left out is counted and told.

examples:
  maskmatch export --format csv --excel --date 2026-11-22 --to outcomes.csv
  maskmatch export --format nist --date 2026-11-22 --to match.log
  maskmatch export --format bob --from-date 2026-11-01 --to-date 2026-11-30 --to s3://bucket/scores.txt
"""


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add which outcomes are written, in which form and where."""
    parser.description = (
        "Write the published outcomes of one date or several as one file, whole or not at all; nothing is "
        "called and nothing paid."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--format", choices=_FORMS, required=True, help="the form of the file, see below")
    add("--date", type=day_of, help="the date, as YYYY-MM-DD")
    add("--from-date", type=day_of, metavar="DATE", help="the first of several dates, in place of --date")
    add("--to-date", type=day_of, metavar="DATE", help="the last of them")
    add_place(parser, "warehouse", "plans, journals and tables")
    add(
        "--to",
        metavar="FILE",
        required=True,
        help="a path, file:///path or s3://bucket/key, reached with the key of the warehouse",
    )
    add("--replace", action="store_true", help="replace a file that is there")
    add("--excel", action="store_true", help="begin a csv with the mark by which Excel knows UTF-8")


def export(args: argparse.Namespace) -> int:
    """Write the file, and tell what is in it and what is not."""
    from maskmatch.pipeline.exporting import export

    if args.excel and args.format != "csv":
        raise WrongSetting("--excel is for --format csv")
    done = export(
        store_of(args, "warehouse"),
        _days(args),
        form="excel" if args.excel else args.format,
        target=_target(args.to),
        replace=args.replace,
        progress=seldom(_tell),
    )
    sys.stdout.write("\n".join(done.lines()) + "\n")
    return 0


def _days(args: argparse.Namespace) -> list[date]:
    from maskmatch.pipeline.exporting import days_between

    several = (args.from_date, args.to_date)
    if bool(args.date) == any(several) or any(several) != all(several):
        raise WrongSetting("give either --date, or --from-date and --to-date")
    return [args.date] if args.date else days_between(*several)


def _target(text: str) -> "Target":
    """Return where a file is to be."""
    from maskmatch.storage.exports import Target

    place = typed_place(text)
    if isinstance(place, Path):
        return Target(place.as_uri(), path=place)
    if not place.key or place.key.endswith("/"):
        raise InputError(f"{text!r} names no object: s3://bucket/key is one")
    bucket = f"s3://{place.bucket}"
    store = store_of(argparse.Namespace(warehouse=bucket), "warehouse")
    return Target(f"{bucket}/{place.key}", store=store, key=place.key)


def _tell(done: int, rows: int) -> None:
    log.info("%s of %s rows", f"{done:,}", f"{rows:,}")

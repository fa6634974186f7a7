"""The command that publishes a date again, or as it was before; nothing is called."""

import argparse
import os
import sys

from maskmatch.cli.options import add_threshold, add_warehouse, run_of, setting
from maskmatch.cli.orders import ordered_by
from maskmatch.settings.account_fields import TIME_ZONE, VARIABLES
from maskmatch.settings.fields import read_fields
from maskmatch.settings.sources import in_variables


def add_publish_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `publish`."""
    add_warehouse(parser)
    add_threshold(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--rollback",
        metavar="PUBLICATION",
        default="",
        help="publish the rows of this earlier publication again, as a new one",
    )
    what.add_argument(
        "--list", action="store_true", help="show the publications of the date, and which is the current one"
    )


def publish(args: argparse.Namespace) -> int:
    """Publish the newest plan of a date, or an earlier publication; or list them."""
    from dataclasses import replace

    from maskmatch.pipeline.publish import PublishOptions, publications, publish_again

    run = replace(run_of(args, source="warehouse"), run_id="cli__publish")
    if args.list:
        rows, current = publications(run)
        sys.stdout.write("".join(f"{_line(row, current)}\n" for row in rows) or "nothing is published\n")
        return 0
    time_zone = read_fields((TIME_ZONE,), in_variables(VARIABLES, os.environ))["time_zone"]
    options = PublishOptions(
        nominal_fmr=setting(args, "nominal_fmr"), reason="republish", by=ordered_by(), time_zone=time_zone
    )
    row = publish_again(run, args.rollback, options)
    sys.stdout.write(f"{row['publication']} is the current publication of {args.date}\n")
    return 0


def _line(row: dict[str, object], current: str | None) -> str:
    mark = "*" if row["publication"] == current else " "
    facts = (row["publication"], f"{row['published_at']:%Y-%m-%d %H:%M}", row["published_by"], row["reason"])
    counts = f"{row['scored']:,} scored, {row['failed']:,} failed, FMR {row['threshold_nominal_fmr']:g}"
    return f"{mark} {'  '.join(str(fact or '-') for fact in facts)}  {counts}"

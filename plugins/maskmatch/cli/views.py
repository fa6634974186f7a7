"""The command that prints SQL views over the tables: it reads nothing and pays nothing."""

import argparse
import sys

from maskmatch.cli.options import add_place, place_of


def add_views_options(parser: argparse.ArgumentParser) -> None:
    """Add where the tables lie."""
    parser.description = (
        "Print statements for DuckDB that create views over the tables of a warehouse: current and strict "
        "outcomes, every publication, failures with advice, failure to acquire, worst images, money. "
        "See docs/analysts.md."
    )
    add_place(parser, "warehouse", "plans, journals and tables")


def views(args: argparse.Namespace) -> int:
    """Print them."""
    from maskmatch.storage.views import views_sql

    sys.stdout.write(views_sql(place_of(args, "warehouse")))
    return 0

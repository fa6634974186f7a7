"""The command that calls chosen failed pairs of a date anew and merges them into its tables."""

import argparse
import sys
from typing import TYPE_CHECKING

from maskmatch.cli.options import setting
from maskmatch.cli.run import add_run_options, run_plan

if TYPE_CHECKING:
    from maskmatch.core.planning import Plan, PlanOptions
    from maskmatch.pipeline.plan import OpenBucket
    from maskmatch.pipeline.run import Run

_EPILOG = """\
what is chosen:
  Open failures (a missing image, no answer), unless a failure_code is named or --final is given: final ones
  belong to the bytes of an image, and fail again unless the image, or --quality-control, is another.
  Each --where must hold; the values behind one column are alternatives, and so are those of
  "COLUMN in ('VALUE', ...)", of which each may have commas. All other rows stay as published. Where the date
  was published anew meanwhile, redrive again: nothing is paid twice.

examples:
  maskmatch redrive --date 2026-11-22
  maskmatch redrive --date 2026-11-22 --where failure_code=image_missing,image_forbidden
  maskmatch redrive --date 2026-11-22 --where "reference_id in ('images/a, b.jpg')"
  maskmatch redrive --date 2026-11-22 --where failure_code=low_quality --quality-control 1
"""


def add_redrive_options(parser: argparse.ArgumentParser) -> None:
    """Add what is chosen, and the options of a run."""
    parser.description = (
        "Call failed pairs of a published date anew and publish the date again, with all other rows as they "
        "were. Pays for the chosen pairs alone; the earlier publication stays in the history."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE,...",
        help="only failed rows with one of these values: failure_code, failure_class, pair_id, attr_... and "
        "others; may be given several times",
    )
    parser.add_argument("--final", action="store_true", help="final failures, too")
    add_run_options(parser, nominal_fmr="as the date was published")


def redrive(args: argparse.Namespace) -> int:
    """Choose, plan, compare, publish and report."""
    from maskmatch.core.redrive import read_selection
    from maskmatch.pipeline.redrive import kept_outcomes, make_redrive_plan

    selection = read_selection(args.where, also_final=args.final)

    def make_plan(run: "Run", options: "PlanOptions", open_bucket: "OpenBucket") -> "Plan":
        with kept_outcomes(run, selection) as kept:
            if kept.codes:
                sys.stdout.write(f"{kept}\n")
            return make_redrive_plan(run, options, kept, open_bucket)

    nominal_fmr = setting(args, "nominal_fmr") if args.nominal_fmr else None
    return run_plan(args, make_plan, nominal_fmr=nominal_fmr)

"""Approval on the command line: --approve, or an answer typed at the terminal."""

import argparse
import sys
from typing import TYPE_CHECKING

from maskmatch.cli.options import deadline_of
from maskmatch.cli.orders import ordered_by
from maskmatch.core.errors import ApprovalMissing

if TYPE_CHECKING:
    from maskmatch.core.planning import Plan
    from maskmatch.pipeline.approval import Question
    from maskmatch.pipeline.compare_options import CompareOptions
    from maskmatch.pipeline.run import Run


def add_approve(parser: argparse.ArgumentParser) -> None:
    """Add the approval that is given beforehand."""
    parser.add_argument(
        "--approve",
        metavar="DIGEST",
        help="approve the plan with this digest (8 characters of it at least), which `maskmatch plan` shows, "
        "if it may cost more than --approval-cost-limit; without it a person is asked at the terminal",
    )


def get_approved(args: argparse.Namespace, run: "Run", plan: "Plan", options: "CompareOptions") -> None:
    """Return when the plan may be compared; raise ApprovalMissing when nobody approves it."""
    from maskmatch.core.approval import names
    from maskmatch.pipeline.approval import approve, check_approved, open_question

    limit = options.approval_cost_limit
    if (question := open_question(run, plan, limit)) is None:
        return
    if args.approve:
        if not names(args.approve, question.digest):
            raise ApprovalMissing(
                f"--approve {args.approve[:80]!a} is not the plan's digest, which is {question.digest}, nor "
                "8 characters of its beginning: another plan was approved, and nothing is called"
            )
        through = "--approve"
    elif sys.stdin.isatty():
        _ask(args, run, plan, options, question)
        through = "terminal"
    else:
        check_approved(run, plan, limit)
        return
    approve(run, question, by=ordered_by(), through=f"maskmatch run, {through}")


def _ask(
    args: argparse.Namespace, run: "Run", plan: "Plan", options: "CompareOptions", question: "Question"
) -> None:
    """Show the forecast and take an answer; raise ApprovalMissing for any but y and the digest."""
    from maskmatch.core.approval import names
    from maskmatch.core.forecast_words import lines, money
    from maskmatch.pipeline.forecast import forecast_options, forecast_plan

    this = forecast_plan(run, plan, forecast_options(options, deadline_of(args)))
    text = "\n".join(lines(this))
    sys.stderr.write(
        f"\n{text}\n\nPlan {question.digest} makes {question.calls:,} calls for at most CNY "
        f"{money(question.cost_cny)}, more than the limit of {options.approval_cost_limit:,}.\n"
        "Approve it? y, or the beginning of the digest; anything else rejects it: "
    )
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    if typed.lower() not in ("y", "yes") and not names(typed, question.digest):
        raise ApprovalMissing(
            f"plan {question.digest} was rejected by {ordered_by()}: nothing is called, and the table stays "
            "as it is"
        )

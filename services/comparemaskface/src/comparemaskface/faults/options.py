"""The options of the command line that ask for faults."""

import argparse
from collections.abc import Callable

from comparemaskface.faults.capacity import Capacity, parse_capacity
from comparemaskface.faults.named_faults import FaultBy, FaultName, FaultPlan, plan_of
from comparemaskface.option_types import one_of


def add_fault_options(add: Callable[..., object]) -> None:
    """Add the options, through an argument parser's `add_argument`."""
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE][@SHARE]",
        help="make something go wrong, for all calls or a share of them (0 to 1); repeatable; "
        f"NAME: {', '.join(FaultName)}",
    )
    add(
        "--fault-seed",
        type=int,
        default=0,
        metavar="N",
        help="the same seed draws the same faults again (default: %(default)s)",
    )
    add(
        "--fault-by",
        type=one_of(FaultBy),
        choices=list(FaultBy),
        default=FaultBy.CALL,
        help="draw over calls, or over pairs: a pair gets the same faults each time (default: %(default)s)",
    )
    add(
        "--faults-per-pair",
        type=int,
        default=0,
        metavar="K",
        help="at most K faults for one pair, so that a retry succeeds; 0: no limit (default: %(default)s)",
    )
    add(
        "--capacity",
        metavar="NAME=VALUE[,VALUE]",
        help="be slow: queue=CALLS_PER_SECOND[,MOST_WAITING], shared=CALLS_PER_SECOND[,SECONDS] or "
        "workers=COUNT[,SECONDS]",
    )
    add(
        "--admin",
        action="store_true",
        help="show the faults at GET /faults, and let POST /faults replace them; likewise /capacity",
    )


def capacity_from(args: argparse.Namespace) -> Capacity | None:
    """Return the capacity that the options ask for; raise ValueError for one that is wrong."""
    return parse_capacity(args.capacity) if args.capacity is not None else None


def plan_from(args: argparse.Namespace) -> FaultPlan:
    """Return the plan that the options ask for; raise ValueError for one that is wrong."""
    return plan_of(args.fault, seed=args.fault_seed, by=args.fault_by, per_pair=args.faults_per_pair)

"""The command line: the same engine as the Dag's, without Airflow."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from maskmatch.core.errors import InputError, Interrupted, MaskmatchError

if TYPE_CHECKING:
    from maskmatch.core.planning import Plan
    from maskmatch.runs import CompareOptions, Job

_EPILOG = """\
Storage is reached as boto3 does it: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
The account's key comes from TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and, for temporary credentials,
TENCENTCLOUD_TOKEN. Keys are never given as options: those can be seen by every user of the host.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 with the error on stderr, or 130 when interrupted."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except Interrupted as stopped:
        sys.stderr.write(f"maskmatch: {stopped}; run the same command to go on\n")
        return 130
    except MaskmatchError as error:
        sys.stderr.write(f"maskmatch: error: {error}\n")
        return 1


def _plan(args: argparse.Namespace) -> int:
    plan = _make_plan(args, _job(args))
    _say(f"plan {plan.plan_id}: {plan.rows:,} rows, {plan.pairs:,} pairs to compare, {plan.bad_rows:,} bad")
    return 0


def _run(args: argparse.Namespace) -> int:
    from maskmatch import runs

    job, options = _job(args), _options(args)
    runs.check_account(options)
    plan = _make_plan(args, job)
    job = replace(job, run_id=f"cli__{plan.plan_id}")
    _stop_on_signals(options.stop)
    for shard in plan.shards:
        runs.compare_shard(job, plan, shard, options)
    runs.publish(job, plan, nominal_fmr=args.nominal_fmr)
    _say(f"{runs.summary(job)}\n\npublished at {runs.outcomes_address(job)}")
    return 0


def _status(args: argparse.Namespace) -> int:
    from maskmatch import runs

    _say(runs.status(_job(args)))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from maskmatch.server.command import serve

    return serve(args)


def _make_plan(args: argparse.Namespace, job: "Job") -> "Plan":
    from maskmatch.core.planning import PlanOptions
    from maskmatch.runs import make_plan

    options = PlanOptions(args.quality_control, args.max_shards, args.recompare)
    return make_plan(job, options)


def _job(args: argparse.Namespace) -> "Job":
    from maskmatch.adapters.stores import open_store
    from maskmatch.runs import Job

    for name in ("source", "warehouse"):
        if not getattr(args, name):
            raise InputError(f"give --{name} or set MASKMATCH_{name.upper()}")
    return Job(
        source=open_store(args.source),
        warehouse=open_store(args.warehouse),
        day=args.date,
        run_id="cli",
    )


def _options(args: argparse.Namespace) -> "CompareOptions":
    from maskmatch.adapters.broker import default_broker
    from maskmatch.adapters.images import Transfer
    from maskmatch.adapters.tencent import Account
    from maskmatch.runs import CompareOptions

    account = Account(
        secret_id=_variable("TENCENTCLOUD_SECRET_ID"),
        secret_key=_variable("TENCENTCLOUD_SECRET_KEY"),
        session_token=os.environ.get("TENCENTCLOUD_TOKEN"),
        endpoint=args.endpoint,
        protocol=args.protocol,
        region=args.region,
        calls_per_second=args.calls_per_second,
    )
    return CompareOptions(
        account=account,
        broker=args.broker or default_broker(),
        transfer=Transfer(args.image_transfer),
        calls_in_flight=args.calls_in_flight,
    )


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise InputError(f"set {name} in the environment")
    return value


def _stop_on_signals(stop: threading.Event) -> None:
    """Let Ctrl-C and SIGTERM end the run after the pairs under way, which are journaled."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maskmatch",
        description="Compare image pairs with CompareMaskFace, within the rate limit, paying for none twice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_plan(
        _command(commands, "plan", _plan, "read the manifests of a date and write a plan; calls nothing")
    )
    run = _command(commands, "run", _run, "plan, compare what is missing, publish and summarise a date")
    _add_plan(run)
    _add_account(run)
    _add_store(_command(commands, "status", _status, "show how far the newest plan of a date is"))
    _add_serve(_command(commands, "serve", _serve, "serve a local CompareMaskFace with a real face model"))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=run)
    return parser


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="the date, as YYYY-MM-DD")
    for name, holds in (("source", "manifests and images"), ("warehouse", "plans, journals and tables")):
        variable = f"MASKMATCH_{name.upper()}"
        parser.add_argument(
            f"--{name}",
            default=os.environ.get(variable),
            help=f"s3://bucket/prefix or file:///folder with {holds}; or set {variable}",
        )


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument(
        "--quality-control",
        type=int,
        choices=range(5),
        default=0,
        help="0 (off) to 4 (strict), for rows that do not say (default %(default)s)",
    )
    parser.add_argument(
        "--recompare",
        metavar="NAME",
        default="",
        help="call every pair again and pay again; the same name goes on with the same repetition",
    )
    parser.add_argument(
        "--max-shards", type=int, choices=range(1, 33), default=4, metavar="1..32", help="default %(default)s"
    )


def _add_account(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--endpoint",
        default="iai.tencentcloudapi.com",
        help="host, or host:port, of the service (default %(default)s)",
    )
    add("--protocol", choices=("https", "http"), default="https", help="https, or http for a local service")
    add(
        "--region",
        default=os.environ.get("TENCENTCLOUD_REGION", "ap-guangzhou"),
        help="region of the service (default %(default)s)",
    )
    add(
        "--calls-per-second", type=float, default=50.0, help="rate limit of the account (default %(default)s)"
    )
    add(
        "--broker",
        help="file through which all processes of this host share it, as sqlite:////path "
        "(default: MASKMATCH_BROKER, or one below the home folder)",
    )
    add(
        "--image-transfer",
        choices=("bytes", "url"),
        default="bytes",
        help="send images, or signed URLs of them (default %(default)s)",
    )
    add(
        "--calls-in-flight",
        type=int,
        help="threads, and so the most calls that a kill can waste (default: what the rate needs)",
    )
    add(
        "--nominal-fmr",
        type=float,
        choices=(1e-3, 1e-4, 1e-5),
        default=1e-4,
        help="sets the threshold (default %(default)s)",
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    try:
        from maskmatch.server.command import add_arguments
    except ImportError as error:
        parser.description = f"not installed here ({error.name} is missing): pip install maskmatch[server]"
        return
    add_arguments(parser)


if __name__ == "__main__":
    sys.exit(main())

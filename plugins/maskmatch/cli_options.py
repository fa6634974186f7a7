"""The options of the command line, and the objects they stand for."""

import argparse
import os
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from maskmatch.core.errors import InputError

if TYPE_CHECKING:
    from maskmatch.core.planning import PlanOptions
    from maskmatch.runs import CompareOptions, Job

Command = Callable[[argparse.Namespace], int]

VARIABLES = """\
Storage is reached as boto3 does it: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
The account's key comes from TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and, for temporary credentials,
TENCENTCLOUD_TOKEN; its region from TENCENTCLOUD_REGION. Keys of the account are never given as options: those
can be seen by every user of the host.
"""


def add_warehouse(parser: argparse.ArgumentParser) -> None:
    """Add the date and where plans, journals and tables lie."""
    parser.add_argument("--date", type=_day, required=True, help="the date, as YYYY-MM-DD")
    _add_place(parser, "warehouse", "plans, journals and tables")


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add what a plan depends on."""
    add_warehouse(parser)
    _add_place(parser, "source", "manifests and images")
    add = parser.add_argument
    add(
        "--quality-control",
        type=int,
        choices=range(5),
        default=0,
        help="0 (off) to 4 (strict), for rows that do not say (default %(default)s)",
    )
    add(
        "--recompare",
        metavar="NAME",
        default="",
        help="call every pair again and pay again; the same name goes on with the same repetition",
    )
    add(
        "--max-shards", type=int, choices=range(1, 33), default=4, metavar="1..32", help="default %(default)s"
    )


def add_account(parser: argparse.ArgumentParser) -> None:
    """Add how to call the vendor."""
    add = parser.add_argument
    endpoint = _default("MASKMATCH_ENDPOINT", "iai.tencentcloudapi.com")
    add("--endpoint", default=endpoint, help="host, or host:port, of the service (default %(default)s)")
    protocol = _default("MASKMATCH_PROTOCOL", "https")
    add("--protocol", choices=("https", "http"), default=protocol, help="default %(default)s")
    region = _default("TENCENTCLOUD_REGION", "ap-guangzhou")
    add("--region", default=region, help="region of the service (default %(default)s)")
    rate = _default("MASKMATCH_CALLS_PER_SECOND", "50")
    add(
        "--calls-per-second", type=float, default=rate, help="rate limit of the account (default %(default)s)"
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
    fmrs = (1e-3, 1e-4, 1e-5)
    add(
        "--nominal-fmr",
        type=float,
        choices=fmrs,
        default=1e-4,
        help="sets the threshold (default %(default)s)",
    )


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Add the options of the local service, where it is installed."""
    try:
        from maskmatch.server.command import DESCRIPTION, add_arguments
    except ImportError as error:
        parser.description = f"not installed here ({error.name} is missing): pip install maskmatch[server]"
        return
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)


def job_of(args: argparse.Namespace, *, source: str) -> "Job":
    """Return the stores and the date."""
    from maskmatch.adapters.stores import open_store
    from maskmatch.runs import Job

    return Job(
        source=open_store(_place(args, source)),
        warehouse=open_store(_place(args, "warehouse")),
        day=args.date,
        run_id="cli",
    )


def plan_options_of(args: argparse.Namespace) -> "PlanOptions":
    """Return the choices of a plan."""
    from maskmatch.core.planning import PlanOptions

    return PlanOptions(args.quality_control, args.max_shards, args.recompare)


def compare_options_of(args: argparse.Namespace) -> "CompareOptions":
    """Return how to compare; raise InputError when the environment holds no key."""
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


def _add_place(parser: argparse.ArgumentParser, name: str, holds: str) -> None:
    variable = f"MASKMATCH_{name.upper()}"
    parser.add_argument(
        f"--{name}",
        default=os.environ.get(variable),
        help=f"s3://bucket/prefix or file:///folder with {holds}; or set {variable}",
    )


def _place(args: argparse.Namespace, name: str) -> str:
    if not (uri := getattr(args, name)):
        raise InputError(f"give --{name} or set MASKMATCH_{name.upper()}")
    return str(uri)


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise InputError(f"set {name} in the environment")
    return value


def _default(variable: str, otherwise: str) -> str:
    return os.environ.get(variable) or otherwise


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: give YYYY-MM-DD") from None

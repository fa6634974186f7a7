"""The command that runs the local CompareMaskFace service, which is a package of its own."""

import argparse

_MISSING = (
    "the local service is not installed here ({} is missing): in a checkout of maskmatch, "
    "pip install ./services/comparemaskface"
)


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the local service where it is installed; elsewhere say how to install it."""
    try:
        from comparemaskface.command import DESCRIPTION, add_arguments
    except ImportError as error:
        parser.epilog = _MISSING.format(error.name)
        parser.prefix_chars = "\0"  # whatever options follow, `serve` says what is missing
        parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
        return
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)


def serve(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    from maskmatch.core.errors import InputError

    try:
        from comparemaskface.command import serve as run_service
    except ImportError as error:
        raise InputError(_MISSING.format(error.name)) from error
    return run_service(args)

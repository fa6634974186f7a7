"""Start the service: `python -m maskmatch.server --help`."""

import argparse
import sys

from maskmatch.server.command import DESCRIPTION, add_arguments, serve


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m maskmatch.server",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return serve(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

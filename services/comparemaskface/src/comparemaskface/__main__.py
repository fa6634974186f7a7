"""Start the service: `comparemaskface --help`, or `python -m comparemaskface --help`."""

import argparse
import sys

from comparemaskface.command import DESCRIPTION, add_arguments, serve


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="comparemaskface",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return serve(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

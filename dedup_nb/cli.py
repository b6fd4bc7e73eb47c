"""The `dedup-nb` command: a thin skin over the package.

Each command imports what it needs when it runs, so that the staging commands start at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dedup_nb import __version__

DONE, FAILED, WRONG_INPUT, REFUSED, LOCKED = range(5)  # exit statuses


def parser() -> argparse.ArgumentParser:
    """Return the command line parser; each command names its function in `run`."""
    top = argparse.ArgumentParser(prog="dedup-nb", description=__import__("dedup_nb").__doc__)
    top.add_argument("--version", action="version", version=f"dedup_nb {__version__}")
    top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (0 done, 1 failed, 2 input, 3 refused, 4 locked)."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except ValueError as error:
        print(f"dedup-nb {args.command}: {error}", file=sys.stderr)
        return WRONG_INPUT
    return status

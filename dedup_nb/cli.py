"""The `dedup-nb` command: a thin skin over the package.

Each command imports what it needs when it runs, so that the staging commands start at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from dedup_nb import __version__
from dedup_nb.refusals import StagingError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DONE, FAILED, WRONG_INPUT, REFUSED, LOCKED = range(5)  # exit statuses


def parser() -> argparse.ArgumentParser:
    """Return the command line parser; each command names its function in `run`."""
    top = argparse.ArgumentParser(prog="dedup-nb", description=__import__("dedup_nb").__doc__)
    top.add_argument("--version", action="version", version=f"dedup_nb {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_stage(commands)
    _add_recover(commands)
    _add_restore(commands)
    _add_status(commands)
    return top


# ---------------------------------------------------------------- staging


def _add_library(command: argparse.ArgumentParser, required: bool = True) -> None:
    command.add_argument(
        "--library", metavar="DIR", required=required, help="folder of the collection"
    )


def _add_stage(commands: Commands) -> None:
    command = commands.add_parser("stage", help="move what a manifest names into staging")
    command.add_argument("manifest", metavar="MANIFEST", help="manifest.csv of a report")
    _add_library(command, required=False)
    command.add_argument(
        "--root", metavar="DIR", action="append", help="image folder inside the library; repeat"
    )
    command.add_argument("--dry-run", action="store_true", help="only tell what would be refused")
    command.add_argument("--allow-copy", action="store_true", help="copy across file systems")
    command.add_argument(
        "--strict-companions", action="store_true", help="refuse images without companions"
    )
    command.add_argument(
        "--allow-keepers", action="store_true", help="let go of what was kept in an approved batch"
    )
    command.set_defaults(run=_stage)


def _stage(args: argparse.Namespace) -> int:
    from dedup_nb import staging, telling

    library, roots = _library_and_roots(args)
    plan = staging.read_manifest(args.manifest)
    choices = {"strict_companions": args.strict_companions, "allow_keepers": args.allow_keepers}
    if args.dry_run:
        refused = staging.check(plan, library, roots, progress=_progress("checked"), **choices)
        _tell(telling.plan_lines(plan, refused), telling.refusal_lines(refused))
        return REFUSED if refused else DONE
    result = staging.stage(
        plan,
        library,
        roots,
        allow_copy=args.allow_copy,
        progress=_progress("staged"),
        **choices,
    )
    _tell(
        telling.result_lines(result),
        telling.refusal_lines([*result.recovered.conflicts, *result.refused]),
    )
    return result.status


def _library_and_roots(args: argparse.Namespace) -> tuple[str, list[str] | None]:
    """Return what was named, else what run.json beside or above the manifest says."""
    from dedup_nb.runinfo import library_of_run

    if args.library is not None:
        return args.library, args.root
    library, roots = library_of_run(args.manifest)
    return library, args.root or roots


def _add_recover(commands: Commands) -> None:
    command = commands.add_parser("recover", help="send home what a killed command left unfinished")
    _add_library(command)
    command.add_argument(
        "--accept-lost",
        action="store_true",
        help="go on although files of unfinished bundles are nowhere",
    )
    command.set_defaults(run=_recover)


def _recover(args: argparse.Namespace) -> int:
    from dedup_nb import staging, telling

    told = staging.recover(args.library, accept_lost=args.accept_lost)
    lines = list(telling.recovered_lines(told)) or ["nothing was unfinished"]
    _tell(lines, telling.refusal_lines([*told.lost, *told.conflicts, *told.unfinished]))
    return told.status


def _add_restore(commands: Commands) -> None:
    command = commands.add_parser("restore", help="bring staged bundles home")
    _add_library(command)
    for scope in ("batch", "group", "bundle", "file"):
        command.add_argument(f"--{scope}", metavar="ID" if scope != "file" else "PATH")
    command.set_defaults(run=_restore)


def _restore(args: argparse.Namespace) -> int:
    from dedup_nb import staging, telling

    told = staging.restore(
        args.library,
        args.batch,
        args.group,
        args.bundle,
        args.file,
        progress=_progress("restored"),
    )
    _tell(telling.restored_lines(told), telling.refusal_lines(told.refused))
    return told.status


def _add_status(commands: Commands) -> None:
    command = commands.add_parser("status", help="what is staged, unfinished or moved by hand")
    _add_library(command)
    command.set_defaults(run=_status)


def _status(args: argparse.Namespace) -> int:
    from dedup_nb import staging, telling

    told = staging.status(args.library)
    _tell(telling.status_lines(told))
    return REFUSED if told.unfinished or any(batch.damage for batch in told.batches) else DONE


def _tell(lines: Iterable[str], problems: Iterable[str] = ()) -> None:
    """Print what was done; on standard error what was not."""
    for problem in problems:
        print(problem, file=sys.stderr)
    for line in lines:
        print(line)


def _progress(done: str) -> Callable[[int, int], None] | None:
    """Return a progress line for a person at a terminal, None for a file or a pipe."""
    if not sys.stderr.isatty():
        return None

    def show(n: int, total: int) -> None:
        if n == total or n % 100 == 0:
            print(f"\r{done} {n:,} of {total:,} bundles", end="", file=sys.stderr, flush=True)
            if n == total:
                print(file=sys.stderr)

    return show


# ---------------------------------------------------------------- main


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (0 done, 1 failed, 2 input, 3 refused, 4 locked)."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except StagingError as error:
        print(f"dedup-nb {args.command}: {error}", file=sys.stderr)
        return error.status
    except ValueError as error:
        print(f"dedup-nb {args.command}: {error}", file=sys.stderr)
        return WRONG_INPUT
    return status

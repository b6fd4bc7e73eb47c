"""The `dedup-nb` command: a thin layer over the package.

Each command imports what it needs when it runs, so that the staging commands start quickly.
"""

from __future__ import annotations

import argparse
import errno
import io
import itertools
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dedup_nb import __version__
from dedup_nb.library import hints, safe_path
from dedup_nb.library.tables import NAMES, csv_line, plain, short
from dedup_nb.staging.refusals import StagingError

if TYPE_CHECKING:
    from dedup_nb.library.progress import Ticker

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DONE, FAILED, WRONG_INPUT, REFUSED, LOCKED = range(5)  # exit statuses
INTERRUPTED = 130
MOST_MESSAGE = 1_000  # characters
# errors of paths in arguments that nothing looks at before
NOT_A_PATH = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP, errno.ENOENT, errno.EISDIR)


class _Parser(argparse.ArgumentParser):
    """Names what is wrong without printing control characters, as file names can hold."""

    def error(self, message: str) -> NoReturn:
        super().error(plain(message))


def parser() -> argparse.ArgumentParser:
    """Return the command line parser; each subparser sets `run` to its function."""
    top: argparse.ArgumentParser = _Parser(
        prog="dedup-nb", description=__import__("dedup_nb").__doc__
    )
    top.add_argument("--version", action="version", version=f"dedup_nb {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_lab(commands)
    _add_demo(commands)
    _add_init(commands)
    _add_runs(commands)
    _add_hash(commands)
    _add_similar(commands)
    _add_cache(commands)
    _add_stage(commands)
    _add_recover(commands)
    _add_restore(commands)
    _add_status(commands)
    _add_approve(commands)
    _add_flag(commands)
    _add_unlock(commands)
    return top


def _command(
    commands: Commands, name: str, what: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    """Add a command whose own help starts with the sentence that the list of commands shows."""
    sentence = f"{what[:1].upper()}{what[1:]}."
    return commands.add_parser(name, help=what, description=sentence, epilog=epilog)


# ---------------------------------------------------------------- notebooks


def _add_run(commands: Commands) -> None:
    command = _command(commands, "run", "run the notebooks of a profile headlessly")
    command.add_argument("profile", metavar="PROFILE", type=Path, help="YAML file of parameters")
    command.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="run only this notebook; may be repeated",
    )
    command.add_argument(
        "--out", metavar="DIR", type=Path, help="write results to DIR instead of outputs/"
    )
    command.add_argument(
        "--resume", metavar="RUN", type=Path, help="continue an unfinished run in its folder"
    )
    command.add_argument(
        "--jobs",
        metavar="N",
        type=_jobs,
        help="notebooks at work at once (default: jobs of the profile, or one a core, at most 4)",
    )
    command.set_defaults(run=_run)


def _jobs(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 4 else 0
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError(f"{short(text)} is not a number of notebooks, 1 to 64")
    return number


def _run(args: argparse.Namespace) -> int:
    from dedup_nb.session import execute, parameters, preflight, runs

    names = preflight.choose(args.only)
    profile = parameters.load(args.profile)
    if args.resume:
        runs.read(args.resume)  # refuses another folder before anything is written there
    folder = args.resume or preflight.prepare(profile, names, args.out)
    try:
        with runs.held(folder):
            if args.resume:
                folder, names = preflight.resume(folder, profile, names)
            states = execute.execute(folder, names, jobs=args.jobs or profile.jobs)
    except runs.Running as error:
        _warn(f"dedup-nb run: {error}")
        return LOCKED
    _tell([f"results: {folder / 'index.html'}"])
    _print_path(folder)
    return DONE if all(state == runs.DONE for state in states.values()) else FAILED


def _add_lab(commands: Commands) -> None:
    command = _command(
        commands,
        "lab",
        "open the notebooks in JupyterLab, filled in from a profile or of an earlier run",
        epilog="Other options, such as --no-browser, are passed on to jupyter lab.",
    )
    command.add_argument(
        "profile", metavar="PROFILE", nargs="?", type=Path, help="YAML file of parameters"
    )
    command.add_argument(
        "--out", metavar="DIR", type=Path, help="write results to DIR instead of outputs/"
    )
    command.add_argument(
        "--run",
        dest="earlier",
        metavar="RUN",
        type=Path,
        help="open an earlier run with its results; nothing is computed again",
    )
    command.set_defaults(run=_lab)


def _lab(args: argparse.Namespace) -> int:
    from dedup_nb.session import execute, notebooks, parameters, reopening, runs
    from dedup_nb.steps.opening import filled

    execute.check_port(args.passed_on)
    if args.earlier is not None and args.out is not None:
        raise ValueError("--run opens an earlier run where it is; leave --out away")
    if args.earlier is not None:
        try:
            folder = reopening.reopen(args.earlier, _warn, args.profile)
        except runs.Running as error:
            _warn(f"dedup-nb lab: {error}")
            return LOCKED
    elif args.profile is None:
        folder = notebooks.notebooks_folder()
    else:
        folder = execute.for_lab(parameters.load(args.profile), args.out)
    if (folder / "run.json").is_file():
        filled.write(folder, _warn)
    _print_path(folder)
    execute.open_lab(folder, args.passed_on)
    return DONE


def _add_demo(commands: Commands) -> None:
    command = _command(commands, "demo", "run a tour of all commands on a generated library")
    command.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> int:
    from dedup_nb.demo.tour import tour

    return tour(lambda line: print(line, flush=True))


def _add_init(commands: Commands) -> None:
    command = _command(
        commands,
        "init",
        "look at a folder of pictures and write a profile for it",
        epilog="Nothing is written in the folder of pictures, and nothing is overwritten.",
    )
    command.add_argument("library", metavar="PICTURES", type=Path, help="folder of your pictures")
    command.add_argument(
        "--profile",
        metavar="FILE",
        type=Path,
        help="profile to write (default: params/NAME.yaml in the current folder)",
    )
    command.set_defaults(run=_init)


def _init(args: argparse.Namespace) -> int:
    from dedup_nb.session import new_profile

    profile, lines = new_profile.make(args.library, args.profile)
    _tell([*lines, f"wrote {profile}; look through it, then run one of these:"])
    _tell(f"  {hints.command(name, profile)}" for name in ("lab", "run"))
    return DONE


def _add_runs(commands: Commands) -> None:
    command = _command(
        commands, "runs", "list earlier runs; --keep N moves older ones to the trash"
    )
    command.add_argument(
        "profile",
        metavar="PROFILE",
        nargs="?",
        type=Path,
        help="list only the runs of this profile",
    )
    command.add_argument("--out", metavar="DIR", type=Path, help="look in DIR instead of outputs/")
    command.add_argument(
        "--keep",
        metavar="N",
        type=_count,
        help="move all but the latest N runs of each profile to the system trash",
    )
    command.set_defaults(run=_runs)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{short(text)} is not a number of runs")
    return int(text)


def _many(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not number:
        raise argparse.ArgumentTypeError(f"{short(text)} is not a number of images")
    return number


def _cosine(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -1 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{short(text)} is not a number from -1 to 1")
    return number


def _runs(args: argparse.Namespace) -> int:
    from dedup_nb.session import history, runs

    where = runs.outputs_folder(args.profile.resolve()) if args.profile else Path("outputs")
    outputs = args.out or where
    if not outputs.is_dir():
        raise ValueError(f"{outputs} is not a folder; pass a PROFILE or --out DIR")
    earlier = history.past(outputs, args.profile.stem if args.profile else None, _warn)
    if args.keep is None:
        _tell([run.describe() for run in earlier] or [f"no runs in {outputs}"])
        return DONE
    moved = [run.describe() for run in history.let_go(earlier, args.keep)]
    kept = len(earlier) - len(moved)
    _tell([*moved, f"moved {len(moved)} runs to the trash, kept {kept}"])
    return DONE


def _add_hash(commands: Commands) -> None:
    command = _command(commands, "hash", "print the pHash of every image in a folder as CSV")
    command.add_argument("folder", metavar="FOLDER", type=Path, help="folder of images")
    command.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
    command.set_defaults(run=_hash)


def _hash(args: argparse.Namespace) -> int:
    from dedup_nb.steps.phash import folder_hashes

    bad = []
    progress = _progress("images hashed:")

    def rows() -> Iterator[list[str]]:
        hashes = folder_hashes(args.folder, use_cache=not args.no_cache, progress=progress)
        for path, digits, error in hashes:
            if error:
                bad.append(f"{path}: {error}")
            yield [path, digits]

    _print_csv(["path", "phash"], rows())
    _tell((), [*bad, f"{len(bad)} could not be read"] if bad else ())
    return DONE


def _add_similar(commands: Commands) -> None:
    command = _command(
        commands,
        "similar",
        "list the images most similar to a picture as CSV",
        epilog="Without --profile and --library, the library of the latest run is searched.",
    )
    command.add_argument(
        "image", metavar="IMAGE", type=Path, help="image file, in the library or not"
    )
    _add_collection(command)
    for name, what in (
        ("embedder", "local, dct, mix, clip or onnx"),
        ("model", "architecture, for clip"),
        (
            "pretrained",
            "open_clip tag or path of a checkpoint, for clip; path of an .onnx file, for onnx",
        ),
        ("device", "auto, cpu, cuda or mps, for clip and onnx"),
        ("invariance", "none, mirror or rotate"),
    ):
        command.add_argument(f"--{name}", metavar="WORD", help=what)
    command.add_argument(
        "-k", type=_many, default=12, metavar="N", help="list at most N images (default: 12)"
    )
    command.add_argument(
        "--min-cosine",
        type=_cosine,
        metavar="C",
        help="list only images with a cosine similarity of at least C",
    )
    command.add_argument(
        "--min-matches",
        type=_many,
        metavar="N",
        help="list only images with at least N matching features, for the embedder local",
    )
    command.set_defaults(run=_similar)


def _add_collection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", metavar="PROFILE", type=Path, help="YAML file of parameters")
    command.add_argument("--library", metavar="DIR", type=Path, help="folder of the collection")
    command.add_argument(
        "--root",
        metavar="DIR",
        action="append",
        help="image folder inside the library; may be repeated",
    )
    command.add_argument("--cache-dir", metavar="DIR", type=Path, help="cache folder to use")


def _similar(args: argparse.Namespace) -> int:
    from dedup_nb.steps.clip_faiss.likeness import similar

    values = _collection(args)
    named = ("embedder", "model", "pretrained", "device", "invariance")
    values |= {name: getattr(args, name) for name in named if getattr(args, name)}
    if args.min_cosine is not None and not values.get("embedder"):
        values["embedder"] = "dct"
        _warn("using embedder dct, because --min-cosine is a cosine; --min-matches is for local")
    thresholds = {"min_cosine": args.min_cosine, "min_matches": args.min_matches}
    given = {name: value for name, value in thresholds.items() if value is not None}
    values |= {"engine": "local", "scheduler": None}  # one picture is not worth a cluster
    _warn(f"searching {values['library']}")
    with redirect_stdout(sys.stderr):  # messages of the model and the decoders
        table, says = similar(args.image, values, args.k, given)
    found = table.itertuples(index=False, name=None)
    rows = ([path, f"{v:.4f}" if isinstance(v, float) else str(v)] for path, v in found)
    _print_csv(list(table.columns), rows)
    if says:
        _warn(says)
    return DONE


def _collection(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of `30_clip_faiss` for the given library, or that of the latest run."""
    from dedup_nb.session import notebooks, parameters, runs

    if args.library:
        values: dict[str, Any] = {"library": str(args.library)}
    elif args.profile:
        values = parameters.load(args.profile).flat(notebooks.CLIP_FAISS)
    else:
        folders = dict.fromkeys([Path.cwd(), notebooks.notebooks_folder().parent])
        latest = [run for folder in folders if (run := runs.newest(folder / "outputs", _warn))]
        if not latest:
            raise ValueError("no run yet: pass --library")
        content = runs.read(latest[0])
        profile = Path(content["profile"] or "")
        if profile.is_file():
            values = parameters.load(profile).flat(notebooks.CLIP_FAISS)
        else:
            values = {"library": content["library"], "roots": content["roots"]}
    if args.root:
        values["roots"] = args.root
    if args.cache_dir:
        values["cache_dir"] = str(args.cache_dir)
    return values


def _add_cache(commands: Commands) -> None:
    command = _command(
        commands,
        "cache",
        "show, verify or prune the cache of a library",
        epilog="Without --profile and --library, the library of the latest run is used.",
    )
    _add_collection(command)
    command.add_argument("--verify", action="store_true", help="check every cached value")
    command.add_argument(
        "--prune",
        action="store_true",
        help="remove entries of files that no longer exist, and damaged entries with --verify",
    )
    command.set_defaults(run=_cache)


def _cache(args: argparse.Namespace) -> int:
    from dedup_nb.pictures import store
    from dedup_nb.session import cache

    values = _collection(args)
    library = Path(values["library"])
    folder = values.get("cache_dir") or store.default_folder(library.resolve())
    result = cache.look(library, Path(folder), verify=args.verify, prune=args.prune)
    _tell(result.lines, result.problems)
    return REFUSED if result.problems else DONE


# ---------------------------------------------------------------- staging


def _add_library(command: argparse.ArgumentParser, required: bool = True) -> None:
    command.add_argument(
        "--library", metavar="DIR", required=required, help="folder of the collection"
    )


def _add_stage(commands: Commands) -> None:
    command = _command(
        commands, "stage", "move the files listed in a manifest to the staging folder"
    )
    command.add_argument("manifest", metavar="MANIFEST", help="manifest.csv of a report")
    _add_library(command, required=False)
    command.add_argument(
        "--root",
        metavar="DIR",
        action="append",
        help="image folder inside the library; may be repeated",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="only show what would be moved and refused"
    )
    command.add_argument(
        "--allow-copy",
        action="store_true",
        help="copy files if staging lies on another file system",
    )
    command.add_argument(
        "--strict-companions", action="store_true", help="refuse images that have no companions"
    )
    command.add_argument(
        "--allow-keepers",
        action="store_true",
        help="also move images that an approved batch kept",
    )
    command.set_defaults(run=_stage)


def _stage(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    library, roots = _library_and_roots(args)
    plan = staging.read_manifest(args.manifest)
    choices = {"strict_companions": args.strict_companions, "allow_keepers": args.allow_keepers}
    if args.dry_run:
        refused = staging.check(
            plan, library, roots, progress=_progress("bundles checked:"), **choices
        )
        _tell(telling.plan_lines(plan, refused), telling.refusal_lines(refused))
        return REFUSED if refused else DONE
    result = staging.stage(
        plan,
        library,
        roots,
        allow_copy=args.allow_copy,
        progress=_progress("bundles staged:"),
        **choices,
    )
    _tell(
        telling.result_lines(result),
        telling.refusal_lines([*result.recovered.conflicts, *result.refused]),
    )
    return result.status


def _library_and_roots(args: argparse.Namespace) -> tuple[str, list[str] | None]:
    """Return the library and roots given, or those in run.json beside or above the manifest."""
    from dedup_nb.staging.runinfo import library_of_run

    if args.library is not None:
        return args.library, args.root
    library, roots = library_of_run(args.manifest)
    return library, args.root or roots


def _add_recover(commands: Commands) -> None:
    command = _command(commands, "recover", "move back what a killed command left unfinished")
    _add_library(command)
    command.add_argument(
        "--accept-lost",
        action="store_true",
        help="continue although files of unfinished bundles are missing",
    )
    command.set_defaults(run=_recover)


def _recover(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    result = staging.recover(args.library, accept_lost=args.accept_lost)
    lines = list(telling.recovered_lines(result)) or ["nothing was unfinished"]
    _tell(lines, telling.refusal_lines([*result.lost, *result.conflicts, *result.unfinished]))
    return result.status


def _add_restore(commands: Commands) -> None:
    command = _command(commands, "restore", "move staged files back to where they were")
    _add_library(command)
    for scope in ("batch", "group", "bundle", "file"):
        metavar, what = (
            ("PATH", "the bundle of this file") if scope == "file" else ("ID", f"this {scope}")
        )
        command.add_argument(f"--{scope}", metavar=metavar, help=f"restore only {what}")
    command.set_defaults(run=_restore)


def _restore(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    result = staging.restore(
        args.library,
        args.batch,
        args.group,
        args.bundle,
        args.file,
        progress=_progress("bundles restored:"),
    )
    _tell(telling.restored_lines(result), telling.refusal_lines(result.refused))
    return result.status


def _add_status(commands: Commands) -> None:
    command = _command(commands, "status", "show what is staged, unfinished or moved by hand")
    _add_library(command)
    command.set_defaults(run=_status)


def _status(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    state = staging.status(args.library)
    _tell(telling.status_lines(state))
    return REFUSED if state.unfinished or any(batch.damage for batch in state.batches) else DONE


def _add_approve(commands: Commands) -> None:
    command = _command(commands, "approve", "move a batch that you approve to the system trash")
    command.add_argument("batch", metavar="BATCH", help="batch to approve; see dedup-nb status")
    _add_library(command)
    command.add_argument("--token", help="approve without a prompt; see --show-token")
    command.add_argument(
        "--show-token", action="store_true", help="print the token of what is staged now, and exit"
    )
    command.add_argument(
        "--permanent",
        action="store_true",
        help="delete instead; only 24 hours or more after staging",
    )
    command.add_argument(
        "--permanent-token", metavar="TOKEN", help="second token, required by --permanent"
    )
    command.add_argument(
        "--max-wrong",
        metavar="SHARE",
        type=_share,
        help="refuse a batch without a warranty that at most this share is wrong: 1%% or 0.01",
    )
    command.set_defaults(run=_approve)


def _share(text: str) -> float:
    """Return a share such as `1%` or `0.01`, from 0 to below 1."""
    number, sign, rest = text.partition("%")
    try:
        share = float(number) / (100 if sign else 1)
    except ValueError:
        share = -1.0
    if rest.strip() or not 0 <= share < 1:
        raise argparse.ArgumentTypeError(
            f"{short(text)} is not a share below 1; write 1% or 0.01 for one in a hundred"
        )
    return share


def _approve(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    if args.show_token:
        print(staging.approval_token(args.library, args.batch, permanent=args.permanent))
        return DONE
    if args.max_wrong is not None:
        _tell([staging.warranted(args.library, args.batch, args.max_wrong)])
    phrase = None if args.token else _ask(staging.approval_phrase(args.library, args.batch))
    result = staging.approve(
        args.library,
        args.batch,
        args.token,
        phrase=phrase,
        permanent=args.permanent,
        permanent_token=args.permanent_token,
        max_wrong=args.max_wrong,
        progress=_progress("bundles approved:"),
    )
    _tell(telling.approved_lines(result), telling.refusal_lines(result.refused))
    return result.status


def _ask(phrase: str) -> str:
    """Ask for a phrase at the terminal; without a terminal, refuse."""
    if not sys.stdin.isatty():
        raise StagingError(
            "cannot ask for approval: standard input is not a terminal; pass --token", WRONG_INPUT
        )
    return input(f"to move these files to the trash, type: {phrase}\n> ")


def _add_flag(commands: Commands) -> None:
    command = _command(commands, "flag", "create a .cropped marker beside each PNG")
    command.add_argument("folders", metavar="FOLDER", nargs="+", help="folder of cropped PNGs")
    _add_library(command, required=False)
    command.set_defaults(run=_flag)


def _flag(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling
    from dedup_nb.staging.runinfo import library_above

    library = args.library or library_above(args.folders[0])
    inside = [Path(library, folder).is_dir() for folder in args.folders]
    folders = [
        folder if here else str(Path(folder).resolve())
        for folder, here in zip(args.folders, inside, strict=True)
    ]
    result = staging.flag(library, folders)
    _tell(telling.flagged_lines(result), telling.refusal_lines(result.refused))
    return result.status


def _add_unlock(commands: Commands) -> None:
    command = _command(commands, "unlock", "remove the lock file of a killed command")
    _add_library(command)
    command.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    command.set_defaults(run=_unlock)


def _unlock(args: argparse.Namespace) -> int:
    from dedup_nb import staging

    def confirm(holder: str) -> bool:
        _tell([f"locked by {holder}"])
        decided = args.yes or not sys.stdin.isatty()
        return bool(args.yes if decided else input("remove this lock? yes or no: ") == "yes")

    removed = staging.unlock(args.library, confirm)
    print("unlocked" if removed else "nothing to unlock")
    return DONE if removed or not staging.status(args.library).holder else REFUSED


def _tell(lines: Iterable[str], problems: Iterable[str] = ()) -> None:
    """Print what was done, and problems on standard error; names are escaped."""
    for problem in problems:
        print(plain(problem), file=sys.stderr)
    for line in lines:
        print(plain(line), flush=True)


def _print_path(path: Path) -> None:
    """Print a path for a person, or as it is for a program that reads it."""
    print(plain(str(path)) if sys.stdout.isatty() else path, flush=True)


def _print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table: to a file or pipe as CSV, to a terminal with odd names escaped."""
    rows = iter(rows)
    first = [row for row in [next(rows, None)] if row]  # nothing is printed if it cannot start
    for row in itertools.chain([columns], first, rows):
        line = csv_line(row)
        sys.stdout.write(plain(line[:-1]) + "\n" if sys.stdout.isatty() else line)
    sys.stdout.flush()


def _use_any_name() -> None:
    """Let names that are not UTF-8 pass, whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=NAMES)


def _warn(problem: str) -> None:
    """Print a problem that does not stop the command."""
    _tell((), [problem])


def _progress(done: str) -> Ticker:
    """Return what tells progress on standard error, in a file or a pipe only if it takes long."""
    from dedup_nb.library.progress import Ticker

    return Ticker(done, 1.0 if sys.stderr.isatty() else 15.0, sys.stderr)


# ---------------------------------------------------------------- main


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (0 done, 1 failed, 2 input, 3 refused, 4 locked)."""
    safe_path.enforce()
    _use_any_name()
    top = parser()
    args, passed_on = top.parse_known_args(argv)
    if passed_on and args.command != "lab":
        top.error(f"unrecognized arguments: {' '.join(passed_on)}")
    args.passed_on = passed_on
    try:
        status: int = args.run(args)
    except StagingError as error:
        _warn(f"dedup-nb {args.command}: {short(str(error), MOST_MESSAGE)}")
        return error.status
    except ValueError as error:
        _warn(f"dedup-nb {args.command}: {short(str(error), MOST_MESSAGE)}")
        return WRONG_INPUT
    except BrokenPipeError:  # the program that reads our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except OSError as error:
        where = f"{short(str(error.filename))}: " if error.filename else ""
        _warn(f"dedup-nb {args.command}: {where}{error.strerror or error}")
        return WRONG_INPUT if error.errno in NOT_A_PATH else FAILED
    except KeyboardInterrupt:  # during moves, a flag stops them instead
        print(f"dedup-nb {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status

"""The `dedup-nb` command: a thin skin over the package.

Each command imports what it needs when it runs, so that the staging commands start at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup_nb import __version__
from dedup_nb.staging.refusals import StagingError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DONE, FAILED, WRONG_INPUT, REFUSED, LOCKED = range(5)  # exit statuses
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Return the command line parser; each command names its function in `run`."""
    top = argparse.ArgumentParser(prog="dedup-nb", description=__import__("dedup_nb").__doc__)
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


# ---------------------------------------------------------------- notebooks


def _add_run(commands: Commands) -> None:
    command = commands.add_parser("run", help="execute the notebooks of a profile headlessly")
    command.add_argument("profile", metavar="PROFILE", type=Path, help="params/mine.yaml")
    command.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="only this notebook; repeat"
    )
    command.add_argument("--out", metavar="DIR", type=Path, help="instead of outputs/")
    command.add_argument(
        "--resume", metavar="RUN", type=Path, help="go on in a run folder with what is not done"
    )
    command.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from dedup_nb.session import execute, parameters, preflight, runs

    names = preflight.choose(args.only)
    profile = parameters.load(args.profile)
    if args.resume:
        folder, names = preflight.resume(args.resume, profile, names)
    else:
        folder = preflight.prepare(profile, names, args.out)
    states = execute.execute(folder, names)
    print(f"read {folder / 'index.html'}")
    print(folder)
    return DONE if all(state == runs.DONE for state in states.values()) else FAILED


def _add_lab(commands: Commands) -> None:
    command = commands.add_parser(
        "lab",
        help="open JupyterLab on the notebooks, filled in from a profile",
        epilog="Options that are not known here go to jupyter lab, such as --no-browser.",
    )
    command.add_argument("profile", metavar="PROFILE", nargs="?", type=Path)
    command.add_argument("--out", metavar="DIR", type=Path, help="instead of outputs/")
    command.set_defaults(run=_lab)


def _lab(args: argparse.Namespace) -> int:
    from dedup_nb.session import execute, notebooks, parameters

    if args.profile is None:
        folder = notebooks.notebooks_folder()
    else:
        folder = execute.for_lab(parameters.load(args.profile), args.out)
    print(folder, flush=True)
    execute.open_lab(folder, args.passed_on)
    return DONE


def _add_demo(commands: Commands) -> None:
    command = commands.add_parser("demo", help="the whole tour over a library made for it")
    command.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> int:
    from dedup_nb.demo.tour import tour

    return tour(lambda line: print(line, flush=True))


def _add_init(commands: Commands) -> None:
    command = commands.add_parser("init", help="make a folder to work in, with a profile to adapt")
    command.add_argument("folder", metavar="DIR", type=Path)
    command.set_defaults(run=_init)


def _init(args: argparse.Namespace) -> int:
    from shlex import quote

    from dedup_nb.session import history

    profile = history.new_workspace(args.folder)
    print(f"set library in {profile}, then:")
    print(f"  dedup-nb run {quote(str(profile))}")
    return DONE


def _add_runs(commands: Commands) -> None:
    command = commands.add_parser("runs", help="list the runs of before; let old ones go")
    command.add_argument("profile", metavar="PROFILE", nargs="?", type=Path)
    command.add_argument("--out", metavar="DIR", type=Path, help="instead of outputs/")
    command.add_argument(
        "--keep",
        metavar="N",
        type=_count,
        help="send all but the newest N runs of each profile to the system's trash",
    )
    command.set_defaults(run=_runs)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no number of runs")
    return int(text)


def _runs(args: argparse.Namespace) -> int:
    from dedup_nb.session import history, runs

    where = runs.outputs_folder(args.profile.resolve()) if args.profile else Path("outputs")
    outputs = args.out or where
    if not outputs.is_dir():
        raise ValueError(f"there are no runs: {outputs} is no folder; name a PROFILE or --out DIR")
    found = history.past(outputs, args.profile.stem if args.profile else None)
    if args.keep is None:
        _tell([run.describe() for run in found] or [f"no runs in {outputs}"])
        return DONE
    gone = [run.describe() for run in history.let_go(found, args.keep)]
    _tell([*gone, f"{len(gone)} runs went to the trash, {len(found) - len(gone)} stay"])
    return DONE


def _add_hash(commands: Commands) -> None:
    command = commands.add_parser("hash", help="print the pHash of every image as CSV path,phash")
    command.add_argument("folder", metavar="FOLDER", type=Path)
    command.add_argument("--no-cache", action="store_true", help="decode all, keep nothing")
    command.set_defaults(run=_hash)


def _hash(args: argparse.Namespace) -> int:
    from dedup_nb.library import tables
    from dedup_nb.steps.phash import folder_hashes

    out = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    out.write(tables.csv_line(["path", "phash"]))
    bad = []
    for path, digits, error in folder_hashes(args.folder, use_cache=not args.no_cache):
        if error:
            bad.append(f"{tables.shown(path)}: {error}")
        out.write(tables.csv_line([path, digits]))
    out.flush()
    _tell((), [*bad, f"{len(bad)} could not be read"] if bad else ())
    return DONE


def _add_similar(commands: Commands) -> None:
    command = commands.add_parser(
        "similar",
        help="what do I have like this? CSV path,cosine, the most alike first",
        epilog="Without --profile and --library, the library of the newest run is asked.",
    )
    command.add_argument("image", metavar="IMAGE", type=Path, help="of the library, or any other")
    _add_collection(command)
    for name, what in (
        ("embedder", "dct, mix or clip"),
        ("model", "clip: architecture"),
        ("pretrained", "clip: tag or checkpoint"),
        ("device", "clip: auto, cpu, cuda, mps"),
        ("invariance", "none, mirror or rotate"),
    ):
        command.add_argument(f"--{name}", metavar="WORD", help=what)
    command.add_argument("-k", type=int, default=12, metavar="N", help="at most so many (12)")
    command.add_argument(
        "--min-cosine", type=float, default=-1.0, metavar="C", help="leave out what is below"
    )
    command.set_defaults(run=_similar)


def _add_collection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", metavar="PROFILE", type=Path, help="params/mine.yaml")
    command.add_argument("--library", metavar="DIR", type=Path, help="folder of the collection")
    command.add_argument(
        "--root", metavar="DIR", action="append", help="image folder inside the library; repeat"
    )
    command.add_argument("--cache-dir", metavar="DIR", type=Path, help="instead of the user's")


def _similar(args: argparse.Namespace) -> int:
    from dedup_nb.library import tables
    from dedup_nb.steps.clip_faiss.likeness import similar

    values = _collection(args)
    named = ("embedder", "model", "pretrained", "device", "invariance")
    values |= {name: getattr(args, name) for name in named if getattr(args, name)}
    print(f"asking {values['library']}", file=sys.stderr)
    with redirect_stdout(sys.stderr):  # what the model and the decoders tell
        table = similar(args.image, values, args.k, args.min_cosine)
    out = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    out.write(tables.csv_line(["path", "cosine"]))
    for path, cosine in table.itertuples(index=False, name=None):
        out.write(tables.csv_line([path, f"{cosine:.4f}"]))
    out.flush()
    return DONE


def _collection(args: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of `30_clip_faiss` for the collection that was named, or ran last."""
    from dedup_nb.session import notebooks, parameters, runs

    if args.library:
        values: dict[str, Any] = {"library": str(args.library)}
    elif args.profile:
        values = parameters.load(args.profile).flat(notebooks.CLIP_FAISS)
    else:
        folders = dict.fromkeys([Path.cwd(), notebooks.notebooks_folder().parent])
        found = [run for folder in folders if (run := runs.newest(folder / "outputs"))]
        if not found:
            raise ValueError("there is no run yet to tell which library; name it with --library")
        content = runs.read(found[0])
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
    command = commands.add_parser(
        "cache",
        help="what the cache of a library holds; verify it, rid it of what is of no use",
        epilog="Without --profile and --library, the library of the newest run is meant.",
    )
    _add_collection(command)
    command.add_argument("--verify", action="store_true", help="look at every value")
    command.add_argument(
        "--prune", action="store_true", help="drop what no file has any more, and what is damaged"
    )
    command.set_defaults(run=_cache)


def _cache(args: argparse.Namespace) -> int:
    from dedup_nb.pictures import store
    from dedup_nb.session import cache

    values = _collection(args)
    library = Path(values["library"])
    folder = values.get("cache_dir") or store.default_folder(library.resolve())
    told = cache.look(library, Path(folder), verify=args.verify, prune=args.prune)
    _tell(told.lines, told.problems)
    return REFUSED if told.problems else DONE


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
    from dedup_nb import staging
    from dedup_nb.staging import telling

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
    from dedup_nb.staging.runinfo import library_of_run

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
    from dedup_nb import staging
    from dedup_nb.staging import telling

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
    from dedup_nb import staging
    from dedup_nb.staging import telling

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
    from dedup_nb import staging
    from dedup_nb.staging import telling

    told = staging.status(args.library)
    _tell(telling.status_lines(told))
    return REFUSED if told.unfinished or any(batch.damage for batch in told.batches) else DONE


def _add_approve(commands: Commands) -> None:
    command = commands.add_parser(
        "approve", help="send what a person approved to the system's trash"
    )
    command.add_argument("batch", metavar="BATCH")
    _add_library(command)
    command.add_argument("--token", help="approve without being asked; see --show-token")
    command.add_argument(
        "--show-token", action="store_true", help="only print the token of what is staged now"
    )
    command.add_argument(
        "--permanent", action="store_true", help="delete for good, 24 hours after staging"
    )
    command.add_argument("--permanent-token", metavar="TOKEN", help="the second token it needs")
    command.set_defaults(run=_approve)


def _approve(args: argparse.Namespace) -> int:
    from dedup_nb import staging
    from dedup_nb.staging import telling

    if args.show_token:
        print(staging.approval_token(args.library, args.batch, permanent=args.permanent))
        return DONE
    phrase = None if args.token else _ask(staging.approval_phrase(args.library, args.batch))
    told = staging.approve(
        args.library,
        args.batch,
        args.token,
        phrase=phrase,
        permanent=args.permanent,
        permanent_token=args.permanent_token,
        progress=_progress("approved"),
    )
    _tell(telling.approved_lines(told), telling.refusal_lines(told.refused))
    return told.status


def _ask(phrase: str) -> str:
    """Ask a person at a terminal to type a phrase; nobody there means no."""
    if not sys.stdin.isatty():
        raise StagingError("nobody is there to ask; name the --token", WRONG_INPUT)
    return input(f"to send these files to the trash, type: {phrase}\n> ")


def _add_flag(commands: Commands) -> None:
    command = commands.add_parser("flag", help="make a .cropped marker beside each PNG")
    command.add_argument("folders", metavar="FOLDER", nargs="+")
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
    told = staging.flag(library, folders)
    _tell(telling.flagged_lines(told), telling.refusal_lines(told.refused))
    return told.status


def _add_unlock(commands: Commands) -> None:
    command = commands.add_parser("unlock", help="remove the lock file of a killed command")
    _add_library(command)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=_unlock)


def _unlock(args: argparse.Namespace) -> int:
    from dedup_nb import staging

    def confirm(holder: str) -> bool:
        print(f"locked by {holder}")
        asked = args.yes or not sys.stdin.isatty()
        return bool(args.yes if asked else input("remove this lock? yes or no: ") == "yes")

    removed = staging.unlock(args.library, confirm)
    print("unlocked" if removed else "nothing was unlocked")
    return DONE if removed or not staging.status(args.library).holder else REFUSED


def _tell(lines: Iterable[str], problems: Iterable[str] = ()) -> None:
    """Print what was done; on standard error what was not."""
    for problem in problems:
        print(problem, file=sys.stderr)
    for line in lines:
        print(line)


def _progress(done: str) -> Callable[[int, int], None] | None:
    """Return a progress bar for a person at a terminal, None for a file or a pipe."""
    if not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    bar = tqdm(desc=done, unit=" bundles", leave=False)

    def show(n: int, total: int) -> None:
        bar.total = total
        bar.update(n - bar.n)
        if n == total:
            bar.close()

    return show


# ---------------------------------------------------------------- main


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (0 done, 1 failed, 2 input, 3 refused, 4 locked)."""
    top = parser()
    args, passed_on = top.parse_known_args(argv)
    if passed_on and args.command != "lab":
        top.error(f"unrecognized arguments: {' '.join(passed_on)}")
    args.passed_on = passed_on
    try:
        status: int = args.run(args)
    except StagingError as error:
        print(f"dedup-nb {args.command}: {error}", file=sys.stderr)
        return error.status
    except ValueError as error:
        print(f"dedup-nb {args.command}: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:  # before or after the moves, which only note that they shall stop
        print(f"dedup-nb {args.command}: stopped by a person", file=sys.stderr)
        return INTERRUPTED
    return status

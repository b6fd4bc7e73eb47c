"""`dedup-nb demo`: a demo library, the notebooks over it, the truth, staging and back."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from dedup_nb import demo, parameters, runs, staging, tables, telling

FINDERS = {"10_phash": "pHash"}  # folders of a run whose groups the truth is asked about

Tree = dict[str, tuple[int, int, str]]  # path -> mode, mtime_ns, sha256 or link


def tour(say: Callable[[str], None] = print) -> int:
    """Run the whole demo and say what was found; return the exit status of the notebooks.

    Raises
    ------
    ValueError
        If the profile or the library cannot be used.
    """
    started = time.monotonic()
    profile = parameters.load(demo_profile())
    library = Path(profile.flat("00_catalogue")["library"])
    _make_library(library, say)
    names = runs.choose()
    folder = runs.prepare(profile, names)
    states = runs.execute(folder, names, say)
    if any(state != runs.DONE for state in states.values()):
        say(f"a notebook failed; see {folder / 'index.html'}")
        say(str(folder))
        return 1
    say("")
    for finder, name in FINDERS.items():
        for line in against_truth(library, folder / finder, name):
            say(line)
    manifest = folder / "10_phash" / "manifest.csv"
    identical = there_and_back(library, profile.shared.get("roots") or ["."], manifest, say)
    say("")
    say(f"took {time.monotonic() - started:.0f} s")
    say(f"look:  {folder / 'index.html'}")
    say(f"tune:  dedup-nb lab {_short(profile.path)}      (or make lab)")
    say(f"stage: dedup-nb stage {_short(manifest)}")
    say(f"back:  dedup-nb restore --library {_short(library)}")
    say(str(folder))
    return 0 if identical else 1


def demo_profile() -> Path:
    """Return the demo's profile: the project's own, or a copy in the current folder."""
    here = Path(__file__).parent
    project = here.parent / "params" / "demo.yaml"
    if project.is_file():
        return project
    copied = Path.cwd() / "params" / "demo.yaml"
    if not copied.exists():
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes((here / "_params" / "demo.yaml").read_bytes())
    return copied


def _short(path: Path) -> str:
    """Return a path as it is typed from here."""
    return quote(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))


def _make_library(library: Path, say: Callable[[str], None]) -> None:
    if demo.is_made(library):
        say(f"the demo library is there: {library}")
        return
    if library.exists() and demo.truth_path(library).exists():
        raise ValueError(
            f"{library} was made by another version of the demo; remove it and "
            f"{demo.truth_path(library)}, then run this again"
        )
    begun = time.monotonic()
    say("drawing the demo library ...")
    demo.make_library(library)
    say(f"drawn in {time.monotonic() - begun:.0f} s: {library}")


def against_truth(library: Path, results: Path, name: str) -> list[str]:
    """Return lines that compare what a finder proposed with the demo's truth."""
    truth = demo.read_truth(library)
    rows = list(tables.read_csv(results / "groups.csv"))
    proposed = [(row["path"], row["keeper"]) for row in rows if row["role"] == "stage"]
    scored = demo.score(truth, proposed)
    wrong = ", ".join(f"{n} {kind}" for kind, n in sorted(scored["false_by_kind"].items()))
    return [
        f"{name} against the truth: precision {scored['precision']:.3f}, "
        f"recall {scored['recall']:.3f} "
        f"({scored['found']} of {scored['redundant']} superfluous images; "
        f"{scored['proposed']} proposed)",
        f"  taken for duplicates and are not: {wrong or 'none'}",
    ]


def there_and_back(
    library: Path, roots: list[str], manifest: Path, say: Callable[[str], None]
) -> bool:
    """Stage a copy of the library, restore it, and tell whether the trees are equal."""
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="demo-copy-") as scratch:
        copy = Path(scratch) / library.name
        shutil.copytree(library, copy, symlinks=True)
        before = tree(copy)
        say("staging and restoring a copy of the library ...")
        staged = staging.stage(staging.read_manifest(manifest), copy, roots)
        for line in telling.result_lines(staged):
            say(f"  {line}")
        left = len(before) - len(tree(copy))
        restored = staging.restore(copy)
        for line in [*telling.refusal_lines(staged.refused), *telling.restored_lines(restored)]:
            say(f"  {line}")
        identical = tree(copy) == before and staged.status == 0
        word = "identical" if identical else "NOT identical"
        say(
            f"  {left:,} files had left their folders; after restoring, the trees are {word} "
            f"({len(before):,} files compared: path, bytes, mtime, mode)"
        )
    return identical


def tree(folder: Path) -> Tree:
    """Return every file outside the staging folders: mode, time and content."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if relative.parts[0] in (*staging.STAGING, staging.PRIVATE):
            continue
        status = path.lstat()
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            continue
        found[str(relative)] = (status.st_mode, status.st_mtime_ns, content)
    return found

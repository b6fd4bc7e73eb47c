"""`dedup-nb demo`: the demo library -> notebook results, their score, staging and restoring."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb import demo, staging
from dedup_nb.demo import peer
from dedup_nb.demo.library import Truth
from dedup_nb.finders import index, time_window
from dedup_nb.library import tables
from dedup_nb.library.hints import command
from dedup_nb.library.progress import Ticker
from dedup_nb.session import execute, notebooks, parameters, preflight, runs, workbench
from dedup_nb.staging import telling
from dedup_nb.steps.time_window import bursts

# The folders of a run whose groups are compared with the truth.
FINDERS = {
    notebooks.PHASH: "pHash with verify",
    notebooks.CLIP_FAISS: "Local features with verify",
    notebooks.CZKAWKA: "Czkawka's groups, confirmed by ours and verified,",
}
# finds nearly every copy, however turned, and far more that is none: `verify` sorts them out
LOOSE: dict[str, Any] = {
    "embedder": "mix", "invariance": "rotate", "min_cosine": 0.5, "floor": 0.5,
}  # fmt: skip
CZKAWKA_BITS = 8  # of its own hash

Tree = dict[str, tuple[int, int, str]]  # path -> mode, mtime_ns, sha256 or link


def tour(say: Callable[[str], None] = print) -> int:
    """Run the whole demo and print the results; return the exit status of the notebooks.

    Raises
    ------
    ValueError
        If the profile or the library cannot be used.
    """
    started = time.monotonic()
    profile = parameters.load(demo_profile())
    library = Path(profile.flat(notebooks.CATALOGUE)["library"])
    _make_library(library, say)
    _ask_czkawka(profile, library, say)
    names = preflight.choose()
    folder = preflight.prepare(profile, names)
    states = execute.execute(folder, names, say)
    if any(state != runs.DONE for state in states.values()):
        say(f"a notebook failed; see {folder / 'index.html'}")
        say(str(folder))
        return 1
    say("")
    for finder, name in FINDERS.items():
        for line in against_truth(library, folder / finder, name):
            say(line)
    for line in [
        *loose_but_verified(profile, library),
        *time_windows(profile, library, folder),
        *czkawka_and_ours(folder),
    ]:
        say(line)
    for line in sets_against_truth(library, folder / notebooks.SET_PRUNING):
        say(line)
    manifest = folder / notebooks.PHASH / "manifest.csv"
    identical = all(
        there_and_back(library, profile.shared.get("roots") or ["."], plan, say)
        for plan in (manifest, folder / notebooks.SET_PRUNING / "manifest.csv")
    )
    say("")
    say(f"took {time.monotonic() - started:.0f} s")
    say(f"look:  {folder / 'index.html'}")
    say(f"tune:  {command('lab', profile.path)}")
    say(f"stage: {command('stage', manifest)}")
    say(f"back:  {command('restore', '--library', library)}")
    say(str(folder))
    return 0 if identical else 1


def demo_profile() -> Path:
    """Return the demo's profile: the project's own, or a copy in the current folder."""
    shipped = notebooks.params_folder() / "demo.yaml"
    if shipped.parent.name == "params":
        return shipped
    copied = Path.cwd() / "params" / "demo.yaml"
    if not copied.exists():
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes(shipped.read_bytes())
    return copied


def _make_library(library: Path, say: Callable[[str], None]) -> None:
    if demo.is_made(library):
        say(f"the demo library already exists: {library}")
        return
    if library.exists() and demo.truth_path(library).exists():
        raise ValueError(
            f"{library} was made by another version of the demo; remove it and "
            f"{demo.truth_path(library)}, then run this again"
        )
    begun = time.monotonic()
    say("drawing the demo library ...")
    demo.make_library(library, progress=Ticker("parts of the library drawn:"))
    say(f"drawn in {time.monotonic() - begun:.0f} s: {library}")
    say("(some of its files are broken on purpose, and are listed as unreadable)")


def _ask_czkawka(profile: parameters.Profile, library: Path, say: Callable[[str], None]) -> None:
    """Let Czkawka's own engine make the results that the demo compares with."""
    file = Path(profile.flat(notebooks.CZKAWKA)["results"][0])
    if not peer.is_there():
        say("the package czkawka is not installed, so its results are empty: pip install czkawka")
        file.write_text("[]\n", encoding="utf-8")
        return
    begun = time.monotonic()
    roots = [library / root for root in profile.shared["roots"]]
    count = peer.write_results(file, roots, CZKAWKA_BITS)
    say(f"Czkawka's engine found {count:,} groups in {time.monotonic() - begun:.1f} s: {file}")


def loose_but_verified(profile: parameters.Profile, library: Path) -> list[str]:
    """Return lines on the results of a loose finder whose pairs are checked by `verify`."""
    with tempfile.TemporaryDirectory() as scratch:
        values = profile.flat(notebooks.CLIP_FAISS) | LOOSE | {"run_dir": scratch}
        run = workbench.start(notebooks.CLIP_FAISS, values)
        vectors, rows = run.embeddings(run.values["embedder"], run.values["invariance"])
        pairs, _ = index.near_pairs(vectors, LOOSE["min_cosine"], rows=rows)
        candidates = run.candidates(pairs, similarity=True)
        sentence = run.verify(candidates, [LOOSE["min_cosine"]])
        table = candidates.table(candidates.cut(LOOSE["min_cosine"]))
        staged = table[table["role"] == "stage"]
    proposed = list(zip(staged["path"], staged["keeper"], strict=True))
    name = f"Embeddings (mix, loose: {LOOSE['min_cosine']}, turned and mirrored too) with verify"
    return [*_scored(demo.read_truth(library), proposed, name), f"  {sentence}"]


def time_windows(profile: parameters.Profile, library: Path, folder: Path) -> list[str]:
    """Return lines that compare the time clusters of both modes with the demo's truth."""
    truth = demo.read_truth(library)["time_windows"]
    values = profile.flat(notebooks.TIME_WINDOW) | {"run_dir": str(folder)}
    run = workbench.start(notebooks.TIME_WINDOW, values)
    stamps = bursts.Stamps(run)
    lines = []
    for mode in time_window.MODES:
        made = bursts.Bursts(run, stamps, mode)
        table = made.table(made.cut(truth["seconds"]))
        clusters = [list(part) for _, part in table.groupby("component_id")["path"]]
        lines.append(
            _compared(f"Time windows of {truth['seconds']} s, {mode}", clusters, truth[mode])
        )
    exposed = bursts.Stamps(run, "exif")
    read = dict(zip(exposed.paths, exposed.times_us // 10**6, strict=True))
    times = [datetime.fromisoformat(text) for text in truth["exif"].values()]
    true = dict(zip(truth["exif"], time_window.microseconds(times) // 10**6, strict=True))
    right = sum(read.get(path) == time for path, time in true.items())
    return [*lines, f"Times of exposure: {right} of {len(true)} read right"]


def _compared(name: str, proposed: list[list[str]], true: list[list[str]]) -> str:
    """Compare clusters by the pairs within them."""

    def pairs(clusters: list[list[str]]) -> set[tuple[str, str]]:
        return {pair for c in clusters for pair in itertools.combinations(sorted(c), 2)}

    ours, theirs = pairs(proposed), pairs(true)
    right = len(ours & theirs)
    precision, recall = right / len(ours or [1]), right / len(theirs or [1])
    return (
        f"{name}, against the truth: precision {precision:.3f}, recall {recall:.3f} "
        f"({len(proposed)} clusters found, {len(true)} true)"
    )


def czkawka_and_ours(folder: Path) -> list[str]:
    """Return a line on the agreement between Czkawka's pairs and those of our pHash."""
    claimed = _pairs(folder / notebooks.CZKAWKA, whole=True)
    confirmed = _pairs(folder / notebooks.CZKAWKA)
    ours = _pairs(folder / notebooks.PHASH)
    if not claimed:
        return []
    shared = len(claimed & ours)
    return [
        f"Czkawka and ours: of {len(claimed):,} pairs that Czkawka claims, ours confirms "
        f"{len(confirmed):,} ({len(confirmed) / len(claimed):.1%}); of {len(ours):,} pairs of our "
        f"pHash, Czkawka claims {shared:,} ({shared / len(ours or [1]):.1%})"
    ]


def _pairs(results: Path, whole: bool = False) -> set[tuple[int, int]]:
    """Return the pairs of a finder, within the threshold of its results or all of them."""
    pairs = pd.read_parquet(results / "pairs.parquet")
    if not whole:
        summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
        pairs = pairs[pairs["hamming_bits"] <= summary["threshold"]]
    return set(zip(pairs["i"].tolist(), pairs["j"].tolist(), strict=True))


def against_truth(library: Path, results: Path, name: str) -> list[str]:
    """Return lines that compare what a finder proposed with the demo's truth."""
    rows = list(tables.read_csv(results / "groups.csv"))
    proposed = [(row["path"], row["keeper"]) for row in rows if row["role"] == "stage"]
    return _scored(demo.read_truth(library), proposed, name)


def _scored(truth: Truth, proposed: list[tuple[str, str]], name: str) -> list[str]:
    scored = demo.score(truth, proposed)
    wrong = ", ".join(f"{n} {kind}" for kind, n in sorted(scored["false_by_kind"].items()))
    return [
        f"{name} against the truth: precision {scored['precision']:.3f}, "
        f"recall {scored['recall']:.3f} "
        f"({scored['found']} of {scored['redundant']} superfluous images; "
        f"{scored['proposed']} proposed)",
        f"  false proposals: {wrong or 'none'}",
    ]


def sets_against_truth(library: Path, results: Path) -> list[str]:
    """Return lines that compare the whole sets that were proposed with the demo's truth."""
    rows = tables.read_csv(results / "groups.csv")
    staged = [(row["path"], row["keeper"]) for row in rows if row["role"] == "stage"]
    scored = demo.score_sets(demo.read_truth(library), staged)
    return [
        f"Sets against the truth: precision {scored['precision']:.3f}, "
        f"recall {scored['recall']:.3f} ({scored['right']} of {scored['redundant']} superfluous "
        f"sets; {scored['proposed']} proposed)",
        f"  false proposals: {', '.join(scored['never']) or 'none'}",
    ]


def there_and_back(
    library: Path, roots: list[str], manifest: Path, say: Callable[[str], None]
) -> bool:
    """Stage a copy of the library, restore it, and report whether the trees are equal."""
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="demo-copy-") as scratch:
        copy = Path(scratch) / library.name
        shutil.copytree(library, copy, symlinks=True)
        before = tree(copy)
        say(f"staging and restoring a copy of the library: {manifest.parent.name} ...")
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
    files: Tree = {}
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
        files[str(relative)] = (status.st_mode, status.st_mtime_ns, content)
    return files

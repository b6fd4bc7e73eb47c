"""What each way of finding near-duplicates proposes and stages, by kind of copy.

    python benchmarks/bench_found.py [LIBRARY] [--cache DIR] [--method NAME]... [--reasons]
                                     [--names] [--crowds] [--only-crowds]

LIBRARY is made by `made_library.py`: each of its folders with a `truth.csv` is a library of its
own. Each method runs the cells of its notebook on it, with the pixels verified as by default.
`verify` is given every true pair, so it says what the finders could reach. Printed for each: copies
found (proposed with their source) and staged, sources staged, pairs of unrelated pictures staged or
in review, proposals a file, and CPU seconds per 10,000 files; what was decoded or compared before
with the same `--cache` is not timed again. `--crowds` adds many copies of one picture, repeated
texture and 10,000 equal files. Without LIBRARY pictures are drawn, which says little about
photographs. Nothing is moved.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_embedders
import cv2
import made_library
import numpy as np
import pandas as pd
import transforms
from notebook_runs import COMPARE, FIND, READ, Ran, cpu_seconds, machine, run_notebook, started
from PIL import Image, ImageDraw, ImageFilter

from dedup_nb.finders import embeddings

TURNED = {"embedder": "mix", "invariance": "rotate"}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "pHash": ("10_phash", {}),
    "dct": ("30_clip_faiss", {"embedder": "dct"}),
    "mix .9": ("30_clip_faiss", {"embedder": "mix", "min_cosine": 0.9}),
    "mix .6 turned": ("30_clip_faiss", {**TURNED, "min_cosine": 0.6, "floor": 0.6}),
    "mix .5 turned": ("30_clip_faiss", {**TURNED, "min_cosine": 0.5, "floor": 0.5}),
    "local": ("30_clip_faiss", {"embedder": "local"}),
    "defaults": ("30_clip_faiss", {}),
}
ASKED = "verify"  # given every true pair


@dataclass
class Tally:
    """What a method did with the copies of one or more libraries."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    files: int = 0
    proposals: int = 0
    unrelated_staged: list[tuple[str, str]] = field(default_factory=list)
    unrelated_review: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)


def read_truth(library: Path) -> pd.DataFrame:
    return pd.read_csv(library / "truth.csv", keep_default_na=False)


def true_pairs(truth: pd.DataFrame) -> set[frozenset[str]]:
    """Return the pairs of files that show the same picture; a container shows several."""
    pairs = set()
    shown = defaultdict(set)
    for row in truth.itertuples():
        for base in (row.base, *filter(None, row.also.split(";"))):
            pairs.add(frozenset((row.file, base)))
            shown[base].add(row.file)
    for files in shown.values():
        pairs |= {frozenset((a, b)) for a in files for b in files if a != b}
    return pairs


def add_up(tally: Tally, truth: pd.DataFrame, groups: pd.DataFrame, proposed: set[Any]) -> None:
    """Add what happened to each copy of a library."""
    true = true_pairs(truth)
    of = {row.path: row for row in groups.itertuples()}
    for row in truth.itertuples():
        copy, base = of.get(row.file), of.get(row.base)
        tally.rows.append(
            {
                "transform": row.transform,
                "group": row.group,
                "answer": row.answer,
                "found": frozenset((row.file, row.base)) in proposed,
                "staged": bool(copy and copy.role == "stage" and copy.keeper == row.base),
                "source_staged": bool(base and base.role == "stage" and base.keeper == row.file),
                "review": bool(
                    (copy and copy.role == "review" and copy.keeper == row.base)
                    or (base and base.role == "review" and base.keeper == row.file)
                ),
                "reason": _reason(copy, base, row),
                "file": row.file,
                "base": row.base,
            }
        )
    for row in groups.itertuples():
        if frozenset((row.path, row.keeper)) in true or row.path == row.keeper:
            continue
        if row.role == "stage":
            tally.unrelated_staged.append((row.path, row.keeper))
        elif row.role == "review":
            tally.unrelated_review += 1


def _reason(copy: Any, base: Any, row: Any) -> str:
    for one, other in ((copy, row.base), (base, row.file)):
        if one is not None and one.keeper == other and one.role == "review":
            return str(one.reason)
    return ""


def parameters(library: Path, cache: Path, run_dir: str) -> dict[str, Any]:
    return {
        "library": str(library),
        "roots": ["."],
        "cache_dir": str(cache),
        "run_dir": run_dir,
        "interactive": False,
    }


def by_method(name: str, libraries: Sequence[Path], cache: Path) -> Tally:
    """Run a method's notebook on each library."""
    tally = Tally()
    notebook, chosen = METHODS[name]
    for library in libraries:
        with tempfile.TemporaryDirectory() as folder:
            ran = run_notebook(notebook, {**parameters(library, cache, folder), **chosen})
            paths = ran.run.catalogue["path"].to_numpy(object)
            pairs = ran.pairs
            proposed = {
                frozenset((paths[i], paths[j])) for i, j in zip(pairs["i"], pairs["j"], strict=True)
            }
            add_up(tally, read_truth(library), ran.groups, proposed)
            tally.files += len(paths)
            tally.proposals += len(pairs)
            for what, seconds in ran.seconds.items():
                tally.seconds[what] += seconds
    return tally


def by_verify(libraries: Sequence[Path], cache: Path) -> Tally:
    """Give `verify` every true pair of a copy and its source."""
    tally = Tally()
    for library in libraries:
        truth = read_truth(library)
        with tempfile.TemporaryDirectory() as folder:
            run = started(parameters(library, cache, folder))
            place = {path: k for k, path in enumerate(run.catalogue["path"])}
            ends = sorted(
                tuple(sorted((place[row.file], place[row.base]))) for row in truth.itertuples()
            )
            pairs = pd.DataFrame(ends, columns=["i", "j"]).assign(cosine=1.0)
            candidates = run.candidates(pairs, similarity=True)
            begun = cpu_seconds()
            run.verify(candidates, [0.5])
            tally.seconds[COMPARE] += cpu_seconds() - begun
            with run.verdicts.without_limit():
                groups = candidates.table(candidates.cut(0.5))
            digests = run.catalogue["sha256"].to_numpy(object)
            same = {pair for pair, verdict in run.verdicts.verdicts.items() if verdict.same}
            found = {
                frozenset((run.catalogue["path"][i], run.catalogue["path"][j]))
                for i, j in ends
                if digests[i] == digests[j] or tuple(sorted((digests[i], digests[j]))) in same
            }
            add_up(tally, truth, groups, found)
            tally.files += len(place)
            tally.proposals += len(ends)
    return tally


# -- what is printed -----------------------------------------------------------------------------


def share(table: pd.DataFrame, column: str, **where: str) -> str:
    for name, value in where.items():
        table = table[table[name] == value]
    return f"{table[column].mean():.3f}".lstrip("0") if len(table) else "-"


def tell(name: str, tally: Tally) -> None:
    """Print the figures of a method."""
    table = tally.table
    per = 10_000 / max(tally.files, 1)
    both = {
        column: f"{share(table, column, group='old')} / {share(table, column, group='new')}"
        for column in ("found", "staged")
    }
    only = f"{share(table, 'staged', answer='copy', group='old')} / " + share(
        table, "staged", answer="copy", group="new"
    )
    print(
        f"{name:14} found {both['found']}; staged {both['staged']} (of plain copies {only}); "
        f"staged of `review` {share(table, 'staged', answer='review')}; sources staged "
        f"{table.source_staged.mean():.4f} (of `review` "
        f"{share(table, 'source_staged', answer='review')}); unrelated: "
        f"{len(tally.unrelated_staged)} staged, {tally.unrelated_review} in review; "
        f"{tally.proposals / max(tally.files, 1):.2f} proposals a file; CPU s per 10,000 files: "
        + ", ".join(f"{what} {tally.seconds[what] * per:.0f}" for what in (READ, FIND, COMPARE)),
        flush=True,
    )


def tell_transforms(tallies: dict[str, Tally]) -> None:
    """Print found and staged by transform."""
    print(f"\nfound/staged{'':20}{'n':>4}  " + "".join(f"{name:>16}" for name in tallies))
    first = next(iter(tallies.values())).table
    for one in transforms.TRANSFORMS.values():
        n = int((first["transform"] == one.name).sum())
        if not n:
            continue
        cells = []
        for tally in tallies.values():
            part = tally.table[tally.table["transform"] == one.name]
            cells.append(f"{part.found.mean():.2f}/{part.staged.mean():.2f}")
        label = f"{one.name} ({one.group}, {one.answer})"
        print(f"{label:44}{n:>4}" + "".join(f"{cell:>16}" for cell in cells))


def tell_reasons(name: str, tally: Tally) -> None:
    table = tally.table
    waits = table[table.review & (table.answer == "copy")]
    print(f"\n{name}: why plain copies wait for review")
    for (kind, reason), n in Counter(
        zip(waits["transform"], waits["reason"], strict=True)
    ).most_common(40):
        print(f"{n:4} {kind:28} {reason}")


def faults(tally: Tally) -> dict[str, list[tuple[str, str]]]:
    """Return the pairs that were staged wrongly, by kind of fault."""
    kinds: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in tally.table.itertuples():
        if row.source_staged and row.answer != transforms.COPY:
            kinds[f"source staged for its copy: {row.transform}"].append((row.base, row.file))
        elif row.source_staged:
            kinds[f"(source of a plain copy staged for it: {row.transform})"].append(
                (row.base, row.file)
            )
        if row.staged and row.answer == transforms.REVIEW:
            kinds[f"staged, never to be: {row.transform}"].append((row.file, row.base))
    if tally.unrelated_staged:
        kinds["unrelated pair staged"] = tally.unrelated_staged
    return kinds


def tell_faults(name: str, tally: Tally, show: bool) -> None:
    for kind, pairs in sorted(faults(tally).items()):
        shown = " " + ", ".join(f"{a} for {b}" for a, b in pairs) if show else ""
        print(f"{name}: {len(pairs)} {kind}{shown}")


# -- crowds --------------------------------------------------------------------------------------


def saved(folder: Path, name: str, picture: Any, quality: int = 90) -> str:
    (folder / name).write_bytes(transforms.encoded(picture, quality=quality))
    return name


def ten_copies(folder: Path, bases: Sequence[Any]) -> dict[str, int]:
    """Write each photograph with ten copies that are not containers; return file -> picture."""
    ways = [t for t in transforms.TRANSFORMS.values() if t.answer != transforms.REVIEW]
    of = {}
    for number, base in enumerate(bases):
        rng = np.random.default_rng(number)
        of[saved(folder, f"p{number:03d}.jpg", base, 95)] = number
        for k, way in enumerate(rng.choice(len(ways), 10, replace=False)):
            name = f"p{number:03d}x{k}{transforms.SUFFIXES[ways[way].form]}"
            (folder / name).write_bytes(ways[way].data(base, k, ()))
            of[name] = number
    return of


def brick(rng: Any) -> Any:
    sheet = Image.new("RGB", (800, 600), (150, 140, 130))
    draw = ImageDraw.Draw(sheet)
    for row in range(16):
        for column in range(-1, 10):
            x, y = column * 86 + (row % 2) * 43, row * 38
            tone = np.clip(np.add((150, 78, 60), rng.normal(0, 10, 3)), 0, 255)
            draw.rectangle((x, y, x + 80, y + 32), fill=tuple(int(v) for v in tone))
    grain = rng.normal(0, 6, (600, 800, 1))
    return transforms.clipped(np.asarray(sheet) + grain)


def text_page(rng: Any) -> Any:
    sheet = Image.new("RGB", (800, 1100), (253, 253, 250))
    transforms.lines(ImageDraw.Draw(sheet), (70, 70, 730, 1030), 20, rng, (20, 20, 20))
    return sheet


def one_program(rng: Any) -> Any:
    """Return a screenshot of one program with other contents."""
    sheet = Image.new("RGB", (1280, 800), (43, 46, 52))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, 0, 1280, 44), fill=(60, 63, 70))
    fixed = np.random.default_rng(0)
    for k in range(14):
        draw.rounded_rectangle((16 + 46 * k, 8, 50 + 46 * k, 38), 6, fill=tuple(
            map(int, fixed.integers(60, 200, 3))))  # fmt: skip
    transforms.lines(draw, (14, 70, 230, 780), 18, fixed, (190, 190, 195))
    transforms.lines(draw, (270, 80, 1240, 700), 19, rng, (215, 218, 210))
    draw.rectangle((250, 720, 1280, 800), fill=(52, 55, 62))
    transforms.lines(draw, (270, 730, 1100, 790), 16, fixed, (160, 200, 160))
    return sheet


def texture(make: Callable[[Any], Any], n: int) -> Callable[[Path], dict[str, int]]:
    """Return a writer of n different pictures of one texture, each with one copy."""

    def write(folder: Path) -> dict[str, int]:
        of = {}
        for number in range(n):
            picture = make(np.random.default_rng(number))
            of[saved(folder, f"p{number:03d}.jpg", picture, 92)] = number
            small = bench_embedders.scaled(picture, 0.7)
            of[saved(folder, f"q{number:03d}.jpg", small, 70)] = number
        return of

    return write


def equal_files(bases: Sequence[Any], n: int) -> Callable[[Path], dict[str, int]]:
    """Return a writer of n equal files and of a few other photographs."""

    def write(folder: Path) -> dict[str, int]:
        of = {}
        for number, base in enumerate(bases[:20]):
            small = transforms.fitted(base, 320, 320)
            of[saved(folder, f"p{number:03d}.jpg", small)] = number
        for k in range(n):
            shutil.copyfile(folder / "p000.jpg", folder / f"equal{k:05d}.jpg")
            of[f"equal{k:05d}.jpg"] = 0
        return of

    return write


def joined(of: dict[str, int], ends: Sequence[tuple[str, str]]) -> float:
    """Return the share of copies that right pairs link to the first file of their picture."""
    parent = {name: name for name in of}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for a, b in ends:
        if of[a] == of[b]:
            x, y = sorted((root(a), root(b)))
            parent[y] = x
    first: dict[int, str] = {}
    for name in sorted(of):
        first.setdefault(of[name], name)
    copies = [name for name in of if name != first[of[name]]]
    return float(np.mean([root(name) == root(first[of[name]]) for name in copies]))


def tell_crowds(bases: Sequence[Any], cache: Path, methods: Sequence[str]) -> None:
    """Print what the methods do with crowds."""
    crowds = {
        "ten copies of each picture": lambda folder: ten_copies(folder, bases[:12]),
        "bricks": texture(brick, 60),
        "text pages": texture(text_page, 60),
        "one program": texture(one_program, 60),
        "10,000 equal files": equal_files(bases, 10_000),
    }
    print(
        "\ncrowds: copies linked by right pairs, staged; unrelated staged; proposals a file; CPU s"
    )
    for crowd, write in crowds.items():
        with tempfile.TemporaryDirectory() as place:
            library = Path(place) / "library"
            library.mkdir()
            of = write(library)
            for name in methods:
                notebook, chosen = METHODS[name]
                run_dir = str(Path(place) / f"run {name}")
                begun = cpu_seconds()
                ran = run_notebook(notebook, {**parameters(library, cache, run_dir), **chosen})
                tell_crowd(f"{crowd}, {name}", of, ran, cpu_seconds() - begun)


def tell_crowd(label: str, of: dict[str, int], ran: Ran, seconds: float) -> None:
    paths, pairs = ran.run.catalogue["path"].to_numpy(object), ran.pairs
    ends = [(paths[i], paths[j]) for i, j in zip(pairs["i"], pairs["j"], strict=True)]
    groups = ran.groups
    staged = groups[groups.role == "stage"]
    wrong = sum(of[a] != of[b] for a, b in zip(staged["path"], staged["keeper"], strict=True))
    copies = len(of) - len(set(of.values()))
    print(
        f"{label:44} {joined(of, ends):.3f} linked, {(len(staged) - wrong) / copies:.3f} staged; "
        f"{wrong} unrelated staged; {len(ends) / len(of):.2f} a file; "
        + ", ".join(f"{what} {ran.seconds.get(what, 0):.1f}" for what in (READ, FIND, COMPARE))
        + f", all {seconds:.1f}",
        flush=True,
    )


def drawn_library(folder: Path) -> Path:
    """Make a library of drawn pictures."""
    (folder / "bases").mkdir()
    for number, picture in enumerate(bench_embedders.drawn(60)):
        picture.filter(ImageFilter.UnsharpMask(2, 200)).save(
            folder / "bases" / f"d{number:02d}.png"
        )
    bases = made_library.photographs(folder / "bases")
    for number, pairs in enumerate(made_library.dealt(bases, 1, 17), 1):
        made_library.write(folder / "library" / f"round{number}", pairs, bases, 17)
    return folder / "library"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("library", type=Path, nargs="?")
    asked.add_argument("--cache", type=Path, help="kept between calls; by default a new one")
    asked.add_argument("--method", action="append", choices=[*METHODS, ASKED])
    asked.add_argument("--part", action="append", help="only these folders of the library")
    asked.add_argument("--reasons", action="store_true", help="why copies wait for review")
    asked.add_argument("--names", action="store_true", help="name the files staged wrongly")
    asked.add_argument("--crowds", action="store_true")
    asked.add_argument("--only-crowds", action="store_true")
    given = asked.parse_args()
    print(machine())
    known = [m for m in METHODS if m != "local" or "local" in embeddings.EMBEDDERS]
    with tempfile.TemporaryDirectory() as folder:
        library = given.library or drawn_library(Path(folder))
        cache = given.cache or Path(folder) / "cache"
        parts = sorted(path.parent for path in library.rglob("truth.csv"))
        parts = [part for part in parts if not given.part or part.name in given.part]
        if not parts:
            asked.error(f"{library} has no truth.csv; make a library with made_library.py")
        print(f"{len(parts)} libraries: " + ", ".join(part.name for part in parts))
        tallies = {}
        for name in given.method or [*known, ASKED]:
            if given.only_crowds:
                break
            tallies[name] = (
                by_verify(parts, cache) if name == ASKED else by_method(name, parts, cache)
            )
            tell(name, tallies[name])
        if tallies:
            tell_transforms(tallies)
        for name, tally in tallies.items():
            tell_faults(name, tally, given.names)
            if given.reasons:
                tell_reasons(name, tally)
        if given.crowds or given.only_crowds:
            files = made_library.photographs(parts[0])
            bases = [made_library.read(path) for path in files if "copy_" not in path.name][:20]
            for base in bases:
                base.thumbnail((1200, 1200))
            methods = [m for m in given.method or ("pHash", "defaults") if m != ASKED]
            tell_crowds(bases, cache, methods)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()

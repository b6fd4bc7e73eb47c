"""Run one step of the work on a library, and write what each part of it cost as JSON.

    python benchmarks/curve_steps.py STEP FOLDER

Called by `bench_curve.py`, one process a step, so that memory is that of the step.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from notebook_runs import cpu_seconds

from dedup_nb.session.run import EVERY_DECODE

STEPS: dict[str, Callable[[Folder], None]] = {}
SAMPLED = 500  # pictures for what is extrapolated
MOST_FOR_CZKAWKA = 100_000  # it compares every picture with every other
MAX_DISTANCE, CEILING, MAX_PAIRS = 8, 16, 20_000_000  # as the parameters of 10_phash


@dataclass(frozen=True)
class Part:
    """What a part of a step cost.

    Attributes
    ----------
    name : str
    cpu_s, wall_s : float
        CPU seconds of the process and all that it started; seconds by the clock.
    peak_bytes, rss_bytes : int
        Most memory of the process (not of those it started) during the part, and at its end.
    disk_bytes : int
        What was written to disk and is still there.
    count : int
        What there was to do, if not one for each picture: pairs, rows, groups.
    """

    name: str
    cpu_s: float
    wall_s: float
    peak_bytes: int
    rss_bytes: int
    disk_bytes: int = 0
    count: int = 0


class Folder:
    """The folders of a curve: library, cache and results, and the parts measured so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library, self.cache = folder / "library", folder / "cache"
        self.run, self.again = (
            folder / "outputs" / "library" / "run",
            folder / "outputs" / "library" / "again",
        )
        self.parts: list[Part] = []
        self.counted = 0

    @contextlib.contextmanager
    def part(self, name: str, *written: Path) -> Iterator[None]:
        """Measure a part; `written` are the folders whose growth is its disk."""
        before = sum(map(size_of, written))
        forget_peak()
        self.counted = 0
        cpu, wall = cpu_seconds(), time.perf_counter()
        yield
        cost = cpu_seconds() - cpu, time.perf_counter() - wall
        disk = sum(map(size_of, written)) - before
        memory = status("VmHWM"), status("VmRSS")
        self.parts.append(Part(name, *cost, *memory, disk, self.counted))
        print(f"{name}: {cost[0]:.2f} s CPU, {memory[0] / 1e6:.0f} MB", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def scaled(self, factor: float, name: str) -> Iterator[None]:
        """Measure a part that is done for some pictures, and reckon it for all."""
        with self.part(name):
            yield
        one = self.parts.pop()
        self.parts.append(replace(one, cpu_s=one.cpu_s * factor, wall_s=one.wall_s * factor))

    def started(self, notebook: str, run: Path, **parameters: Any) -> Any:
        """Return a run of a notebook on the library."""
        from dedup_nb.session import workbench

        values = {
            "library": str(self.library),
            "cache_dir": str(self.cache),
            "run_dir": str(run),
            "roots": ["."],
            "interactive": True,
            **parameters,
        }
        return workbench.start(notebook, values)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def status(field: str) -> int:
    """Return a field of the memory of this process in bytes, such as VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def forget_peak() -> None:
    """Let the peak of memory begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def step(act: Callable[[Folder], None]) -> Callable[[Folder], None]:
    """Register a step under the name of its function."""
    STEPS[act.__name__] = act
    return act


@step
def catalogue(here: Folder) -> None:
    """Scan the library, and look its pictures up or decode them."""
    run = here.started("00_catalogue", here.run)
    with here.part("scan"):
        scanned = run.scan
        here.counted = len(scanned.images) + len(scanned.others)
    del scanned
    with here.part("catalogue", here.cache, here.run):
        _ = run.catalogue
    with here.part("catalogue report", here.run):
        from dedup_nb.library import catalogue as tables

        print(run.describe())
        tables.sizes_by(run.catalogue, "root", "stage")
        print(run.name_patterns.describe())
        _ = run.name_patterns.table
        tables.others_by(run.others)
        tables.companions_by(run.catalogue, "root")
        tables.line_ups(run.series)
        repeated = tables.repeated_names(run.catalogue)
        run.save_catalogue(repeated)


@step
def phash(here: Folder) -> None:
    """Find near pairs by hash, cut them, and save the report."""
    from dedup_nb import report
    from dedup_nb.finders import phash as finder
    from dedup_nb.widgets import tuning

    with here.part("reading the catalogue"):
        run = here.started("10_phash", here.run)
        print(run.describe())
    with here.part("reading the hashes"):
        hashes, rows = run.hashes("phash", 64, "none")
    with here.part("join"):
        pairs, bound = finder.near_pairs(hashes, CEILING, MAX_PAIRS, rows, twins=run.twins)
        here.counted = len(pairs)
    with here.part("candidates"):
        candidates = run.candidates(pairs)
    with here.part("verdicts"):
        print(run.verify(candidates, [MAX_DISTANCE, *range(bound + 1)]))
    with here.part("a cut"):
        here.counted = candidates.cut(MAX_DISTANCE).totals["groups"]
    with here.part("curve of thresholds"):
        curve = run.thresholds(candidates, range(bound + 1))
        columns = curve[["pairs", "images to stage", "MB freed"]]
        charts = [
            report.histogram(candidates.pairs.hamming_bits, MAX_DISTANCE, "bits"),
            report.curve(curve.threshold, columns, MAX_DISTANCE, "bits"),
        ]
    with here.part("report", here.run):
        run.save(candidates, MAX_DISTANCE, name="max_distance", charts=charts)
    with here.part("groups by folder"):
        views = run.views(candidates, candidates.cut(MAX_DISTANCE))
        report.Table(report.freed_by(views.table))._repr_html_()
        report.Sheet(views, run.thumbnail, folded=True)._repr_html_()
    run.values["max_distance"] = MAX_DISTANCE
    gallery(here, lambda: tuning.Tuner(run, candidates, "max_distance", low=0, high=bound))


def gallery(here: Folder, made: Callable[[], Any]) -> None:
    """Open a gallery, order and filter it, and decide, as the browser asks for it."""
    with here.part("gallery: open"):
        tuner = made()
        shown = tuner.gallery
        shown.send = lambda *message: None
        ask(shown, kind="groups", start=0, stop=12)
        here.counted = shown.count
    with here.part("gallery: next threshold"):
        tuner.slider.value = tuner.slider.value - 1
        tuner.slider.value = tuner.slider.value + 1
    with here.part("gallery: order by bytes"):
        ask(shown, kind="sift", order="bytes", filter={})
    with here.part("gallery: filter by path"):
        ask(shown, kind="sift", order="doubt", filter={"name": "00001/"})
        ask(shown, kind="sift", order=None, filter={})
    with here.part("gallery: accept a group"):
        group = shown.groups[0]
        keys = {"version": shown.version, "group": 0, "id": group["id"]}
        ask(shown, kind="decide", what="review", answer=True, request="1", **keys)
    with here.part("gallery: look at all open groups"):
        ask(shown, kind="sweep", which="all", group=0, seed=1)
    with here.part("gallery: accept all groups"):
        count = len(shown._sweeper.find("all", 0).positions)
        ask(shown, kind="decide", what="accept_all", which="all", group=0, count=count, request="2")
        here.counted = count
    with here.part("gallery: undo that"):
        ask(shown, kind="decide", what="undo", group=0, request="3")
    with here.part("gallery: accept all again"):
        ask(shown, kind="decide", what="accept_all", which="all", group=0, count=count, request="4")


@step
def review(here: Folder) -> None:
    """Merge what the finders found, look at the plan, and save it."""
    from dedup_nb import report
    from dedup_nb.steps.review import merging, reviewing

    with here.part("review: read the results"):
        run = here.started("80_review", here.run, inputs=["10_phash"], include="reviewed")
        print(run.describe())
        findings = merging.read(run, merging.find(run, ["10_phash"]))
    with here.part("review: merge"):
        merged = merging.Merged(run, findings)
        _ = merged.shares
        report.Table(merged.unusable.head(20))
    with here.part("review: page"):
        run.thresholds(merged, range(1, len(findings) + 1))
        page = reviewing.Page(run, merged, "reviewed", 1, interactive=True)
        page.agreement()
        page.taken()
    with here.part("review: report", here.run):
        results = run.save(page.plan, 1, name="min_inputs", charts=[], notes=[])
        here.counted = len((results / "manifest.csv").read_text().splitlines()) - 1
    with here.part("review: rest of the page"):
        page.standing(results)
        page.sheet()
        reviewer = reviewing.Reviewer(page)
        page.decisions()
        reviewing.revoker(page)
    with here.part("review: mark an image"):
        shown = reviewer.gallery
        shown.send = lambda *message: None
        ask(shown, kind="groups", start=0, stop=12)
        member = shown.groups[0]["members"][-1]
        key = shown._keys.key(member["path"], member["sha256"])
        ask(shown, kind="decide", what="mark", group=0, key=key, mark="keep", request="1")
        page.paint()


@step
def stage(here: Folder) -> None:
    """Check the plan, stage it, and restore it."""
    from dedup_nb import staging

    manifest = here.run / "80_review" / "manifest.csv"
    with here.part("staging: read the manifest"):
        plan = staging.read_manifest(manifest)
        here.counted = len(plan.rows) if hasattr(plan, "rows") else 0
    with here.part("staging: dry run"):
        print(staging.check(plan, here.library))
    with here.part("staging: stage"):
        here.counted = staging.stage(plan, here.library).done
    with here.part("staging: status"):
        staging.status(here.library)
    with here.part("staging: restore"):
        here.counted = staging.restore(here.library).done


def ask(shown: Any, **content: Any) -> None:
    """Send a message to a gallery, as the browser does."""
    shown.receive({"version": shown.version, **content})


@step
def fingerprints(here: Folder) -> None:
    """Decode every picture into an empty cache."""
    cache = here.folder / "outputs" / "decoded"
    run = here.started(
        "00_catalogue", here.folder / "outputs" / "library" / "first", cache_dir=str(cache)
    )
    scanned = run.scan
    here_count = len(scanned.images)
    with here.part("fingerprints (every picture decoded)", cache):
        for _ in run.measured(scanned.images, EVERY_DECODE, 1e9):
            pass
        here.counted = here_count


@step
def floors(here: Folder) -> None:
    """Do with as little as possible what the steps do, and what other tools do."""
    import hashlib

    import faiss
    import imagehash
    import numpy as np
    import pandas as pd
    from PIL import Image

    from dedup_nb.demo import peer
    from dedup_nb.library import catalogue as tables
    from dedup_nb.session import kept_catalogue

    with here.part("floor of scan: os.scandir and stat"):
        files = list(walked(here.library))
    n = sum(file.endswith(".jpg") for file in files)
    some = [file for file in files if file.endswith(".jpg")][:SAMPLED]
    with here.part("floor of fingerprints: read and sha256 (every file)"):
        for file in files:
            hashlib.sha256(Path(file).read_bytes()).hexdigest()
    with here.scaled(n / len(some), "floor of fingerprints: Pillow decodes (extrapolated)"):
        for file in some:
            Image.open(file).load()
    with here.scaled(n / len(some), "peer of fingerprints: imagehash.phash (extrapolated)"):
        for file in some:
            imagehash.phash(Image.open(file))
    if peer.is_there() and n <= MOST_FOR_CZKAWKA:
        with here.part("peer of fingerprints and join: Czkawka's engine, whole job"):
            peer.write_results(here.folder / "outputs" / "czkawka.json", [here.library], 8)
    hashes = np.random.default_rng(n).integers(0, 256, (n, 8), dtype=np.uint8)
    index = faiss.IndexBinaryFlat(64)
    index.add(hashes)
    asked = min(n, SAMPLED)
    with here.scaled(n / asked, f"peer of join: FAISS flat to {CEILING} bits (extrapolated)"):
        index.range_search(hashes[:asked], CEILING + 1)
    table = tables.read(here.run / kept_catalogue.CATALOGUE)
    with here.part("floor of catalogue: pandas to_csv"):
        table.to_csv(here.folder / "outputs" / "floor.csv", index=False)
    groups = pd.read_csv(here.run / "10_phash" / "groups.csv", keep_default_na=False)
    with here.part("floor of report: pandas to_csv of groups.csv"):
        groups.to_csv(here.folder / "outputs" / "floor.csv", index=False)
    rows = pd.read_csv(here.run / "80_review" / "manifest.csv", keep_default_na=False)
    with here.part("floor of staging: os.rename, a sync for 64 files"):
        renamed(here.library, rows["src"].tolist())


def walked(folder: Path) -> Iterator[str]:
    """Yield every file of a library, each looked at."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith((".", "_")):
                    yield from walked(Path(entry.path))
            else:
                entry.stat(follow_symlinks=False)
                yield entry.path


def renamed(library: Path, files: list[str]) -> None:
    """Rename files into a folder and back, with one sync for 64 of them."""
    away = library.parent / "outputs" / "away"
    away.mkdir(exist_ok=True)
    at = os.open(away, os.O_RDONLY)
    for back in (False, True):
        for k, file in enumerate(files):
            ends = str(library / file), str(away / str(k))
            os.rename(*(ends[::-1] if back else ends))  # noqa: PTH104
            if k % 64 == 63:
                os.fsync(at)
    os.close(at)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("step", choices=sorted(STEPS))
    asked.add_argument("folder", type=Path)
    given = asked.parse_args()
    here = Folder(given.folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        STEPS[given.step](here)
    print(printed.getvalue(), file=sys.stderr)
    print(json.dumps([asdict(part) for part in here.parts]))


if __name__ == "__main__":
    main()

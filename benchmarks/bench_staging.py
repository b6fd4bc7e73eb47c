"""Stage and restore 10,000 bundles of three small files, compared with a bare loop of renames.

The loop checks nothing, records nothing and syncs nothing: it is a lower bound, not a peer.
Run: python benchmarks/bench_staging.py [--bundles 10000] [--dir DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dedup_nb import staging
from dedup_nb.library.tables import write_csv

SUFFIXES = (".png", ".yaml", ".caption")
BUNDLES_A_FOLDER = 1000


def make_library(library: Path, n: int) -> list[dict[str, Any]]:
    """Create small files with distinct bytes; return the rows of a manifest for them."""
    rows = []
    keeper = "keep.png"
    library.mkdir()
    (library / keeper).write_bytes(b"keeper")
    keeper_sha256 = hashlib.sha256(b"keeper").hexdigest()
    for number in range(n):
        folder = f"{number // BUNDLES_A_FOLDER:03}"
        (library / folder).mkdir(exist_ok=True)
        for suffix in SUFFIXES:
            src = f"{folder}/{number:06}{suffix}"
            content = f"{number}{suffix}".encode() * 20
            (library / src).write_bytes(content)
            status = (library / src).stat()
            rows.append(
                {
                    "bundle": f"b{number}",
                    "src": src,
                    "dst": f"_review_dupes/{src}",
                    "size": status.st_size,
                    "mtime_ns": status.st_mtime_ns,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "group": f"g{number}",
                    "keeper": keeper,
                    "keeper_sha256": keeper_sha256,
                    "rule": "bench",
                    "reason": "",
                }
            )
    return rows


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the wall time of a call in seconds, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def bare_renames(library: Path, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Rename every file into another folder and back; return both times."""
    for row in rows:
        (library / "bare" / row["src"]).parent.mkdir(parents=True, exist_ok=True)
    pairs = [(library / row["src"], library / "bare" / row["src"]) for row in rows]

    def there() -> None:
        for home, away in pairs:
            os.rename(home, away)  # noqa: PTH104

    def back() -> None:
        for home, away in pairs:
            os.rename(away, home)  # noqa: PTH104

    return timed(there)[0], timed(back)[0]


def show(n: int, total: int) -> None:
    """Print a progress line."""
    if n == total or n % 1000 == 0:
        print(f"\r{n:,} of {total:,}", end="\n" if n == total else "", file=sys.stderr, flush=True)


def main() -> None:
    """Print the times and their ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bundles", type=int, default=10_000)
    options.add_argument("--dir", default=None)
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        library = Path(folder) / "library"
        rows = make_library(library, args.bundles)
        write_csv(Path(folder) / "manifest.csv", staging.MANIFEST_COLUMNS, rows)
        bare_there_s, bare_back_s = bare_renames(library, rows)
        read_s, plan = timed(lambda: staging.read_manifest(Path(folder) / "manifest.csv"))
        stage_s, result = timed(lambda: staging.stage(plan, library, progress=show))
        restore_s, restored = timed(lambda: staging.restore(library, progress=show))
        done = (result.done, restored.done)
    print(f"{args.bundles:,} bundles of {len(SUFFIXES)} files, {done} done")
    print(f"bare renames: {bare_there_s:.2f} s there, {bare_back_s:.2f} s back")
    print(f"reading the manifest: {read_s:.2f} s")
    print(f"stage   {stage_s:6.2f} s  {stage_s / bare_there_s:5.1f} times a bare loop of renames")
    print(
        f"restore {restore_s:6.2f} s  {restore_s / bare_back_s:5.1f} times a bare loop of renames"
    )


if __name__ == "__main__":
    main()

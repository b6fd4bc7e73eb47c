"""Measure what each step costs for 1,000 to 1,000,000 pictures: CPU, time, memory and disk.

    python benchmarks/bench_curve.py [--sizes 1000,10000,100000] [--dir DIR] [--keep]

Each size is a library of tiny pictures (see `scaled_library`), a third of them copies. Every step
runs in a process of its own, on the parameters of the notebooks; the parts of a step are measured
one by one, memory included. Floors and peers run on the same files and numbers. The tables go to
`RESULTS.md`. A million pictures take an hour, 10 GB of disk and 6 GB of memory.

Decoding is measured up to 100,000 pictures. Everything else finds facts, hashes, thumbnails and
comparisons in a cache that was made up, since it would only repeat that.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import results
import scaled_library

STEPS = ("catalogue", "fingerprints", "phash", "review", "stage", "floors")
MOST_DECODED = 100_000
GROWTH = 1.3  # CPU a picture, from one size to the next, that is worth a look
LEAST_CPU_S = 0.2  # of the smaller size, below which a ratio says nothing

Part = Mapping[str, Any]
HERE = Path(__file__).parent


def measured(folder: Path, n: int) -> list[Part]:
    """Return the parts of all steps on a library of `n` pictures, which is made if missing."""
    if not (folder / "cache").exists():
        print(f"making {n:,} pictures in {folder}", file=sys.stderr, flush=True)
        scaled_library.fill(
            folder / "cache", folder / "library", scaled_library.write(folder / "library", n)
        )
    parts: list[Part] = []
    for step in STEPS:
        if step == "fingerprints" and n > MOST_DECODED:
            continue
        print(f"{n:,} pictures: {step}", file=sys.stderr, flush=True)
        call = [sys.executable, str(HERE / "curve_steps.py"), step, str(folder)]
        said = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout
        parts += json.loads(said.splitlines()[-1])
    return parts


def curve(made: Mapping[int, Sequence[Part]]) -> str:
    """Return the tables of all sizes, a row for each part."""
    sizes = sorted(made)
    of = {n: {part["name"]: part for part in made[n]} for n in sizes}
    names = list(dict.fromkeys(part["name"] for n in sizes for part in made[n]))
    heads = [f"{n:,}" for n in sizes]

    def rows(shown: Any) -> list[list[str]]:
        return [
            [name, *(shown(of[n][name], n) if name in of[n] else "" for n in sizes)]
            for name in names
        ]

    def growth(name: str) -> str:
        told = []
        for small, large in itertools.pairwise(sizes):
            a, b = (of[n].get(name, {}).get("cpu_s", 0) for n in (small, large))
            if a >= LEAST_CPU_S and b:
                told.append(f"{(b / large) / (a / small):.2f}")
            else:
                told.append("")
        return " / ".join(filter(None, told))

    cpu = [[*row, growth(row[0])] for row in rows(lambda p, n: f"{1e6 * p['cpu_s'] / n:,.1f}")]
    return "\n".join(
        [
            "### CPU a picture, in microseconds",
            "",
            "The last column is the growth of that figure from each size to the next, where the "
            f"smaller took at least {LEAST_CPU_S} s; 1.00 is a cost that is proportional.\n",
            results.table(["part", *heads, "growth"], cpu),
            "### CPU and wall seconds\n",
            results.table(
                ["part", *heads], rows(lambda p, n: f"{p['cpu_s']:.2f} / {p['wall_s']:.2f}")
            ),
            "### Peak memory of the process, MB\n",
            results.table(["part", *heads], rows(lambda p, n: f"{p['peak_bytes'] / 1e6:,.0f}")),
            "### Written to disk, bytes a picture, and how much there was to do\n",
            results.table(["part", *heads], [r for r in rows(_disk) if any(r[1:])]),
        ]
    )


def _disk(part: Part, n: int) -> str:
    told = [f"{part['disk_bytes'] / n:,.0f} bytes"] if part["disk_bytes"] else []
    told += [f"{part['count']:,}"] if part["count"] else []
    return ", ".join(told)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--sizes", default="1000,10000,100000")
    asked.add_argument("--dir", type=Path, help="where the libraries are made; kept there")
    asked.add_argument("--out", type=Path, default=results.RESULTS)
    given = asked.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        parent = given.dir or Path(scratch)
        made: dict[int, list[Part]] = {}
        for n in sizes:
            made[n] = measured(parent / str(n), n)
            results.write("curve", "Cost curve", curve(made), given.out)  # as far as it is known
    print(curve(made))


if __name__ == "__main__":
    main()

"""Run the benchmarks that can be run here, and say which were left out and why.

    python benchmarks/bench.py [NAME]... [--photographs FOLDER] [--sizes 1000,10000,100000] [--list]

Without NAME, those that finish on a fresh clone within half an hour together are run. A benchmark
that needs photographs runs only with a folder of them, one that needs a browser only where Chromium
is installed, and a long one only if it is named. What each of them prints becomes its section of
`RESULTS.md`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import results

HERE = Path(__file__).parent
PHOTOGRAPHS, BROWSER = "a folder of photographs: --photographs FOLDER", "Chromium"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DEFAULT_SIZES = "1000,10000,100000"


@dataclass(frozen=True)
class Bench:
    """A benchmark: what it measures, and what it needs.

    Attributes
    ----------
    name : str
        `bench_NAME.py`.
    says : str
        What it measures.
    needs : str
        What it cannot do without: `PHOTOGRAPHS`, `BROWSER` or nothing.
    minutes : int
        About how long it takes on two cores.
    named : bool
        Whether it runs only if it is named, because it takes long or says little without
        photographs.
    records : bool
        Whether it writes its section of `RESULTS.md` itself, in tables.
    """

    name: str
    says: str
    needs: str = ""
    minutes: int = 2
    named: bool = False
    records: bool = False


BENCHES = (
    Bench("curve", "every step at growing sizes", minutes=12, records=True),
    Bench("phash", "the join of a million hashes, against FAISS", minutes=4),
    Bench("index", "cosine pairs", minutes=1),
    Bench("staging", "staging and restoring, against bare renames", minutes=1),
    Bench("vectors", "a second run with few new pictures", minutes=2),
    Bench("decoding", "decoding, against other decoders", minutes=3),
    Bench("fixed", "notebooks that have nothing to do, and the demo", minutes=5, records=True),
    Bench("dask", "the engine dask against local", minutes=10, named=True, records=True),
    Bench("clip", "an embedder by a model", minutes=5, named=True),
    Bench("embedders", "recall of the embedders", minutes=10, named=True),
    Bench("verify", "recall of the comparison by thumbnails", minutes=10, named=True),
    Bench("second_look", "frames, edits and containers", minutes=10, named=True),
    Bench("found", "altered copies found and staged", PHOTOGRAPHS, 30, named=True),
    Bench("holds", "what a keeper must hold", PHOTOGRAPHS, 10, named=True),
    Bench("containers", "screenshots, collages and pages", PHOTOGRAPHS, 20, named=True),
    Bench("local", "the embedder local", PHOTOGRAPHS, 10, named=True),
    Bench("verdicts", "comparing proposed pairs", PHOTOGRAPHS, 5, named=True),
    Bench("review", "a review by keyboard", BROWSER, 3, named=True),
    Bench("slider", "the slider, from key to picture", BROWSER, 10, named=True),
)


def left_out(bench: Bench, names: Sequence[str], photographs: str, browser: bool) -> str:
    """Return why a benchmark is not run, or ""."""
    if names and bench.name not in names:
        return "not named"
    if bench.needs == PHOTOGRAPHS and not photographs:
        return f"needs {PHOTOGRAPHS}"
    if bench.needs == BROWSER and not browser:
        return f"needs {BROWSER}, which is not installed"
    if bench.named and not names:
        return f"takes about {bench.minutes} minutes; name it to run it"
    return ""


def arguments(bench: Bench, photographs: str, sizes: str) -> list[str]:
    """Return the arguments of a benchmark."""
    if bench.name == "curve":
        return ["--sizes", sizes]
    takes = bench.needs == PHOTOGRAPHS or bench.name == "decoding"
    return [photographs] if takes and photographs else []


def run(bench: Bench, call: Sequence[str], file: Path = results.RESULTS) -> bool:
    """Run a benchmark, show what it prints and record it; return whether it succeeded."""
    printed = []
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line.rstrip())
    if process.returncode == 0 and not bench.records:
        told = "\n".join(["```text", *printed, "```"])
        results.write(bench.name, f"{bench.says[0].upper()}{bench.says[1:]}", told, file)
    return process.returncode == 0


def main() -> int:
    known = [bench.name for bench in BENCHES]
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    asked.add_argument("--photographs", default="", help="folder of photographs")
    asked.add_argument("--sizes", default=DEFAULT_SIZES, help="of the cost curve")
    asked.add_argument("--list", action="store_true", help="only say what would run")
    given = asked.parse_args()
    if unknown := [name for name in given.names if name not in known]:
        asked.error(f"no benchmark is named {unknown[0]}; there are {', '.join(known)}")
    browser = any(map(shutil.which, BROWSERS))
    failed = []
    for bench in BENCHES:
        if why := left_out(bench, given.names, given.photographs, browser):
            if why != "not named":
                print(f"-- {bench.name} ({bench.says}) is left out: {why}", flush=True)
            continue
        print(f"== {bench.name}: {bench.says}, about {bench.minutes} minutes", flush=True)
        if given.list:
            continue
        begun = time.monotonic()
        file = str(HERE / f"bench_{bench.name}.py")
        call = [sys.executable, file, *arguments(bench, given.photographs, given.sizes)]
        if not run(bench, call):
            failed.append(bench.name)
        print(f"-- {bench.name} took {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure what a notebook costs that has nothing to do, and the demo, which is little but that.

    python benchmarks/bench_fixed.py [SHARE]

A small demo library is run twice by `dedup-nb run`; in the second run everything is in the cache.
The floor, in the same run, is an empty notebook that nbclient executes in a plain ipykernel. Every
figure is the CPU time of a command and of all that it started, the best of three where nothing is
written.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results

from dedup_nb import demo
from dedup_nb.session.notebooks import params_folder

NOTEBOOKS = ["00_catalogue", "10_phash", "20_time_window", "30_clip_faiss", "40_set_pruning"]
FLOOR = """
import nbformat
from nbclient import NotebookClient
cell = nbformat.v4.new_code_cell("1 + 1")
NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
"""
PARTS = {
    "import the command": "import dedup_nb.cli",
    "import the runner": "import dedup_nb.session.execute",
    "import papermill": "from dedup_nb.session import kernels; kernels.imported()",
    "import an empty kernel": "import ipykernel.kernelapp, ipykernel.zmqshell",
    "import a finder's modules": "import dedup_nb.session.workbench, dedup_nb.finders.phash, "
    "dedup_nb.widgets.tuning, dedup_nb.widgets.labelling",
    "import and draw a chart": "from dedup_nb import report; report.histogram([1, 2], 1, 'bits')",
    "set numba up": "import numpy as np; from dedup_nb.groups.unions import unite; "
    "unite(1, *[np.zeros(0, np.int64)] * 2)",
}
UNFORKED = (
    "import sys; from dedup_nb.session import kernels; kernels.CAN_FORK = False; "
    "from dedup_nb.cli import main; sys.exit(main(sys.argv[1:]))"
)
TOUR = (
    "import sys; from pathlib import Path; from dedup_nb.demo import tour; "
    "tour.demo_profile = lambda: Path(sys.argv[1]); sys.exit(tour.tour())"
)
BECOME_SUBREAPER = 36  # of prctl: what is left behind by a process that ended comes to us


def cost(*command: str, env: dict[str, str] | None = None) -> tuple[float, float]:
    """Return the CPU and wall seconds of a command and of all that it started."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, capture_output=True, env=env)
    wall = time.monotonic() - begun
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def least(*command: str) -> tuple[float, float]:
    """Return the least CPU seconds of three, and the least wall seconds."""
    cpu, wall = zip(*(cost(*command) for _ in range(3)), strict=True)
    return min(cpu), min(wall)


def of_parts() -> list[list[str]]:
    """Return a row for each import."""
    parts = {"floor: an empty notebook": FLOOR, **PARTS}
    return [[what, f"{least(sys.executable, '-c', code)[0]:.2f}"] for what, code in parts.items()]


def of_runs(folder: Path, share: float) -> list[list[str]]:
    """Return a row for each way to run notebooks."""
    demo.make_library(folder / "lib", share=share)
    profile = folder / "p.yaml"
    profile.write_text(f"library: {folder / 'lib'}\ncache_dir: {folder / 'cache'}\n")
    given = ["run", str(profile), "--out", str(folder / "out")]
    run = [sys.executable, "-m", "dedup_nb", *given]
    unforked = [sys.executable, "-c", UNFORKED, *given]
    chosen = [word for name in NOTEBOOKS for word in ("--only", name)]
    n = len(NOTEBOOKS)

    def row(what: str, taken: tuple[float, float], notebooks: int) -> list[str]:
        return [what, *(f"{value:.1f}" for value in taken), f"{taken[0] / notebooks:.2f}"]

    rows = [row(f"{n} notebooks, the first run", cost(*run, *chosen), n)]
    for name in NOTEBOOKS[:2]:
        rows.append(row(f"{name} alone, nothing to do", least(*run, "--only", name), 1))
    rows.append(row(f"{n} notebooks, nothing to do", least(*run, *chosen), n))
    rows.append(row("the same, each kernel started anew", least(*unforked, *chosen), n))
    return rows


def of_demo(folder: Path) -> list[list[str]]:
    """Return a row for drawing the demo library, and one for the whole tour."""
    code = "import sys; from pathlib import Path; from dedup_nb import demo; "
    draw = code + "demo.make_library(Path(sys.argv[1]))"
    drawn = cost(sys.executable, "-c", draw, str(folder / "drawn"))
    profile = folder / "params" / "demo.yaml"
    profile.parent.mkdir()
    (folder / "outputs").mkdir()
    profile.write_bytes((params_folder() / "demo.yaml").read_bytes())
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    toured = cost(sys.executable, "-c", TOUR, str(profile), env=env)
    told = {"drawing the library": drawn, "`dedup-nb demo`, drawing included": toured}
    return [[what, *(f"{value:.1f}" for value in taken)] for what, taken in told.items()]


def main(share: float = 0.05) -> None:
    """Measure, print and write the section."""
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        text = "\n".join(
            [
                results.table(
                    ["run", "CPU s", "wall s", "CPU s each"], of_runs(Path(first), share)
                ),
                results.table(["part", "CPU s"], of_parts()),
                results.table(["demo", "CPU s", "wall s"], of_demo(Path(second))),
            ]
        )
    print(text)
    results.write("fixed", "Fixed cost of notebooks, and the demo", text)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

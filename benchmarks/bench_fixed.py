"""Measure what a notebook costs that has nothing to do: the CPU time of its parts.

    python benchmarks/bench_fixed.py [SHARE]

A small demo library is run twice by `dedup-nb run`; in the second run everything is in the cache.
The floor, in the same run, is an empty notebook that nbclient executes in a plain ipykernel.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import notebook_runs

from dedup_nb import demo

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
}


def cost(*command):
    """Return the CPU seconds of a command and all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(share=0.05):
    print(notebook_runs.machine(), f"load {os.getloadavg()[0]:.1f}")
    for what, code in PARTS.items():
        print(f"{min(cost(sys.executable, '-c', code) for _ in range(3)):6.2f} s  {what}")
    print(f"{min(cost(sys.executable, '-c', FLOOR) for _ in range(3)):6.2f} s  floor: an empty one")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        demo.make_library(folder / "lib", share=share)
        profile = folder / "p.yaml"
        profile.write_text(f"library: {folder / 'lib'}\ncache_dir: {folder / 'cache'}\n")
        run = [sys.executable, "-m", "dedup_nb", "run", str(profile), "--out", str(folder / "out")]
        chosen = [word for name in NOTEBOOKS for word in ("--only", name)]
        print(f"{cost(*run, *chosen):6.2f} s  {len(NOTEBOOKS)} notebooks, first run")
        for name in NOTEBOOKS[:2]:
            best = min(cost(*run, "--only", name) for _ in range(3))
            print(f"{best:6.2f} s  {name} alone, nothing to do")
        best = min(cost(*run, *chosen) for _ in range(3))
        each = best / len(NOTEBOOKS)
        print(f"{best:6.2f} s  {len(NOTEBOOKS)} notebooks, nothing to do: {each:.2f} s each")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

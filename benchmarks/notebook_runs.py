"""Run the cells of a notebook in this process, and measure the CPU time of each.

The notebooks are what users run, so benchmarks take their figures from them. Cells after the one
that saves the results are not run: they only show things.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from dedup_nb.session import workbench

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
READ, FIND, COMPARE, REST = "read", "find", "compare", "rest"


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all that it started, ended or not."""
    own = os.times()
    total = time.process_time() + own.children_user + own.children_system  # own: not in ticks
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return float(total)


def machine() -> str:
    """Return what the figures were measured on."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), name)
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "opencv-python-headless"))
    return f"{os.cpu_count()} cores of {name}, Python {platform.python_version()}, {packages}"


@dataclass
class Ran:
    """A notebook that was run.

    Attributes
    ----------
    names : dict
        The variables of the notebook.
    seconds : dict
        CPU seconds: `read` (scan and decode), `find` (measures and pairs), `compare` (pixels),
        `rest` (curves and reports).
    said : str
        What the notebook printed.
    """

    names: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    said: str = ""

    @property
    def run(self) -> Any:
        return self.names["run"]

    @property
    def pairs(self) -> pd.DataFrame:
        """The pairs that the notebook proposes at its threshold: columns i, j, measure."""
        pairs, sign = self.names["candidates"].pairs, self.names["candidates"].sign
        near = sign * pairs.iloc[:, 2] <= sign * self.threshold + 1e-9
        return pairs[near]

    @property
    def threshold(self) -> float:
        return float(self.names.get("threshold", self.names.get("max_distance", 0)))

    @property
    def groups(self) -> pd.DataFrame:
        """The rows of `groups.csv`."""
        return pd.read_csv(self.names["results"] / "groups.csv", keep_default_na=False)


def run_notebook(name: str, parameters: Mapping[str, Any]) -> Ran:
    """Run a notebook as `papermill` would, in this process, until its results are saved."""
    book = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    cells = [c for c in book["cells"] if c["cell_type"] == "code"]
    ran = Ran({"__name__": name})
    printed = io.StringIO()
    for cell in cells:
        source = "".join(cell["source"])
        begun = cpu_seconds()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(source, name, "exec"), ran.names)
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            ran.names.update(parameters)
        what = kind_of(source)
        ran.seconds[what] = ran.seconds.get(what, 0) + cpu_seconds() - begun
        if "results" in ran.names:
            break
    ran.said = printed.getvalue()
    return ran


def kind_of(source: str) -> str:
    """Return what a cell spends its time on."""
    if "workbench.start" in source or "run.describe" in source:
        return READ
    if "near_pairs" in source or "Search(" in source:
        return FIND
    if "run.verify" in source:
        return COMPARE
    return REST


def started(parameters: Mapping[str, Any], notebook: str = "30_clip_faiss") -> Any:
    """Return a run of a notebook that was started and read its library, as its cells do."""
    values = {"interactive": False, **parameters}
    run = workbench.start(notebook, values)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run.describe()
    return run


def elapsed(begun: float) -> str:
    return f"{time.monotonic() - begun:.0f} s"

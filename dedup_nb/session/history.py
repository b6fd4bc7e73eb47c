"""Earlier runs: list them and move old ones to the trash."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dedup_nb import report
from dedup_nb.session import runs

AT_WORK_S = 24 * 3600  # a notebook that started longer ago than this was killed


@dataclass(frozen=True)
class Past:
    """One run folder.

    Attributes
    ----------
    folder : Path
        `outputs/<profile>/<UTC stamp>`.
    started : str
        UTC, ISO.
    states : dict of str -> str
        Notebook -> `done`, `failed`, `skipped`, `running`, `waiting`, `interrupted` or `saved`.
    saved : int
        Number of results saved with the button.
    n_bytes : int
        Size on disk.
    ours : bool
        Whether its `run.json` names the version that wrote it; others are never moved.
    """

    folder: Path
    started: str
    states: dict[str, str]
    saved: int
    n_bytes: int
    ours: bool = True

    @property
    def at_work(self) -> bool:
        """Whether one of its notebooks may still be running."""
        young = time.time() - (self.folder / "run.json").stat().st_mtime < AT_WORK_S
        return young and bool({runs.RUNNING, runs.WAITING} & {*self.states.values()})

    def describe(self) -> str:
        """Return one line: folder, states of the notebooks, size."""
        counts = {state: list(self.states.values()).count(state) for state in self.states.values()}
        parts = [f"{count} {state}" for state, count in sorted(counts.items())] or [
            "no notebooks run"
        ]
        if self.saved:
            parts.append(f"{self.saved} saved by hand")
        return f"{self.folder}  {', '.join(parts)}  {report.size_text(self.n_bytes)}"


def past(
    outputs: Path, profile: str | None = None, tell: runs.Tell = lambda problem: None
) -> list[Past]:
    """Return the runs below an `outputs/` folder, oldest first.

    Parameters
    ----------
    outputs : Path
        Folder of results.
    profile : str, optional
        Name of a profile; all profiles by default.
    tell : callable
        Called with one sentence for each run whose `run.json` cannot be used.
    """
    every = runs.below(outputs, profile, tell)
    return [_past(folder, content) for folder, content in every if _is_outside(folder, content)]


def _is_outside(folder: Path, content: Mapping[str, Any]) -> bool:
    """Return whether a folder lies outside the library that its `run.json` names, as runs do."""
    library = os.path.realpath(content["library"])
    return not Path(os.path.realpath(folder)).is_relative_to(library)


def _past(folder: Path, content: Mapping[str, Any]) -> Past:
    states = {name: state.get("status") or "" for name, state in content["notebooks"].items()}
    saved = len(list(folder.glob("*/saved-*")))
    size = sum(map(_bytes_of, folder.rglob("*")))
    return Past(folder, content["started"], states, saved, size, "tool" in content)


def _bytes_of(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:  # it vanished meanwhile
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def let_go(earlier: Sequence[Past], keep: int) -> Iterator[Past]:
    """Move all but the latest runs of each profile to the system trash; yield those that moved.

    Decisions lie in the folder of their library and are kept. Staged files are recorded in journals
    inside the library, so `restore` needs no run. A run that may still be active is kept.

    Raises
    ------
    ValueError
        If a folder cannot be moved to the trash; it is kept.
    """
    from send2trash import send2trash

    newest: dict[Path, int] = {}
    for run in reversed(earlier):
        newest[run.folder.parent] = newest.get(run.folder.parent, 0) + 1
        if newest[run.folder.parent] <= keep or run.at_work or not run.ours:
            continue
        try:
            send2trash(run.folder)
        except OSError as error:
            raise ValueError(f"cannot move {run.folder} to the trash: {error}") from error
        yield run

"""Runs of before -> a list of them, old ones to the system's trash; a new folder to work in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dedup_nb import report
from dedup_nb.session import notebooks, runs

AT_WORK_S = 24 * 3600  # a notebook that began to run longer ago than this was killed


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
        Notebook -> `done`, `failed`, `skipped`, `running`, `waiting` or `saved`.
    saved : int
        Results that a person saved from a slider.
    n_bytes : int
        On disk.
    """

    folder: Path
    started: str
    states: dict[str, str]
    saved: int
    n_bytes: int

    @property
    def at_work(self) -> bool:
        """Whether a notebook of it may be running now."""
        young = time.time() - (self.folder / "run.json").stat().st_mtime < AT_WORK_S
        return young and bool({runs.RUNNING, runs.WAITING} & {*self.states.values()})

    def describe(self) -> str:
        """Say in one line what the run is."""
        counts = {state: list(self.states.values()).count(state) for state in self.states.values()}
        parts = [f"{count} {state}" for state, count in sorted(counts.items())] or ["nothing run"]
        if self.saved:
            parts.append(f"{self.saved} saved by hand")
        return f"{self.folder}  {', '.join(parts)}  {report.size_text(self.n_bytes)}"


def past(outputs: Path, profile: str | None = None) -> list[Past]:
    """Return the runs below an `outputs/` folder, the oldest first.

    Parameters
    ----------
    outputs : Path
        Folder of results.
    profile : str, optional
        Only the runs of this profile.
    """
    folders = [path.parent for path in outputs.glob(f"{profile or '*'}/*/run.json")]
    found = [_past(folder) for folder in folders if _is_ours(folder)]
    return sorted(found, key=lambda run: (run.started, run.folder.name))


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder is a run: a `run.json` of another program in it proves nothing."""
    content = runs.read(folder)
    if not {"tool", "started", "library", "notebooks"} <= content.keys():
        return False
    return not folder.resolve().is_relative_to(Path(content["library"]).resolve())


def _past(folder: Path) -> Past:
    content = runs.read(folder)
    states = {name: state.get("status", "") for name, state in content["notebooks"].items()}
    saved = len(list(folder.glob("*/saved-*")))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Past(folder, content["started"], states, saved, size)


def let_go(found: Sequence[Past], keep: int) -> Iterator[Past]:
    """Send all but the newest runs of each profile to the system's trash; yield what went.

    Decisions lie beside the runs and stay. What is staged is told by journals inside the library,
    so that `restore` needs no run. A run that may be at work stays.

    Raises
    ------
    ValueError
        If the trash does not take a folder; it stays then.
    """
    from send2trash import send2trash

    newest: dict[Path, int] = {}
    for run in reversed(found):
        newest[run.folder.parent] = newest.get(run.folder.parent, 0) + 1
        if newest[run.folder.parent] <= keep or run.at_work:
            continue
        try:
            send2trash(run.folder)
        except OSError as error:
            raise ValueError(f"the trash does not take {run.folder}: {error}; it stays") from error
        yield run


def new_workspace(folder: Path) -> Path:
    """Make a folder to work in, with a profile to adapt; return the profile.

    Raises
    ------
    ValueError
        If there is a profile already.
    """
    profile = folder / "params" / "mine.yaml"
    if profile.exists():
        raise ValueError(f"will not overwrite {profile}; edit it, or choose another folder")
    profile.parent.mkdir(parents=True, exist_ok=True)
    (folder / "outputs").mkdir(exist_ok=True)
    profile.write_bytes((notebooks.params_folder() / "example.yaml").read_bytes())
    return profile

"""Run folders: where they lie, what their `run.json` says, which is the newest."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedup_nb import __version__
from dedup_nb.library.files import replace_text, write_json
from dedup_nb.library.yaml_files import written_flat

DONE, FAILED, SKIPPED, RUNNING, WAITING = "done", "failed", "skipped", "running", "waiting"


def outputs_folder(profile: Path) -> Path:
    """Return where results of a profile go: `outputs/` beside `params/`, or beside the profile."""
    folder = profile.parent
    return (folder.parent if folder.name == "params" else folder) / "outputs"


def new_folder(parent: Path, now: datetime | None = None, prefix: str = "") -> Path:
    """Make a folder named by the UTC time, with -2 and so on if it is taken."""
    stamp = prefix + utc_stamp(now)
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise ValueError(f"{parent} has 10,000 runs of one second; tidy it up")


def begin(folder: Path, library: Path, roots: Sequence[str], profile: str | None) -> None:
    """Write `run.json` into a run folder, unless it is there."""
    path = folder / "run.json"
    if path.exists():
        return
    write_json(
        path,
        {
            "version": 1,
            "tool": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": profile,
            "library": str(library),
            "roots": list(roots),
            "python": platform.python_version(),
            "notebooks": {},
        },
    )


def read(folder: Path) -> dict[str, Any]:
    """Return the content of a run folder's `run.json`.

    Raises
    ------
    ValueError
        If the folder is no run.
    """
    try:
        loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is no run folder: it has no run.json that can be read"
        ) from error
    return loaded


def newest(outputs: Path) -> Path | None:
    """Return the run folder that was begun last below an `outputs/`, or None."""
    runs = sorted(outputs.glob("*/*/run.json"), key=lambda path: read(path.parent)["started"])
    return runs[-1].parent if runs else None


def unfinished(content: Mapping[str, Any]) -> list[str]:
    """Return the notebooks that a `run.json` says are running or waiting for their turn."""
    states = {name: state.get("status") for name, state in content["notebooks"].items()}
    return sorted(name for name, state in states.items() if state in (RUNNING, WAITING))


def told(folder: Path) -> str:
    """Say in one line which run a folder holds: its name, when it began, what its notebooks did."""
    content = read(folder)
    states = [f"{name} {s.get('status', '')}" for name, s in sorted(content["notebooks"].items())]
    begun = content["started"].replace("T", " ").replace("+00:00", " UTC")
    return f"run {folder.name}, begun {begun}: {', '.join(states) or 'nothing noted'}"


def note(folder: Path, notebook: str, **state: Any) -> None:
    """Keep what is known of one notebook in `run.json`."""
    content = read(folder)
    content["notebooks"][notebook] = content["notebooks"].get(notebook, {}) | state
    replace_text(folder / "run.json", json.dumps(content, indent=2) + "\n")


def write_params(folder: Path, notebook: str, values: Mapping[str, Any]) -> None:
    """Write the parameters of one notebook as the file that `papermill -f` takes."""
    folder.mkdir(exist_ok=True)
    path = folder / "params.yaml"
    if path.exists():
        return
    head = f"# papermill notebooks/{notebook}.ipynb out.ipynb -f {path.name} gives this again\n"
    body = written_flat(values)
    path.write_text(head + body, encoding="utf-8")


def summary(folder: Path) -> dict[str, Any]:
    """Return the `summary.json` of a folder of results; empty where there is none."""
    path = folder / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def utc_stamp(now: datetime | None = None) -> str:
    """Return a UTC time that names a folder: `20250705T215218Z`."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")

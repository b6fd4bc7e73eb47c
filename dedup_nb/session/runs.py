"""Run folders: where they lie, what `run.json` contains, and which is the latest."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedup_nb import __version__
from dedup_nb.library.files import (
    alone,
    is_folder,
    read_named,
    read_object,
    replace_text,
    write_json,
    write_text,
)
from dedup_nb.library.tables import short
from dedup_nb.library.yaml_files import read_flat, written_flat
from dedup_nb.session import runners

MOST_FOLDER_BYTES = 3_800  # leaves room for the names inside
MOST_PARAMS_BYTES = 2**20
Tell = Callable[[str], None]

RESULTS = (".csv", ".html", ".json", ".md", ".parquet")  # suffixes of what a notebook writes
DONE, FAILED, SKIPPED, RUNNING, WAITING = "done", "failed", "skipped", "running", "waiting"
INTERRUPTED = "interrupted"  # was running or waiting when the process of its run was killed
LEFT = (RUNNING, WAITING, INTERRUPTED)


def outputs_folder(profile: Path) -> Path:
    """Return the results folder of a profile: `outputs/` beside `params/` or the profile."""
    folder = profile.parent
    return (folder.parent if folder.name == "params" else folder) / "outputs"


def library_folder(outputs: Path, library: Path) -> Path:
    """Return `outputs/libraries/<name>-<8 hex of its path>`, for what you said about a library."""
    tag = hashlib.sha256(os.fsencode(library)).hexdigest()[:8]
    name = os.fsdecode(os.fsencode(library.name)[:200]) or "library"
    return outputs / "libraries" / f"{name}-{tag}"


def earlier_decisions(own: Path, library: Path) -> list[Path]:
    """Return the decisions that earlier versions kept for each profile of a library.

    Parameters
    ----------
    own : Path
        Folder of the runs of the current profile.
    library : Path
        Folder of the collection. A profile counts if any of its runs is of this library, or if it
        has no runs any more: decisions name contents, so those of another library do nothing.
    """
    paths = sorted(own.parent.glob("*/decisions.jsonl"))
    return [path for path in paths if path.parent == own or _is_of(path.parent, library)]


def _is_of(profile: Path, library: Path) -> bool:
    others = False
    for path in profile.glob("*/run.json"):
        try:
            others = True
            if read(path.parent)["library"] == str(library):
                return True
        except (ValueError, KeyError):
            continue
    return not others


def new_folder(parent: Path, now: datetime | None = None, prefix: str = "") -> Path:
    """Create a folder named after the UTC time, with `-2` and so on if the name is taken."""
    stamp = prefix + utc_stamp(now)
    check_place(parent)
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise ValueError(f"{parent} has 10,000 runs from the same second; remove some")


def check_place(folder: Path) -> None:
    """Refuse a folder for results that cannot be made or written to.

    Raises
    ------
    ValueError
        Why, and what to do.
    """
    nearest = folder
    try:
        while not os.path.lexists(nearest):
            nearest = nearest.parent
        longest = max((len(os.fsencode(part)) for part in folder.parts), default=0)
    except (OSError, ValueError) as error:
        raise ValueError(f"{short(str(folder))} is not a name of a folder: {error}") from error
    if longest > 255 or len(os.fsencode(folder)) > MOST_FOLDER_BYTES:
        why = f"its name {short(str(folder), 60)} is too long"
    elif not is_folder(nearest):
        why = f"{nearest} is not a folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        why = f"{nearest} may not be written to"
    else:
        return
    raise ValueError(f"the results folder cannot be made: {why}; choose another folder")


def begin(folder: Path, library: Path, roots: Sequence[str], profile: str | None) -> None:
    """Write `run.json` into a run folder that has none."""
    path = folder / "run.json"
    if path.exists():
        return
    content = {
        "version": 1,
        "tool": __version__,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": profile,
        "library": str(library),
        "roots": list(roots),
        "python": platform.python_version(),
        "notebooks": {},
    }
    with suppress(FileExistsError):  # another notebook of this run was faster
        write_json(path, content)


def read(folder: Path) -> dict[str, Any]:
    """Return the content of a run folder's `run.json`.

    Where the process that executed the run is gone, what was running or waiting is `interrupted`.

    Raises
    ------
    ValueError
        If the folder is not a run folder, or its `run.json` is damaged or of another program.
    """
    path = folder / "run.json"
    if not path.exists():
        raise ValueError(f"{folder} is not a run folder: it has no run.json")
    content = read_object(path)
    if why := _problem(content):
        raise ValueError(f"{path} is damaged or not of a run: {why}")
    if runners.is_gone(content.get("runner")):
        for state in content["notebooks"].values():
            if state.get("status") in (RUNNING, WAITING):
                state["status"] = INTERRUPTED
    return content


def _problem(content: Mapping[str, Any]) -> str:
    """Return what keeps a `run.json` from being used; empty if nothing does."""
    library, roots = content.get("library"), content.get("roots")
    notebooks = content.get("notebooks")
    if not isinstance(library, str) or "\0" in library:
        return "it names no library"
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        return "it names no roots"
    if not isinstance(content.get("profile", 0), str | None):
        return "its profile is not text"
    try:
        started(content)
    except (KeyError, TypeError, ValueError, OverflowError):
        return "it does not say when it started"
    if not isinstance(notebooks, dict) or not all(map(_is_state, notebooks.values())):
        return "it has no states of notebooks"
    return ""


def _is_state(state: object) -> bool:
    return isinstance(state, dict) and all(
        isinstance(state.get(name), str | None) for name in ("status", "error")
    )


def started(content: Mapping[str, Any]) -> datetime:
    """Return when a run started, by its `run.json`, UTC."""
    begun = datetime.fromisoformat(content["started"])
    return begun.astimezone(UTC) if begun.tzinfo else begun.replace(tzinfo=UTC)


def below(
    outputs: Path, profile: str | None = None, tell: Tell = lambda problem: None
) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs below an `outputs/` folder with their `run.json`, the oldest first.

    Parameters
    ----------
    outputs : Path
        Folder of results.
    profile : str, optional
        Name of a profile; all profiles by default.
    tell : callable
        Called with one sentence for each `run.json` that cannot be used; the others are returned.
    """
    usable = []
    for path in outputs.glob(f"{glob.escape(profile) if profile else '*'}/*/run.json"):
        try:
            usable.append((path.parent, read(path.parent)))
        except ValueError as error:
            tell(f"ignored a run: {error}")
    return sorted(usable, key=lambda run: (started(run[1]), run[0]))


def newest(outputs: Path, tell: Tell = lambda problem: None) -> Path | None:
    """Return the run folder that was started last below `outputs`, or None; see `below`."""
    runs = below(outputs, tell=tell)
    return runs[-1][0] if runs else None


def unfinished(content: Mapping[str, Any]) -> list[str]:
    """Return the notebooks of a `run.json` that are not finished and did not fail."""
    states = {name: state.get("status") for name, state in content["notebooks"].items()}
    return sorted(name for name, state in states.items() if state in LEFT)


def told(folder: Path) -> str:
    """Describe a run in one line: its name, when it started, the states of its notebooks."""
    content = read(folder)
    states = [f"{name} {s.get('status', '')}" for name, s in sorted(content["notebooks"].items())]
    begun = content["started"].replace("T", " ").replace("+00:00", " UTC")
    return f"run {folder.name}, started {begun}: {', '.join(states) or 'no notebooks yet'}"


class Running(ValueError):
    """Another command is running the notebooks of a run folder."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run folder while its notebooks run; it is free again when the process ends.

    Raises
    ------
    Running
        If another process holds it.
    """
    path = folder / ".running"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ValueError(f"{folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Running(
            f"{folder} is being run by another dedup-nb run; wait until it has finished"
        ) from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may have been removed meanwhile
            path.unlink(missing_ok=True)
        os.close(descriptor)


def note(folder: Path, notebook: str, **state: Any) -> None:
    """Record the state of one notebook in `run.json`."""
    with alone(folder):  # notebooks at work at once must not forget each other's states
        content = read(folder)
        content["notebooks"][notebook] = content["notebooks"].get(notebook, {}) | state
        replace_text(folder / "run.json", json.dumps(content, indent=2) + "\n")


def record(folder: Path, **values: Any) -> None:
    """Record other values in `run.json`."""
    with alone(folder):
        replace_text(folder / "run.json", json.dumps(read(folder) | values, indent=2) + "\n")


def write_params(folder: Path, notebook: str, values: Mapping[str, Any]) -> None:
    """Write the parameters of one notebook as a file for `papermill -f`."""
    folder.mkdir(exist_ok=True)
    path = folder / "params.yaml"
    if path.exists():
        return
    head = f"# papermill notebooks/{notebook}.ipynb out.ipynb -f {path.name} reproduces this\n"
    body = written_flat(values)
    with suppress(FileExistsError):
        write_text(path, head + body)


def read_params(folder: Path) -> dict[str, Any]:
    """Return the parameters in the `params.yaml` of a notebook's folder.

    Raises
    ------
    ValueError
        If it is damaged or missing; names the file.
    """
    path = folder / "params.yaml"
    data = read_named(path, MOST_PARAMS_BYTES, "file")
    try:
        return read_flat(data.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; start a new run") from error


def record_inputs(folder: Path, inputs: Sequence[Path]) -> None:
    """Write the results folders that a notebook uses into its `params.yaml`, in full.

    "The latest run" and names of notebooks of this run would mean others in another folder.
    """
    path = folder / "params.yaml"
    if not path.is_file():
        return
    values = read_params(folder)
    head = path.read_text(encoding="utf-8").partition("\n")[0]
    named = list(map(str, inputs))
    if values.get("inputs") != named:
        replace_text(path, f"{head}\n{written_flat(dict(values) | {'inputs': named})}")


def was_begun(folder: Path) -> bool:
    """Return whether a results folder has more than its parameters."""
    return folder.is_dir() and any(path.name != "params.yaml" for path in folder.iterdir())


def is_complete(folder: Path) -> bool:
    """Return whether a results folder has all its files; `summary.json` is written last."""
    return (folder / "summary.json").exists()


def clear(folder: Path) -> None:
    """Move the files of an attempt that did not finish to `unfinished-<UTC stamp>/` inside."""
    left = [path for path in sorted(folder.iterdir()) if path.suffix in RESULTS and path.is_file()]
    if left:
        aside = new_folder(folder, prefix="unfinished-")
        for path in left:
            path.rename(aside / path.name)


def summary(folder: Path) -> dict[str, Any]:
    """Return the `summary.json` of a results folder; empty if there is none.

    Raises
    ------
    ValueError
        If it is damaged; names the file.
    """
    path = folder / "summary.json"
    if not path.exists():
        return {}
    content = read_object(path)
    numbers = ("groups", "images", "bytes", "review")
    if not all(isinstance(content.get(name, 0), int | float) for name in numbers):
        raise ValueError(f"{path} is damaged: its totals are not numbers")
    if not isinstance(content.get("rows", {}), dict):
        raise ValueError(f"{path} is damaged: its rows are not numbers")
    return content


def utc_stamp(now: datetime | None = None) -> str:
    """Return a UTC time as the name of a folder: `20250705T215218Z`."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")

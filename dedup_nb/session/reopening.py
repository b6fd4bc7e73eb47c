"""An earlier run folder -> the same folder with every notebook in it, ready for JupyterLab.

Nothing is computed and nothing is overwritten: a notebook that is missing is written with the
parameters of the run, and with the outputs of its headless execution if there was one. One of
another version, which may not work any more, is kept under another name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dedup_nb import __version__, staging
from dedup_nb.library import catalogue, files
from dedup_nb.library.quantities import count
from dedup_nb.library.tables import short
from dedup_nb.session import filling, parameters, preflight, runs
from dedup_nb.session import notebooks as known

Values = dict[str, Any]


def reopen(folder: Path, tell: Callable[[str], None], profile: Path | None = None) -> Path:
    """Make an earlier run ready to be opened; return its folder.

    Parameters
    ----------
    folder : Path
        A run folder, made by `lab` or by `run`.
    tell : callable
        Called with one sentence for what cannot be read of it.
    profile : Path, optional
        The profile that the run should be of.

    Raises
    ------
    ValueError
        If it is not a run folder, of another profile, or its library is not there.
    Running
        If its notebooks are being run.
    """
    folder = folder.absolute()
    content = runs.read(folder)
    if profile is not None and content["profile"] != str(profile.resolve()):
        raise ValueError(f"{folder} is a run of {content['profile']}, not of {profile}")
    _check_library(folder, content)
    with runs.held(folder):
        if (version := content.get("tool")) != __version__:
            tell(
                f"{folder} was made by version {short(str(version))}, and this is {__version__}: "
                "its results are shown, and its notebooks compute them again"
            )
        if left := runs.unfinished(content):
            tell(
                f"{folder} is not finished: {', '.join(left)}; they are computed when you run them"
            )
        if staged := _staged_since(content):
            tell(
                f"{count(staged, 'file')} of the library were staged since {folder.name} began and "
                "are no longer where it saw them; a new run leaves them out"
            )
        shared = _shared(folder, content)
        asides = [_ready(folder, name, shared) for name in known.notebook_names()]
    if kept := [aside.name for aside in asides if aside is not None]:
        tell(
            f"{count(len(kept), 'notebook')} of another version kept as {', '.join(kept)}; "
            "new ones are in their place"
        )
    return folder


def _ready(folder: Path, name: str, shared: Mapping[str, Any]) -> Path | None:
    """Make one notebook ready; return where one of another version is kept now."""
    values = _values(folder, name, shared)
    if not (folder / name / "params.yaml").exists():
        runs.write_params(folder / name, name, values)
    target, aside = folder / f"{name}.ipynb", None
    if target.exists() and filling.is_of_this_version(target, name):
        filling.forget_widgets(target)
        return None
    if target.exists():
        aside = _kept_aside(target)
    shown = [path for path in (aside, folder / name / "notebook.ipynb") if path and path.is_file()]
    filling.write(target, name, values, folder, shown=shown[0] if shown else None)
    return aside


def _kept_aside(notebook: Path) -> Path:
    for number in range(1, 1_000):
        aside = notebook.with_name(f"{notebook.stem}-earlier{number if number > 1 else ''}.ipynb")
        if not aside.exists():
            return notebook.rename(aside)
    raise ValueError(f"{notebook.parent} has 1,000 earlier versions of {notebook.name}; move some")


def _check_library(folder: Path, content: Mapping[str, Any]) -> None:
    library = Path(content["library"])
    if not files.is_folder(library):
        raise ValueError(
            f"{folder} is a run of the library {short(str(library), 300)}, which is not there; "
            "if it was moved, move it back or link it to that place, or start a new run with a "
            "profile that names its new place"
        )
    try:
        catalogue.check_roots(library, content["roots"])
    except ValueError as error:
        raise ValueError(f"{folder} cannot be opened: {error}; start a new run") from error


def _staged_since(content: Mapping[str, Any]) -> int:
    """Return how many files are staged that were still in place when a run began."""
    begun = runs.started(content)
    try:
        batches = staging.status(content["library"]).batches
        return sum(b.files for b in batches if datetime.fromisoformat(b.since) > begun)
    except (staging.StagingError, OSError, ValueError, TypeError):
        return 0  # 90_stage says what is wrong with a journal


def _shared(folder: Path, content: Mapping[str, Any]) -> Values:
    """Return the parameters of notebooks that the run has not: those of its profile, or shared."""
    own = [_read(folder, name) for name in known.notebook_names() if _has_params(folder, name)]
    shared = {
        key: value
        for key, value in (own[0] if own else {}).items()
        if all(values.get(key) == value for values in own)
    }
    return shared | {
        "library": content["library"],
        "roots": content["roots"],
        "profile": content["profile"],
    }


def _has_params(folder: Path, name: str) -> bool:
    return (folder / name / "params.yaml").is_file()


def _read(folder: Path, name: str) -> Values:
    """Return the parameters of a notebook of the run, checked.

    Raises
    ------
    ValueError
        If this version does not know one of them, or the file is damaged.
    """
    values = runs.read_params(folder / name)
    path = folder / name / "params.yaml"
    try:
        parameters.check(name, values, str(path))
    except ValueError as error:
        raise ValueError(f"{error}; was the run made by another version? Start a new run") from None
    return values


def _values(folder: Path, name: str, shared: Mapping[str, Any]) -> Values:
    """Return the parameters of a notebook: its own in the run, else those of the profile."""
    if _has_params(folder, name):
        return _read(folder, name)
    wanted = parameters.of_notebook(name)
    values = {key: value for key, value in shared.items() if key in wanted}
    return _of_profile(shared, name) | values


def _of_profile(shared: Mapping[str, Any], name: str) -> Values:
    """Return what the profile says of a notebook now, if it is still there and of this library."""
    path = Path(shared["profile"] or "")
    if not path.is_file():
        return {}
    try:
        flat = parameters.load(path).flat(name)
        preflight.check_files(flat)
    except ValueError:
        return {}
    is_same = Path(flat["library"]).resolve() == Path(shared["library"]).resolve()
    return flat if is_same else {}

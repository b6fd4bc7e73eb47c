"""The parameter `inputs` -> the results folders to merge, and the runs that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dedup_nb.library.hints import command
from dedup_nb.session import notebooks, parameters, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.review.findings import Finding

LEFT = ("has", "have")
AHEAD = timedelta(seconds=30)  # clocks of two machines differ so much
# what finds the pairs of a notebook, as a sentence calls it; else by the first of these parameters
FINDERS = {
    notebooks.TIME_WINDOW: "the time window",
    notebooks.SET_PRUNING: "set pruning",
    notebooks.CZKAWKA: "Czkawka",
}
FINDERS_BY = {
    "hash": {"phash": "pHash", "dhash": "dHash", "whash": "wHash", "ahash": "aHash"},
    "embedder": {"local": "local features", "clip": "CLIP", "onnx": "your own model"},
}


def find(run: Workbench, inputs: Sequence[str]) -> list[Path]:
    """Return the results folders that `inputs` names.

    Parameters
    ----------
    run : Workbench
        The current run.
    inputs : sequence of str
        Run folders (all finders in them), results folders, or names of notebooks of this run.
        Empty means the finders of this run; if it has none, those of the latest run of this
        profile and library that has any. Runs started after this notebook are ignored. What was
        found is kept in `params.yaml`.

    Raises
    ------
    WrongInput
        If an input has no results, or the latest run is not finished.
    """
    found = _named(run, inputs) if inputs else _newest(run)
    run.values["inputs"] = list(map(str, found))  # for results that are saved later
    runs.record_inputs(run.folder / run.notebook, found)
    return found


def _named(run: Workbench, inputs: Sequence[str]) -> list[Path]:
    chosen: list[Path] = []
    for text in inputs:
        by_name = text in notebooks.notebook_names()
        folder = run.folder / text if by_name else Path(text).expanduser()
        results = _results_in(folder)
        if not results:
            what = f"this run has no results of {text}" if by_name else "it contains no results"
            raise WrongInput(
                f"inputs names {text}, but {what}; name a run folder, a folder with groups.csv, "
                "or a notebook that has results in this run"
            )
        chosen += [each for each in results if each not in chosen]
    return chosen


def _results_in(folder: Path) -> list[Path]:
    if (folder / "groups.csv").is_file() and runs.is_complete(folder):
        return [folder.resolve()]
    if not (folder / "run.json").is_file():
        return []
    inside = sorted(path.parent for path in folder.glob("[0-9][0-9]_*/groups.csv"))
    return [f.resolve() for f in inside if f.name != notebooks.REVIEW and _of_finder(f)]


def _of_finder(folder: Path) -> bool:
    """Return whether results propose duplicates: neither unfinished results nor clusters."""
    try:
        of_clusters = runs.summary(folder).get("staging") == "_clusters"
    except ValueError as error:
        raise WrongInput(f"{error}; run the notebook again, or set inputs") from error
    return "-unfinished-" not in folder.name and runs.is_complete(folder) and not of_clusters


def _newest(run: Workbench) -> list[Path]:
    if results := _results_in(run.folder):
        return results
    for folder, content in _before(run):
        if left := runs.unfinished(content):
            raise WrongInput(
                f"the latest run {folder} is not finished: {', '.join(left)} {LEFT[len(left) > 1]} "
                f"not run yet; wait, set inputs, or continue it: {_to_continue(folder, content)}"
            )
        if results := _results_in(folder):
            return results
    raise WrongInput(f"no finder has results in {run.outputs}; run 10_phash, or set inputs")


def _to_continue(folder: Path, content: Mapping[str, Any]) -> str:
    return command("run", Path(content["profile"] or "PROFILE"), "--resume", folder)


def _before(run: Workbench) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs of this library that started before this notebook, latest first."""
    earlier = {}
    for path in {*run.outputs.glob("*/run.json"), *run.folder.parent.glob("*/run.json")}:
        try:
            content = runs.read(path.parent)
            begun = runs.started(content)
        except ValueError:
            continue  # another process is just creating it
        if content["library"] != str(run.library.resolve()) or path.parent == run.folder:
            continue
        if begun < run.begun.replace(microsecond=0):
            earlier[path.parent] = content
        elif begun > datetime.now(UTC) + AHEAD:
            print(
                f"Not used: {path.parent} began in the future, at {begun:%Y-%m-%d %H:%M} UTC; was "
                "the clock set back? To use it, name it in inputs."
            )
    return sorted(earlier.items(), key=lambda each: (runs.started(each[1]), each[0]), reverse=True)


def notebook_of(folder: Path) -> str:
    """Return the name of the notebook that wrote a results folder."""
    return folder.parent.name if folder.name.startswith("saved-") else folder.name


def runs_of(findings: Iterable[Finding]) -> list[Path]:
    """Return the run folders of findings, each once, in order."""
    return list(dict.fromkeys(run_of(finding.folder) for finding in findings))


def run_of(folder: Path) -> Path:
    """Return the run folder of a results folder."""
    for above in folder.parents:
        if (above / "run.json").is_file():
            return above
    raise WrongInput(f"{folder} is not in a run folder: found no run.json above it")


def finder_words(folder: Path, notebook: str) -> str:
    """Return what found the pairs of a results folder, as a sentence calls it: `pHash`, `CLIP`."""
    if notebook in FINDERS:
        return FINDERS[notebook]
    try:
        known = parameters.of_notebook(notebook)
        values = {name: each.default for name, each in known.items()} | runs.read_params(folder)
    except ValueError:  # a finder of your own, or its parameters are lost
        return notebook
    for name, words in FINDERS_BY.items():
        if name in values:
            return words.get(str(values[name]), f"the embedder {values[name]}")
    return notebook

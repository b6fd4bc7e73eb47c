"""A run folder -> the opening page of the lab: what was found, what waits, where to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dedup_nb import staging
from dedup_nb.library import tables
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count, size_text
from dedup_nb.report.sheets import templates
from dedup_nb.session import index_page, notebooks, preflight, runs, totals
from dedup_nb.session.run import WrongInput

NAME = notebooks.INDEX
NO_RUN = "nothing has run yet; to start, run: {lab}"


@dataclass(frozen=True)
class Row:
    """One notebook of the run on the page.

    Attributes
    ----------
    name, question : str
        Its name, and what it answers.
    says : str
        The outcome; "" if it has not run.
    is_next : bool
        Whether it is the one to go on with.
    """

    name: str
    question: str
    says: str
    is_next: bool


class Opened:
    """A run, as the opening page shows it.

    Parameters
    ----------
    folder : Path
        The run folder.

    Attributes
    ----------
    found_in : Path
        The run whose results are shown: this one, or the latest of the same library that has any.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = runs.read(folder)
        self.library = Path(self.content["library"])
        self.found_in = _with_results(folder, self.content)

    @cached_property
    def totals(self) -> totals.Totals:
        """What all finders together propose."""
        return totals.of_run(self.found_in)

    @cached_property
    def index(self) -> dict[str, Any]:
        """The content of `index.html` of the run with results."""
        return index_page.content(self.found_in, self.totals)

    def describe(self) -> str:
        """Return one line about the run: its library, roots and folder."""
        roots = self.content["roots"]
        inside = "" if roots == ["."] else f"roots {', '.join(roots)} of "
        return tables.shown(f"{inside}the library {self.library}; results in {self.folder}")

    @property
    def rows(self) -> list[Row]:
        """The notebooks of the run, in their order."""
        following = self._next()
        return [
            Row(name, question(name), self._says(name), name == following)
            for name in notebooks.notebook_names()
        ]

    def _says(self, name: str) -> str:
        state = self.content["notebooks"].get(name, {})
        try:
            says = runs.summary(self.folder / name).get("says", "")
        except ValueError as error:
            return tables.shown(str(error))
        text = state.get("error") or says or state.get("status") or ""
        has = (self.folder / name / "summary.json").exists()
        return tables.shown(str(text)) if text or not has else "has results"

    def _next(self) -> str:
        """Return the notebook to go on with: a finder, then the review, staging, approval."""
        if self.staged:
            return notebooks.APPROVE
        if not self.totals.parts or self.found_in != self.folder:
            return notebooks.PHASH
        results = self.folder / notebooks.REVIEW
        planned = any(results.glob("saved-*/manifest.csv"))
        return notebooks.STAGE if planned else notebooks.REVIEW

    @cached_property
    def staged(self) -> str:
        """What lies in the review folders of the library; "" if nothing does."""
        try:
            state = staging.status(self.library)
        except staging.StagingError as error:
            return tables.shown(str(error))
        parts = []
        if state.files:
            batches = count(sum(batch.files > 0 for batch in state.batches), "batch")
            batches = batches.replace("batchs", "batches")
            files = count(state.files, "file")
            parts.append(f"{files}, {size_text(state.n_bytes)}, in {batches}")
        if state.unfinished:
            parts.append(
                f"{count(state.unfinished, 'bundle')} half moved: 90_stage moves them back"
            )
        return "; ".join(parts)

    @cached_property
    def earlier(self) -> str:
        """A sentence if the results shown are those of an earlier run; else ""."""
        if self.found_in == self.folder:
            return ""
        started = runs.started(runs.read(self.found_in))
        return (
            f"Nothing has run here yet. This is what the run of {started:%Y-%m-%d %H:%M} UTC found."
        )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"{self.index['headline']} {self.earlier}".strip()

    def html(self, *, live: bool = True) -> str:
        """Return the page as HTML for an output; `live` if it was made by a kernel that runs."""
        here = self.found_in == self.folder
        parameters = {
            "live": live,
            "missing": len(missing(self.folder)),
            "here": here,
            "rows": self.rows,
            "has_results": bool(self.totals.parts),
            "reopen": "" if here else command("lab", "--run", self.found_in),
            "earlier": self.earlier,
            "staged": self.staged,
        }
        template = templates().get_template("opening.html")
        return str(template.render({**self.index, **parameters}))


def open_run(run_dir: str | None) -> Opened:
    """Return a run for the opening page; by default the latest below `outputs/`.

    Raises
    ------
    WrongInput
        If there is none, or it is not a run folder.
    """
    try:
        if run_dir is not None:
            return Opened(Path(run_dir).absolute())
        project = notebooks.notebooks_folder().parent
        for folder in dict.fromkeys([Path.cwd(), Path.cwd().parent, project]):
            if (newest := runs.newest(folder / "outputs")) is not None:
                return Opened(newest.absolute())
        lab = command("lab", notebooks.params_folder() / "demo.yaml")
        raise ValueError(NO_RUN.format(lab=lab))
    except ValueError as error:
        raise WrongInput(str(error)) from None


def missing(folder: Path) -> list[str]:
    """Return the notebooks of a headless run that have no results in a run folder."""
    return [name for name in preflight.choose() if not runs.is_complete(folder / name)]


def question(name: str) -> str:
    """Return the question that a notebook answers, from its first heading."""
    path = notebooks.notebooks_folder() / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    heading = "".join(cells[0]["source"]).partition("\n")[0]
    return heading.partition(": ")[2] or heading.lstrip("# ")


def _with_results(folder: Path, content: Mapping[str, Any]) -> Path:
    """Return this run if it has results, else the latest of the profile and library that has."""
    if _has_results(folder):
        return folder
    earlier = [
        each
        for each, other in runs.below(folder.parent.parent, folder.parent.name)
        if other["library"] == content["library"] and each != folder and _has_results(each)
    ]
    return earlier[-1] if earlier else folder


def _has_results(folder: Path) -> bool:
    complete = folder.glob("[0-9][0-9]_*/summary.json")
    return any((path.parent / "groups.csv").is_file() for path in complete)

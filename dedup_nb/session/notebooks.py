"""The registry of notebooks, and the folders of the shipped notebooks and profiles.

A notebook that is not listed here is treated as a finder: it runs after `00_catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CATALOGUE, PHASH, TIME_WINDOW = "00_catalogue", "10_phash", "20_time_window"
CLIP_FAISS, SET_PRUNING, CZKAWKA = "30_clip_faiss", "40_set_pruning", "50_czkawka"
CLUSTERS, CALIBRATE = "60_clusters", "70_calibrate"
REVIEW, STAGE, APPROVE = "80_review", "90_stage", "95_approve"
INDEX = "index"  # the page with which the lab opens; a headless run writes index.html instead


@dataclass(frozen=True)
class Notebook:
    """What the runner needs to know about one notebook.

    Attributes
    ----------
    needs : tuple of str
        Notebooks that must succeed before this one runs.
    only_when_named : bool
        Whether `dedup-nb run` skips it unless `--only` names it.
    """

    needs: tuple[str, ...] = (CATALOGUE,)
    only_when_named: bool = False


FINDER = Notebook()
NOTEBOOKS: Mapping[str, Notebook] = {
    CATALOGUE: Notebook(needs=()),
    CALIBRATE: Notebook(only_when_named=True),
    REVIEW: Notebook(only_when_named=True),
    STAGE: Notebook(needs=(), only_when_named=True),
    APPROVE: Notebook(needs=(), only_when_named=True),
}


def of(name: str) -> Notebook:
    """Return the entry of a notebook; an unlisted one counts as a finder."""
    return NOTEBOOKS.get(name, FINDER)


PACKAGE = Path(__file__).parent.parent


def notebooks_folder() -> Path:
    """Return the folder of the notebooks, in the project or in the installed package."""
    project = PACKAGE.parent / "notebooks"
    return project if (project / f"{CATALOGUE}.ipynb").is_file() else PACKAGE / "_notebooks"


def params_folder() -> Path:
    """Return the folder of the shipped profiles, in the project or in the installed package."""
    project = PACKAGE.parent / "params"
    return project if (project / "example.yaml").is_file() else PACKAGE / "_params"


def notebook_names() -> list[str]:
    """Return the names of all notebooks, in order."""
    return sorted(path.stem for path in notebooks_folder().glob("[0-9][0-9]_*.ipynb"))

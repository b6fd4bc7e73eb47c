"""The notebooks, one entry each, and where they and the profiles that ship lie.

A notebook that is not listed here is run after `00_catalogue`, as finders are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CATALOGUE, PHASH, TIME_WINDOW = "00_catalogue", "10_phash", "20_time_window"
CLIP_FAISS, SET_PRUNING, CZKAWKA = "30_clip_faiss", "40_set_pruning", "50_czkawka"
CLUSTERS, REVIEW, STAGE, APPROVE = "60_clusters", "80_review", "90_stage", "95_approve"


@dataclass(frozen=True)
class Notebook:
    """What the runner has to know of one notebook.

    Attributes
    ----------
    needs : tuple of str
        Notebooks whose failure stops this one.
    only_when_named : bool
        Whether `dedup-nb run` leaves it out unless it is named.
    """

    needs: tuple[str, ...] = (CATALOGUE,)
    only_when_named: bool = False


FINDER = Notebook()
NOTEBOOKS: Mapping[str, Notebook] = {
    CATALOGUE: Notebook(needs=()),
    REVIEW: Notebook(only_when_named=True),
    STAGE: Notebook(needs=(), only_when_named=True),
    APPROVE: Notebook(needs=(), only_when_named=True),
}


def of(name: str) -> Notebook:
    """Return what is known of a notebook; a finder's entry for one that is not listed."""
    return NOTEBOOKS.get(name, FINDER)


PACKAGE = Path(__file__).parent.parent


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: the project's own, or those inside an installation."""
    project = PACKAGE.parent / "notebooks"
    return project if (project / f"{CATALOGUE}.ipynb").is_file() else PACKAGE / "_notebooks"


def params_folder() -> Path:
    """Return the folder of the profiles that ship: the project's own, or the installation's."""
    project = PACKAGE.parent / "params"
    return project if (project / "example.yaml").is_file() else PACKAGE / "_params"


def notebook_names() -> list[str]:
    """Return the names of all notebooks in their order."""
    return sorted(path.stem for path in notebooks_folder().glob("[0-9][0-9]_*.ipynb"))

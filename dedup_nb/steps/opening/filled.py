"""A run folder -> its `index.ipynb`, with the page in it before any cell has run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dedup_nb.library import files
from dedup_nb.session import filling, notebooks
from dedup_nb.steps.opening.page import Opened


def write(folder: Path, tell: Callable[[str], None]) -> None:
    """Write the opening page of a run into its folder, anew.

    `tell` is called with a sentence if results cannot be read; the page then shows them once its
    cells are run and they can be.

    The page is signed as notebooks are that a person has run, since its buttons and links need
    JupyterLab's trust; where signatures cannot be kept, they are plain text.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    made = filling.filled(notebooks.INDEX, {}, folder)
    data = _shown(folder, tell)
    for cell in made["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            cell["metadata"]["jupyter"] = {"source_hidden": True}
        if "page" in tags and data:
            cell["outputs"] = [nbformat.v4.new_output("display_data", data)]
    with files.replacing(folder / f"{notebooks.INDEX}.ipynb") as fresh:
        nbformat.write(made, fresh)
    with suppress(OSError, sqlite3.Error):
        NotebookNotary().sign(made)


def _shown(folder: Path, tell: Callable[[str], None]) -> dict[str, str]:
    """Return the page as an output; empty if results cannot be read."""
    try:
        opened = Opened(folder)
        return {"text/html": opened.html(live=False), "text/plain": repr(opened)}
    except (OSError, ValueError) as error:
        tell(f"the opening page shows no results: {error}")
        return {}

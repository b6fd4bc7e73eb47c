"""A run folder -> its `index.ipynb`, with the page in it before any cell has run."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from dedup_nb.library import files
from dedup_nb.session import filling, notebooks
from dedup_nb.steps.opening.page import Opened


def write(folder: Path) -> None:
    """Write the opening page of a run into its folder, anew.

    The page is signed as notebooks are that a person has run, since its buttons and links need
    JupyterLab's trust; where signatures cannot be kept, they are plain text.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    made = filling.filled(notebooks.INDEX, {}, folder)
    opened = Opened(folder)
    html = opened.html(live=False)
    for cell in made["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            cell["metadata"]["jupyter"] = {"source_hidden": True}
        if "page" in tags:
            data = {"text/html": html, "text/plain": repr(opened)}
            cell["outputs"] = [nbformat.v4.new_output("display_data", data)]
    with files.replacing(folder / f"{notebooks.INDEX}.ipynb") as fresh:
        nbformat.write(made, fresh)
    with suppress(OSError, sqlite3.Error):
        NotebookNotary().sign(made)

"""A shipped notebook and its parameters -> a notebook in a run folder, ready for JupyterLab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dedup_nb.library import files
from dedup_nb.session import notebooks


def write(
    target: Path, name: str, values: Mapping[str, Any], folder: Path, shown: Path | None = None
) -> None:
    """Write a notebook whose parameters are filled in.

    Parameters
    ----------
    target : Path
        The file to write.
    name : str
        Name of the notebook.
    values : mapping
        Its parameters, without those that are set here.
    folder : Path
        The run folder.
    shown : Path, optional
        The same notebook as it was executed; cells that did not change show its outputs.
    """
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(str(notebooks.notebooks_folder() / f"{name}.ipynb"))
    filled = parameterize_notebook(
        notebook,
        dict(values) | {"run_dir": str(folder), "interactive": True},
        comment="From the profile",
        kernel_name="python3",
        language="python",
    )
    filled.metadata.pop("papermill", None)
    if shown is not None:
        _show(filled, shown)
    with files.creating(target) as fresh:
        nbformat.write(filled, fresh)


def _show(notebook: Any, executed: Path) -> None:
    """Take over the outputs of cells that are the same; a damaged file shows nothing."""
    import nbformat

    try:
        cells = nbformat.read(executed, as_version=4)["cells"]
        outputs = {cell["source"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell["source"] in outputs:
            cell["outputs"] = outputs[cell["source"]]

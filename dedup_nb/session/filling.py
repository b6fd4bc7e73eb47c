"""A shipped notebook and its parameters -> a notebook in a run folder, ready for JupyterLab."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dedup_nb import __version__
from dedup_nb.library import files
from dedup_nb.session import kernels, notebooks

MOST_BYTES = 2**28  # of a notebook with its outputs
WIDGET = "application/vnd.jupyter.widget-view+json"


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

    made = filled(name, values, folder)
    if shown is not None:
        _show(made, shown)
    with files.creating(target) as fresh:
        nbformat.write(made, fresh)


def filled(name: str, values: Mapping[str, Any], folder: Path) -> Any:
    """Return a shipped notebook with its parameters filled in; see `write`."""
    kernels.imported()
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(str(notebooks.notebooks_folder() / f"{name}.ipynb"))
    made = parameterize_notebook(
        notebook,
        dict(values) | {"run_dir": str(folder), "interactive": True},
        comment="From the profile",
        kernel_name="python3",
        language="python",
    )
    made.metadata.pop("papermill", None)
    made.metadata["dedup_nb"] = {"version": __version__, "code": code_of(name)}
    return made


def code_of(name: str) -> str:
    """Return a digest of the code of a shipped notebook, which differs from version to version."""
    path = notebooks.notebooks_folder() / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return files.sha256("\0".join(code).encode())[:16]


def is_of_this_version(notebook: Path, name: str) -> bool:
    """Return whether a notebook was filled in from the shipped one of now, whatever was edited."""
    try:
        stamp = files.read_object(notebook, MOST_BYTES)["metadata"]["dedup_nb"]["code"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(stamp == code_of(name))


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
    _without_widgets(notebook)


def forget_widgets(path: Path) -> None:
    """Take widgets of a kernel that is gone out of a notebook, where their outputs show more.

    JupyterLab would show "model not found" in place of a table or a sentence.
    """
    try:
        notebook = files.read_object(path, MOST_BYTES)
        changed = _without_widgets(notebook)
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    if changed:
        files.replace_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _without_widgets(notebook: Any) -> bool:
    """Remove views of widgets from outputs that have HTML too; return whether there were any."""
    found = False
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if WIDGET in data and "text/html" in data:
                del data[WIDGET]
                found = True
    return found

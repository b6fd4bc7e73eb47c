"""The cropped flags of a run: their counts, and a button that creates missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import PurePosixPath

import ipywidgets
import numpy as np
import pandas as pd

from dedup_nb import staging
from dedup_nb.library import tables
from dedup_nb.library.hints import command
from dedup_nb.session.workbench import Workbench
from dedup_nb.staging import telling
from dedup_nb.staging.refusals import StagingError
from dedup_nb.widgets.tuning import present

CROP = "crop"  # name of folders whose images are flagged


def flags(run: Workbench) -> pd.DataFrame:
    """Return how many PNGs of each folder have a `.cropped` file beside them."""
    table = run.catalogue[run.catalogue["format"] == "PNG"]
    folders = [str(PurePosixPath(path).parent) for path in table["path"]]
    counted = table.groupby(folders)["cropped"].agg(["size", "sum"]).reset_index()
    counted.columns = pd.Index(["folder", "PNG", "flagged"])
    counted["not flagged"] = counted["PNG"] - counted["flagged"]
    listed = [
        CROP in PurePosixPath(row.folder).parts or row.flagged > 0 for row in counted.itertuples()
    ]
    counted["folder"] = [tables.shown(folder) for folder in counted["folder"]]
    return counted[np.array(listed, bool)].reset_index(drop=True)


class Flagger:
    """A button that creates missing `.cropped` files below a folder; `restore` removes them.

    Attributes
    ----------
    folder, button, said : widget
        Widgets on display; their values can be read and set.
    """

    def __init__(self, run: Workbench) -> None:
        self.run = run
        choices = crop_folders(run)
        self.folder = ipywidgets.Combobox(
            value=choices[0] if choices else "",
            options=choices,
            placeholder="folder inside the library",
            description="flag PNGs below",
            style={"description_width": "initial"},
        )
        self.button = ipywidgets.Button(
            description="create missing .cropped files",
            icon="scissors",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.flag())

    def flag(self) -> None:
        """Create the flags and show the result."""
        if not self.folder.value.strip():
            self.said.value = "enter a folder first; all PNGs below it are flagged"
            return
        self.button.disabled = True
        try:
            result = staging.flag(self.run.library, [self.folder.value.strip()])
            lines = [*telling.flagged_lines(result), *telling.refusal_lines(result.refused)]
            lines.append("start a new run to see them as badges")
        except (StagingError, ValueError) as error:
            lines = [str(error)]
        finally:
            self.button.disabled = False
        self.said.value = "<br>".join(escape(tables.shown(line)) for line in lines)

    def show(self) -> None:
        """Display the folder, the button and the result."""
        present(
            ipywidgets.VBox([ipywidgets.HBox([self.folder, self.button]), self.said]),
            "the button needs a live Jupyter kernel; to create the files, run: "
            f"{command('flag', '--library', self.run.library, self.folder.value)}",
        )


def crop_folders(run: Workbench) -> Sequence[str]:
    """Return the outermost folders named `crop` that contain images of the run."""
    folders = set()
    for path in run.catalogue["path"]:
        parts = PurePosixPath(path).parts[:-1]
        if CROP in parts:
            folders.add("/".join(parts[: parts.index(CROP) + 1]))
    return sorted(folders)


def flagger(run: Workbench, *, interactive: bool = True) -> Flagger | None:
    """Show a `Flagger`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    made = Flagger(run)
    made.show()
    return made

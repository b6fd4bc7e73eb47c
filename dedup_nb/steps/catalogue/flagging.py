"""The cropped flags of a run: how many there are, and a button that makes those missing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import PurePosixPath

import ipywidgets
import numpy as np
import pandas as pd

from dedup_nb import staging
from dedup_nb.library import tables
from dedup_nb.session.workbench import Workbench
from dedup_nb.staging import telling
from dedup_nb.staging.refusals import StagingError
from dedup_nb.widgets.tuning import present

CROP = "crop"  # the folder whose pictures are flagged


def flags(run: Workbench) -> pd.DataFrame:
    """Return how many PNG pictures of each folder have a `.cropped` beside them."""
    table = run.catalogue[run.catalogue["format"] == "PNG"]
    folders = [str(PurePosixPath(path).parent) for path in table["path"]]
    counted = table.groupby(folders)["cropped"].agg(["size", "sum"]).reset_index()
    counted.columns = pd.Index(["folder", "PNG", "flagged"])
    counted["not flagged"] = counted["PNG"] - counted["flagged"]
    told = [
        CROP in PurePosixPath(row.folder).parts or row.flagged > 0 for row in counted.itertuples()
    ]
    counted["folder"] = [tables.shown(folder) for folder in counted["folder"]]
    return counted[np.array(told, bool)].reset_index(drop=True)


class Flagger:
    """A button that makes the missing `.cropped` files below one folder, undone by restore.

    Attributes
    ----------
    folder, button, said : widget
        What is shown; their values can be read and set.
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
            description="make the missing .cropped files",
            icon="scissors",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.flag())

    def flag(self) -> None:
        """Make the flags now, and say what was made."""
        if not self.folder.value.strip():
            self.said.value = "name a folder first; all PNGs below it are flagged"
            return
        self.button.disabled = True
        try:
            told = staging.flag(self.run.library, [self.folder.value.strip()])
            lines = [*telling.flagged_lines(told), *telling.refusal_lines(told.refused)]
            lines.append("a new run shows them as badges")
        except (StagingError, ValueError) as error:
            lines = [str(error)]
        finally:
            self.button.disabled = False
        self.said.value = "<br>".join(escape(tables.shown(line)) for line in lines)

    def show(self) -> None:
        """Display folder, button and what was made."""
        present(
            ipywidgets.VBox([ipywidgets.HBox([self.folder, self.button]), self.said]),
            "no button can be shown here; `dedup-nb flag FOLDER` makes the files",
        )


def crop_folders(run: Workbench) -> Sequence[str]:
    """Return the folders named `crop` that hold pictures of the run, outermost ones."""
    found = set()
    for path in run.catalogue["path"]:
        parts = PurePosixPath(path).parts[:-1]
        if CROP in parts:
            found.add("/".join(parts[: parts.index(CROP) + 1]))
    return sorted(found)


def flagger(run: Workbench, *, interactive: bool = True) -> Flagger | None:
    """Show a `Flagger`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    made = Flagger(run)
    made.show()
    return made

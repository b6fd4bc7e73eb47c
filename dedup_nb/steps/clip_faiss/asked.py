"""A picture from anywhere -> its decoded pixels, and the images of a run that are like it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.library import tables
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import LOCAL
from dedup_nb.session.workbench import Workbench


def decoded(path: Path, sizes: Sequence[images.Raster]) -> images.Measured:
    """Decode a picture, which may be any file.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    ((_, measured),) = LOCAL.measure([os.fsencode(path.resolve())], sizes, workers=1)
    if not isinstance(measured, images.Measured) or measured.status != "ok":
        reason = measured.error if isinstance(measured, images.Measured) else ""
        raise ValueError(f"{tables.shown(str(path))} cannot be compared: {reason}")
    return measured


def listed(
    run: Workbench, path: Path, rows: NDArray[np.int64], values: NDArray[Any], measure: str, k: int
) -> pd.DataFrame:
    """Return the k images most like a picture, without itself.

    Parameters
    ----------
    run : Workbench
        The current run.
    path : Path
        The picture.
    rows : ndarray of int64, shape (n,)
        Rows of the catalogue.
    values : ndarray, shape (n,)
        The measure of each with the picture; larger is more alike.
    measure : str
        Its name.
    k : int
        Largest number of images.

    Returns
    -------
    DataFrame
        Columns `row`, `path` and the measure, most similar first.
    """
    paths = run.catalogue["path"].to_numpy()[rows]
    table = pd.DataFrame({"row": rows, "path": paths, measure: values})
    itself, library = os.path.realpath(path), os.path.realpath(run.library)
    table = table[[os.path.join(library, name) != itself for name in paths]]
    ordered = table.sort_values([measure, "path"], ascending=[False, True])
    return ordered.head(k).reset_index(drop=True)

"""A picture from anywhere -> its decoded pixels, and the images of a run that are like it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.finders.embeddings import Embedder
from dedup_nb.groups.measures import apart
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


class Answer(NamedTuple):
    """The images of a run that are like a picture.

    Attributes
    ----------
    table : DataFrame
        As `listed` returns it, without those that are not alike.
    says : str
        A sentence if nothing is alike, or nothing near enough to be a near-duplicate; else "".
    """

    table: pd.DataFrame
    says: str


def answer(name: str, table: pd.DataFrame, chosen: Embedder, least: float | None = None) -> Answer:
    """Return which of the most similar images are alike, and what to say if none is.

    Parameters
    ----------
    name : str
        The picture, for the sentence.
    table : DataFrame
        See `listed`.
    chosen : Embedder
        Each has its own scale: pictures are alike from its `floor` on. A model that gives no
        threshold calls all of them alike.
    least : float, optional
        Smallest value that counts as alike instead, inclusive.
    """
    near, loose = (least, least) if least is not None else (chosen.min_cosine, None)
    if near is None:
        return Answer(table, "")
    loose = chosen.thresholds(near, None)[1] if loose is None else loose
    alike = table[table[chosen.measure] >= loose]
    if not len(alike):
        return Answer(alike, f"no image is like {name}: {_nearest(table, chosen, loose)}")
    if alike[chosen.measure].iloc[0] < near:
        why = _nearest(table, chosen, near)
        return Answer(alike, f"no image is a near-duplicate of {name}: {why}")
    return Answer(alike, "")


def _nearest(table: pd.DataFrame, chosen: Embedder, least: float) -> str:
    wanted = f"{chosen.name} asks for {apart(chosen.measure, least)} or more"
    if not len(table):
        return f"{wanted}, and no image has them"
    nearest, value = tables.shown(table["path"].iloc[0]), table[chosen.measure].iloc[0]
    return f"the most similar, {nearest}, has {apart(chosen.measure, value)}; {wanted}"


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
    table = table[np.array([os.path.join(library, name) != itself for name in paths], bool)]
    ordered = table.sort_values([measure, "path"], ascending=[False, True])
    return ordered.head(k).reset_index(drop=True)

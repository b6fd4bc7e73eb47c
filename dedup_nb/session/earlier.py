"""A notebook opened again in its run folder -> what it wrote there, so that nothing is made twice.

Headless runs never read their own results: the same parameters give the same bytes anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb import __version__
from dedup_nb.groups.pairs import tell_bound
from dedup_nb.library import tables
from dedup_nb.library.quantities import count
from dedup_nb.session import parameters, runs

PAIRS, EXCLUDED = "pairs.parquet", "excluded.parquet"
SET_BY_RUNNER = ("run_dir", "interactive", "profile")


def results_of(run_folder: Path, notebook: str, values: Mapping[str, Any]) -> Path | None:
    """Return the results that a notebook has in a run folder, or None if they must be made.

    Parameters
    ----------
    run_folder : Path
        The run folder.
    notebook : str
        Name of the notebook.
    values : mapping
        Its parameters now; those of the results must be the same.
    """
    folder = run_folder / notebook
    if not values.get("interactive") or not runs.is_complete(folder):
        return None
    try:
        then, version = runs.read_params(folder), runs.read(run_folder).get("tool")
        runs.summary(folder)
    except ValueError as error:
        print(f"Computed again: {error}")
        return None
    if version != __version__:
        made = f"version {tables.short(str(version))}, and this is {__version__}"
        print(f"Computed again: the results in {folder} were made by {made}.")
        return None
    defaults = {name: each.default for name, each in parameters.of_notebook(notebook).items()}
    if differing := _differing(defaults | then, values):
        print(f"Computed again: {differing} was different when {folder} was made.")
        return None
    return folder


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first parameter that changed; inputs that a run found by itself do not count."""
    for name, value in now.items():
        found = name == "inputs" and not value
        if name not in SET_BY_RUNNER and not found and then.get(name) != value:
            return name
    return ""


def pairs_in(folder: Path, images: int, asked: float) -> tuple[pd.DataFrame, float] | None:
    """Return the pairs that a finder found, as it found them, and their bound.

    Parameters
    ----------
    folder : Path
        Its results.
    images : int
        Number of rows of the catalogue.
    asked : float
        The loose bound of the search.

    Returns
    -------
    (pairs, bound) or None
        As `near_pairs` of the finder returned them; None, and a sentence is printed, if the results
        do not hold them.
    """
    if not (folder / EXCLUDED).exists():
        print(f"Computed again: {folder} was made by an earlier version, which kept too little.")
        return None
    try:
        parts = [pd.read_parquet(folder / name) for name in (PAIRS, EXCLUDED)]
        pairs = pd.concat([part for part in parts if len(part)] or parts[:1])
        pairs = pairs.sort_values(["i", "j"], kind="stable", ignore_index=True)
        ends = pairs[["i", "j"]].to_numpy(np.int64)
        if len(ends) and not (ends.min() >= 0 and ends.max() < images):
            raise ValueError("it names rows that the catalogue does not have")
        bound = runs.summary(folder).get("bound")
        if bound:
            tell_bound(pairs, bound["asked"], bound["used"], bound["reason"])
        used = type(asked)(bound["used"]) if bound else asked
    except tables.NOT_A_TABLE as error:
        why = tables.short(" ".join(str(error).split()), 200)
        print(f"Computed again: {folder / PAIRS} does not fit its catalogue: {why}.")
        return None
    print(f"Read from {folder}: {count(len(pairs), 'pair')}; nothing was compared again.")
    return pairs, used

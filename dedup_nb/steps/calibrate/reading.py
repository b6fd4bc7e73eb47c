"""The results of a finder -> its pairs with their measure, and what each threshold would remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dedup_nb.finders import embeddings
from dedup_nb.groups import Candidates
from dedup_nb.groups.measures import MEASURES, number
from dedup_nb.library import tables
from dedup_nb.library.quantities import count
from dedup_nb.session import notebooks, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.calibrate.drawing import MOST_BINS, Bools, Indices, Population
from dedup_nb.steps.calibrate.estimates import Threshold
from dedup_nb.steps.review import reading, sources

SIMILARITIES = ("cosine", "matches")
# finders that remove an image for each pair that a threshold, the rules and the comparison let pass
REMOVES = (notebooks.PHASH, notebooks.CLIP_FAISS)


@dataclass
class Input:
    """The pairs of one results folder, in rows of the current catalogue.

    Attributes
    ----------
    folder : Path
        The results.
    finder, name : str
        Notebook, and the name of its threshold parameter.
    threshold : float
        The threshold of the results, inclusive.
    sign : float
        -1 if a larger measure means more alike.
    pairs : DataFrame
        Columns `i < j` and the measure.
    population : Population
        What is known of them.
    thresholds : list of Threshold
        From strict to loose.
    gone : int
        Pairs left out because an image has changed since.
    """

    folder: Path
    finder: str
    name: str
    threshold: float
    sign: float
    pairs: pd.DataFrame
    population: Population
    thresholds: list[Threshold]
    gone: int
    others: list[Path]

    def describe(self) -> str:
        """Return what is calibrated, and which other results could be."""
        measure = MEASURES[self.population.measure].help
        equal = int(np.count_nonzero(self.population.equal))
        lines = [
            f"{self.finder} ({self.folder}): {count(len(self.pairs), 'pair')} by {measure}; "
            f"{self.name} {number(self.threshold)}; {equal:,} are copies of one content, the "
            f"same picture without asking; {self.gone:,} left out because an image has changed"
        ]
        if self.others:
            names = ", ".join(sources.notebook_of(folder) for folder in self.others)
            lines.append(f"Also there: {names}; to calibrate one of them, set inputs.")
        return tables.shown("\n".join(lines))


def read(run: Workbench, inputs: Sequence[str]) -> Input:
    """Read the pairs of a finder and what its thresholds would remove.

    Parameters
    ----------
    run : Workbench
        The current run.
    inputs : sequence of str
        One results folder or notebook; see `sources.find`. Empty means the first finder.

    Raises
    ------
    WrongInput
        If there are no such results, several are named, or they have no pairs with a measure.
    """
    folders = [f for f in sources.find(run, inputs) if (f / "pairs.parquet").is_file()]
    if not folders:
        raise WrongInput("no input has pairs.parquet; name a finder whose notebook has run")
    if len(inputs) > 1 or (inputs and len(folders) > 1):
        names = ", ".join(map(str, folders))
        raise WrongInput(f"inputs names {names}; one result is calibrated at a time: name one")
    folder, *others = folders
    run.values["inputs"] = [str(folder)]
    runs.record_inputs(run.folder / run.notebook, [folder])
    finder = sources.notebook_of(folder)
    name, threshold = _threshold(folder)
    pairs, gone = _pairs(run, folder)
    measure = str(pairs.columns[2])
    sign = -1.0 if measure in SIMILARITIES else 1.0
    distances = sign * pairs[measure].to_numpy(np.float64)
    values = sorted({sign * value for value in [*_steps(measure, sign, distances), threshold]})
    removed = _removed(run, finder, pairs, sign, [sign * value for value in values], threshold)
    digests = run.catalogue["sha256"].to_numpy(object)
    ends = zip(digests[pairs["i"]], digests[pairs["j"]], strict=True)
    proposed = np.zeros(len(pairs), np.bool_)
    thresholds = []
    for value in values:
        near = distances <= value + 1e-9
        gone_at = removed.get(sign * value, near)
        proposed |= gone_at
        thresholds.append(Threshold(sign * value, near, gone_at))
    population = Population(
        finder, measure, distances, [(min(pair), max(pair)) for pair in ends], proposed
    )
    return Input(folder, finder, name, threshold, sign, pairs, population, thresholds, gone, others)


def _threshold(folder: Path) -> tuple[str, float]:
    """Return the name and the value of the threshold of some results."""
    summary = runs.summary(folder)
    parts = str(summary.get("rule", "")).split()
    threshold = summary.get("threshold")
    if len(parts) < 2 or "=" not in parts[1] or not isinstance(threshold, int | float):
        raise WrongInput(f"{folder / 'summary.json'} names no threshold; run the finder again")
    return parts[1].partition("=")[0], float(threshold)


def _pairs(run: Workbench, folder: Path) -> tuple[pd.DataFrame, int]:
    path = folder / "pairs.parquet"
    try:
        table = pd.read_parquet(path)
        known = reading.Known(run, sources.run_of(folder)).rows
        ends = table[["i", "j"]].to_numpy(np.int64)
        measure = str(table.columns[2])
        values = table[measure].to_numpy(np.float64)
        if measure not in MEASURES or not np.isfinite(values).all():
            raise ValueError("its third column is not a measure")
        if len(ends) and not (ends.min() >= 0 and ends.max() < len(known)):
            raise ValueError("it names rows that its catalogue does not have")
    except WrongInput:
        raise
    except tables.NOT_A_TABLE as error:
        raise WrongInput(
            f"{path} cannot be read: {tables.short(str(error))}; run it again"
        ) from error
    rows = np.sort(known[ends], axis=1)
    there = rows[:, 0] >= 0
    made = pd.DataFrame({"i": rows[there, 0], "j": rows[there, 1]})
    made[measure] = table[measure].to_numpy()[there]
    return made, int(np.count_nonzero(~there))


def _steps(measure: str, sign: float, distances: np.ndarray) -> list[float]:
    """Return the thresholds to look at, in the unit of the measure."""
    values = np.unique(distances)
    if len(values) <= MOST_BINS or not len(values):
        return [sign * float(value) for value in values]
    if measure == "cosine":
        return embeddings.steps(-float(values[-1]))
    if np.array_equal(values, np.round(values)) and values[-1] - values[0] <= 2 * MOST_BINS:
        return [sign * value for value in np.arange(values[0], values[-1] + 1).tolist()]
    shares = np.linspace(0, 1, MOST_BINS)
    return [sign * float(value) for value in np.quantile(values, shares, method="higher")]


def _removed(
    run: Workbench,
    finder: str,
    pairs: pd.DataFrame,
    sign: float,
    values: Sequence[float],
    threshold: float,
) -> dict[float, Bools]:
    """Return for each threshold the pairs of a removed image and its keeper."""
    if finder not in REMOVES:
        return {}
    candidates = run.candidates(pairs, similarity=sign < 0)
    print(run.verify(candidates, [threshold, *values]))
    places = pd.MultiIndex.from_frame(pairs[["i", "j"]])
    return {value: _of_cut(candidates, places, value) for value in values}


def _of_cut(candidates: Candidates, places: pd.MultiIndex, value: float) -> Bools:
    cut = candidates.cut(value)
    staged: Indices = cut.staged()
    ends = np.sort(np.stack([staged, cut.keepers[staged]], axis=1), axis=1)
    found = places.get_indexer(pd.MultiIndex.from_arrays([ends[:, 0], ends[:, 1]]))
    removed = np.zeros(len(places), np.bool_)
    removed[found[found >= 0]] = True
    return removed

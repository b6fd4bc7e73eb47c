"""A drawn population and its answers -> precision and recall by threshold, and a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.steps.calibrate.drawing import Indices, Population
from dedup_nb.steps.calibrate.intervals import ALPHA, Number, Sample, limits, ratio

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Threshold:
    """What one threshold does to a population.

    Attributes
    ----------
    value : float
        In the unit of the measure, inclusive.
    near : ndarray of bool, shape (n,)
        Pairs within it.
    removed : ndarray of bool, shape (n,)
        Pairs for each of which one image goes; where a finder removes nothing, those within it.
    """

    value: float
    near: Bools
    removed: Bools


class Estimates:
    """What the answers say about each threshold.

    Parameters
    ----------
    population : Population
        The pairs.
    thresholds : sequence of Threshold
        From strict to loose.
    answered : ndarray of int64, shape (n_answers,)
        The answered pairs.
    same : ndarray of bool, shape (n_answers,)
        Whether each was called the same picture.
    """

    def __init__(
        self,
        population: Population,
        thresholds: Sequence[Threshold],
        answered: Indices,
        same: Bools,
    ) -> None:
        self.population, self.thresholds = population, thresholds
        self.answered, self.same = answered, same
        self.sample = Sample(population.strata[answered], population.sizes)

    def number(self, what: Bools, domain: Bools, alpha: float = ALPHA) -> Number:
        """Return how many pairs of a domain are so; see `Sample.number`.

        Parameters
        ----------
        what : ndarray of bool, shape (n_answers,)
            Which answered pairs are so.
        domain : ndarray of bool, shape (n,)
            Which pairs are meant; pairs of equal contents are left out.
        """
        asked = domain & ~self.population.equal
        sizes = np.bincount(
            self.population.strata[asked], minlength=len(self.population.sizes)
        ).astype(np.int64)
        return self.sample.number(what, asked[self.answered], sizes, alpha)

    def table(self) -> pd.DataFrame:
        """Return one row for each threshold.

        Returns
        -------
        DataFrame
            `threshold`, `pairs` (within it), `removed` (images that go), `precision` (share of
            these that are the same picture as what stays), `recall` (share of the same-picture
            pairs up to the loosest threshold that lie within it) and `wrong` (of what is removed),
            each of the last three with `_low` and `_high`: intervals of 95 %.
        """
        return pd.DataFrame([self._row(each) for each in self.thresholds])

    def _row(self, threshold: Threshold) -> dict[str, float]:
        removed = int(np.count_nonzero(threshold.removed))
        wrong = self.number(~self.same, threshold.removed)
        recall = self.recall(threshold)
        most = max(removed, 1)
        return {
            "threshold": threshold.value,
            "pairs": int(np.count_nonzero(threshold.near)),
            "removed": removed,
            "precision": 1 - wrong.estimate / most,
            "precision_low": 1 - wrong.high / most,
            "precision_high": 1 - wrong.low / most,
            "recall": recall.estimate,
            "recall_low": recall.low,
            "recall_high": recall.high,
            "wrong": wrong.estimate,
            "wrong_low": wrong.low,
            "wrong_high": wrong.high,
        }

    def recall(self, threshold: Threshold) -> Number:
        """Return the share of the same-picture pairs of the population within a threshold."""
        half = ALPHA / 2  # of two numbers, whose intervals hold together
        others = self.number(~self.same, threshold.near, half)
        near = float(np.count_nonzero(threshold.near))
        found = Number(near - others.estimate, near - others.high, near - others.low)
        return ratio(found, self.number(self.same, ~threshold.near, half))

    def shows(self, threshold: Threshold, precision: float) -> bool:
        """Return whether the answers show a precision with a confidence of 95 %, one-sided."""
        removed = np.count_nonzero(threshold.removed)
        wrong = self.number(~self.same, threshold.removed, 2 * ALPHA)
        return bool(wrong.high <= (1 - precision) * removed + 1e-9)

    def could_show(self, threshold: Threshold, precision: float) -> bool:
        """Return whether the answers would show it if none were wrong; known before answering."""
        return bool(self._least(threshold) <= (1 - precision) * self._removed(threshold) + 1e-9)

    def loosest(self, precision: float) -> Threshold | None:
        """Return the loosest threshold that reaches a precision with confidence, or None.

        Thresholds are tested in a fixed order, from strict to loose, until the first that fails,
        so that looking at many of them needs no correction. Those that could not be shown even
        without a wrong answer are left out at the strict end; that does not depend on the answers.
        """
        tested = [each for each in self.thresholds if self._removed(each)]
        while tested and not self.could_show(tested[0], precision):
            tested.pop(0)
        found = None
        for threshold in tested:
            if not self.shows(threshold, precision):
                break
            found = threshold
        return found

    def _removed(self, threshold: Threshold) -> int:
        return int(np.count_nonzero(threshold.removed))

    def _least(self, threshold: Threshold) -> float:
        none = np.zeros(len(self.answered), np.bool_)
        return self.number(none, threshold.removed, 2 * ALPHA).high

    def most_precision(self, threshold: Threshold) -> float:
        """Return the highest precision that these answers could show, if none were wrong."""
        return 1 - self._least(threshold) / max(self._removed(threshold), 1)


def answers_for(precision: float, removed: int, asked: int) -> int:
    """Return about how many answers among what a threshold removes show a precision, if all are y.

    Parameters
    ----------
    removed, asked : int
        Images that go, and those among them that are not equal to what stays.
    """
    _, events = limits(np.zeros(0), 1.0, 2 * ALPHA)
    allowed = (1 - precision) * removed
    return asked if allowed < 1 else min(asked, int(np.ceil(events * asked / allowed)))

"""Answers with the weights of a stratified sample -> numbers in the population, with intervals.

Gamma intervals of Fay and Feuer (1997), made for weighted sums of rare events. With equal weights
they are the exact Poisson interval, and so never narrower than Clopper-Pearson where events are
rare. With unequal weights they act as if one more event had been seen in the heaviest stratum, so
that nothing seen in a small sample does not mean that nothing is there. Bootstrap and Wald
intervals are empty where no event was seen, and those by effective sample size (Kish, Wilson) are
too narrow where the heaviest stratum was hardly sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from dedup_nb.library.acceptance.bounds import CONFIDENCE, SLIPS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
ALPHA = 1 - CONFIDENCE


@dataclass(frozen=True)
class Number:
    """How many pairs of a domain are so: an estimate and both ends of its interval, inclusive.

    Without an answer, the estimate is not a number.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """The answered pairs of a stratified sample.

    Attributes
    ----------
    strata : ndarray of int64, shape (n,)
        Stratum of each answered pair.
    sizes : ndarray of int64, shape (n_strata,)
        Pairs of each stratum in the population.
    """

    strata: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many pairs of each stratum were answered."""
        return np.bincount(self.strata, minlength=len(self.sizes)).astype(np.int64)

    @property
    def weights(self) -> Floats:
        """How many pairs of its stratum one answer stands for; 0 where none was given."""
        return np.where(self.counts > 0, self.sizes / np.maximum(self.counts, 1), 0.0)

    def number(
        self, so: Bools, inside: Bools, domain: NDArray[np.int64], alpha: float = ALPHA
    ) -> Number:
        """Return how many pairs of a domain are so, with an interval of confidence `1 - alpha`.

        Parameters
        ----------
        so, inside : ndarray of bool, shape (n,)
            Which answered pairs are so, and which belong to the domain.
        domain : ndarray of int64, shape (n_strata,)
            How many pairs of each stratum belong to the domain.
        """
        weights, counts = self.weights, self.counts
        whole = counts == self.sizes  # every pair was answered: no chance is left
        unknown = (counts == 0) & (domain > 0)
        seen = so & inside
        sure = float(np.count_nonzero(seen & whole[self.strata]))
        chance = weights[self.strata[seen & ~whole[self.strata]]]
        sampled = (domain > 0) & ~whole & ~unknown
        heaviest = float(weights[sampled].max()) if sampled.any() else 0.0
        low, high = limits(chance, heaviest, alpha)
        every = float(domain.sum())
        estimate = _spread(sure + float(chance.sum()), every, float(domain[~unknown].sum()))
        # one answer in 50 may be a slip, in either direction
        low = max(0.0, sure + low - SLIPS * every)
        high = min(every, (sure + high) / (1 - SLIPS) + float(domain[unknown].sum()))
        if not unknown.any() and whole[domain > 0].all() and not seen.any():
            high = 0.0
        return Number(estimate, min(low, estimate), max(high, estimate))


def _spread(number: float, every: float, known: float) -> float:
    """Return an estimate for a domain of which some strata have no answer: as in the others."""
    if not every:
        return 0.0
    return min(number * every / known, every) if known else float("nan")


def limits(weights: Floats, heaviest: float, alpha: float) -> tuple[float, float]:
    """Return the gamma interval of a sum of weights.

    Parameters
    ----------
    weights : ndarray of float64
        The weight of each event that was seen.
    heaviest : float
        The largest weight that an event could have had.
    alpha : float
        What lies outside, half of it on either side.
    """
    total, squares = float(weights.sum()), float((weights**2).sum())
    low = 0.0
    if total > 0:
        low = squares / total * float(gammaincinv(total**2 / squares, alpha / 2))
    total, squares = total + heaviest, squares + heaviest**2
    if not total:
        return low, 0.0
    return low, squares / total * float(gammaincinv(total**2 / squares, 1 - alpha / 2))


def ratio(part: Number, rest: Number) -> Number:
    """Return the share of one number in the sum of both, whose intervals hold together."""

    def share(a: float, b: float) -> float:
        if np.isnan(a + b):
            return float("nan")
        return a / (a + b) if a + b > 0 else 1.0

    return Number(
        share(part.estimate, rest.estimate), share(part.low, rest.high), share(part.high, rest.low)
    )

"""Pairs with a measure -> strata, and pairs drawn from each by chance, more of them near the cut.

Numbers in, numbers out. Within a stratum every pair is as likely to be drawn as any other; which
ones are drawn, and the order in which they are asked about, follow from the seed and the contents.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_BINS = 20
PROPORTIONAL = 0.5  # of the sample: to the sizes of the strata that are proposed
NEAR = 0.35  # to the strata near the cut, half as much for each step away
LEAST = 3  # of each stratum, if it has so many

Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Population:
    """The pairs that a threshold is about.

    Attributes
    ----------
    finder, measure : str
        What found them, and the name of their measure.
    distances : ndarray of float64, shape (n,)
        The measure; a similarity with its sign turned, so that smaller is nearer.
    contents : list of (sha256, sha256)
        Both contents of each pair, sorted.
    proposed : ndarray of bool, shape (n,)
        Which pairs some threshold would remove an image for.
    """

    finder: str
    measure: str
    distances: NDArray[np.float64]
    contents: list[tuple[str, str]]
    proposed: NDArray[np.bool_]

    @cached_property
    def equal(self) -> NDArray[np.bool_]:
        """Which pairs are two copies of one content: the same picture, so nobody is asked."""
        return np.array([a == b for a, b in self.contents], np.bool_)

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """The upper ends of the bins of distances, inclusive, nearest first."""
        values = np.unique(self.distances[~self.equal])
        if len(values) <= MOST_BINS:
            return values
        shares = np.linspace(0, 1, MOST_BINS + 1)[1:]
        edges: NDArray[np.float64] = np.unique(
            np.quantile(self.distances[~self.equal], shares, method="higher")
        )
        return edges

    @cached_property
    def bins(self) -> Indices:
        """The bin of each pair."""
        bins = np.searchsorted(self.edges, self.distances, side="left")
        return np.minimum(bins, max(len(self.edges) - 1, 0)).astype(np.int64)

    @cached_property
    def strata(self) -> Indices:
        """The stratum of each pair: its bin, and whether it is proposed; -1 for equal contents."""
        made = 2 * self.bins + self.proposed
        return np.where(self.equal, -1, made).astype(np.int64)

    @cached_property
    def sizes(self) -> Indices:
        """How many pairs each stratum has, shape (2 * n_bins,)."""
        asked = self.strata[~self.equal]
        return np.bincount(asked, minlength=2 * len(self.edges)).astype(np.int64)

    def design(self, seed: int) -> str:
        """Return the name of the way of drawing; answers count only under the same.

        Another finder, measure, population, stratum or seed gives another name.
        """
        digest = hashlib.sha256()
        order = sorted(range(len(self.contents)), key=lambda k: (self.contents[k], self.strata[k]))
        for k in order:
            one, other = self.contents[k]
            digest.update(f"{one} {other} {self.distances[k]:.6g} {self.strata[k]}\n".encode())
        parts: list[Any] = [
            self.finder,
            self.measure,
            seed,
            self.sizes.tolist(),
            digest.hexdigest(),
        ]
        return f"pairs {hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"

    def allotted(self, sample: int, cut: float) -> Indices:
        """Return how many pairs of each stratum are drawn, more near the cut.

        Parameters
        ----------
        sample : int
            How many in all; fewer if there are not so many pairs.
        cut : float
            The threshold as a distance, inclusive.
        """
        sizes = self.sizes.astype(np.float64)
        wanted = np.minimum(LEAST, sizes)
        is_proposed = np.arange(len(sizes)) % 2 == 1
        at = min(int(np.searchsorted(self.edges, cut, side="left")), max(len(self.edges) - 1, 0))
        steps = np.abs(np.arange(len(sizes)) // 2 - at)
        near = np.where(sizes > 0, 0.5**steps * np.where(is_proposed, 2.0, 1.0), 0.0)
        shares = (
            PROPORTIONAL * _shares(np.where(is_proposed, sizes, 0.0))
            + NEAR * _shares(near)
            + (1 - PROPORTIONAL - NEAR) * _shares(np.where(is_proposed, 0.0, sizes))
        )
        for _ in range(len(sizes) + 1):  # what a full stratum cannot take goes to the others
            left = sample - wanted.sum()
            open_ = np.where(wanted < sizes, shares, 0.0)
            if left < 1 or not open_.any():
                break
            wanted = np.minimum(sizes, wanted + left * _shares(open_))
        return np.minimum(np.floor(wanted + 1e-9), sizes).astype(np.int64)

    def drawn(self, design: str, allotted: Indices) -> Indices:
        """Return the pairs that are asked about, in the order of asking."""
        keys = [_key(design, *pair) for pair in self.contents]
        table = pd.DataFrame({"key": keys, "stratum": self.strata})
        table = table[table["stratum"] >= 0].sort_values("key", kind="stable")
        places = table.groupby("stratum").cumcount()
        chosen = table.index[places < allotted[table["stratum"].to_numpy()]].to_numpy(np.int64)
        order = sorted(chosen.tolist(), key=lambda k: _key(f"{design} order", *self.contents[k]))
        return np.array(order, np.int64)


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = values.sum()
    return values / total if total else values


def _key(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()

"""Proposed pairs and near pairs -> groups of both, for `80_review`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.roles import Indices
from dedup_nb.groups.stars import Assignment, Stars


class Layered:
    """Stars of proposed pairs; any other image joins a star through a near pair, for review.

    Parameters
    ----------
    ranks : ndarray of int64, shape (n,)
        Keeper order, 0 first.
    sure : Stars
        Pairs that may be proposed.
    near : Stars
        All pairs.
    barred : collection of (member, keeper)
        Pairs that are not even shown this way round: the keeper is a screenshot or a collage of the
        member.
    """

    def __init__(
        self,
        ranks: Indices,
        sure: Stars,
        near: Stars,
        barred: Collection[tuple[int, int]] = frozenset(),
    ) -> None:
        self.ranks, self.sure, self.near, self.barred = ranks, sure, near, frozenset(barred)
        self.components, self.between = near.components, near.between
        self._last: tuple[float, Indices, NDArray[np.float64]] | None = None

    def assign(self, threshold: float) -> Assignment:
        """Return each image's keeper; only proposed pairs are sure."""
        if self._last is None or self._last[0] != threshold:  # a mark repeats the same threshold
            self._last = (threshold, *self._cut(threshold))
        keepers, distances = self._last[1].copy(), self._last[2].copy()
        members = np.flatnonzero((keepers >= 0) & (keepers != np.arange(len(keepers))))
        sure = np.ones(len(keepers), np.bool_)
        sure[members] = self.may_propose(members, keepers[members], threshold)
        return Assignment(keepers, distances, sure=sure)

    def may_propose(
        self, members: Indices, keepers: Indices, threshold: float
    ) -> NDArray[np.bool_]:
        """Return which members were proposed for exactly these keepers.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.
        threshold : float
            Largest distance, inclusive.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        return self.sure.may_propose(members, keepers, threshold)

    def _cut(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        keepers, distances = self.sure.cut(threshold)
        for k in self.near.order.tolist():
            if keepers[k] >= 0:
                continue
            beside = self._beside(k, threshold)
            joined = [c for c in beside if keepers[c] >= 0 and (k, keepers[c]) not in self.barred]
            centres = [c for c in joined if keepers[c] == c]
            free = [c for c in beside if keepers[c] < 0 and (c, k) not in self.barred]
            if centres:
                self._join(keepers, distances, k, min(centres, key=lambda c: self.ranks[c]), beside)
            elif free:
                keepers[k], distances[k] = k, 0.0
                for c in free:
                    self._join(keepers, distances, c, k, self._beside(c, threshold))
            elif joined:  # all its neighbours are staged: show it with them, for review
                nearest = min(joined, key=lambda c: self.ranks[c])
                self._join(keepers, distances, k, int(keepers[nearest]), beside)
        return keepers, distances

    def _beside(self, k: int, threshold: float) -> dict[int, float]:
        near = self.near
        row = slice(near.starts[k], near.starts[k + 1])
        ends, distances = near.neighbours[row], near.distances[row]
        counts = near.within(row, threshold)
        return dict(zip(ends[counts].tolist(), distances[counts].tolist(), strict=True))

    @staticmethod
    def _join(
        keepers: Indices,
        distances: NDArray[np.float64],
        k: int,
        centre: int,
        beside: Mapping[int, float],
    ) -> None:
        keepers[k], distances[k] = centre, beside.get(centre, np.nan)

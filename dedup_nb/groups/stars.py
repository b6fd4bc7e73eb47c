"""Pairs -> stars: each image joins a keeper that it is directly near to, at any threshold.

`Grouping` is the interface that `Candidates` uses to make groups; `Stars` makes groups from the
pairs of one measure. Thresholds are distances here: a similarity is passed with its sign changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.cut import Parts
from dedup_nb.groups.roles import Indices
from dedup_nb.groups.rows import nearest_first, rows_of

Distances = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass
class Assignment:
    """The keeper that each image joins at a threshold, before any rule is applied.

    Attributes
    ----------
    keepers : ndarray of int64
        Row of the keeper of each image; its own row for a keeper; -1 outside groups.
    distances : ndarray of float64
        Distance to the keeper; 0 for keepers, nan if unknown.
    sure : ndarray of bool, optional
        Images that may be proposed for their keeper; all by default. The others are only shown
        with it, for review.
    stars : ndarray of int64, optional
        Identifies the group of each image, if that is not the keeper.
    reasons : dict of int -> str
        Why an image is in its group, if it needs a reason.
    parts : Parts, optional
        The groups, if they are not the stars.
    detail : Any
        Further information of the finder on these groups.
    """

    keepers: Indices
    distances: Distances
    sure: Mask | None = None
    stars: Indices | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    parts: Parts | None = None
    detail: Any = None


class Grouping(Protocol):
    """Makes groups: returns the keepers at a threshold, and the distances inside a group."""

    def assign(self, threshold: float) -> Assignment:
        """Return the keeper of each image at a threshold (inclusive)."""

    def components(self, threshold: float) -> Indices:
        """Return the connected component of each image, named by its smallest member."""

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two images if they may be in the same group."""

    def may_propose(self, members: Indices, keepers: Indices, threshold: float) -> Mask:
        """Return which pairs may be proposed by rule: direct neighbours within the threshold.

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


class Stars:
    """The pairs of one measure, prepared once and then quickly cut into stars at any threshold.

    Parameters
    ----------
    n : int
        Number of images.
    i, j : ndarray of int, shape (n_pairs,)
        Rows of the two images of each pair.
    distances : ndarray of float, shape (n_pairs,)
        Smaller is nearer; pass a similarity with its sign changed.
    ranks : ndarray of int, shape (n,)
        Keeper order, 0 first.
    limits : ndarray of float, shape (n_pairs,), optional
        A pair counts only while the threshold is below its limit (exclusive); infinity by default.
    """

    def __init__(
        self,
        n: int,
        i: Indices,
        j: Indices,
        distances: NDArray[np.float64],
        ranks: Indices,
        limits: NDArray[np.float64] | None = None,
    ) -> None:
        from dedup_nb.groups.unions import unite

        self.n = n
        self.ranks = np.asarray(ranks, np.int64)
        self.neighbours, self.distances, self.limits = rows_of(i, j, distances, self.ranks, limits)
        each = len(self.neighbours)
        self.refused = np.zeros(each, np.bool_)  # this member may never join this keeper
        self.yields = np.zeros(each, np.bool_)  # the keeper may be staged for this member
        self.barred = np.zeros(each, np.bool_)  # this member is not even shown with it
        self.held = np.zeros(each, np.bool_)  # likewise, and never joins it at this threshold
        self.holds = False  # whether any is
        self.apart = np.zeros(each, np.int8)  # 0 unless they may show different pictures
        degrees = np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
        self.starts = np.concatenate([[0], np.cumsum(degrees)])
        connected = np.flatnonzero(degrees)
        self.order = connected[np.argsort(self.ranks[connected])]
        nearest = nearest_first(i, j, distances)  # union the nearest pairs first
        near_i, near_j = i[nearest].astype(np.int64), j[nearest].astype(np.int64)
        _, needed = unite(n, near_i, near_j)
        self.forest = near_i[needed], near_j[needed], distances[nearest][needed]

    def assign(self, threshold: float) -> Assignment:
        """Return each image's keeper; see `cut`."""
        return Assignment(*self.cut(threshold))

    def cut(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Return each image's keeper and its distance to it, at a threshold (inclusive).

        The best remaining image becomes a keeper and its direct neighbours join it; this repeats
        on the rest, so no image is grouped through a third one. Refused pairs do not count. An
        image that yields to another is considered after all others, if it is still free.

        Returns
        -------
        keepers : ndarray of int64, shape (n,)
            Row of the keeper of each image; its own row for a keeper; -1 outside groups.
        distances : ndarray of float64, shape (n,)
            Distance to the keeper; 0 for keepers, nan outside groups.
        """
        from dedup_nb.groups import loops

        keepers: Indices = np.full(self.n, -1, np.int64)
        distances = np.full(self.n, np.nan)
        loops.stars(*self._rows, self._kept_apart, self.yields, threshold, keepers, distances)
        return keepers, distances

    @property
    def _kept_apart(self) -> Mask:
        """Return which members may not join which keepers."""
        return self.refused | self.held if self.holds else self.refused

    @property
    def _rows(self) -> tuple[NDArray[Any], ...]:
        return self.order, self.starts, self.neighbours, self.distances, self.limits

    def join_refused(
        self,
        threshold: float,
        keepers: Indices,
        distances: NDArray[np.float64],
        below: int = 1,
    ) -> None:
        """Add, in place, the images that are outside groups only because pairs were refused.

        Barred pairs are left out.

        Parameters
        ----------
        threshold : float
            Largest distance, inclusive.
        keepers : ndarray of int64, shape (n,)
        distances : ndarray of float64, shape (n,)
            What `cut` returned; both are changed.
        below : int
            Only pairs that are less apart than this count; see `part`.
        """
        from dedup_nb.groups import loops

        nothing = np.zeros_like(self.refused)
        barred = self.barred | self.held | (self.apart >= below)
        loops.stars(*self._rows, barred, nothing, threshold, keepers, distances)

    def part(self, members: Indices, keepers: Indices, apart: NDArray[np.int8]) -> None:
        """Record how far apart the pictures of pairs are, in both directions.

        Parameters
        ----------
        members, keepers : ndarray of int, shape (n,)
        apart : ndarray of int8, shape (n,)
            1 or more; the larger, the surer are they different pictures.
        """
        for member, keeper, how in zip(
            members.tolist(), keepers.tolist(), apart.tolist(), strict=True
        ):
            for end, other in ((member, keeper), (keeper, member)):
                row = slice(self.starts[end], self.starts[end + 1])
                self.apart[row][self.neighbours[row] == other] = how

    def parted(self, threshold: float, apart: int) -> int:
        """Return how many pairs within a threshold are at least so far apart; see `part`."""
        within = self.within(slice(None), threshold)
        return int(np.count_nonzero(within & (self.apart >= apart))) // 2

    def refuse(
        self, members: Indices, keepers: Indices, yielding: NDArray[np.bool_] | None = None
    ) -> None:
        """Prevent members from joining keepers; the opposite direction stays possible.

        Parameters
        ----------
        members, keepers : ndarray of int, shape (n,)
        yielding : ndarray of bool, shape (n,), optional
            Which keepers may be staged for the member, and are therefore considered later.
        """
        yields = np.zeros(len(members), bool) if yielding is None else yielding
        for member, keeper, goes in zip(
            members.tolist(), keepers.tolist(), yields.tolist(), strict=True
        ):
            row = slice(self.starts[keeper], self.starts[keeper + 1])
            at = self.neighbours[row] == member
            self.refused[row] |= at
            self.yields[row] |= at & goes

    def bar(self, members: Indices, keepers: Indices) -> None:
        """Never show these members with these keepers; the opposite direction stays possible.

        Parameters
        ----------
        members, keepers : ndarray of int, shape (n,)
        """
        self._mark(self.barred, members, keepers)

    def hold(self, members: Indices, keepers: Indices) -> None:
        """Prevent members from joining keepers, and from being shown with them, until `release`.

        Parameters
        ----------
        members, keepers : ndarray of int, shape (n,)
        """
        self._mark(self.held, members, keepers)
        self.holds = True

    def release(self) -> None:
        """Forget what `hold` held, before another threshold."""
        if self.holds:
            self.held[:] = False
        self.holds = False

    def _mark(self, marks: Mask, members: Indices, keepers: Indices) -> None:
        for member, keeper in zip(members.tolist(), keepers.tolist(), strict=True):
            row = slice(self.starts[keeper], self.starts[keeper + 1])
            marks[row] |= self.neighbours[row] == member

    def near(self, image: int, threshold: float) -> Indices:
        """Return the images that are pairs with one within the threshold, nearest first."""
        row = slice(self.starts[image], self.starts[image + 1])
        neighbours: Indices = self.neighbours[row][self.within(row, threshold)].astype(np.int64)
        return neighbours

    def within(self, row: slice, threshold: float) -> Mask:
        """Return which neighbours of a row of pairs are within the threshold."""
        within: Mask = self.distances[row] <= threshold
        return within & (threshold < self.limits[row]) if len(self.limits) else within

    def components(self, threshold: float) -> Indices:
        """Return the connected component of each image, named by its smallest member."""
        from dedup_nb.groups.unions import unite

        i, j, distances = self.forest
        within = int(np.searchsorted(distances, threshold, side="right"))
        names: Indices = unite(self.n, i[:within], j[:within])[0]
        return names

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two images if they are a pair within the threshold."""
        row = slice(self.starts[a], self.starts[a + 1])
        at = np.flatnonzero(self.neighbours[row] == b)
        if not len(at):
            return None
        is_within = bool(self.within(row, threshold)[at[0]])
        return float(self.distances[row][at[0]]) if is_within else None

    def may_propose(self, members: Indices, keepers: Indices, threshold: float) -> Mask:
        """Return which members are direct neighbours of their keepers within the threshold."""
        from dedup_nb.groups import loops

        near = np.zeros(len(members), np.bool_)
        _, *rows = self._rows
        loops.are_near(*rows, self.ranks, self._kept_apart, threshold, members, keepers, near)
        return near

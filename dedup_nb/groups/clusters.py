"""Clusters and the confirmed pairs inside them -> groups for review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups.candidates import Candidates
from dedup_nb.groups.cut import Cut
from dedup_nb.groups.roles import REVIEW, Indices
from dedup_nb.groups.rules import proposed_pairs_only
from dedup_nb.groups.stars import Assignment

Labels = Callable[[float], Indices]  # distance -> the cluster of each image, -1 for none
Between = Callable[[Indices, Indices], NDArray[np.float64]]  # distances, pair by pair
Confirmed = Callable[[float, Indices], Indices]  # distance and labels -> keepers, -1 for none
Containers = Callable[[Indices, Indices], Sequence[str]]  # members, keepers -> who contains whom


def nothing_confirmed(threshold: float, labels: Indices) -> Indices:
    """Confirm no pair: a whole cluster is shown, and nothing in it is proposed.

    Parameters
    ----------
    threshold : float
        Not used.
    labels : ndarray of int64, shape (n,)
        Cluster of each image.

    Returns
    -------
    ndarray of int64, shape (n,)
        -1 for every image.
    """
    return np.full(len(labels), -1, np.int64)


def nothing_contained(members: Indices, keepers: Indices) -> list[str]:
    """Compare nothing: no image is known to show another one inside itself.

    Parameters
    ----------
    members, keepers : ndarray of int64, shape (n,)
        Positions of the images, pair by pair.
    """
    return [""] * len(members)


class Clusters:
    """Groups that are whole clusters, in which some pairs are confirmed.

    Confirmed pairs make stars. Any other image joins the best star of its cluster, or its best
    image if there is no star, and waits for review. A screenshot or a collage is never the best for
    what it shows.

    Parameters
    ----------
    ranks : ndarray of int, shape (n,)
        Keeper order, 0 first.
    labels : callable
        Threshold -> the cluster of each image, named by its smallest member; -1 for none.
    between : callable
        Two arrays of images -> their distances, pair by pair; smaller is nearer.
    confirmed : callable
        Threshold and labels -> the keeper of each image among confirmed pairs, -1 for none.
    containers : callable
        Members and keepers -> `member` or `keeper` for the one that shows the other inside itself,
        or nothing, pair by pair.
    """

    def __init__(
        self,
        ranks: Indices,
        labels: Labels,
        between: Between,
        confirmed: Confirmed = nothing_confirmed,
        containers: Containers = nothing_contained,
    ) -> None:
        self.ranks, self.labels, self._between = ranks, labels, between
        self._confirmed, self._containers = confirmed, containers
        self._last: tuple[float, Indices] | None = None

    def assign(self, threshold: float) -> Assignment:
        """Return each image's keeper; members not confirmed with it are only shown."""
        self._last = None  # the checks may have compared more pairs since
        labels = self.labels(threshold)
        confirmed = self.confirmed(threshold)
        keepers = self._joined(labels, confirmed)
        inside = np.flatnonzero(keepers >= 0)
        distances = np.full(len(labels), np.nan)
        distances[inside] = self._between(inside, keepers[inside])
        return Assignment(keepers, distances, sure=confirmed == keepers)

    def _joined(self, labels: Indices, confirmed: Indices) -> Indices:
        """Return each image's keeper, where those not confirmed join the best of their cluster."""
        inside = np.flatnonzero(labels >= 0)
        left = inside[confirmed[inside] < 0]
        able = inside[(confirmed[inside] < 0) | (confirmed[inside] == inside)]
        contains = np.zeros(len(labels), np.bool_)
        while True:
            best, keepers = np.full(len(labels), -1, np.int64), confirmed.copy()
            worst_first = np.lexsort((-self.ranks[able], confirmed[able] == able, ~contains[able]))
            best[labels[able[worst_first]]] = able[worst_first]  # the last one written is the best
            keepers[left] = best[labels[left]]
            members = left[(keepers[left] != left) & ~contains[keepers[left]]]
            shows = np.array(self._containers(members, keepers[members]), object)
            inner = keepers[members[shows == "keeper"]]
            if not len(inner):
                alone = left[np.bincount(keepers[inside], minlength=len(labels))[left] == 1]
                keepers[alone[keepers[alone] == alone]] = -1
                return keepers
            contains[inner] = True

    def confirmed(self, threshold: float) -> Indices:
        """Return each image's keeper among confirmed pairs of its cluster, -1 where none is."""
        if self._last is None or self._last[0] != threshold:
            self._last = threshold, self._confirmed(threshold, self.labels(threshold))
        return self._last[1]

    def components(self, threshold: float) -> Indices:
        """Return the cluster of each image; its own row outside clusters."""
        labels = self.labels(threshold)
        alone: Indices = np.arange(len(labels))
        return np.where(labels < 0, alone, labels)

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two images if they are in the same cluster."""
        labels = self.labels(threshold)
        if labels[a] < 0 or labels[a] != labels[b]:
            return None
        return float(self._between(np.array([a]), np.array([b]))[0])

    def may_propose(
        self, members: Indices, keepers: Indices, threshold: float
    ) -> NDArray[np.bool_]:
        """Return which members are confirmed with their keepers.

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
        return np.asarray(self.confirmed(threshold)[members] == keepers, np.bool_)


class ClusterCandidates(Candidates):
    """Candidates whose groups are clusters: `review`, except for confirmed pairs.

    Parameters
    ----------
    images, pairs
        As in `Candidates`; the pairs are shown and counted.
    labels, between, confirmed, containers
        As in `Clusters`.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        pairs: pd.DataFrame,
        labels: Labels,
        between: Between,
        confirmed: Confirmed = nothing_confirmed,
        containers: Containers = nothing_contained,
        **rules: Any,
    ) -> None:
        super().__init__(images, pairs, **rules)
        self.clusters = Clusters(self.images.ranks, labels, between, confirmed, containers)
        self.grouping = self.clusters
        why = "not confirmed with the image that you keep"
        self.rules.append(proposed_pairs_only(self.clusters, why))

    def urgency(self, cut: Cut) -> NDArray[np.int64]:
        """Return how many images of each cluster wait for review; the largest number is first.

        Returns
        -------
        ndarray of int64, shape (n_images,)
            Indexed by the image that names the group.
        """
        waiting = cut.stars[cut.roles == REVIEW]
        return np.bincount(waiting, minlength=len(cut.stars)).astype(np.int64)

    def is_confirmed(self, cut: Cut, k: int) -> bool:
        """Return whether an image and its keeper are a confirmed pair."""
        keeper = int(cut.keepers[k])
        return keeper != k and int(self.clusters.confirmed(cut.distance)[k]) == keeper

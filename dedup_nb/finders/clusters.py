"""Embeddings -> HDBSCAN clusters (Campello, Moulavi and Sander, 2013), by scikit-learn.

A cluster is not a near-duplicate group: it may chain, and nothing in it is proposed for staging.
scikit-learn cuts the tree that `spanning` computes; its own search for the tree takes seven to
twenty times as long.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dedup_nb.finders import spanning

MOST_IMAGES = 300_000  # limit, because the time grows with the square of the number of images
MOST_MANHATTAN = 50_000  # lower, because Manhattan distances need more than a matrix product
MOST_PAIRS = 20_000_000
LEAST_LENGTH = 1e-12  # shortest edge length; a sparse graph cannot store an edge of length 0


class Hierarchy:
    """The HDBSCAN hierarchy of some vectors, to be cut at any minimum cluster size.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
        Unit-length vectors; an all-zero vector, from a picture of one tone, joins no cluster.
    min_samples : int
        Number of neighbours that define density; a larger value leaves more images unclustered.
    metric : str
        One of `metrics.METRICS`. On unit vectors the first two rank distances in the same order.

    Raises
    ------
    ValueError
        If there are too many images or neighbours for the memory or the time.
    """

    def __init__(
        self, embeddings: NDArray[np.float32], min_samples: int = 1, metric: str = "euclidean"
    ) -> None:
        self.n, self.metric = len(embeddings), metric
        self.some = np.flatnonzero(np.square(embeddings).sum(axis=1) > 0.5)
        self.vectors = embeddings[self.some]
        self.min_samples = max(1, min(min_samples, len(self.some)))
        most = MOST_MANHATTAN if metric == "manhattan" else MOST_IMAGES
        if len(self.some) > most:
            raise ValueError(
                f"{len(self.some):,} images are too many for metric {metric}, "
                f"which takes at most {most:,}; use only_folders"
                + (", or metric euclidean" if metric == "manhattan" else "")
            )
        self.graph = None
        if metric != "manhattan" and len(self.some) > 1:
            self.graph = self._graph(spanning.spanning_tree(self.vectors, self.min_samples))

    def _graph(self, tree: spanning.Tree) -> csr_array:
        """Return the tree as the sparse distance matrix that scikit-learn takes."""
        lengths = np.square(tree.lengths) / 2 if self.metric == "cosine" else tree.lengths
        lengths = np.maximum(lengths, LEAST_LENGTH)
        ends = np.concatenate([tree.i, tree.j]), np.concatenate([tree.j, tree.i])
        return csr_array((np.tile(lengths, 2), ends), shape=(len(self.some),) * 2)

    def cut(self, min_cluster_size: int = 2) -> NDArray[np.int64]:
        """Return the cluster of each vector, named by its smallest member; -1 if unclustered.

        Parameters
        ----------
        min_cluster_size : int
            Smallest number of images in a cluster, inclusive.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        from sklearn.cluster import HDBSCAN  # half a second, which other notebooks do not need

        labels: NDArray[np.int64] = np.full(self.n, -1, np.int64)
        if len(self.some) < max(2, min_cluster_size):
            return labels
        given = {"min_cluster_size": min_cluster_size, "copy": True}
        if self.graph is not None:  # its lengths already include min_samples
            model = HDBSCAN(metric="precomputed", min_samples=1, **given).fit(self.graph)
        else:
            model = HDBSCAN(metric=self.metric, min_samples=self.min_samples, **given)
            model.fit(self.vectors.astype(np.float64))
        inside = model.labels_ >= 0
        _, first, index = np.unique(model.labels_[inside], return_index=True, return_inverse=True)
        members = self.some[inside]
        labels[members] = members[first][index]
        return labels


def pairs_within(labels: NDArray[np.int64]) -> pd.DataFrame:
    """Return all pairs `i < j` whose images are in the same cluster.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Cluster of each image; -1 for none.

    Returns
    -------
    DataFrame
        Columns `i < j`.

    Raises
    ------
    ValueError
        If there are more than `MOST_PAIRS`.
    """
    inside = np.flatnonzero(labels >= 0)
    order = inside[np.argsort(labels[inside], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else []
    count = sum(len(part) * (len(part) - 1) // 2 for part in parts)
    if count > MOST_PAIRS:
        largest = max(len(part) for part in parts)
        raise ValueError(
            f"the clusters contain {count:,} pairs and the largest has {largest:,} images; "
            "use candidates: embedding"
        )
    places = [np.triu_indices(len(part), 1) for part in parts]
    none = [np.zeros(0, np.int64)]
    i = np.concatenate(none + [p[a] for p, (a, _) in zip(parts, places, strict=True)])
    j = np.concatenate(none + [p[b] for p, (_, b) in zip(parts, places, strict=True)])
    return pd.DataFrame({"i": i, "j": j}).sort_values(["i", "j"], ignore_index=True)

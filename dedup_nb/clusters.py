"""Vectors -> HDBSCAN clusters (Campello, Moulavi and Sander, 2013), by scikit-learn.

Numbers in, numbers out. A cluster is no group of near-duplicates: it may chain, and nothing in it
is proposed for staging.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN

METRICS = ("euclidean", "cosine", "manhattan")
MOST_IMAGES = 50_000  # time grows with the square of their number
MOST_COSINE = 12_000  # scikit-learn holds all distances at once for this metric
MOST_PAIRS = 20_000_000


def cluster(
    embeddings: NDArray[np.float32],
    min_cluster_size: int = 2,
    min_samples: int = 1,
    metric: str = "euclidean",
) -> NDArray[np.int64]:
    """Return the cluster of each vector, named by its smallest member; -1 for a single.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
        Of unit length; a vector of zeros, which a picture of one tone has, joins no cluster.
    min_cluster_size : int
        Images that make a cluster, at least.
    min_samples : int
        Neighbours that make a place dense: larger leaves more singles.
    metric : str
        One of `METRICS`. On unit vectors the first two order distances alike.

    Raises
    ------
    ValueError
        If there are more images than memory or time allow.
    """
    labels: NDArray[np.int64] = np.full(len(embeddings), -1, np.int64)
    some = np.flatnonzero(np.square(embeddings).sum(axis=1) > 0.5)
    most = MOST_COSINE if metric == "cosine" else MOST_IMAGES
    if len(some) > most:
        raise ValueError(
            f"{len(some):,} images are too many to be clustered by metric {metric}, which takes at "
            f"most {most:,}; use only_folders"
            + (", or metric euclidean" if metric == "cosine" else "")
        )
    if len(some) < max(2, min_cluster_size):
        return labels
    found = HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=min(min_samples, len(some)),
        metric=metric,
        copy=True,
    ).fit(embeddings[some].astype(np.float64))
    inside = found.labels_ >= 0
    _, first, index = np.unique(found.labels_[inside], return_index=True, return_inverse=True)
    members = some[inside]
    labels[members] = members[first][index]
    return labels


def pairs_within(labels: NDArray[np.int64]) -> pd.DataFrame:
    """Return all pairs `i < j` of one cluster.

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
            f"the clusters hold {count:,} pairs, the largest has {largest:,} images; "
            "use candidates: embedding"
        )
    places = [np.triu_indices(len(part), 1) for part in parts]
    none = [np.zeros(0, np.int64)]
    i = np.concatenate(none + [p[a] for p, (a, _) in zip(parts, places, strict=True)])
    j = np.concatenate(none + [p[b] for p, (_, b) in zip(parts, places, strict=True)])
    return pd.DataFrame({"i": i, "j": j}).sort_values(["i", "j"], ignore_index=True)

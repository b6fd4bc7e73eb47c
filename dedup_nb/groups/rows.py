"""Pairs -> both of their directions, sorted, with one number to sort by instead of three.

Twenty million pairs are sorted in a few seconds. A row is what an image is near: its neighbours,
the nearest first, and the best by keeper order first among equally near ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Rows = NDArray[np.int32]
Floats = NDArray[np.float64]
MOST = 2**63


def rows_of(
    i: Indices, j: Indices, distances: Floats, ranks: Indices, limits: Floats | None = None
) -> tuple[Rows, Floats, Floats]:
    """Return the rows of all images, one after the other.

    Parameters
    ----------
    i, j : ndarray of int, shape (n_pairs,)
        The two images of each pair.
    distances : ndarray of float64, shape (n_pairs,)
        Smaller is nearer.
    ranks : ndarray of int64, shape (n,)
        Keeper order of each image, each number once.
    limits : ndarray of float64, shape (n_pairs,), optional
        Sorted with them.

    Returns
    -------
    neighbours, distances, limits : ndarray, shape (2 * n_pairs,)
        By image, then by distance, then by the rank of the neighbour. No limits are returned where
        all are infinite: the rows of twenty million pairs are large.
    """
    n = len(ranks)
    values, codes = np.unique(distances, return_inverse=True)
    if limits is not None and np.isinf(limits).all():
        limits = None
    if limits is not None or n * n * max(1, len(values)) >= MOST:
        return _by_three(i, j, distances, ranks, limits)
    keys = np.empty(2 * len(i), np.int64)
    for half, ends, others in ((keys[: len(i)], i, j), (keys[len(i) :], j, i)):
        half[:] = ends
        half *= len(values)
        half += codes
        half *= n
        half += ranks[others]
    keys.sort()
    by_rank = np.empty(n, np.int32)
    by_rank[ranks] = np.arange(n, dtype=np.int32)
    neighbours: Rows = by_rank[keys % n]
    keys //= n
    keys %= len(values)
    return neighbours, values.astype(np.float64)[keys], np.zeros(0)


def _by_three(
    i: Indices, j: Indices, distances: Floats, ranks: Indices, limits: Floats | None
) -> tuple[Rows, Floats, Floats]:
    others = np.concatenate([j, i]).astype(np.int64)
    both = np.concatenate([distances, distances]).astype(np.float64)
    order = np.lexsort((ranks[others], both, np.concatenate([i, j])))
    several = np.zeros(0) if limits is None else np.tile(limits, 2)[order]
    return others[order].astype(np.int32), both[order], several


def nearest_first(i: Indices, j: Indices, distances: Floats) -> NDArray[Any]:
    """Return the order of pairs by distance, then by i and by j."""
    later = (i[1:] > i[:-1]) | ((i[1:] == i[:-1]) & (j[1:] >= j[:-1]))
    if not later.all():
        return np.lexsort((j, i, distances))
    codes = np.unique(distances, return_inverse=True)[1]
    few = codes.astype(np.uint16) if not len(codes) or codes.max() < 2**16 else codes
    return np.argsort(few, kind="stable")

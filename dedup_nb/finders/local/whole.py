"""Pictures with few features -> their pairs as wholes, on the scale of matches.

Skies, fog, flat drawings and tiny pictures have few features that could match. They are compared
with all pictures by their `dct` vectors in all eight orientations instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders import embeddings, index
from dedup_nb.finders.local import proposing, search

Indices = NDArray[np.int64]
Vectors = NDArray[np.float32]

FEW = 20  # features from which on a picture is searched by them alone
EMBEDDER = "dct"
NEAR = embeddings.EMBEDDERS[EMBEDDER].min_cosine or 1.0  # counts as the fewest matches of a pair
BLOCK_VALUES = 8_000_000  # largest number of values in one matrix product


def pairs(vectors: Vectors, few: Indices) -> NDArray[np.int64]:
    """Return the pairs of pictures with few features, at most `search.PARTNERS` for each.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Upright `dct` vectors of all pictures, sorted by content.
    few : ndarray of int64, shape (m,)
        Positions of those with few features.

    Returns
    -------
    ndarray of int64, shape (n_pairs, 3)
        Positions i < j, and matches: a cosine of `NEAR` counts as `proposing.FEWEST`, one of 1 as
        `proposing.MOST`.
    """
    parts = [np.zeros((0, 3), np.int64)]
    most = max(1, BLOCK_VALUES // (8 * max(len(vectors), 1)))
    for start in range(0, len(few), most):
        parts.append(_of_block(vectors, few[start : start + most]))
    return np.concatenate(parts)


def matches(cosines: NDArray[np.float64]) -> Indices:
    """Return as how many matches cosines count, from `NEAR` on."""
    share = (cosines - NEAR) / (1 - NEAR)
    counted: Indices = np.round(
        proposing.FEWEST + share * (proposing.MOST - proposing.FEWEST)
    ).astype(np.int64)
    return counted


def _of_block(vectors: Vectors, few: Indices) -> NDArray[np.int64]:
    turned = _turned(vectors[few])
    products = np.max([turned[:, turn] @ vectors.T for turn in range(turned.shape[1])], axis=0)
    row, other = np.nonzero(products >= NEAR - index.MARGIN)
    one = few[row]
    row, one, other = (part[one != other] for part in (row, one, other))
    # each cosine again, in a fixed order of sums
    both, place = np.unique(np.concatenate([one, other]), return_inverse=True)
    cosines = index.cosines(_turned(vectors[both]), place[len(one) :], place[: len(one)])
    near = cosines >= NEAR
    row, one, other, cosines = row[near], one[near], other[near], cosines[near]
    order = np.lexsort((other, -cosines, row))
    rank = np.arange(len(order)) - np.searchsorted(row[order], row[order])
    best = order[rank < search.PARTNERS]
    ends = np.stack([one[best], other[best]], axis=1)
    return np.column_stack([ends.min(1), ends.max(1), matches(cosines[best])]).astype(np.int64)


def _turned(vectors: Vectors) -> Vectors:
    stored = [vector.tobytes() for vector in np.ascontiguousarray(vectors, np.float32)]
    return embeddings.unpack(EMBEDDER, stored, "rotate")

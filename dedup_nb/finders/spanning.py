"""Vectors -> the minimum spanning tree of their mutual reachability distances, for HDBSCAN.

An exact version of Borůvka's algorithm (1926). The shortest edge out of a component comes from the
nearest neighbours of its members; if these are not enough, all vectors are searched. Time grows
with the square of the number of vectors, in matrix products; memory grows linearly.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numba
import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.unions import unite
from dedup_nb.library.progress import Ticker

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]
Distances = NDArray[np.float64]

NEIGHBOURS = 16  # smallest number of neighbours looked up for each vector
MOST_LISTED = 100_000_000  # largest total number of listed neighbours
MARGIN = 4e-6  # error of a squared distance computed from float32 products
BLOCK_VALUES = 16_000_000  # largest number of values in one matrix product
QUERIES = 16_384  # vectors in one search for neighbours


@dataclass(frozen=True)
class Tree:
    """The edges of a spanning tree of n vectors, n - 1 of them, and their lengths."""

    i: Indices
    j: Indices
    lengths: Distances


def spanning_tree(vectors: Vectors, min_samples: int = 1) -> Tree:
    """Return the minimum spanning tree by mutual reachability (Campello et al., 2013).

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Vectors of about unit length; n is at least 2.
    min_samples : int
        The core distance of a vector is the distance to its `min_samples`-th nearest vector,
        counting itself. The length of an edge is the largest of the Euclidean distance and the two
        core distances.

    Raises
    ------
    ValueError
        If `min_samples` is too large for the number of vectors.
    """
    n = len(vectors)
    vectors = np.ascontiguousarray(vectors)
    depth = min(n, max(NEIGHBOURS, min_samples) + 1)
    if n * depth > MOST_LISTED:
        raise ValueError(
            f"min_samples {min_samples} is too large for {n:,} images; "
            f"use at most {MOST_LISTED // n - 1}"
        )
    search = _Search(vectors, min(min_samples, n), depth)
    edges: list[tuple[Indices, Indices, Distances]] = []
    tell = Ticker("joined into clusters:")
    while (count := len(search.sizes)) > 1:
        tell(len(vectors) - count, len(vectors))
        firsts, seconds, lengths, sure = search.ways_out()
        if not sure.any():
            search.look_further(lengths)
            continue
        edges.append(search.join(firsts[sure], seconds[sure], lengths[sure]))
        assert len(search.sizes) < count
    return Tree(*(np.concatenate(part) for part in zip(*edges, strict=True)))


class _Search:
    """The growing components, and the shortest known edge out of each."""

    def __init__(self, vectors: Vectors, min_samples: int, depth: int) -> None:
        self.vectors, n = vectors, len(vectors)
        self.neighbours = _nearest(vectors, depth)
        lengths = np.empty(self.neighbours.shape)
        _measure(vectors, self.neighbours, lengths)
        ordered = np.sort(lengths, axis=1)
        self.cores = ordered[:, min_samples - 1].copy()
        # every vector that is not listed is at least as far as the last one listed
        seen = np.sqrt(np.maximum(np.square(ordered[:, -1]) - MARGIN, 0.0))
        self.bounds = np.full(n, np.inf) if depth == n else np.maximum(seen, self.cores)
        np.maximum(lengths, self.cores[:, None], out=lengths)
        self.lengths = np.maximum(lengths, self.cores[self.neighbours], out=lengths)
        self.further = np.arange(n)  # nearest vector in another component, if searched
        self.further_lengths = np.full(n, np.inf)
        self.components = np.arange(n)
        self.sizes = np.ones(n, np.int64)

    def ways_out(self) -> tuple[Indices, Indices, Distances, NDArray[np.bool_]]:
        """Return the shortest known edge out of each component, and whether it is the shortest."""
        count = len(self.sizes)
        firsts, seconds = np.full(count, -1), np.full(count, -1)
        lengths, bounds = np.full(count, np.inf), np.full(count, np.inf)
        further = (self.further, self.further_lengths)
        _ways_out(
            self.components, self.neighbours, self.lengths, *further, firsts, seconds, lengths
        )
        np.minimum.at(bounds, self.components, self.bounds)
        return firsts, seconds, lengths, lengths <= bounds

    def look_further(self, lengths: Distances) -> None:
        """Search all vectors for the shortest edge out of every component but the largest."""
        largest = int(np.argmax(self.sizes))
        unsure = (self.bounds < lengths[self.components]) & (self.components != largest)
        places = np.flatnonzero(unsure)
        squares = np.einsum("nd,nd->n", self.vectors, self.vectors)
        step = max(1, BLOCK_VALUES // len(self.vectors))
        for start in range(0, len(places), step):
            some = places[start : start + step]
            products = self.vectors[some] @ self.vectors.T
            known = (self.vectors, squares, self.cores, self.components)
            _look_further(products, some, *known, self.further, self.further_lengths)
        self.bounds[places] = self.further_lengths[places]

    def join(
        self, firsts: Indices, seconds: Indices, lengths: Distances
    ) -> tuple[Indices, Indices, Distances]:
        """Join components by edges, the shortest first; return the edges that joined two."""
        low, high = np.minimum(firsts, seconds), np.maximum(firsts, seconds)
        order = np.lexsort((high, low, lengths))
        low, high, lengths = low[order], high[order], lengths[order]
        ends = self.components[low], self.components[high]
        names, needed = unite(len(self.sizes), *ends)
        _, named = np.unique(names, return_inverse=True)
        self.components = named[self.components]
        self.sizes = np.bincount(self.components)
        return low[needed], high[needed], lengths[needed]


def _nearest(vectors: Vectors, depth: int) -> Indices:
    """Return the positions of the nearest vectors of each vector, including itself or a copy."""
    flat = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    tell = Ticker("neighbours found of")
    parts = []
    for start in range(0, len(vectors), QUERIES):
        parts.append(flat.search(vectors[start : start + QUERIES], depth)[1])
        tell(start + len(parts[-1]), len(vectors))
    places: Indices = np.concatenate(parts)
    return places


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _distance(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for place in range(len(a)):
        total += (np.float64(a[place]) - np.float64(b[place])) ** 2
    return np.sqrt(total)


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _measure(vectors, neighbours, lengths):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(neighbours)):
        for at in range(neighbours.shape[1]):
            lengths[i, at] = _distance(vectors[i], vectors[neighbours[i, at]])


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _before(length, i, j, other, k, m):  # type: ignore[no-untyped-def]
    """Return whether an edge is shorter than another; ties are ordered by their ends."""
    if length != other:
        return length < other
    return (min(i, j), max(i, j)) < (min(k, m), max(k, m))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _ways_out(  # type: ignore[no-untyped-def]
    components, neighbours, lengths, further, further_lengths, firsts, seconds, shortest
):
    for i in range(len(components)):
        own = components[i]
        for at in range(neighbours.shape[1] + 1):
            listed = at < neighbours.shape[1]
            j = neighbours[i, at] if listed else further[i]
            length = lengths[i, at] if listed else further_lengths[i]
            if components[j] != own and _before(
                length, i, j, shortest[own], firsts[own], seconds[own]
            ):
                firsts[own], seconds[own], shortest[own] = i, j, length


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _look_further(  # type: ignore[no-untyped-def]
    products, places, vectors, squares, cores, components, further, further_lengths
):
    for row in numba.prange(len(places)):
        i = places[row]
        own, core = components[i], cores[i]
        least = np.inf
        for j in range(len(vectors)):
            if components[j] != own:
                about = squares[i] + squares[j] - 2 * products[row, j]
                least = min(least, max(about, core * core, cores[j] * cores[j]))
        best, length = i, np.inf
        for j in range(len(vectors)):
            if components[j] != own:
                about = squares[i] + squares[j] - 2 * products[row, j]
                if max(about, core * core, cores[j] * cores[j]) <= least + 2 * MARGIN:
                    exact = max(_distance(vectors[i], vectors[j]), core, cores[j])
                    if _before(exact, i, j, length, i, best):
                        best, length = j, exact
        further[i], further_lengths[i] = best, length

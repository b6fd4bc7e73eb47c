"""Embeddings -> pairs above a cosine similarity, and the nearest neighbours of each image.

Pairs are exact: a matrix product with a margin finds candidates, and their cosines are computed
again in float64 in a fixed order and rounded, so that the same vectors give the same bytes on any
number of threads.

Above about 300,000 vectors this takes too long. `Cells`, the inverted lists of FAISS (Johnson et
al., 2019), then limit the pairs that are compared: some are missed, and `Cells.tune` measures how
many. The pairs that are found still have their exact cosine.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.finders import crowds
from dedup_nb.finders.crowds import CROWD
from dedup_nb.groups.pairs import MAX_PAIRS, WAY_OUT, crowd, tell_bound
from dedup_nb.library.progress import Ticker, triangle
from dedup_nb.pictures.engines import LOCAL, Engine

Vectors = NDArray[np.float32]
Part = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]  # i, j and the cosines

DECIMALS = 4  # decimals of a reported cosine
STEPS = 10**DECIMALS
ROUNDING = 1e-6  # difference of a float32 product between blocks of different shape
MARGIN = 1e-4  # covers the float32 error of a product and half a step of rounding
BLOCK_VALUES = 8_000_000  # largest number of values in one matrix product
PROJECTED = 48  # number of principal components used to bound a cosine
WORTHWHILE_N, WORTHWHILE_D = 4_000, 160  # smallest n and d for which a bound is tried
MOST_DOUBTED = 0.02  # largest share of pairs that a useful bound may leave to check
SAMPLE = 256  # number of vectors sampled to estimate a share

APPROXIMATE_N = 300_000  # number of vectors from which the search uses cells
CELLS_EACH = 4  # number of cells, as a multiple of the square root of n
TRAINED_ON, TRAINED_FOR = 32, 6  # training vectors for each cell, training iterations
GROWN = 4  # cells are trained again once there are this many times more vectors
RECALL = 0.99  # target share of pairs found
MOST_PROBED = 4  # a search visits at most 1 / MOST_PROBED of the cells
NEIGHBOURS_PROBED = 16  # neighbours are farther away than pairs and need this many times the cells
QUERIES = 16_384  # vectors in one search


def near_pairs(
    embeddings: Vectors,
    floor: float,
    max_pairs: int = MAX_PAIRS,
    rows: NDArray[np.int64] | None = None,
    cells: Cells | None = None,
    engine: Engine = LOCAL,
    order: Callable[[], NDArray[np.int64]] | None = None,
) -> tuple[pd.DataFrame, float]:
    """Find all pairs whose cosine similarity is at least `floor`; exact without `cells`.

    Where there are more than `max_pairs`, images that are near very many others are compared with
    a few of those only, and all other pairs are complete. If that is not enough, a tighter bound is
    used. `pairs.bound_of` then tells what was asked, what was used, and why.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d) or (n, n_orientations, d)
        Unit-length vectors. With orientations, the cosine of a pair is the largest over the
        orientations of the second picture.
    floor : float
        Lowest cosine kept, inclusive, from -1 to 1; compared after rounding to four decimals.
    max_pairs : int
        Largest number of pairs returned, apart from those of crowds.
    rows : ndarray of int64, shape (n,), optional
        Ascending row numbers used as `i` and `j`, such as catalogue rows; positions by default.
    cells : Cells, optional
        Restricts which pairs are compared; all pairs by default.
    engine : Engine
        Processes the blocks of rows.
    order : callable, optional
        Returns the keeper order of the vectors, 0 first: the best images of a crowd lead it. By
        default the first ones do.

    Returns
    -------
    pairs : DataFrame
        Columns `i < j` (`rows`) and `cosine`, sorted by i, then j.
    bound : float
        Cosine down to which the pairs are complete: `floor`, or higher if `max_pairs` was
        reached. Above 1 if even identical vectors make more than `max_pairs` pairs; then there
        are no pairs.
    """
    turned = _turned(embeddings)
    search = _Pairs(turned, cells, engine)
    collected, why = search.collect(floor, max_pairs), ""
    if collected.bound > floor:  # there are too many: because of a crowd?
        crowded = np.flatnonzero(search.neighbours(floor) > CROWD)
        if len(crowded):
            crowded = crowds.best_first(crowded, order)
            collected = search.collect(floor, max_pairs, crowded)
            leaders = search.add_leaders(collected, crowded)
            why = crowd(len(crowded), leaders)
        if collected.bound > floor:
            tightened = (
                f"more than max_pairs {max_pairs:,} pairs have a cosine of at least {floor:g}; the "
                f"pairs are complete down to {collected.bound:g}; {WAY_OUT}"
            )
            why = f"{tightened}; {why}" if why else tightened
    pairs = collected.pairs()
    if rows is not None:
        pairs = pairs.assign(i=rows[pairs["i"]], j=rows[pairs["j"]])
    if why:
        tell_bound(pairs, floor, collected.bound, why)
    return pairs, collected.bound


class _Pairs:
    """The search for pairs, by exact products or by cells; repeated if there are too many."""

    def __init__(self, turned: Vectors, cells: Cells | None, engine: Engine) -> None:
        self.turned, self.cells, self.engine = turned, cells, engine

    def collect(
        self, floor: float, max_pairs: int, crowded: NDArray[np.int64] | None = None
    ) -> _Found:
        """Return the pairs, without those inside a crowd."""
        collected = _Found(floor, max_pairs)
        inside = None
        if crowded is not None:
            inside = np.zeros(len(self.turned), bool)
            inside[crowded] = True
        for part in self._parts(lambda: collected.bound - MARGIN, inside):
            collected.add(*part)
        return collected

    def neighbours(self, floor: float) -> NDArray[np.int64]:
        """Return about how many neighbours above a cosine each vector has."""
        n = len(self.turned)
        counts = np.zeros(n, np.int64)
        for i, j, _ in self._parts(lambda: floor, measured=False):
            counts += np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
        return counts

    def add_leaders(self, collected: _Found, crowded: NDArray[np.int64]) -> int:
        """Add the pairs of a crowd with its leaders; return how many each has at most."""

        def near(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
            cosines = _cosines(self.turned, np.minimum(a, b), np.maximum(a, b))
            return np.asarray(cosines >= collected.bound, bool)

        ends, leaders = crowds.leading(crowded, near)
        ends = np.unique(ends, axis=0)
        collected.max_pairs += len(ends)
        collected.add(ends[:, 0], ends[:, 1], _cosines(self.turned, ends[:, 0], ends[:, 1]))
        return leaders

    def _parts(
        self,
        bound: Callable[[], float],
        inside: NDArray[np.bool_] | None = None,
        measured: bool = True,
    ) -> Iterator[Part]:
        """Yield (i, j, cosines) of the pairs, i < j, that may lie above a bound.

        Pairs of two vectors that are both `inside` are left out. The cosines are empty if nothing
        is to be `measured`.
        """
        if self.cells is not None:
            plain = _Task(self.turned, None, inside, measured)
            tell = Ticker("asked for neighbours:")
            for done, (i, j) in enumerate(self.cells.pairs(self.turned, bound), 1):
                yield plain.looked_at(i, j)
                tell(min(done * QUERIES, len(self.turned)), len(self.turned))
            return
        n, turns, d = self.turned.shape
        task = _Task(self.turned, _bounded(self.turned, bound() + MARGIN), inside, measured)
        tell = Ticker("compared all pairs of vectors:", percent=True)
        for stop, part in self.engine.join(
            _above, task, n, most_values=BLOCK_VALUES, steps=n * n / 2 * turns * d, now=bound
        ):
            yield part
            tell(*triangle(stop, n))


@dataclass
class _Task:
    """What all blocks of a join share.

    Attributes
    ----------
    turned : ndarray of float32, shape (n, n_orientations, d)
    bounded : _Search or None
        A cheaper search than that of the vectors themselves.
    inside : ndarray of bool, shape (n,), or None
        The members of a crowd, whose pairs among each other are left out.
    measured : bool
        Whether the cosines of the pairs are wanted.
    """

    turned: Vectors
    bounded: _Search | None
    inside: NDArray[np.bool_] | None
    measured: bool

    def __getstate__(self) -> tuple[Any, ...]:
        return self.turned, self.bounded, self.inside, self.measured

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.turned, self.bounded, self.inside, self.measured = state

    @cached_property
    def search(self) -> _Search:
        """The search for candidates."""
        return self.bounded or _plain(self.turned)

    def looked_at(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Part:
        """Return the pairs that are not inside a crowd, with their cosines."""
        if self.inside is not None:
            free = ~(self.inside[i] & self.inside[j])
            i, j = i[free], j[free]
        return i, j, _cosines(self.turned, i, j) if self.measured else np.zeros(0)


def _above(task: _Task, start: int, stop: int, bound: float) -> Part:
    """Return the pairs of a block that may lie above a bound."""
    return task.looked_at(*task.search.above(start, stop, bound))


def nearest(
    embeddings: Vectors,
    k: int,
    rows: NDArray[np.int64] | None = None,
    cells: Cells | None = None,
) -> pd.DataFrame:
    """Return the k nearest neighbours of each vector, by exact FAISS search or by `cells`.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d) or (n, n_orientations, d)
        As in `near_pairs`.
    k : int
        Number of neighbours, not counting the vector itself; all others if there are fewer.
    rows : ndarray of int64, shape (n,), optional
        Row numbers used as `i` and `j`; positions by default.
    cells : Cells, optional
        Restricts where neighbours are searched; everywhere by default.

    Returns
    -------
    DataFrame
        Columns `i`, `rank` (1 is the nearest), `j` and `cosine`, sorted by i and rank.
    """
    turned = _turned(embeddings)
    n = len(turned)
    if n < 2:
        return pd.DataFrame({"i": [], "rank": [], "j": [], "cosine": []}).astype(
            {"i": "int64", "rank": "int64", "j": "int64", "cosine": "float64"}
        )
    i, j = _candidates(turned, k) if cells is None else cells.neighbours(turned, k)
    table = pd.DataFrame({"i": i, "j": j})
    table = table[table["i"] != table["j"]].drop_duplicates(["i", "j"])
    table["cosine"] = _cosines(turned, table["i"].to_numpy(), table["j"].to_numpy())
    table = table.sort_values(["i", "cosine", "j"], ascending=[True, False, True])
    table["rank"] = table.groupby("i").cumcount() + 1
    table = table[table["rank"] <= k].reset_index(drop=True)
    if rows is not None:
        table = table.assign(i=rows[table["i"]], j=rows[table["j"]])
    return table[["i", "rank", "j", "cosine"]]


def _candidates(turned: Vectors, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (i, j) of at least k neighbours of each vector, including the vector itself."""
    n, n_turns, d = turned.shape
    flat = faiss.IndexFlatIP(d)
    flat.add(np.ascontiguousarray(turned.reshape(n * n_turns, d)))
    depth = min(n * n_turns, (k + 1) * n_turns)
    upright, tell = np.ascontiguousarray(turned[:, 0]), Ticker("neighbours found of")
    parts = []
    for start in range(0, n, QUERIES):
        parts.append(flat.search(upright[start : start + QUERIES], depth)[1])
        tell(start + len(parts[-1]), n)
    places = np.concatenate(parts)
    return np.repeat(np.arange(n), depth), places.ravel() // n_turns


def like(embeddings: Vectors, wanted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine similarity of one vector to every other, maximised over orientations.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, n_orientations, d)
    wanted : ndarray of float32, shape (d,)
    """
    turned = _turned(embeddings)
    cosines = np.max(turned.astype(np.float64) @ wanted.astype(np.float64), axis=1)
    rounded: NDArray[np.float64] = np.clip(np.round(cosines, DECIMALS), -1, 1) + 0.0
    return rounded


def cosines(embeddings: Vectors, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine similarity of vectors i and j, pair by pair, as in `near_pairs`.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d) or (n, n_orientations, d)
        Of unit length.
    i, j : ndarray of int64, shape (m,)
        Positions of the vectors.

    Returns
    -------
    ndarray of float64, shape (m,)
        Rounded to four decimals, from -1 to 1; the largest over the orientations of j.
    """
    return _cosines(_turned(embeddings), i, j)


def _turned(embeddings: Vectors) -> Vectors:
    array = embeddings[:, None, :] if embeddings.ndim == 2 else embeddings
    return np.ascontiguousarray(array, np.float32)


class _Found:
    """Collects at most `max_pairs` pairs, raising the bound when there are more."""

    def __init__(self, floor: float, max_pairs: int) -> None:
        self.bound, self.max_pairs, self.count = floor, max_pairs, 0
        self.parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]] = []

    def add(self, i: NDArray[np.int64], j: NDArray[np.int64], cosines: NDArray[np.float64]) -> None:
        near = cosines >= self.bound
        part = i[near].astype(np.int32), j[near].astype(np.int32), cosines[near]
        self.parts.append(part)
        self.count += len(part[0])
        if self.count > self.max_pairs:
            self._tighten()

    def _tighten(self) -> None:
        """Raise the bound to the lowest cosine with at most `max_pairs` pairs above it."""
        steps = np.rint(np.concatenate([part[2] for part in self.parts]) * STEPS).astype(np.int64)
        counts = np.bincount(steps + STEPS, minlength=2 * STEPS + 1)
        at_least = np.cumsum(counts[::-1])[::-1]  # number of pairs at or above each step
        fits = np.flatnonzero(at_least <= self.max_pairs)
        self.bound = (int(fits[0]) - STEPS if len(fits) else STEPS + 1) / STEPS
        parts = self.parts
        self.parts, self.count = [], 0
        for i, j, cosines in parts:
            near = cosines >= self.bound
            self.parts.append((i[near], j[near], cosines[near]))
            self.count += int(np.count_nonzero(near))

    def pairs(self) -> pd.DataFrame:
        none = np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float64)
        i, j, cosines = (np.concatenate(columns) for columns in zip(none, *self.parts, strict=True))
        order = np.lexsort((j, i))
        return pd.DataFrame({"i": i[order], "j": j[order], "cosine": cosines[order]})


# ---------------------------------------------------------------- approximate search


class Cells:
    """Vectors sorted into trained cells (FAISS inverted lists); a search visits the nearest cells.

    Parameters
    ----------
    lists : faiss.IndexIVFFlat
        A trained index, from `learn` or from disk; `add` extends it.

    Attributes
    ----------
    recall : float
        Share of a sample's pairs that the search finds, 0 to 1; see `tune`.
    """

    def __init__(self, lists: Any) -> None:
        self.lists, self.recall = lists, 0.0
        self._starts = self._places = self._known = np.zeros(0, np.int64)

    @classmethod
    def learn(cls, vectors: Vectors) -> Cells:
        """Train empty cells on vectors of shape (n, d)."""
        n, d = vectors.shape
        count = max(1, int(CELLS_EACH * np.sqrt(n)))
        lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, count, faiss.METRIC_INNER_PRODUCT)
        lists.cp.seed, lists.cp.niter = 0, TRAINED_FOR
        lists.cp.min_points_per_centroid = 1
        lists.train(np.ascontiguousarray(vectors[:: max(1, n // (TRAINED_ON * count))]))
        return cls(lists)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of the vectors in the cells.

        Returns
        -------
        ndarray of int64, shape (n,)
            Cell by cell.
        """
        return np.concatenate([self._ids(cell) for cell in range(self.lists.nlist)])

    def _ids(self, cell: int) -> NDArray[np.int64]:
        inverted = self.lists.invlists
        size = inverted.list_size(cell)
        if not size:
            return np.zeros(0, np.int64)
        ids: NDArray[np.int64] = faiss.rev_swig_ptr(inverted.get_ids(cell), size).copy()
        return ids

    def suits(self, n: int) -> bool:
        """Return whether n vectors are not far more than these cells were trained for."""
        return bool(self.lists.nlist >= int(CELLS_EACH * np.sqrt(n / GROWN)))

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Add vectors of shape (n, d) with their ids."""
        if len(ids):
            self.lists.add_with_ids(np.ascontiguousarray(vectors), ids)

    def name(self, ids: NDArray[np.int64]) -> None:
        """Set the ids of the vectors to search among, by position; other vectors are skipped.

        Identical contents may share an id.

        Parameters
        ----------
        ids : ndarray of int64, shape (n,)
            Id in the cells of the vector at each position.
        """
        self._places = np.argsort(ids, kind="stable")
        self._known, starts = np.unique(ids[self._places], return_index=True)
        self._starts = np.append(starts, len(ids))
        self.__dict__.pop("_inside", None)

    def tune(self, embeddings: Vectors, floor: float) -> float:
        """Visit more cells until `RECALL` of a sample's pairs are found; return the recall.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n, d) or (n, n_orientations, d)
        floor : float
            Smallest cosine of the pairs that count, inclusive.

        Returns
        -------
        float
            From 0 to 1; 1 where the sample has no pairs.
        """
        turned = _turned(embeddings)
        some = _sample(len(turned))
        i, j = np.nonzero(_cosines_to_all(turned, some) >= floor)
        true = some[i] * len(turned) + j
        search = _search(turned, floor)
        self.lists.nprobe = 4
        while True:
            i, j = self._near(turned, search, some, floor - MARGIN)
            recovered = np.isin(true, i * len(turned) + j)
            self.recall = float(recovered.mean()) if len(true) else 1.0
            if self.recall >= RECALL or self.lists.nprobe * MOST_PROBED >= self.lists.nlist:
                return self.recall
            self.lists.nprobe *= 2

    def pairs(
        self, turned: Vectors, bound: Callable[[], float]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield (i, j), i < j, of pairs that may lie above a bound; the bound may rise.

        Parameters
        ----------
        turned : ndarray of float32, shape (n, n_orientations, d)
        bound : callable
            Returns the smallest cosine that is looked for now.

        Yields
        ------
        i, j : ndarray of int64, shape (m,)
            Positions.
        """
        n, search = len(turned), _search(turned, bound())
        for start in range(0, n, QUERIES):
            i, j = self._near(turned, search, np.arange(start, min(n, start + QUERIES)), bound())
            yield i[i < j], j[i < j]

    def _near(
        self, turned: Vectors, search: _Search, some: NDArray[np.int64], bound: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (i, j) above a bound, searching a turned picture among the upright ones."""
        n = len(turned)
        keys = [np.zeros(0, np.int64)]
        for turn in range(turned.shape[1]):
            for rows, inside in self._blocks(turned[some, turn], self.lists.nprobe):
                products = search.right[turn, some[rows]] @ search.left[inside].T
                row, column = np.nonzero(products >= bound)
                keys.append(some[rows[row]] * n + inside[column])
        every = np.unique(np.concatenate(keys))
        return every // n, every % n

    def _blocks(
        self, asked: Vectors, probed: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield, for each cell, the query vectors that visit it and the positions inside it.

        One matrix product then serves all queries of a cell; FAISS's own search reads the cell
        again for each query.
        """
        _, chosen = self.lists.quantizer.search(np.ascontiguousarray(asked), probed)
        order = np.argsort(chosen, axis=None, kind="stable")
        ends = np.searchsorted(chosen.ravel()[order], np.arange(self.lists.nlist + 1))
        for inside, (low, high) in zip(self._inside, itertools.pairwise(ends), strict=True):
            if low < high and len(inside):
                yield order[low:high] // probed, inside

    @cached_property
    def _inside(self) -> list[NDArray[np.int64]]:
        """The positions in each cell."""
        return [self._placed(self._ids(cell)) for cell in range(self.lists.nlist)]

    def neighbours(
        self, turned: Vectors, k: int, places: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (i, j) of enough neighbours of all or some vectors, including themselves.

        Parameters
        ----------
        turned : ndarray of float32, shape (n, n_orientations, d)
        k : int
            Neighbours of each.
        places : ndarray of int64, shape (m,), optional
            Positions of the vectors asked for; all by default.

        Returns
        -------
        i, j : ndarray of int64
            Positions, pair by pair.
        """
        places = np.arange(len(turned)) if places is None else places
        probed = min(self.lists.nlist, NEIGHBOURS_PROBED * self.lists.nprobe)
        firsts, seconds = [], []
        for start in range(0, len(places), QUERIES):
            some = places[start : start + QUERIES]
            for turn in range(turned.shape[1]):
                asked = turned[some, turn]
                best = _Best(len(some), min(k + 1, len(turned)))
                # the nearest cells first: they set the bound that the other cells must exceed
                for looked in (1, self.lists.nprobe, probed):
                    best.forget()
                    for rows, inside in self._blocks(asked, looked):
                        best.add(rows, inside, asked[rows] @ turned[inside, 0].T)
                    best.sort()
                firsts.append(some[best.rows])
                seconds.append(best.places)
        return np.concatenate(firsts), np.concatenate(seconds)

    def recall_of_neighbours(self, embeddings: Vectors, k: int) -> float:
        """Return the share of the k nearest neighbours of a sample that the search finds.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n, d) or (n, n_orientations, d)
        k : int
            Neighbours of each.

        Returns
        -------
        float
            From 0 to 1.
        """
        turned = _turned(embeddings)
        some = _sample(len(turned))
        k = min(k, len(turned) - 1)
        near = _cosines_to_all(turned, some)
        true = np.argpartition(-near, k - 1, axis=1)[:, :k]
        i, j = self.neighbours(turned, k, some)
        recovered = np.isin((some[:, None] * len(turned) + true).ravel(), i * len(turned) + j)
        return float(recovered.mean())

    def _placed(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions that have any of these ids."""
        at = np.minimum(np.searchsorted(self._known, ids), len(self._known) - 1)
        at = at[self._known[at] == ids]
        counts = self._starts[at + 1] - self._starts[at]
        ends = np.cumsum(counts)
        offsets = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        places: NDArray[np.int64] = self._places[np.repeat(self._starts[at], counts) + offsets]
        return places


class _Best:
    """The `depth` best positions for each of `n` vectors, collected from blocks of products."""

    def __init__(self, n: int, depth: int) -> None:
        self.depth, self.least = depth, np.full(n, -2, np.float32)
        self.forget()

    def forget(self) -> None:
        """Drop the positions but keep the bound: no lower product can be among the best."""
        nothing = np.zeros(0, np.int64)
        self.parts = [(nothing, nothing, np.zeros(0, np.float32))]
        self.count = 0

    def add(self, rows: NDArray[np.int64], places: NDArray[np.int64], products: Vectors) -> None:
        """Add the products of some vectors, shape (len(rows), len(places))."""
        row, column = np.nonzero(products >= self.least[rows][:, None])
        self.parts.append((rows[row], places[column], products[row, column]))
        self.count += len(row)
        if self.count > BLOCK_VALUES:
            self.sort()

    def sort(self) -> None:
        """Keep only the best."""
        rows, places, products = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        order = np.argsort(4.0 * rows - products)  # by vector, then the nearest first
        rows, places, products = rows[order], places[order], products[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        last = rank == self.depth - 1
        self.least[rows[last]] = products[last] - ROUNDING
        kept = rank < self.depth
        self.parts = [(rows[kept], places[kept], products[kept])]
        self.count = len(self.parts[0][0])

    @property
    def rows(self) -> NDArray[np.int64]:
        """The vectors, each repeated for every position it has."""
        return self.parts[0][0]

    @property
    def places(self) -> NDArray[np.int64]:
        """Their best positions, the nearest first."""
        return self.parts[0][1]


def _sample(n: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, SAMPLE).astype(np.int64))


def _cosines_to_all(turned: Vectors, some: NDArray[np.int64]) -> Vectors:
    """Return the cosines of some vectors to all vectors, with -2 for themselves."""
    near: Vectors = np.max([turned[some, 0] @ turn.T for turn in turned.swapaxes(0, 1)], axis=0)
    near[np.arange(len(some)), some] = -2
    return near


# ---------------------------------------------------------------- candidates


@dataclass
class _Search:
    """A search for large products of vectors, which bound the cosine from above."""

    right: Vectors  # (n_orientations, n, d), upright ones first

    @property
    def left(self) -> Vectors:
        """The upright vectors, shape (n, d)."""
        upright: Vectors = self.right[0]
        return upright

    def above(
        self, start: int, stop: int, bound: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all i < j with i in `start:stop` whose product is at least `bound`."""
        products = self.left[start:stop] @ self.right[0, start:].T
        for turn in self.right[1:]:
            np.maximum(products, self.left[start:stop] @ turn[start:].T, out=products)
        counts = np.zeros(len(products), np.int64)
        none = np.zeros(0, np.int64)
        _collect(products, bound, counts, none, none)
        starts = np.concatenate([[0], np.cumsum(counts)])
        j = np.empty(starts[-1], np.int64)
        _collect(products, bound, counts, starts, j)
        return start + np.repeat(np.arange(len(products)), counts), start + j


def _search(turned: Vectors, floor: float) -> _Search:
    """Return the cheapest search that misses no pair."""
    return _bounded(turned, floor) or _plain(turned)


def _plain(turned: Vectors) -> _Search:
    """Return a search by the vectors themselves."""
    return _Search(np.ascontiguousarray(turned.swapaxes(0, 1)))


def _bounded(turned: Vectors, floor: float) -> _Search | None:
    """Return a search by shorter vectors, if there is a cheaper one that misses no pair."""
    n, _, d = turned.shape
    if n < WORTHWHILE_N or d < WORTHWHILE_D:
        return None
    bounded = _projected(np.ascontiguousarray(turned.swapaxes(0, 1)))
    some = np.linspace(0, n - 1, SAMPLE).astype(np.int64)
    doubted = np.max([bounded.left[some] @ turn.T for turn in bounded.right], axis=0)
    return bounded if float((doubted >= floor - MARGIN).mean()) <= MOST_DOUBTED else None


def _projected(right: Vectors) -> _Search:
    """Return shortened vectors whose product is never below the cosine of the full vectors.

    The first principal components are kept. The remainders of two vectors contribute at most the
    product of their lengths (the Cauchy-Schwarz inequality), so the length is kept as one value.
    """
    upright = right[0]
    sample = upright[:: max(1, len(upright) // 20_000)].astype(np.float64)
    _, directions = np.linalg.eigh(sample.T @ sample)
    basis = directions[:, -PROJECTED:].astype(np.float32)

    def shortened(vectors: Vectors) -> Vectors:
        inside = vectors @ basis
        left = np.square(vectors).sum(axis=-1) - np.square(inside).sum(axis=-1)
        rest = np.sqrt(np.maximum(left, 0)) + np.float32(1e-5)
        return np.ascontiguousarray(np.concatenate([inside, rest[..., None]], axis=-1))

    return _Search(np.stack([shortened(turn) for turn in right]))


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _collect(products, bound, counts, starts, j):  # type: ignore[no-untyped-def]
    """Count the large products right of the diagonal in each row; with `starts`, store them."""
    collect = len(starts) > 0
    for row in numba.prange(len(products)):
        if not collect:
            count = 0
            for column in range(row + 1, products.shape[1]):
                count += products[row, column] >= bound
            counts[row] = count
        elif counts[row]:
            place = starts[row]
            for column in range(row + 1, products.shape[1]):
                if products[row, column] >= bound:
                    j[place] = column
                    place += 1


def _cosines(turned: Vectors, i: NDArray[Any], j: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rounded cosine of each pair, maximised over orientations; deterministic."""
    cosines = np.empty(len(i))
    _dots(turned, i, j, cosines)
    rounded: NDArray[np.float64] = np.clip(np.round(cosines, DECIMALS), -1, 1) + 0.0
    return rounded


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _dots(turned, i, j, cosines):  # type: ignore[no-untyped-def]
    """Sum sequentially in float64, so that threads and blocks do not change the order of sums."""
    for at in numba.prange(len(i)):
        best = -2.0
        for turn in range(turned.shape[1]):
            total = 0.0
            for place in range(turned.shape[2]):
                total += np.float64(turned[i[at], 0, place]) * np.float64(
                    turned[j[at], turn, place]
                )
            best = max(best, total)
        cosines[at] = best

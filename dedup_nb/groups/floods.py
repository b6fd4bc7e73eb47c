"""Very many copies of one file -> few pairs that give the same groups as all of them.

A placeholder that a scrape left 100,000 times makes five thousand million pairs, all of which say
the same. Only some copies, the hubs, are then compared. Each of the others becomes a pair with the
hubs, and with all that the hubs are near. Hubs are the copies that can become keepers: the best of
each root, stage and kind of companions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Join = Callable[[NDArray[np.bool_]], tuple[pd.DataFrame, float]]

FLOOD = 64  # copies of one file from which on not all of their pairs are listed
HUBS = 16  # most copies of one file that stand for it
MOST_PAIRS = 2_000_000  # most pairs of the copies of one file with other images
FEWEST = 16  # but each copy has at least so many


@dataclass(frozen=True)
class Twins:
    """Which images are copies of one file, and which of them may become keepers.

    Attributes
    ----------
    digests : sequence of str
        Digest of each row of the catalogue.
    kinds : ndarray of int64, shape (n,)
        Rows with one number are alike to the rules: root, stage, companions.
    ranks : callable
        Returns the keeper order of the rows, 0 first; called only if there is a flood.
    """

    digests: NDArray[np.object_]
    kinds: Indices
    ranks: Callable[[], Indices]

    @cached_property
    def _codes(self) -> Indices:
        codes, _ = pd.factorize(self.digests)
        return np.asarray(codes, np.int64)

    def joined(self, join: Join, rows: Indices) -> tuple[pd.DataFrame, float]:
        """Return the pairs of a join in which floods of copies are thinned.

        Parameters
        ----------
        join : callable
            Takes a mask of `rows` and returns their pairs and the bound, as `near_pairs` does.
        rows : ndarray of int64, shape (n,)
            Ascending rows of the catalogue.

        Returns
        -------
        pairs : DataFrame
            Columns `i < j` and the measure, sorted by i, then j; all pairs where there is no flood.
        bound
            As `join` returned it.
        """
        codes = self._codes[rows]
        counts = np.bincount(codes, minlength=1)
        floods = np.flatnonzero(counts > FLOOD)
        kept = np.ones(len(rows), bool)
        if not len(floods):
            return join(kept)
        order = np.lexsort((self.ranks()[rows], codes))
        starts = np.searchsorted(codes[order], floods)
        members = [order[a : a + counts[c]] for a, c in zip(starts, floods, strict=True)]
        hubs = [self._hubs(rows, copies) for copies in members]
        for copies, chosen in zip(members, hubs, strict=True):
            kept[copies] = False
            kept[chosen] = True
        pairs, bound = join(kept)
        ranks = self.ranks()
        more = [
            _of_copies(pairs, rows[chosen], rows[np.setdiff1d(copies, chosen)], ranks)
            for copies, chosen in zip(members, hubs, strict=True)
        ]
        return _sorted([pairs, *more]), bound

    def of_group(self, rows: Indices, most: int) -> tuple[NDArray[np.int64], bool]:
        """Return pairs that connect a group in which every image is near every other.

        Parameters
        ----------
        rows : ndarray of int64, shape (n,)
            Rows of the catalogue.
        most : int
            Largest number of images, apart from floods of copies, of which all pairs are returned.

        Returns
        -------
        ends : ndarray of int64, shape (n_pairs, 2)
            Pairs, the smaller row first: all, or those of the best `HUBS` images with all others.
        complete : bool
            Whether further pairs would change nothing, because they are of copies of one file.
        """
        rows = np.sort(rows)
        if len(rows) <= most:
            return rows[np.stack(np.triu_indices(len(rows), 1), axis=1)], True
        rows = rows[np.argsort(self.ranks()[rows], kind="stable")]
        codes = self._codes[rows]
        counts = np.bincount(codes)
        kept = counts[codes] <= FLOOD
        for code in np.flatnonzero(counts > FLOOD):
            kept[self._hubs(rows, np.flatnonzero(codes == code))] = True
        complete = int(kept.sum()) <= most
        some = rows[kept] if complete else rows[kept][:HUBS]
        parts = [some[np.stack(np.triu_indices(len(some), 1), axis=1)]]
        others = np.setdiff1d(rows, some)
        for leader in np.union1d(some[:HUBS], rows[kept][:HUBS]):
            parts.append(np.stack([np.full(len(others), leader), others], axis=1))
        for code in np.flatnonzero(counts > FLOOD):  # each copy with the hubs of its own file
            copies = np.flatnonzero(codes == code)
            hubs, left = rows[self._hubs(rows, copies)], np.intersect1d(rows[copies], others)
            parts += [np.stack([np.full(len(left), hub), left], axis=1) for hub in hubs]
        ends = np.sort(np.concatenate(parts), axis=1)
        return np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0), complete

    def _hubs(self, rows: Indices, copies: Indices) -> Indices:
        """Return the best copies, at least two, best first: one of each kind, then any."""
        _, first = np.unique(self.kinds[rows[copies]], return_index=True)
        best = np.sort(first)[:HUBS]
        return copies[np.union1d(best, np.arange(2))]


def _of_copies(pairs: pd.DataFrame, hubs: Indices, copies: Indices, ranks: Indices) -> pd.DataFrame:
    """Return the pairs of further copies: with the hubs, and with what the best hub is near.

    Where that would be too many, the best images are kept: those that come before the hub take all
    copies with it, and the hub takes the others itself.

    Parameters
    ----------
    pairs : DataFrame
        Pairs of the hubs and of all other images.
    hubs, copies : ndarray of int64
        Rows of one file: those in `pairs`, and those that are not.
    ranks : ndarray of int64, shape (n,)
        Keeper order of all rows.
    """
    i, j = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)
    values = pairs.iloc[:, 2].to_numpy()
    first = hubs[np.argmin(ranks[hubs])]
    at = np.flatnonzero((i == first) | (j == first))
    others = np.where(i[at] == first, j[at], i[at])
    inside = np.isin(others, hubs)
    if not inside.any():  # copies are not near each other: a picture of one tone, as an embedding
        return pairs[:0]
    near, near_values = others[~inside], values[at[~inside]]
    best = np.argsort(ranks[near], kind="stable")[: max(FEWEST, MOST_PAIRS // len(copies))]
    near, near_values = near[best], near_values[best]
    ends = np.concatenate([hubs, near])
    own = np.full(len(hubs), values[at[inside]][0], values.dtype)
    each = np.concatenate([own, near_values])
    a, b = np.repeat(copies, len(ends)), np.tile(ends, len(copies))
    return pd.DataFrame(
        {
            "i": np.minimum(a, b).astype(pairs["i"].dtype),
            "j": np.maximum(a, b).astype(pairs["j"].dtype),
            pairs.columns[2]: np.tile(each, len(copies)),
        }
    )


def _sorted(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return pairs as one table, sorted by i, then j; each once (two floods may be near)."""
    attrs = parts[0].attrs
    whole = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    whole = whole.sort_values(["i", "j"], kind="stable").drop_duplicates(["i", "j"])
    whole = whole.reset_index(drop=True)
    whole.attrs = attrs
    return whole

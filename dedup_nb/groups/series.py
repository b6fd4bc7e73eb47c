"""The series of the images -> which pairs of series would be torn, and which copies stay behind.

A set's verdict binds its pairs: two series of one line-up are paired as a whole, in one direction,
or not at all, whichever finder proposes their stages.
"""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups.roles import Indices
from dedup_nb.library import names
from dedup_nb.library.naming.series import places

Mask = NDArray[np.bool_]


class Series:
    """The series of a table of images.

    Parameters
    ----------
    table : DataFrame
        Columns `path, folder, series, stage, level`.

    Attributes
    ----------
    of : ndarray of int64
        Number of the series of each image; -1 if it is in none.
    line_ups : list of tuple of str
        Stage names of each series, sorted.
    members : list of ndarray of int64
        Images of each series.
    names : list of str
        Folder and id of each series.
    copies : ndarray of bool
        Whether the name of an image is that of a copy of a stage in its folder.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        inside = (table["series"] != "").to_numpy(bool)
        each = places(table["folder"], table["series"])
        of: Indices = pd.factorize(np.fromiter(each, object, len(each)))[0].astype(np.int64)
        _, numbers = np.unique(of[inside], return_inverse=True)
        self.of: Indices = np.full(len(table), -1, np.int64)
        self.of[inside] = numbers
        by_series: defaultdict[int, list[int]] = defaultdict(list)
        for k in np.flatnonzero(inside).tolist():
            by_series[int(self.of[k])].append(k)
        stages = table["stage"].tolist()
        self.members = [np.array(by_series[n], np.int64) for n in range(len(by_series))]
        self.line_ups = [tuple(sorted(stages[k] for k in rows.tolist())) for rows in self.members]
        firsts = [int(rows[0]) for rows in self.members]
        self.names = ["/".join(each[k]).lstrip("/") for k in firsts]
        self.copies = self._copies(table, inside)

    def _copies(self, table: pd.DataFrame, inside: Mask) -> Mask:
        levels = table["level"].to_numpy(np.float64)
        folders, paths = table["folder"].tolist(), table["path"].tolist()
        there = {folders[k] for k in np.flatnonzero(inside).tolist()}
        copies = np.zeros(len(table), np.bool_)
        for k in np.flatnonzero(~inside & ~np.isnan(levels)).tolist():
            copies[k] = folders[k] in there and names.is_copy(os.path.basename(paths[k]))
        return copies

    def rank(self, ranks: Indices) -> None:
        """Order the series by the mean keeper rank of their images; called once."""
        means = [float(ranks[rows].mean()) for rows in self.members]
        order = sorted(range(len(means)), key=lambda n: (means[n], self.names[n]))
        self._order: Indices = np.empty(len(order), np.int64)
        self._order[order] = np.arange(len(order))
        codes = {line_up: code for code, line_up in enumerate(sorted(set(self.line_ups)))}
        self._line_up: Indices = np.array([codes[one] for one in self.line_ups], np.int64)

    def against(self, members: Indices, keepers: Indices) -> Mask:
        """Return which members belong to a better series of the line-up of their keeper's.

        All stages of two equal series must go in one direction, towards the better series, though
        the keeper order may prefer now the one, now the other.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        mine, theirs = self.of[members], self.of[keepers]
        against: Mask = np.asarray((mine >= 0) & (theirs >= 0) & (mine != theirs), np.bool_)
        inside = np.flatnonzero(against)
        one, other = mine[inside], theirs[inside]
        against[inside] = self._line_up[one] == self._line_up[other]
        against[inside] &= self._order[one] < self._order[other]
        return against

    def torn(self, staged: Indices, keepers: Indices) -> dict[int, str]:
        """Return the staged images whose series would not move as a whole, and why.

        Parameters
        ----------
        staged, keepers : ndarray of int64, shape (n,)
            Images that would be staged, and their keepers.

        Returns
        -------
        dict of int -> str
            Only images whose keeper is in another series of the same line-up.
        """
        mine, theirs = self.of[staged], self.of[keepers]
        between = (mine >= 0) & (theirs >= 0) & (mine != theirs)
        pairs: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for place in np.flatnonzero(between).tolist():
            ends = int(mine[place]), int(theirs[place])
            if self.line_ups[ends[0]] == self.line_ups[ends[1]]:
                pairs[ends].append(int(staged[place]))
        held: dict[int, str] = {}
        for (one, other), rows in pairs.items():
            if why := self._why_torn(one, other, len(rows), (other, one) in pairs):
                held |= dict.fromkeys(rows, why)
        return held

    def _why_torn(self, one: int, other: int, count: int, both_ways: bool) -> str:
        if both_ways:
            return f"stages of both sets would move: {self.names[one]} and {self.names[other]}"
        whole = len(self.line_ups[one])
        if count < whole:
            return f"only {count} of {whole} stages of its set are paired with {self.names[other]}"
        return ""

    def whole(self, staged: Indices, keepers: Indices) -> dict[int, str]:
        """Return the staged images that move with their whole series, and its name."""
        mine, theirs = self.of[staged], self.of[keepers]
        moving = staged[(mine >= 0) & (theirs >= 0) & (mine != theirs)]
        counts = np.bincount(self.of[moving], minlength=len(self.members))
        return {
            k: self.names[number]
            for k in moving.tolist()
            if counts[number := int(self.of[k])] == len(self.line_ups[number])
        }

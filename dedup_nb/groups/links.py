"""Hard links: names of one file, which free space only when the last of them goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Links:
    """The images that are hard links.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_links,)
        Ascending rows of the images with more than one name.
    files : ndarray of int64, shape (n_links,)
        Number of the file that each of them names, 0 up.
    names : ndarray of int64, shape (n_files,)
        Number of names of each file, inside and outside the library.
    """

    rows: Indices
    files: Indices
    names: Indices

    @classmethod
    def of(cls, inodes: dict[int, tuple[int, int, int]]) -> Links:
        """Return the links among some rows: row -> (device, inode, number of names)."""
        rows = np.array(sorted(k for k, (*_, names) in inodes.items() if names > 1), np.int64)
        numbers: dict[tuple[int, int], int] = {}
        files = [numbers.setdefault(inodes[k][:2], len(numbers)) for k in rows.tolist()]
        names = np.ones(len(numbers), np.int64)
        for k, file in zip(rows.tolist(), files, strict=True):
            names[file] = inodes[k][2]
        return cls(rows, np.array(files, np.int64), names)

    def freed(self, freed: Indices, staged: NDArray[np.bool_]) -> Indices:
        """Return the bytes that each staged image frees: a file counts once, if all its names go.

        Parameters
        ----------
        freed : ndarray of int64, shape (n,)
            Bytes of each staged image, 0 for the others; changed in place.
        staged : ndarray of bool, shape (n,)
        """
        going = staged[self.rows]
        counts = np.bincount(self.files[going], minlength=len(self.names))
        _, first = np.unique(self.files, return_index=True)
        last = self.rows[first[counts >= self.names]]
        size = freed[last]
        freed[self.rows] = 0
        freed[last] = size
        return freed

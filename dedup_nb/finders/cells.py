"""The vectors of a large store -> a trained FAISS index, kept beside the store and updated.

An exact search needs only the vectors in the store. An approximate search first trains cells,
which takes minutes, and assigns each vector to a cell. The result is saved beside the store, one
file for each embedder, and later runs only add new vectors. The file is written whole or not at
all and may be deleted at any time; if it is damaged or belongs to another store, the cells are
trained again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders.index import Cells
from dedup_nb.library.files import replacing
from dedup_nb.pictures.store import Store

Unpack = Callable[[Sequence[bytes]], NDArray[np.float32]]

PATTERN = "cells-*.faiss"
ROWS = 50_000  # vectors read from the store at once


def kept(store: Store, kind: str, unpack: Unpack) -> Cells:
    """Return the cells of all vectors of one kind, brought up to date on disk.

    Parameters
    ----------
    store : Store
        Holds the vectors; the file lies in its folder.
    kind : str
        Kind of the upright vectors of an embedder.
    unpack : callable
        Stored values -> array of float32, shape (n, d).
    """
    path = _path(store, kind)
    cells = _read(path)
    last = int(cells.ids.max(initial=0)) if cells else 0
    new = list(store.numbered(kind, last))
    if cells is None or not cells.suits(cells.lists.ntotal + len(new)):
        new = list(store.numbered(kind))
        cells = Cells.learn(unpack([value for _, _, value in new]))
    if new:
        for start in range(0, len(new), ROWS):
            part = new[start : start + ROWS]
            ids = np.array([number for number, _, _ in part], np.int64)
            cells.add(ids, unpack([value for _, _, value in part]))
        _write(cells, path)
    return cells


def _path(store: Store, kind: str) -> Path:
    name = hashlib.sha256(f"{store.mark} {kind}".encode()).hexdigest()[:16]
    return store.path.parent / PATTERN.replace("*", name)


def _read(path: Path) -> Cells | None:
    if not path.exists():
        return None
    try:
        return Cells(faiss.read_index(str(path)))
    except RuntimeError:  # truncated or of another version: trained again
        return None


def _write(cells: Cells, path: Path) -> None:
    """Write the file whole or not at all; if two processes write, the later one wins."""
    with replacing(path) as fresh:
        faiss.write_index(cells.lists, str(fresh))

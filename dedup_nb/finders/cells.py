"""Many vectors of the store -> the FAISS index that was learnt for them, grown by what is new.

Where pairs are looked for exactly, the vectors in the store are all there is to keep. Beyond that
FAISS first learns cells, which takes minutes, and sorts each vector into one: that is kept beside
the store, one file an embedder, whole or not at all, and only new vectors are added to it. It may
be deleted at any time, and a file of another store, or one that is damaged, is learnt again.
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
ROWS = 50_000  # read from the store at once


def kept(store: Store, kind: str, unpack: Unpack) -> Cells:
    """Return the cells of all vectors of one kind, brought up to date on disk.

    Parameters
    ----------
    store : Store
        Where the vectors are; the file lies in its folder.
    kind : str
        The upright vectors of an embedder.
    unpack : callable
        Stored values -> array of shape (n, d).
    """
    path = _path(store, kind)
    found = _read(path)
    last = int(found.ids.max(initial=0)) if found else 0
    new = list(store.numbered(kind, last))
    if found is None or not found.suits(found.lists.ntotal + len(new)):
        new = list(store.numbered(kind))
        found = Cells.learn(unpack([value for _, _, value in new]))
    if new:
        for start in range(0, len(new), ROWS):
            part = new[start : start + ROWS]
            ids = np.array([number for number, _, _ in part], np.int64)
            found.add(ids, unpack([value for _, _, value in part]))
        _write(found, path)
    return found


def _path(store: Store, kind: str) -> Path:
    name = hashlib.sha256(f"{store.mark} {kind}".encode()).hexdigest()[:16]
    return store.path.parent / PATTERN.replace("*", name)


def _read(path: Path) -> Cells | None:
    if not path.exists():
        return None
    try:
        return Cells(faiss.read_index(str(path)))
    except RuntimeError:  # cut off or of another version: it is learnt again
        return None


def _write(found: Cells, path: Path) -> None:
    """Write whole or not at all; of two processes the later one stays."""
    with replacing(path) as fresh:
        faiss.write_index(found.lists, str(fresh))

"""The vectors of a large store -> a trained FAISS index, kept beside the store and updated.

An exact search needs only the vectors in the store. An approximate search first trains cells,
which takes minutes, and assigns each vector to a cell. The result is saved beside the store, one
file for each embedder, and later runs only add new vectors. It is FAISS's format followed by a
line that says what it is and the sha256 of everything before, since FAISS takes most damaged files
for good ones. It is written whole or not at all and may be deleted at any time; if it is damaged or
belongs to another store, the cells are trained again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders.index import Cells
from dedup_nb.library.files import CannotWrite, replacing
from dedup_nb.pictures.store import Sound, Store

Unpack = Callable[[Sequence[bytes]], NDArray[np.float32]]

PATTERN = "cells-*.faiss"
LABEL = b"\ndedup_nb cells 1 "  # followed by 64 hex digits at the end of the file
LEARNT = b"IwFl"  # first bytes of FAISS's format; version 0.1 wrote nothing else
BLOCK_BYTES = 2**20
ROWS = 50_000  # vectors read from the store at once


def kept(store: Store, kind: str, unpack: Unpack, sound: Sound | None = None) -> Cells:
    """Return the cells of all vectors of one kind, brought up to date on disk.

    Parameters
    ----------
    store : Store
        Holds the vectors; the file lies in its folder.
    kind : str
        Kind of the upright vectors of an embedder.
    unpack : callable
        Stored values -> array of float32, shape (n, d).
    sound : callable, optional
        Which stored values are used; see `Store.measures`.
    """
    path = _path(store, kind)
    cells = _read(path)
    last = int(cells.ids.max(initial=0)) if cells else 0
    new = list(store.numbered(kind, last, sound))
    if cells is None or not cells.suits(cells.lists.ntotal + len(new)):
        new = list(store.numbered(kind, sound=sound))
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


def is_cells(path: Path) -> bool:
    """Return whether a file was written by this module, by its content."""
    try:
        with open(path, "rb") as file:
            start = file.read(len(LEARNT))
        return start == LEARNT
    except OSError:
        return False


def _read(path: Path) -> Cells | None:
    if not is_cells(path) or not _is_whole(path):
        return None
    try:
        return Cells(faiss.read_index(str(path)))
    except RuntimeError:  # of another version of FAISS: trained again
        return None


def _is_whole(path: Path) -> bool:
    """Return whether a file ends with the digest of what comes before."""
    with open(path, "rb") as file:
        size = path.stat().st_size - len(LABEL) - 64
        digest = _digest(file, size) if size > 0 else ""
        return file.read() == LABEL + digest.encode()


def _digest(file: BinaryIO, size: int) -> str:
    """Return the sha256 of the next bytes of a file."""
    digest = hashlib.sha256()
    while size > 0 and (part := file.read(min(size, BLOCK_BYTES))):
        digest.update(part)
        size -= len(part)
    return digest.hexdigest()


def _write(cells: Cells, path: Path) -> None:
    """Write the file whole or not at all; if two processes write, the later one wins."""
    try:
        if path.exists() and not is_cells(path):
            raise CannotWrite(f"{path} is not a file of this program; it is left alone")
        with replacing(path) as fresh:
            faiss.write_index(cells.lists, str(fresh))
            with open(fresh, "r+b") as file:
                digest = _digest(file, fresh.stat().st_size)
                file.write(LABEL + digest.encode())
    except (CannotWrite, RuntimeError) as error:  # FAISS reports a full disk as RuntimeError
        print(f"the trained cells are not kept for later runs: {error}")

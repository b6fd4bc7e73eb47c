"""Paths -> untrusted files read safely, and our own files written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 2**30  # a larger file is listed as too large


def read_file(path: bytes, limit: int = MAX_FILE_BYTES, *, cut: bool = False) -> bytes:
    """Return the bytes of a regular file, without following links or blocking on a pipe.

    Parameters
    ----------
    path : bytes
        The file.
    limit : int
        Largest number of bytes read, inclusive.
    cut : bool
        Return only the first `limit` bytes of a larger file.

    Raises
    ------
    OSError
        If it cannot be opened or is not a regular file.
    ValueError
        If it is larger than `limit`, unless `cut`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if cut:
            return file.read(limit)
        if status.st_size > limit:
            raise ValueError(f"{status.st_size:,} bytes; at most {limit:,} are read")
        return file.read()


def sha256(data: bytes) -> str:
    """Return the sha256 of a file's content as 64 hex digits, its identity in every table."""
    return hashlib.sha256(data).hexdigest()


def write_json(path: Path, value: Any, indent: int = 2) -> None:
    """Write a new, readable JSON file."""
    with open(path, "x", encoding="utf-8") as file:
        json.dump(value, file, indent=indent, default=str)
        file.write("\n")


def replace_text(path: Path, text: str) -> None:
    """Write one of our own files whole or not at all; if two processes write, the later wins."""
    with replacing(path) as fresh, open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` at the end, unless the block fails."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)

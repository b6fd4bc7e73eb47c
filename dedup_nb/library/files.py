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
EARLIEST_NS, LATEST_NS = -(2**63) + 1, 2**63 - 1  # some libraries use the lowest number for "none"


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


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False too for text that no system call takes as a path."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises for long paths


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file, or a link to one; see `is_folder`."""
    return os.path.isfile(path)  # noqa: PTH113


def bounded_ns(time_ns: int) -> int:
    """Return a file's time in ns, or the nearest that 64 bits hold (years 1677 to 2262).

    Tables and the cache hold 64-bit numbers; staging compares the exact time.
    """
    return min(max(time_ns, EARLIEST_NS), LATEST_NS)


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

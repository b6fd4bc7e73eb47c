"""Paths -> untrusted files read safely, and our own files written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HALVES = "backslashreplace"  # how half characters are written, which names and JSON may hold
MOST_JSON_BYTES = 2**26  # of our own small files
MAX_FILE_BYTES = 2**30  # a larger file is listed as too large
EARLIEST_NS, LATEST_NS = -(2**63) + 1, 2**63 - 1  # some libraries use the lowest number for "none"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def read_file(
    path: bytes, limit: int = MAX_FILE_BYTES, *, cut: bool = False, follow: bool = False
) -> bytes:
    """Return the bytes of a regular file, without following links or blocking on a pipe.

    Parameters
    ----------
    path : bytes
        The file.
    limit : int
        Largest number of bytes read, inclusive.
    cut : bool
        Return only the first `limit` bytes of a larger file.
    follow : bool
        Follow a link, for files that a person names.

    Raises
    ------
    OSError
        If it cannot be opened or is not a regular file.
    ValueError
        If it is larger than `limit`, unless `cut`.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if cut:
            return file.read(limit)
        if status.st_size > limit:
            raise ValueError(f"{status.st_size:,} bytes; at most {limit:,} are read")
        data = file.read(limit + 1)
        if len(data) > limit:  # it grew meanwhile
            raise ValueError(f"more than {limit:,} bytes; at most {limit:,} are read")
        return data


def read_named(path: Path, limit: int, what: str) -> bytes:
    """Return the bytes of a file that a person named, such as a profile.

    Parameters
    ----------
    path : Path
        The file, or a link to it.
    limit : int
        Largest size in bytes, inclusive.
    what : str
        What it is, for the message.

    Raises
    ------
    ValueError
        If it is missing, not a regular file, forbidden or too large; names the file.
    """
    try:
        return read_file(os.fsencode(path), limit, follow=True)
    except FileNotFoundError as error:
        raise ValueError(f"{what} {path} does not exist") from error
    except OSError as error:
        raise ValueError(f"{what} {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{what} {path} cannot be read: {error}") from error


def read_object(path: Path, limit: int = MOST_JSON_BYTES) -> dict[str, Any]:
    """Return the JSON object in one of our own files, such as `run.json`.

    Raises
    ------
    ValueError
        If it cannot be read, is not whole, or is something else; one sentence names the file.
    """
    data = read_named(path, limit, "file")
    try:
        content = json.loads(data.decode("utf-8", "surrogateescape"))
    except json.JSONDecodeError as error:
        what = f"{error.msg} in line {error.lineno}" if data.strip() else "it is empty"
        raise ValueError(f"{path} is damaged: {what}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is damaged: it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it does not hold a JSON object")
    return content


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


class Plain(Exception):
    """An error whose sentence says what to do; notebooks show it without a traceback."""

    def _render_traceback_(self) -> list[str]:  # called by IPython
        return [f"{type(self).__name__}: {self}"]


class CannotWrite(Plain, OSError):
    """One of our own files cannot be written."""


def write_text(path: Path, text: str) -> None:
    """Write a new text file whole or not at all.

    Raises
    ------
    FileExistsError
        If `path` exists; results are never overwritten.
    """
    with creating(path) as fresh:
        fresh.write_text(text, encoding="utf-8", errors=HALVES)


def write_json(path: Path, value: Any, indent: int = 2) -> None:
    """Write a new, readable JSON file whole or not at all; raises as `write_text` does."""
    write_text(path, json.dumps(value, indent=indent, default=str) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write one of our own files whole or not at all; if two processes write, the later wins."""
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8", errors=HALVES)


@contextmanager
def creating(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes the new file `path` at the end, unless the block fails.

    Raises
    ------
    FileExistsError
        If `path` exists, at the start or at the end; it is left alone.
    CannotWrite
        If the disk is full, or the folder may not be written to or has vanished.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "will not overwrite", str(path))
    with _beside(path) as fresh:
        yield fresh
        _publish(fresh, path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` at the end; raises `CannotWrite` as `creating`.

    If the block fails, `path` stays as it is.
    """
    with _beside(path) as fresh:
        yield fresh
        _synced(fresh)
        fresh.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(3).hex()}.new")
    try:
        yield fresh
    except FileExistsError:
        raise
    except OSError as error:
        if why := _why_not_written(error, path.parent):
            raise CannotWrite(f"{path} cannot be written: {why}") from error
        raise
    finally:
        with suppress(OSError):  # its folder may have vanished, or its disk become read-only
            fresh.unlink(missing_ok=True)


def _why_not_written(error: OSError, folder: Path) -> str:
    """Return what is wrong with a folder, in words; empty if the error has another cause."""
    if error.errno in FULL or "No space left" in str(error):
        return "no space is left on its disk; free some, then start it again"
    if not folder.is_dir():
        return f"{folder} is no longer a folder; was its disk removed?"
    if error.errno in FORBIDDEN and not os.access(folder, os.W_OK):
        return f"{folder} may not be written to; change its permissions or choose another folder"
    return ""


def _synced(fresh: Path) -> None:
    with open(fresh, "rb") as file:
        os.fsync(file.fileno())


def _publish(fresh: Path, path: Path) -> None:
    """Give a complete file its name, unless that name is taken."""
    _synced(fresh)
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "will not overwrite", str(path)) from None
    except OSError:  # the file system has no hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "will not overwrite", str(path)) from None
        fresh.replace(path)


def set_aside(path: Path) -> Path:
    """Rename a damaged file of ours to `<name>-damaged<suffix>`, `-damaged-2` and so on."""
    for number in range(1, 10_000):
        tail = f"-{number}" if number > 1 else ""
        aside = path.with_name(f"{path.stem}-damaged{tail}{path.suffix}")
        if not os.path.lexists(aside):
            return path.rename(aside)
    raise CannotWrite(f"{path} is damaged, and 10,000 others lie beside it; remove them")


@contextmanager
def alone(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder; it ends with the process, and is never left behind.

    A file system without locks gives none: the block then runs without it.

    Raises
    ------
    BlockingIOError
        If another process holds it and `wait` is false.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)

"""A library folder -> an open library with its lock, its roots and its private folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedup_nb.library.bundles import folded
from dedup_nb.library.hints import command
from dedup_nb.library.layout import NOT_FOLLOWED, OURS, PRIVATE, link_on_the_way
from dedup_nb.library.skipped import not_theirs
from dedup_nb.staging import safefs
from dedup_nb.staging.refusals import WRONG_INPUT, Locked, Refused, StagingError
from dedup_nb.staging.safefs import Parts, Spot

JOURNAL_FOLDER: Parts = (PRIVATE, "journal")
LOCK = "lock"

# Errors of file systems without a working `flock`; NFS needs a file open for writing (EBADF).
_NO_FLOCK = {
    errno.ENOLCK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EBADF,
}


class Library:
    """An open library folder; every path is relative to it."""

    def __init__(self, path: str | Path) -> None:
        if not str(path):
            raise StagingError(
                "the library path is empty; pass the folder of the collection", WRONG_INPUT
            )
        self.path = Path(path).absolute()
        try:
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:  # a ValueError: text that no path can be
            why = getattr(error, "strerror", None) or error
            raise StagingError(
                f"{self.path} cannot be opened as a library: {why}; "
                "pass the folder of the collection",
                WRONG_INPUT,
            ) from error

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def journal_folder(self, make: bool = False) -> int | None:
        """Open the journal folder and return it, or None if missing; the caller closes it."""
        try:
            if make:
                safefs.make_folders(self.fd, JOURNAL_FOLDER)
            return safefs.walk(self.fd, JOURNAL_FOLDER)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StagingError(
                f"{self.path / PRIVATE} cannot be used: {(error.strerror or '').lower()}; "
                "it must be a folder that you can write to"
            ) from error


def clean_roots(library: Library, roots: Sequence[str] | None) -> list[Parts]:
    """Return the roots as components, `.` (the whole library) if none are given.

    Raises
    ------
    StagingError
        With status 2, if a root is outside the library, is a staging folder, is not a folder, or
        lies inside another root.
    """
    clean = sorted({_root(library, root) for root in roots or ["."]})
    for first, second in itertools.pairwise(clean):
        if second[: len(first)] == first:
            raise StagingError(
                f"root {'/'.join(second)} lies inside root {'/'.join(first) or '.'}; pass only one",
                WRONG_INPUT,
            )
    return clean


def _root(library: Library, root: str) -> Parts:
    text = os.path.normpath(root)
    if Path(text).is_absolute():
        text = os.path.relpath(os.path.realpath(text), os.path.realpath(library.path))
    if text == ".":
        return ()
    try:
        parts = safefs.split_path(text)
        os.close(safefs.walk(library.fd, parts))
    except (Refused, OSError) as error:
        if link := link_on_the_way(library.path, text):
            raise StagingError(
                NOT_FOLLOWED.format(root=root, library=library.path, link=link), WRONG_INPUT
            ) from error
        raise StagingError(
            f"root {root} is not a folder inside {library.path}; correct the roots", WRONG_INPUT
        ) from error
    if OURS & {folded(part) for part in parts}:
        raise StagingError(f"root {root} is a staging folder; correct the roots", WRONG_INPUT)
    if why := not_theirs(parts):
        raise StagingError(f"root {root} lies in {why}; correct the roots", WRONG_INPUT)
    return parts


def inside(parts: Parts, roots: Sequence[Parts]) -> bool:
    """Return whether a path lies inside one of the roots."""
    return any(len(parts) > len(root) and parts[: len(root)] == root for root in roots)


def new_batch_id(after: str = "") -> str:
    """Return the id of a new batch: the UTC time and six random hex digits.

    Ids sort by creation: an id made in the same second as `after`, the latest id so far, gets
    higher digits.
    """
    while True:
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        lowest = int(after[-6:], 16) + 1 if after.startswith(stamp) else 0
        room = min(1 << 24, lowest + (1 << 20)) - lowest
        if room > 0:
            return f"{stamp}-{lowest + secrets.randbelow(room):06x}"
        time.sleep(0.05)


def utc_now() -> str:
    """Return the current time in the format of the journals."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


# ---------------------------------------------------------------- the lock


@contextlib.contextmanager
def locked(library: Library) -> Iterator[None]:
    """Lock the library for one command; raise `Locked` at once if another command holds it."""
    if _flock(library):
        try:
            yield
        finally:
            fcntl.flock(library.fd, fcntl.LOCK_UN)
        return
    spot = _lock_spot(library)
    _take_lock_file(library, spot)
    try:
        yield
    finally:
        safefs.unlink(spot)
        os.close(spot.fd)


def _flock(library: Library) -> bool:
    """Lock the library's folder; False where the file system has no `flock`."""
    try:
        safefs.step("flock")
        fcntl.flock(library.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(
            f"{library.path} is locked: another batch is running; wait until it is done"
        ) from None
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return False
        raise StagingError(f"{library.path} cannot be locked: {error.strerror}") from error
    return True


def _lock_spot(library: Library) -> Spot:
    try:
        safefs.make_folders(library.fd, (PRIVATE,))
        return Spot(safefs.walk(library.fd, (PRIVATE,)), LOCK)
    except OSError as error:
        raise StagingError(f"{library.path} cannot be locked: {error.strerror}") from error


def _take_lock_file(library: Library, spot: Spot) -> None:
    try:
        fd = safefs.create(spot)
    except FileExistsError:
        holder = read_lock_file(spot)
        os.close(spot.fd)
        raise Locked(
            f"locked by {describe_holder(holder)}; wait until it is done; if it was killed, run: "
            f"{command('unlock', '--library', library.path)}"
        ) from None
    try:
        safefs.write_all(fd, json.dumps(this_holder()).encode())
        safefs.sync_file(fd)
        safefs.sync_folder(spot.fd)
    finally:
        os.close(fd)


def this_holder() -> dict[str, Any]:
    """Return the identity of this process: host, pid, boot id and start time."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "boot": boot_id(),
        "started": utc_now(),
        "start_time": time.time(),
    }


def boot_id() -> str:
    """Return the id of this boot of the machine, '' where it is not available."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""  # macOS has kern.bootsessionuuid; not read here


def read_lock_file(spot: Spot) -> dict[str, Any] | None:
    """Return the holder of the lock file; None if there is none, {} if it is unreadable."""
    try:
        fd = os.open(spot.name, safefs.READ, dir_fd=spot.fd)
    except FileNotFoundError:
        return None
    except OSError:
        return {}
    try:
        holder = json.loads(os.read(fd, 4096)) if stat.S_ISREG(os.fstat(fd).st_mode) else {}
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(fd)
    return holder if isinstance(holder, dict) else {}


def describe_holder(holder: dict[str, Any] | None) -> str:
    """Describe the holder of a lock, and say if it is no longer running where that is known."""
    if not holder:
        return "an unknown process"
    words = f"pid {holder.get('pid')} on {holder.get('host')} since {holder.get('started')}"
    if holder.get("host") != socket.gethostname():
        return words
    if holder.get("boot") and holder["boot"] != boot_id():
        return f"{words} (the machine was restarted since)"
    try:
        os.kill(int(holder.get("pid", 0)), 0)
    except ProcessLookupError:
        return f"{words} (no longer running)"
    except (OSError, ValueError, TypeError, OverflowError):
        pass
    return words


def unlock(library: Library) -> bool:
    """Remove the lock file of a killed process; False if there is none."""
    try:
        fd = safefs.walk(library.fd, (PRIVATE,))
    except OSError:
        return False
    try:
        safefs.unlink(Spot(fd, LOCK))
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)
    return True


def holder_of(library: Library) -> dict[str, Any] | None:
    """Return the holder named by the lock file; None if there is none."""
    try:
        fd = safefs.walk(library.fd, (PRIVATE,))
    except OSError:
        return None
    try:
        return read_lock_file(Spot(fd, LOCK))
    finally:
        os.close(fd)

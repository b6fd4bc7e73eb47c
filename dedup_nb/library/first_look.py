"""A folder of pictures -> what its names alone say, in bounded time.

Formats are those of the suffixes; only files without a known one are opened, and few of those. The
catalogue looks at contents later.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from dedup_nb.library import files, formats, skipped
from dedup_nb.library.catalogue import SUFFIXES, check_roots
from dedup_nb.library.naming.presets import STAGES
from dedup_nb.library.naming.reading import Naming
from dedup_nb.library.progress import Found
from dedup_nb.library.quantities import count

MOST_SECONDS = 20.0
MOST_READ = 20_000  # names; more take seconds and say nothing new
MOST_EXAMPLES = 3
HERE = "."  # images in the folder itself
UNNAMED = "no suffix that is known"
MOST_OPENED = 200  # files without a known suffix
LOOK_AGAIN = 1_000  # entries of one folder between two looks at the clock


@dataclass
class FirstLook:
    """What a folder holds, by the names of its files.

    Attributes
    ----------
    library : Path
        The folder, absolute.
    images, n_bytes : int
        Number of images, and their size.
    folders : Counter
        Folder in the library -> images in and below it; `.` has those in the library itself.
    suffixes, companions : Counter
        Suffix -> number of images, or of files that lie beside images.
    patterns : Counter
        Name pattern -> number of images whose names it reads; "" has those that none reads.
    examples : dict of str -> list of str
        A few names for each pattern.
    read : int
        Number of names that were compared with the patterns.
    opened : int
        Number of files that were opened.
    others : int
        Files that are neither.
    skipped : Counter
        Why folders are never scanned -> how many.
    closed : list of str
        Folders that cannot be read.
    complete : bool
        Whether there was time for all of it.
    """

    library: Path
    images: int = 0
    n_bytes: int = 0
    folders: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    companions: Counter[str] = field(default_factory=Counter)
    patterns: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    read: int = 0
    opened: int = 0
    others: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)
    complete: bool = True


def look(
    library: Path, seconds: float = MOST_SECONDS, seen: Found = lambda files: None
) -> FirstLook:
    """Look through a folder of pictures, the folders near its top first.

    Parameters
    ----------
    library : Path
        The folder.
    seconds : float
        Time after which it stops.
    seen : callable
        Called with the number of files seen so far.

    Raises
    ------
    ValueError
        If it is not a folder, cannot be read, or holds no image; says which, and what to do.
    """
    check(library)
    found, naming, end = FirstLook(library), Naming(), time.monotonic() + seconds
    waiting = deque([""])
    while waiting and found.complete:
        _look_into(waiting.popleft(), found, naming, waiting, end)
        seen(found.images + found.others + found.companions.total())
    if not found.images and found.complete:
        others = found.others + found.companions.total()
        what = f"it holds only {count(others, 'other file')}" if others else "it is empty"
        more = (
            f"; {count(len(found.closed), 'folder')} in it cannot be read" if found.closed else ""
        )
        raise ValueError(
            f"{library} contains no images: {what}{more}; pass the folder of your pictures"
        )
    return found


def check(library: Path) -> None:
    """Refuse what is not a folder, or not one of a person's pictures; see `look`."""
    if not files.is_folder(library):
        there = "is not a folder" if os.path.lexists(library) else "does not exist"
        raise ValueError(f"{library} {there}; pass the folder of your pictures")
    check_roots(library, [HERE])


def _look_into(
    folder: str, found: FirstLook, naming: Naming, waiting: deque[str], end: float
) -> None:
    try:
        entries = os.scandir(found.library / folder)
    except OSError as error:
        if not folder:
            raise ValueError(
                f"{found.library} cannot be read: {error.strerror}; check its permissions"
            ) from error
        found.closed.append(folder)
        return
    with entries:
        for n, entry in enumerate(entries):
            if n % LOOK_AGAIN == 0 and time.monotonic() > end:
                found.complete = False
                return
            try:
                _take(entry, folder, found, naming, waiting)
            except OSError:  # it vanished, or cannot be looked at
                found.others += 1


def _take(
    entry: os.DirEntry[str], folder: str, found: FirstLook, naming: Naming, waiting: deque[str]
) -> None:
    name, path = entry.name, f"{folder}/{entry.name}" if folder else entry.name
    if entry.is_dir(follow_symlinks=False):
        if why := skipped.why_not(name):
            found.skipped[why] += 1
        else:
            waiting.append(path)
        return
    if name.startswith(".") or not entry.is_file(follow_symlinks=False):
        found.others += 1
        return
    suffix = formats.suffix(name)
    if suffix not in SUFFIXES and suffix not in formats.SIDECAR_SUFFIXES:
        suffix = UNNAMED if _is_image(path, found) else suffix
    if suffix in SUFFIXES or suffix == UNNAMED:
        found.images += 1
        found.n_bytes += entry.stat(follow_symlinks=False).st_size
        found.suffixes[suffix] += 1
        found.folders[path.partition("/")[0] if folder else HERE] += 1
        _read_name(path, found, naming)
    elif suffix in formats.SIDECAR_SUFFIXES:
        found.companions[suffix] += 1
    else:
        found.others += 1


def _is_image(path: str, found: FirstLook) -> bool:
    """Return whether a file is an image by its first bytes; only the first files are opened."""
    if found.opened >= MOST_OPENED:
        return False
    found.opened += 1
    try:
        head = files.read_file(os.fsencode(found.library / path), formats.HEAD_BYTES, cut=True)
    except OSError:
        return False
    return formats.image_format(path, head) is not None


def _read_name(path: str, found: FirstLook, naming: Naming) -> None:
    if found.read >= MOST_READ:
        return
    found.read += 1
    reading = naming.read(path)
    pattern = reading.pattern or (STAGES if reading.stage else "")
    found.patterns[pattern] += 1
    if len(found.examples[pattern]) < MOST_EXAMPLES:
        found.examples[pattern].append(path.rpartition("/")[2])

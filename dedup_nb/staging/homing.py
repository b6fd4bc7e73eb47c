"""One journalled bundle -> its files back home, judged by the disk rather than the journal."""

from __future__ import annotations

import os
import stat
from enum import Enum, auto
from typing import NamedTuple

from dedup_nb.library.layout import STAGING
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.ledger import Intent, StagedFile
from dedup_nb.staging.library import Library
from dedup_nb.staging.refusals import Refused
from dedup_nb.staging.safefs import CopyTerms, Folders, Parts, Seen, Spot


class Place(Enum):
    """Where the file of an intent is, and so what to do with it."""

    HOME = auto()  # only at home: nothing to do
    STAGED = auto()  # only staged, as journalled: move it home
    BOTH = auto()  # at both, identical: remove the staged one
    CONFLICT = auto()  # at both and different, or staged and changed: touch nothing
    UNPUBLISHED = auto()  # only as our finished temporary: publish it at home
    NOWHERE = auto()


class Found(NamedTuple):
    """One file of an intent and where it is on disk."""

    file: StagedFile
    place: Place
    staged: Seen | None = None
    temporary: Parts = ()
    why: str = ""


class Conflict(Exception):
    """The contents conflict; nothing was touched, or every move was undone."""

    def __init__(self, located: list[Found]) -> None:
        super().__init__("; ".join(each.why for each in located))
        self.found = located


def survey(folders: Folders, intent: Intent) -> list[Found]:
    """Locate each file of an intent that was not approved; writes nothing.

    Raises
    ------
    OSError
        If the disk cannot be read, or a folder on the path is a link.
    """
    return [_find(folders, intent, file) for file in intent.left]


def _find(folders: Folders, intent: Intent, file: StagedFile) -> Found:
    home = safefs.look(folders.find(file.home))
    place = folders.find(file.place)
    staged = safefs.look(place)
    if staged is None or place is None:
        return _not_staged(folders, intent, file, home)
    if home is not None and _same_inode(home, staged):
        return Found(file, Place.BOTH, safefs.seen(staged))
    now = _read(place, file.dst)
    if now is None or now.sha256 != file.sha256:
        return Found(file, Place.CONFLICT, why=f"{shown(file.dst)} changed while it was staged")
    if home is None:
        return Found(file, Place.STAGED, now)
    at_home = _read(folders.spot(file.home), file.src)
    if at_home is not None and at_home.sha256 == file.sha256:
        return Found(file, Place.BOTH, now)
    return Found(file, Place.CONFLICT, why=f"{shown(file.src)} is taken by another file")


def _read(spot: Spot, path: str) -> Seen | None:
    """Read a file; None if it is not a regular file or is being written."""
    try:
        return safefs.read_regular(spot, path)
    except Refused:
        return None


def _same_inode(a: os.stat_result, b: os.stat_result) -> bool:
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino) and stat.S_ISREG(a.st_mode)


def _not_staged(
    folders: Folders, intent: Intent, file: StagedFile, home: os.stat_result | None
) -> Found:
    if home is not None and stat.S_ISREG(home.st_mode):
        return Found(file, Place.HOME)
    for temporary in _temporaries(intent, file):
        spot = folders.find(temporary)
        now = _read(spot, "/".join(temporary)) if spot else None
        if now is not None and now.sha256 == file.sha256:
            return Found(file, Place.UNPUBLISHED, now, temporary)
    return Found(file, Place.NOWHERE, why=f"{shown(file.src)} is neither at home nor staged")


def _temporaries(intent: Intent, file: StagedFile) -> tuple[Parts, Parts]:
    name = intent.temporary(file)
    return (*file.home[:-1], name), (*file.place[:-1], name)


def send_home(
    library: Library, intent: Intent, located: list[Found]
) -> tuple[set[Parts], list[str]]:
    """Move home the files that `survey` located, the last file first.

    Returns
    -------
    folders : set of components
        Folders whose names changed, to be synced by `sync`.
    lost : list of str
        Metadata that a copy could not keep.

    Raises
    ------
    Conflict
        Before anything was touched, or after every move was undone.
    OSError
        If a system error stops it half-way; the next survey continues from there.
    """
    conflicts = [each for each in located if each.place is Place.CONFLICT]
    if conflicts:
        raise Conflict(conflicts)
    touched: set[Parts] = set()
    lost: list[str] = []
    done: list[Found] = []
    with Folders(library.fd) as folders:
        for each in reversed(located):
            try:
                lost += _bring(library, folders, intent, each)
            except FileExistsError:
                _take_back(folders, done)
                taken = f"{shown(each.file.src)} was just taken by another file"
                raise Conflict([each._replace(why=taken)]) from None
            except safefs.Swapped:
                changed = f"{shown(each.file.dst)} has just changed"
                _take_back(folders, done)
                raise Conflict([each._replace(why=changed)]) from None
            if each.place not in (Place.HOME, Place.NOWHERE):
                done.append(each)
                touched |= {each.file.home[:-1], each.file.place[:-1]}
    return touched, lost


def _bring(library: Library, folders: Folders, intent: Intent, located: Found) -> tuple[str, ...]:
    file, staged = located.file, located.staged
    if located.place is Place.BOTH and staged is not None:
        _sync_home(folders.spot(file.home))
        safefs.unlink_same(folders.spot(file.place), staged.inode)
    elif located.place in (Place.STAGED, Place.UNPUBLISHED) and staged is not None:
        safefs.make_folders(library.fd, file.home[:-1])
        source = folders.spot(located.temporary or file.place)
        terms = CopyTerms(intent.temporary(file), file.mode, file.mtime_ns)
        return safefs.move(source, folders.spot(file.home), staged, terms).lost
    return ()


def _sync_home(spot: Spot) -> None:
    fd = os.open(spot.name, safefs.READ, dir_fd=spot.fd)
    try:
        safefs.sync_file(fd)
    finally:
        os.close(fd)
    safefs.sync_folder(spot.fd)


def _take_back(folders: Folders, done: list[Found]) -> None:
    """Stage again the files that just went home, so that the bundle stays whole."""
    for each in reversed(done):
        if each.place is Place.STAGED and each.staged is not None:
            source, target = folders.spot(each.file.home), folders.spot(each.file.place)
            safefs.move(source, target, each.staged)


def sync(library: Library, touched: set[Parts], first: str = "home") -> None:
    """Sync these folders to disk: home folders first, or staging folders first."""

    def late(parts: Parts) -> bool:
        staging = bool(parts) and parts[0] in STAGING
        return staging if first == "home" else not staging

    for parts in sorted(touched, key=lambda parts: (late(parts), parts)):
        try:
            fd = safefs.walk(library.fd, parts)
        except FileNotFoundError:
            continue  # removed since
        try:
            safefs.sync_folder(fd)
        finally:
            os.close(fd)


def drop_temporaries(library: Library, intent: Intent) -> None:
    """Remove the partial copies that a killed process left behind."""
    with Folders(library.fd) as folders:
        for file in intent.files:
            for path in _temporaries(intent, file):
                spot = folders.find(path)
                status = safefs.look(spot)
                if spot is not None and status is not None and stat.S_ISREG(status.st_mode):
                    safefs.unlink(spot)

"""PNGs below folders -> an empty `.cropped` marker beside each that has none, journalled."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dedup_nb import __version__
from dedup_nb.library.bundles import folded
from dedup_nb.library.formats import stem, suffix
from dedup_nb.library.layout import OURS
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.journal import Journal, Reserve
from dedup_nb.staging.library import Library, clean_roots, new_batch_id, utc_now
from dedup_nb.staging.refusals import REFUSED, Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import Parts, Spot

MARKER = ".cropped"


@dataclass
class Flagged:
    """Which markers were made."""

    batch: str = ""  # '' if there was nothing to make
    made: list[str] = field(default_factory=list)
    had: int = 0  # PNGs that had a marker
    refused: list[Refusal] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if a marker could not be made."""
        return REFUSED if self.refused else 0


def flag_folders(library: Library, folders: Sequence[str], reserve: Reserve, after: str) -> Flagged:
    """Make the markers that are missing below folders of a locked library, as the next batch."""
    told = Flagged()
    wanted: dict[Parts, list[str]] = {}
    for root in clean_roots(library, folders):
        for folder, names in _folders_below(library, root):
            missing, had = missing_markers(names)
            told.had += had
            if missing:
                wanted[folder] = missing
    if wanted:
        _make(library, wanted, reserve, after, told)
    return told


def missing_markers(names: Sequence[str]) -> tuple[list[str], int]:
    """Return the markers that the PNGs among names lack, and how many PNGs have theirs.

    A marker whose name differs only in case counts: on some file systems it is the same file.
    """
    there = {folded(name) for name in names}
    pngs = [name for name in names if suffix(name) == ".png" and not name.startswith(".")]
    markers = {f"{stem(name)}{MARKER}" for name in pngs}
    missing = sorted(marker for marker in markers if folded(marker) not in there)
    return missing, len(pngs) - len(missing)


def _folders_below(library: Library, root: Parts) -> Iterator[tuple[Parts, list[str]]]:
    """Yield each folder with the names of its regular files; links and hidden ones left out."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        fd = safefs.walk(library.fd, folder)
        try:
            files = []
            for name in sorted(safefs.list_names(fd)):
                status = safefs.look(Spot(fd, name))
                if status is None:
                    continue
                if stat.S_ISREG(status.st_mode):
                    files.append(name)
                elif (
                    stat.S_ISDIR(status.st_mode)
                    and not name.startswith(".")
                    and folded(name) not in OURS
                ):
                    waiting.append((*folder, name))
        finally:
            os.close(fd)
        yield folder, files


def _make(
    library: Library, wanted: dict[Parts, list[str]], reserve: Reserve, after: str, told: Flagged
) -> None:
    told.batch = new_batch_id(after)
    journals = library.journal_folder(make=True)
    if journals is None:
        raise StagingError(f"{library.path} lost its private folder just now")
    header = {
        "batch": told.batch,
        "tool": __version__,
        "device": os.fstat(library.fd).st_dev,
        "plan": "",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "time": utc_now(),
    }
    try:
        journal = Journal.create(Spot(journals, f"{told.batch}.jsonl"), reserve, header)
    except OSError as error:
        raise StagingError(f"the journal cannot be kept: {error.strerror}; no flag made") from error
    finally:
        os.close(journals)
    try:
        for folder, markers in wanted.items():
            _make_in_folder(library, folder, markers, journal, told)
        journal.append([{"event": "end", "time": utc_now(), "done": len(told.made)}])
    except OSError as error:
        told.refused.append(by_errno(error, "the journal").of(told.batch))
    finally:
        journal.close()


def _make_in_folder(
    library: Library, folder: Parts, markers: list[str], journal: Journal, told: Flagged
) -> None:
    paths = ["/".join((*folder, marker)) for marker in markers]
    journal.append([{"event": "created", "time": utc_now(), "flags": paths}])
    not_ours = []
    try:
        fd = safefs.walk(library.fd, folder)
    except OSError as error:
        told.refused.append(by_errno(error, "/".join(folder)).of("/".join(folder)))
        journal.append([{"event": "uncreated", "time": utc_now(), "flags": paths}])
        return
    try:
        for marker, path in zip(markers, paths, strict=True):
            try:
                os.close(safefs.create(Spot(fd, marker)))
                told.made.append(path)
            except FileExistsError:
                not_ours.append(path)
                why = Refused("dst_exists", f"{shown(path)} was just made by somebody else", path)
                told.refused.append(why.of(path))
            except OSError as error:
                not_ours.append(path)
                told.refused.append(by_errno(error, path).of(path))
        safefs.sync_folder(fd)
    finally:
        os.close(fd)
    if not_ours:
        journal.append([{"event": "uncreated", "time": utc_now(), "flags": not_ours}])

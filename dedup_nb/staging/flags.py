"""Folders -> an empty, journalled `.cropped` marker beside each PNG that has none."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dedup_nb import __version__
from dedup_nb.library.bundles import folded
from dedup_nb.library.formats import stem, suffix
from dedup_nb.library.skipped import why_not
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.journal import Journal, Reserve
from dedup_nb.staging.library import Library, clean_roots, new_batch_id, utc_now
from dedup_nb.staging.records import MARKER
from dedup_nb.staging.refusals import REFUSED, Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import Parts, Spot


@dataclass
class Flagged:
    """Which markers were made."""

    batch: str = ""  # '' if there was nothing to make
    made: list[str] = field(default_factory=list)
    had: int = 0  # PNGs that already had a marker
    refused: list[Refusal] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if a marker could not be made."""
        return REFUSED if self.refused else 0


def flag_folders(library: Library, folders: Sequence[str], reserve: Reserve, after: str) -> Flagged:
    """Create the missing markers below folders of a locked library, as one batch."""
    flagged = Flagged()
    wanted: dict[Parts, list[str]] = {}
    for root in clean_roots(library, folders):
        for folder, names in _folders_below(library, root):
            missing, had = missing_markers(names)
            flagged.had += had
            if missing:
                wanted[folder] = missing
    if wanted:
        _make(library, wanted, reserve, after, flagged)
    return flagged


def missing_markers(names: Sequence[str]) -> tuple[list[str], int]:
    """Return the missing markers of the PNGs among `names`, and how many PNGs have one.

    A marker that differs only in case counts: on some file systems it is the same file.
    """
    there = {folded(name) for name in names}
    pngs = [name for name in names if suffix(name) == ".png" and not name.startswith(".")]
    markers = {f"{stem(name)}{MARKER}" for name in pngs}
    missing = sorted(marker for marker in markers if folded(marker) not in there)
    return missing, len(pngs) - len(missing)


def _folders_below(library: Library, root: Parts) -> Iterator[tuple[Parts, list[str]]]:
    """Yield each folder with the names of its regular files, without links and hidden folders."""
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
                elif stat.S_ISDIR(status.st_mode) and not why_not(name):
                    waiting.append((*folder, name))
        finally:
            os.close(fd)
        yield folder, files


def _make(
    library: Library, wanted: dict[Parts, list[str]], reserve: Reserve, after: str, flagged: Flagged
) -> None:
    flagged.batch = new_batch_id(after)
    journals = library.journal_folder(make=True)
    if journals is None:
        raise StagingError(f"the private folder of {library.path} has just vanished")
    header = {
        "batch": flagged.batch,
        "tool": __version__,
        "device": os.fstat(library.fd).st_dev,
        "plan": "",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "time": utc_now(),
    }
    try:
        journal = Journal.create(Spot(journals, f"{flagged.batch}.jsonl"), reserve, header)
    except OSError as error:
        raise StagingError(
            f"cannot write the journal: {error.strerror}; no marker was made"
        ) from error
    finally:
        os.close(journals)
    try:
        for folder, markers in wanted.items():
            _make_in_folder(library, folder, markers, journal, flagged)
        journal.append([{"event": "end", "time": utc_now(), "done": len(flagged.made)}])
    except OSError as error:
        flagged.refused.append(by_errno(error, "the journal").of(flagged.batch))
    finally:
        journal.close()


def _make_in_folder(
    library: Library, folder: Parts, markers: list[str], journal: Journal, flagged: Flagged
) -> None:
    paths = ["/".join((*folder, marker)) for marker in markers]
    journal.append([{"event": "created", "time": utc_now(), "flags": paths}])
    not_ours = []
    try:
        fd = safefs.walk(library.fd, folder)
    except OSError as error:
        flagged.refused.append(by_errno(error, "/".join(folder)).of("/".join(folder)))
        journal.append([{"event": "uncreated", "time": utc_now(), "flags": paths}])
        return
    try:
        for marker, path in zip(markers, paths, strict=True):
            try:
                os.close(safefs.create(Spot(fd, marker)))
                flagged.made.append(path)
            except FileExistsError:
                not_ours.append(path)
                why = Refused("dst_exists", f"another program has just made {shown(path)}", path)
                flagged.refused.append(why.of(path))
            except OSError as error:
                not_ours.append(path)
                flagged.refused.append(by_errno(error, path).of(path))
        safefs.sync_folder(fd)
    finally:
        os.close(fd)
    if not_ours:
        journal.append([{"event": "uncreated", "time": utc_now(), "flags": not_ours}])

"""A bundle that holds a film, model or drawing -> the same file beside its keeper, or a refusal.

A work of its own never moves because a picture of its name does. It moves only if the keeper's
bundle holds the same content, which then must stay like the keeper itself, or if a person confirmed
its digest in the manifest. Folders of clusters may take it, since they can never be approved.
"""

from __future__ import annotations

from typing import Protocol

from dedup_nb.library.layout import CLUSTERS
from dedup_nb.library.tables import shown
from dedup_nb.library.works import work
from dedup_nb.staging import safefs
from dedup_nb.staging.foldernames import FolderNames
from dedup_nb.staging.plans import Row
from dedup_nb.staging.refusals import Refused, by_errno
from dedup_nb.staging.safefs import Folders, Seen, split_path


class Keepers(Protocol):
    """What `examine.Examiner` knows of keepers."""

    names: FolderNames

    def standing(self, folders: Folders, path: str) -> Seen:
        """Return a keeper that is at home and stays there; refuse otherwise."""

    def same_entry(self, folders: Folders, path: str, keeper: Seen, member: Seen) -> bool:
        """Return whether keeper and member are one name spelled in two ways, not two links."""


def works_held(
    keepers: Keepers, folders: Folders, files: list[tuple[Row, Seen]]
) -> dict[str, Seen]:
    """Return the files that hold the works of a bundle beside its keepers, by path.

    Raises
    ------
    Refused
        `holds_a_work`, if a work has no such file and is not confirmed.
    """
    held = {}
    for row, seen in files:
        what = work(split_path(row.src)[-1], seen.head)
        if not what or row.confirmed or row.staging == CLUSTERS:
            continue
        twin = _twin(keepers, folders, row, seen) if row.keeper else None
        if twin is None:
            raise Refused(
                "holds_a_work",
                f"{shown(row.src)} is a work of its own ({what}) without a copy beside "
                f"{shown(row.keeper) or 'a keeper'}",
                row.src,
            )
        held[twin[0]] = twin[1]
    return held


def _twin(keepers: Keepers, folders: Folders, row: Row, seen: Seen) -> tuple[str, Seen] | None:
    """Return a file of the keeper's bundle with the same content, which stays."""
    for path in sorted(_bundle_of(keepers, folders, row.keeper)):
        if path == row.src or not _has_size(folders, path, seen.size):
            continue
        try:
            other = keepers.standing(folders, path)
        except Refused:
            continue
        if other.sha256 == seen.sha256 and not keepers.same_entry(folders, path, other, seen):
            return path, other
    return None


def _bundle_of(keepers: Keepers, folders: Folders, keeper: str) -> set[str]:
    try:
        return keepers.names.members(folders, keeper)
    except Refused:  # two names that differ only in case: nothing there is certain
        return {keeper}


def _has_size(folders: Folders, path: str, size: int) -> bool:
    try:
        status = safefs.look(folders.find(split_path(path)))
    except OSError as error:
        raise by_errno(error, path) from error
    return status is not None and status.st_size == size

"""A planned bundle and the disk -> the bundle ready to move, or why it is refused."""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from dedup_nb.library.bundles import FolderBundles, folded
from dedup_nb.library.formats import IMAGE_SUFFIXES, stem, suffix
from dedup_nb.library.names import find_series, parse, series_id
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.foldernames import FolderNames
from dedup_nb.staging.holding import works_held
from dedup_nb.staging.ledger import KeeperSeen, Ledger
from dedup_nb.staging.library import Library, inside
from dedup_nb.staging.plans import Plan, PlannedBundle, Row, rounded_mtime
from dedup_nb.staging.refusals import Refused, by_errno
from dedup_nb.staging.safefs import Folders, Parts, Seen, Stop, split_path

# A file changed this recently is read again: its timestamp may be too coarse to show a change.
RACY_NS = 2_000_000_000


class AlreadyStaged(Exception):
    """Every file of the bundle is already staged or approved, as planned."""


@dataclass
class Ready:
    """A bundle whose files on disk equal the plan."""

    planned: PlannedBundle
    files: list[tuple[Row, Seen]]  # images first, shared sidecars last
    keepers: dict[str, Seen]
    alone: int = 0  # images without companions
    frees_nothing: list[str] = field(default_factory=list)  # hard links of their keeper

    def keepers_seen(self) -> list[KeeperSeen]:
        """Return its keepers as an intent records them."""
        return [
            KeeperSeen(path, seen.sha256, seen.size, seen.mtime_ns, seen.ino, seen.dev)
            for path, seen in self.keepers.items()
        ]


def _gone(path: str) -> str:
    what = f"{shown(path)} no longer exists"
    if shown(path) == path:
        return what
    return f"{what}, or the manifest was saved in another encoding than UTF-8"


class Examiner:
    """Compares the bundles of one plan with the disk and with what is already staged."""

    def __init__(
        self,
        library: Library,
        plan: Plan,
        roots: Sequence[Parts],
        ledger: Ledger,
        *,
        strict_companions: bool = False,
        allow_keepers: bool = False,
        stop: Stop | None = None,
    ) -> None:
        self.library, self.plan, self.roots, self.ledger = library, plan, roots, ledger
        self.strict_companions, self.allow_keepers, self.stop = (
            strict_companions,
            allow_keepers,
            stop,
        )
        self.staged_now: set[str] = set()  # home paths of the files that this batch moved
        self.names = FolderNames()
        self._keepers_by_digest = ledger.paths_by_digest()
        self._old_by_digest = {sha256: path for path, sha256 in ledger.old_keepers.items()}
        self._folded_keepers: defaultdict[str, list[str]] = defaultdict(list)
        for path in ledger.keepers:
            self._folded_keepers[folded(path)].append(path)
        self._digests: dict[str, Seen] = {}

    def new_group(self) -> None:
        """Forget the folder listings, so that every folder is read again."""
        self.names.new_group()

    def examine(self, planned: PlannedBundle) -> Ready:
        """Return a bundle that equals its plan and whose keepers are in place.

        Raises
        ------
        Refused
            With the code of the first problem.
        AlreadyStaged
            If there is nothing left to do.
        Interrupted
            If `stop` returns True while a file is read.
        """
        if planned.problem is not None:
            raise planned.problem
        self._check_roots(planned)
        with Folders(self.library.fd) as folders:
            if self._already_staged(folders, planned):
                raise AlreadyStaged
            files = [(row, self._read_source(folders, row)) for row in planned.rows]
            images = [entry for entry in files if self.names.is_image(folders, *entry)]
            alone = self._check_members(folders, planned, files, images)
            for row, _ in files:
                if row.covers is not None:
                    self._check_shared(folders, planned, row, images)
            keepers = self._check_keepers(folders, planned, files)
            keepers |= works_held(self, folders, files)
            for row, seen in files:
                self._check_not_a_keeper(folders, row, seen)
            self._check_images_of_one_stem(folders, images)
        return Ready(
            planned,
            _images_first(files, images),
            keepers,
            alone,
            [row.src for row, seen in files if _shares_inode(row, seen, keepers)],
        )

    # ------------------------------------------------------------ roots and earlier batches

    def _check_roots(self, planned: PlannedBundle) -> None:
        for row in planned.rows:
            for path in filter(None, (row.src, row.keeper)):
                if not inside(split_path(path), self.roots):
                    raise Refused("outside_roots", f"{shown(path)} is outside the roots", path)

    def _already_staged(self, folders: Folders, planned: PlannedBundle) -> bool:
        return bool(planned.rows) and all(
            self._is_away(row) and _look(folders, row.src) is None for row in planned.rows
        )

    def _is_away(self, row: Row) -> bool:
        if self.ledger.purged.get(row.src) == row.sha256:
            return True
        intent = self.ledger.away.get(row.src)
        return intent is not None and any(
            file.src == row.src and file.sha256 == row.sha256 for file in intent.files
        )

    # ------------------------------------------------------------ the files as planned

    def _read_source(self, folders: Folders, row: Row) -> Seen:
        seen = self._read(folders, row.src)
        if seen is None:
            raise Refused("stale", _gone(row.src), row.src)
        if rounded_mtime(row.mtime_ns, seen.mtime_ns):
            raise Refused("rounded_mtime", f"mtime_ns of {shown(row.src)} was rounded", row.src)
        if (seen.size, seen.mtime_ns, seen.sha256) != (row.size, row.mtime_ns, row.sha256):
            raise Refused("stale", f"{shown(row.src)} changed after the report", row.src)
        return seen

    def _read(self, folders: Folders, path: str) -> Seen | None:
        try:
            spot = folders.find(split_path(path))
            return safefs.read_regular(spot, path, self.stop) if spot else None
        except OSError as error:
            raise by_errno(error, path) from error

    # ------------------------------------------------------------ whole bundles

    def _check_members(
        self,
        folders: Folders,
        planned: PlannedBundle,
        files: list[tuple[Row, Seen]],
        images: list[tuple[Row, Seen]],
    ) -> int:
        """Refuse an incomplete bundle; return how many of its images have no companion."""
        needed: set[str] = set()
        alone = 0
        for row, _ in images:
            members = self.names.members(folders, row.src)
            alone += len(members) == 1
            needed |= members
        needed -= self._shared_with_others(folders, needed, files)
        if self.strict_companions and alone:
            lone = next(
                row.src for row, _ in images if len(self.names.members(folders, row.src)) == 1
            )
            raise Refused("no_companions", f"{shown(lone)} has no companions", lone)
        planned_paths = {row.src for row, _ in files}
        own = {row.src for row, _ in files if row.covers is None}
        for path in sorted(own - needed):
            raise Refused(
                "not_a_member", f"{shown(path)} belongs to none of the images in its bundle", path
            )
        missing = {
            path
            for path in needed - planned_paths
            if not self._shared_elsewhere(folders, path, own)
        }
        if missing:
            raise self._why_missing(folders, planned, missing)
        return alone

    def _shared_with_others(
        self, folders: Folders, members: set[str], files: list[tuple[Row, Seen]]
    ) -> set[str]:
        """Return the members that also belong to an image outside the bundle; they stay."""
        planned = {row.src for row, _ in files if row.covers is None}
        shared = set()
        for path in sorted(members):
            others = [owner for owner in self.names.owners(folders, path) if owner not in members]
            if others and path in planned:
                what = f"{shown(path)} also belongs to {shown(others[0])}, which does not move"
                raise Refused("shared_stays", what, path)
            if others:
                shared.add(path)
        return shared

    def _shared_elsewhere(self, folders: Folders, path: str, images: set[str]) -> bool:
        """Return whether a missing member is a sidecar that the plan moves with its images."""
        covers = self.plan.shared.get(path, ())
        return not images.isdisjoint(covers) and all(
            image in self.plan.condemned or _look(folders, image) is None for image in covers
        )

    def _why_missing(self, folders: Folders, planned: PlannedBundle, missing: set[str]) -> Refused:
        for path in sorted(missing):
            status = _look(folders, path)
            if status is None:
                return Refused("stale", f"{shown(path)} has just vanished", path)
            if not stat.S_ISREG(status.st_mode):
                what = f"{shown(path)} is {safefs.kind(status)} with an image's name"
                return Refused("not_regular", what, path)
            if path.endswith(".cropped"):
                what = f"{shown(path)} was flagged as cropped after the report"
                return Refused("stale", what, path)
            if 0 < self.plan.mtime_ns < status.st_ctime_ns:
                return Refused("stale", f"{shown(path)} appeared after the report", path)
        names = ", ".join(map(shown, sorted(missing)[:5]))
        return Refused(
            "incomplete_bundle",
            f"bundle {shown(planned.bundle)} lacks {len(missing)} of its files: {names}",
            min(missing),
        )

    def _check_images_of_one_stem(self, folders: Folders, images: list[tuple[Row, Seen]]) -> None:
        """Refuse two images of one stem if one of them is a keeper in this plan."""
        paths = {row.src for row, _ in images}
        for path in sorted(paths & self.plan.keepers):
            if len(self.names.members(folders, path) & paths) > 1:
                raise Refused("is_keeper", f"{shown(path)} is a keeper in this plan", path)

    def _check_shared(
        self,
        folders: Folders,
        planned: PlannedBundle,
        row: Row,
        images: list[tuple[Row, Seen]],
    ) -> None:
        """Refuse a shared sidecar unless every image that it covers moves with it."""
        if any(row is image for image, _ in images):
            raise Refused("shared_stays", f"{shown(row.src)} is an image, not a sidecar", row.src)
        together = self.staged_now | {other.src for other in planned.rows}
        together |= {path for path in self.ledger.away if self._staged_by_this_plan(path)}
        covers = sorted({*(row.covers or ()), *self._series_of(folders, row.src)})
        if not _is_sidecar_of(row.src, covers):
            what = f"{shown(row.src)} is not named after any image that it should cover"
            raise Refused("shared_stays", what, row.src)
        for path in covers:
            if path in together:
                continue
            if path in self.ledger.away or _look(folders, path) is not None:
                what = f"{shown(row.src)} also covers {shown(path)}, which is not in this batch"
                raise Refused("shared_stays", what, row.src)
        if together.isdisjoint(covers):
            raise Refused(
                "shared_stays", f"nothing that {shown(row.src)} covers is staged", row.src
            )
        for owner in self.names.owners(folders, row.src):
            if owner not in together:
                what = f"{shown(row.src)} belongs to {shown(owner)}, which stays"
                raise Refused("shared_stays", what, row.src)

    def _staged_by_this_plan(self, path: str) -> bool:
        """Return whether an earlier, interrupted call with the same plan staged this image."""
        batch = self.ledger.batches.get(self.ledger.away[path].batch)
        plan = batch.header.get("plan") if batch else None
        return bool(self.plan.sha256) and plan == self.plan.sha256

    def _series_of(self, folders: Folders, path: str) -> list[str]:
        """Return the images, present or not, of the series that a sidecar is named after."""
        folder, _, name = path.rpartition("/")
        gone = {*self.plan.condemned, *self.ledger.away}
        names = {other.rpartition("/")[2] for other in gone if other.rpartition("/")[0] == folder}
        names |= self.names.names(folders, split_path(path)[:-1]).present
        images = sorted(image for image in names if suffix(image) in IMAGE_SUFFIXES)
        for run in find_series(images):
            stamp = parse(images[run[0]]).stamp
            if stamp is not None and series_id(stamp) == stem(name):
                return [f"{folder}/{images[k]}" if folder else images[k] for k in run]
        return []

    # ------------------------------------------------------------ keepers

    def _check_keepers(
        self, folders: Folders, planned: PlannedBundle, files: list[tuple[Row, Seen]]
    ) -> dict[str, Seen]:
        wanted = {row.keeper: row.keeper_sha256 for row in planned.rows if row.keeper}
        for row in planned.rows:
            if row.keeper and wanted[row.keeper] != row.keeper_sha256:
                raise _keeper(row.keeper, "is planned with two digests")
        keepers = {}
        for path, sha256 in wanted.items():
            seen = self.standing(folders, path)
            if seen.sha256 != sha256:
                raise _keeper(path, "changed after the report")
            if any(self.same_entry(folders, path, seen, member) for _, member in files):
                raise _keeper(path, "is the file to be staged")
            keepers[path] = seen
        return keepers

    def standing(self, folders: Folders, path: str) -> Seen:
        """Return a keeper that is at home and stays there; refuse otherwise."""
        if path in self.plan.condemned:
            raise _keeper(path, "would be staged by the same plan")
        if path in self.ledger.away:
            raise _keeper(path, f"was staged in batch {self.ledger.away[path].batch}")
        try:
            seen = self._remembered(folders, path)
        except Refused as refused:
            raise _keeper(path, "cannot be relied on: " + refused.message) from refused
        if seen is None:
            raise _keeper(path, "does not exist")
        return seen

    def _remembered(self, folders: Folders, path: str) -> Seen | None:
        """Read a keeper, or reuse the last reading if even its ctime is unchanged."""
        known = self._digests.get(path)
        if known is not None:
            status = _look(folders, path)
            if status is not None and safefs.seen(status, known.sha256, known.head) == known:
                return known
        seen = self._read(folders, path)
        if seen is not None and seen.ctime_ns < time.time_ns() - RACY_NS:
            self._digests[path] = seen
        return seen

    def same_entry(self, folders: Folders, path: str, keeper: Seen, member: Seen) -> bool:
        """Return whether keeper and member are one name spelled in two ways, not two links."""
        if keeper.inode != member.inode:
            return False
        parts = split_path(path)
        return keeper.nlink == 1 or parts[-1] not in self.names.names(folders, parts[:-1]).present

    def recheck(self, ready: Ready) -> None:
        """Refuse a bundle whose keepers have changed; called right before it moves."""
        with Folders(self.library.fd) as folders:
            for path, known in ready.keepers.items():
                status = _look(folders, path)
                if status is None or not stat.S_ISREG(status.st_mode):
                    raise _keeper(path, "has just vanished")
                now = safefs.seen(status, known.sha256, known.head)
                if now.ctime_ns != known.ctime_ns:  # staging a hard link of it also changes ctime
                    again = self._read(folders, path)
                    now = again if again is not None else now
                if now.identity != known.identity or now.sha256 != known.sha256:
                    raise _keeper(path, "has just changed")

    def newcomers(self, group: Sequence[Ready]) -> list[tuple[Ready, Refused]]:
        """Return the bundles that gained a companion since they were examined, and why.

        Called once for each group, after its moves, so that a large folder is listed only once.
        """
        by_folder: defaultdict[Parts, list[tuple[Ready, str]]] = defaultdict(list)
        for ready in group:
            for row, _ in ready.files:
                parts = split_path(row.src)
                by_folder[parts[:-1]].append((ready, parts[-1]))
        refusals: dict[int, tuple[Ready, Refused]] = {}
        with Folders(self.library.fd) as folders:
            for folder, own in by_folder.items():
                try:
                    come = self.names.come(folders, folder)
                except OSError as error:
                    refused = by_errno(error, "/".join(folder))
                    refusals |= {id(ready): (ready, refused) for ready, _ in own}
                    continue
                if not come:
                    continue
                there = self.names.names(folders, folder).present
                bundles = FolderBundles(there | come | {name for _, name in own})
                for ready, name in own:
                    for member in sorted(come.intersection(bundles.members(name))):
                        path = "/".join((*folder, member))
                        what = f"{shown(path)} has just appeared"
                        refusals[id(ready)] = ready, Refused("stale", what, path)
        return list(refusals.values())

    def _check_not_a_keeper(self, folders: Folders, row: Row, seen: Seen) -> None:
        """Refuse a file that is the keeper of something staged or approved."""
        batch = "a staged file"
        for path in self._folded_keepers.get(folded(row.src), ()):
            if self._is_same_file(folders, path, seen):  # by this or another spelling
                raise _is_keeper(row.src, batch)
        for path in self._keepers_by_digest.get(seen.sha256, ()):
            if not self._stands_elsewhere(folders, path, seen):
                raise _is_keeper(row.src, f"{batch}, as {shown(path)}")
        if self.allow_keepers:
            return
        old = self._old_by_digest.get(seen.sha256)
        if row.src in self.ledger.old_keepers or (
            old is not None and not self._stands_elsewhere(folders, old, seen)
        ):
            raise Refused(
                "is_keeper",
                f"{shown(row.src)} is the keeper of files approved earlier; "
                "staging it needs allow_keepers",
                row.src,
            )

    def _is_same_file(self, folders: Folders, path: str, seen: Seen) -> bool:
        status = _look(folders, path)
        return status is not None and safefs.seen(status).inode == seen.inode

    def _stands_elsewhere(self, folders: Folders, path: str, seen: Seen) -> bool:
        """Return whether the keeper of this digest is at home, so that this file is its twin."""
        try:
            keeper = self.standing(folders, path)
        except Refused:
            return False
        return keeper.sha256 == seen.sha256 and not self.same_entry(folders, path, keeper, seen)


def _is_sidecar_of(path: str, covers: Sequence[str]) -> bool:
    """Return whether a shared sidecar lies beside the images it covers and is named after one.

    No other file may move without a keeper of its own; the list in `covers` proves nothing.
    """
    folder, _, name = path.rpartition("/")
    names = [image.rpartition("/")[2] for image in covers]
    beside = all(image.rpartition("/")[0] == folder for image in covers)
    root = stem(name)
    return beside and any(
        image.startswith(root) and not image[len(root) : len(root) + 1].isalnum() for image in names
    )


def _keeper(path: str, what: str) -> Refused:
    return Refused("keeper_changed", f"keeper {shown(path)} {what}", path)


def _is_keeper(path: str, of: str) -> Refused:
    return Refused("is_keeper", f"{shown(path)} is the keeper of {of}", path)


def _look(folders: Folders, path: str) -> os.stat_result | None:
    try:
        return safefs.look(folders.find(split_path(path)))
    except OSError as error:
        raise by_errno(error, path) from error


def _images_first(
    files: list[tuple[Row, Seen]], images: list[tuple[Row, Seen]]
) -> list[tuple[Row, Seen]]:
    paths = {row.src for row, _ in images}
    return sorted(files, key=lambda entry: (entry[0].covers is not None, entry[0].src not in paths))


def _shares_inode(row: Row, seen: Seen, keepers: dict[str, Seen]) -> bool:
    return row.keeper in keepers and keepers[row.keeper].inode == seen.inode

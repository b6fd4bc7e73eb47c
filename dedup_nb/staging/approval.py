"""An approved batch -> its files, verified one by one, in the system trash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dedup_nb.library.hints import command
from dedup_nb.library.layout import CLUSTERS
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.examine import Examiner
from dedup_nb.staging.homing import Found, Place, survey
from dedup_nb.staging.journal import Journal, Reserve
from dedup_nb.staging.ledger import Batch, Intent, KeeperSeen, Ledger, StagedFile, State
from dedup_nb.staging.library import Library
from dedup_nb.staging.plans import Plan
from dedup_nb.staging.recovery import end_record, remove_made_folders
from dedup_nb.staging.refusals import REFUSED, WRONG_INPUT, Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import Folders, Parts, Seen, Spot, Stop

WAIT = timedelta(hours=24)  # between staging and permanent deletion
TOKEN_DIGITS = 12

Discard = Callable[[Library, Spot, StagedFile, Seen], None]


@dataclass
class Approved:
    """What left staging permanently, and what stayed."""

    bundles: int = 0
    files: int = 0
    n_bytes: int = 0
    refused: list[Refusal] = field(default_factory=list)
    stopped: str = ""
    interrupted: bool = False

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if something stayed staged."""
        return REFUSED if self.refused or self.stopped or self.interrupted else 0


def batch_to_approve(ledger: Ledger, name: str, library: Path) -> Batch:
    """Return a batch that may be approved.

    Raises
    ------
    StagingError
        If it does not exist (status 2), holds clusters, or its journal is read-only (status 3).
    """
    batch = ledger.batches.get(name)
    if batch is None:
        listed = command("status", "--library", library)
        raise StagingError(f"batch {name} does not exist; to list them, run: {listed}", WRONG_INPUT)
    if batch.damage:
        raise StagingError(f"journal {batch.name} is read-only: {batch.damage}; not approved")
    if any(intent.staging == CLUSTERS for intent in batch.intents.values()):
        raise StagingError(f"batch {name} holds clusters, which can never be approved; restore it")
    return batch


def staged_now(library: Library, batch: Batch) -> Iterator[tuple[StagedFile, Seen]]:
    """Yield each journalled file of a batch that is in staging, as it is now."""
    for intent in batch.intents.values():
        if intent.state is not State.STAGED:
            continue
        with Folders(library.fd) as folders:
            for file in intent.left:
                spot = folders.find(file.place)
                try:
                    seen = safefs.read_regular(spot, file.dst) if spot else None
                except Refused:
                    continue  # no longer a regular file: approval refuses it by name
                if seen is not None:
                    yield file, seen


def token_of(library: Library, batch: Batch, permanent: bool = False) -> str:
    """Return the token of exactly the files staged now; any change gives a different one."""
    lines = sorted(f"{f.dst}\t{s.size}\t{s.sha256}\n" for f, s in staged_now(library, batch))
    digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape"))
    if permanent:
        digest.update(b"permanent\n")
    return digest.hexdigest()[:TOKEN_DIGITS]


def phrase_of(library: Library, batch: Batch) -> str:
    """Return the phrase to type to approve a batch: its name and the number of staged files."""
    with Folders(library.fd) as folders:
        n = sum(
            safefs.look(folders.find(file.place)) is not None
            for intent in batch.intents.values()
            if intent.state is State.STAGED
            for file in intent.left
        )
    return f"APPROVE {batch.id} {n}"


def to_trash(library: Library, spot: Spot, file: StagedFile, seen: Seen) -> None:
    """Move one verified file to the system trash; OSError if the trash did not take it."""
    from send2trash import send2trash

    path = library.path / file.dst
    if safefs.seen(os.lstat(path)).inode != seen.inode:
        raise OSError(f"{path} leads to another file")
    safefs.step("trash")
    send2trash(path)
    if safefs.look(spot) is not None:
        raise OSError(f"{path} is still there")


def delete(_library: Library, spot: Spot, _file: StagedFile, seen: Seen) -> None:
    """Delete one verified file permanently."""
    safefs.unlink_same(spot, seen.inode)


class Approving:
    """Approves the bundles of one batch."""

    def __init__(
        self,
        library: Library,
        ledger: Ledger,
        batch: Batch,
        discard: Discard,
        *,
        stop: Stop,
        moved: Callable[[int], None],
    ) -> None:
        self.library, self.batch, self.discard = library, batch, discard
        self.stop, self.moved = stop, moved
        self.examiner = Examiner(library, Plan(), [()], ledger)
        self.told = Approved()

    def run(self, folder_fd: int, reserve: Reserve) -> None:
        """Approve each staged bundle in turn."""
        try:
            journal = Journal.reopen(Spot(folder_fd, self.batch.name), reserve, self.batch.contents)
        except OSError as error:
            raise StagingError(str(by_errno(error, self.batch.name))) from error
        try:
            for intent in self.batch.intents.values():
                if self.stop():
                    self.told.interrupted = True
                    return
                if intent.state is State.STAGED:
                    self._approve(journal, intent)
                    self.moved(1)
            remove_made_folders(self.library, self.batch)
        except OSError as error:
            self.told.stopped = str(by_errno(error, self.batch.id))
        finally:
            journal.close()

    def _approve(self, journal: Journal, intent: Intent) -> None:
        try:
            located = self._verified(intent)
        except Refused as refused:
            self.told.refused.append(refused.of(intent.bundle))
            return
        except OSError as error:
            self.told.refused.append(by_errno(error, intent.files[0].dst).of(intent.bundle))
            return
        names = [each.file.dst for each in located]
        journal.append([end_record("approve_intent", intent, files=names)])
        gone = self._discard_all(intent, located)
        journal.append([end_record("purged", intent, files=[file.dst for file in gone])])
        self.told.bundles += len(gone) == len(located)
        self.told.files += len(gone)
        self.told.n_bytes += sum(file.size for file in gone)

    def _verified(self, intent: Intent) -> list[Found]:
        """Return the files of a bundle if they are staged as journalled and its keepers remain."""
        with Folders(self.library.fd) as folders:
            located = survey(folders, intent)
            for each in located:
                if each.place is Place.CONFLICT:
                    raise Refused("conflict", each.why, each.file.dst)
                if each.place is Place.BOTH:
                    what = f"{shown(each.file.src)} is also at home"
                    raise Refused("conflict", what, each.file.src)
            staged = [each for each in located if each.place is Place.STAGED]
            for keeper in intent.keepers:
                self._check_keeper(folders, keeper, staged)
            return staged

    def _check_keeper(self, folders: Folders, keeper: KeeperSeen, staged: list[Found]) -> None:
        now = self.examiner.standing(folders, keeper.path)
        if (now.size, now.mtime_ns, now.sha256) != (keeper.size, keeper.mtime_ns, keeper.sha256):
            what = f"keeper {shown(keeper.path)} has changed since"
            raise Refused("keeper_changed", what, keeper.path)
        for each in staged:
            if each.staged and self.examiner.same_entry(folders, keeper.path, now, each.staged):
                what = f"keeper {shown(keeper.path)} is the staged file itself"
                raise Refused("keeper_changed", what, keeper.path)

    def _discard_all(self, intent: Intent, located: list[Found]) -> list[StagedFile]:
        """Discard file by file; the first failure keeps the rest of the bundle staged."""
        gone: list[StagedFile] = []
        touched: set[Parts] = set()
        with Folders(self.library.fd) as folders:
            for each in reversed(located):  # the image last, so that a failure leaves it in place
                spot = folders.spot(each.file.place)
                try:
                    seen = safefs.read_regular(spot, each.file.dst)
                    if seen is None or seen.sha256 != each.file.sha256:
                        raise Refused("conflict", f"{shown(each.file.dst)} has just changed")
                    self.discard(self.library, spot, each.file, seen)
                except (OSError, Refused, safefs.Swapped) as error:
                    self.told.refused.append(
                        Refused("not_discarded", f"{shown(each.file.dst)}: {error}").of(
                            intent.bundle
                        )
                    )
                    break
                gone.append(each.file)
                touched.add(each.file.place[:-1])
            for parts in touched:
                safefs.sync_folder(folders.fd(parts))
        return gone


def old_enough(batch: Batch, now: datetime | None = None) -> bool:
    """Return whether everything in a batch was staged at least 24 hours ago."""
    now = now or datetime.now(UTC)
    staged = [i.time for i in batch.intents.values() if i.state is State.STAGED]
    try:
        return all(now - datetime.fromisoformat(time) >= WAIT for time in staged)
    except (ValueError, TypeError):
        return False

"""Staged bundles -> bundles back home, up to 64 for each synced group of restore intents."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dedup_nb.staging import safefs
from dedup_nb.staging.batches import GROUP_BUNDLES
from dedup_nb.staging.homing import Conflict, Found, Place, send_home, survey, sync
from dedup_nb.staging.journal import Journal, Record, Reserve
from dedup_nb.staging.ledger import Batch, Intent, Ledger, State
from dedup_nb.staging.library import Library, utc_now
from dedup_nb.staging.recovery import end_record, made_staging, remove_made_folders
from dedup_nb.staging.refusals import REFUSED, WRONG_INPUT, Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import Folders, Parts, Spot, Stop


@dataclass
class Restored:
    """What a restore moved home and what it could not."""

    done: int = 0  # bundles
    files: int = 0
    n_bytes: int = 0
    home_by_hand: int = 0  # bundles that someone had moved home
    gone_by_hand: list[str] = field(default_factory=list)  # files that someone removed from staging
    flags_removed: int = 0
    metadata_lost: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    stopped: str = ""
    interrupted: bool = False
    planned: int = 0

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if something stayed staged or you must act."""
        return REFUSED if self.refused or self.stopped or self.interrupted else 0


@dataclass
class Scope:
    """Which bundles to restore; empty fields mean all."""

    batch: str | None = None
    group: str | None = None
    bundle: str | None = None
    file: str | None = None

    @property
    def whole_batches(self) -> bool:
        """Whether it covers whole batches, including their markers."""
        return self.group is None and self.bundle is None and self.file is None

    def takes(self, intent: Intent) -> bool:
        """Return whether a bundle is in scope."""
        return (
            (self.group is None or intent.group == self.group)
            and (self.bundle is None or intent.bundle == self.bundle)
            and (self.file is None or any(self.file in (f.src, f.dst) for f in intent.files))
        )


def batches_in(ledger: Ledger, scope: Scope) -> list[Batch]:
    """Return the batches in scope, the newest first.

    Raises
    ------
    StagingError
        With status 2, if the named batch does not exist.
    """
    if scope.batch is None:
        return list(reversed(ledger.batches.values()))
    if scope.batch not in ledger.batches:
        known = ", ".join(list(ledger.batches)[-3:]) or "none"
        raise StagingError(
            f"batch {scope.batch} does not exist; the latest are: {known}", WRONG_INPUT
        )
    return [ledger.batches[scope.batch]]


def chosen(batch: Batch, scope: Scope) -> list[Intent]:
    """Return the staged bundles in scope, the last moved first.

    A shared sidecar is restored, and comes first, if any image that it covers is restored.
    """
    staged = [i for i in batch.intents.values() if i.state in (State.STAGED, State.CONFLICT)]
    homes = {file.src for intent in staged if scope.takes(intent) for file in intent.files}
    wanted = [
        intent for intent in staged if scope.takes(intent) or not homes.isdisjoint(intent.covers)
    ]
    return wanted[::-1]


class Restoring:
    """Restores bundles of one library."""

    def __init__(
        self,
        library: Library,
        ledger: Ledger,
        reserve: Reserve,
        *,
        stop: Stop,
        moved: Callable[[int], None],
    ) -> None:
        self.library, self.ledger, self.reserve = library, ledger, reserve
        self.stop, self.moved = stop, moved
        self.told = Restored()

    def run(self, folder_fd: int, batches: list[Batch], scope: Scope) -> None:
        """Restore the bundles in scope of these batches, the newest batch first."""
        for batch in batches:
            wanted = chosen(batch, scope)
            flags = [path for path, ours in batch.flags.items() if ours]
            if batch.damage:
                self._refuse_damaged(batch, wanted)
                continue
            if not wanted and not (flags and scope.whole_batches):
                continue
            try:
                journal = Journal.reopen(Spot(folder_fd, batch.name), self.reserve, batch.contents)
            except OSError as error:
                self.told.stopped = str(by_errno(error, batch.name))
                return
            try:
                self._restore_batch(journal, batch, wanted)
                if scope.whole_batches and not self.told.interrupted:
                    self._remove_flags(journal, flags)
            except OSError as error:
                self.told.stopped = str(by_errno(error, batch.name))
                return
            finally:
                journal.close()
            if self.told.interrupted:
                return

    def _refuse_damaged(self, batch: Batch, wanted: list[Intent]) -> None:
        why = Refused("damaged_journal", f"journal {batch.name} is read-only: {batch.damage}")
        self.told.refused += [why.of(intent.bundle) for intent in wanted]
        self.told.stopped = self.told.stopped or str(why)

    def _restore_batch(self, journal: Journal, batch: Batch, wanted: list[Intent]) -> None:
        for group in _groups(wanted):
            if self.stop():
                self.told.interrupted = True
                break
            self._restore_group(journal, group)
        remove_made_folders(self.library, batch)
        for parts in made_staging(self.ledger.batches.values()):
            safefs.remove_empty_folder(self.library.fd, parts)

    def _restore_group(self, journal: Journal, group: list[Intent]) -> None:
        """Survey, journal the intents, move, sync, and journal the ends."""
        surveyed = [(intent, self._survey(journal, intent)) for intent in group]
        ready = [(intent, located) for intent, located in surveyed if located is not None]
        if not ready:
            return
        journal.append([_restore_intent(intent, located) for intent, located in ready])
        touched: set[Parts] = set()
        ends: list[tuple[Intent, list[Found], Record]] = []
        for intent, located in ready:
            try:
                folders, lost = send_home(self.library, intent, located)
            except Conflict as conflict:
                self._refuse(intent, Refused("conflict", str(conflict)))
                ends.append((intent, [], end_record("conflict", intent, why=str(conflict))))
            except OSError as error:
                # Its restore_intent stays open, and the next recovery continues from here.
                self._refuse(intent, by_errno(error, intent.files[0].src))
            else:
                touched |= folders
                home = [each.file.dst for each in located if each.place is not Place.NOWHERE]
                record = end_record("restored", intent, files=home, lost_metadata=lost)
                ends.append((intent, located, record))
        sync(self.library, touched)
        journal.append([record for _, _, record in ends])
        for intent, located, record in ends:
            self._count(intent, located, record)

    def _survey(self, journal: Journal, intent: Intent) -> list[Found] | None:
        """Return the files to move home, or None if the bundle stays as it is."""
        try:
            with Folders(self.library.fd) as folders:
                located = survey(folders, intent)
        except OSError as error:
            self._refuse(intent, by_errno(error, intent.files[0].src))
            return None
        conflicts = [each for each in located if each.place is Place.CONFLICT]
        if conflicts:
            why = "; ".join(each.why for each in conflicts)
            self._refuse(intent, Refused("conflict", why, conflicts[0].file.src))
            if intent.state is not State.CONFLICT:
                journal.append([end_record("conflict", intent, why=why)])
            return None
        if all(each.place is Place.NOWHERE for each in located):
            self.told.gone_by_hand += [each.file.dst for each in located]
            self.moved(1)
            return None
        return located

    def _refuse(self, intent: Intent, refused: Refused) -> None:
        self.told.refused.append(refused.of(intent.bundle))
        self.moved(1)

    def _count(self, intent: Intent, located: list[Found], record: Record) -> None:
        if record["event"] == "conflict":
            intent.state = State.CONFLICT
            return
        intent.state = State.HOME
        brought = [each.file for each in located if each.place in (Place.STAGED, Place.BOTH)]
        self.told.gone_by_hand += [e.file.dst for e in located if e.place is Place.NOWHERE]
        self.told.home_by_hand += not brought
        self.told.done += 1
        self.told.files += len(brought)
        self.told.n_bytes += sum(file.size for file in brought)
        self.told.metadata_lost += record.get("lost_metadata", [])
        self.moved(1)

    def _remove_flags(self, journal: Journal, flags: list[str]) -> None:
        """Remove the markers that a flag command made, if they are still empty files."""
        for path in flags:
            parts = tuple(path.split("/"))
            with Folders(self.library.fd) as folders:
                try:
                    spot = folders.find(parts)
                    status = safefs.look(spot)
                    if spot is None or status is None or not _is_empty_file(status):
                        continue
                    safefs.unlink(spot)
                    safefs.sync_folder(spot.fd)
                except NotADirectoryError:
                    continue
            self.told.flags_removed += 1
        if flags:
            journal.append([{"event": "uncreated", "time": utc_now(), "flags": flags}])


def _is_empty_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _restore_intent(intent: Intent, located: list[Found]) -> Record:
    bringing = [each.file.dst for each in located if each.place in (Place.STAGED, Place.BOTH)]
    return end_record("restore_intent", intent, files=bringing)


def _groups(intents: list[Intent]) -> Iterator[list[Intent]]:
    for start in range(0, len(intents), GROUP_BUNDLES):
        yield intents[start : start + GROUP_BUNDLES]

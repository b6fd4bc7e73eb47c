"""Open journal records -> unfinished bundles moved home, under the lock, before anything moves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from dedup_nb.library.layout import STAGING
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.homing import (
    Conflict,
    Found,
    Place,
    drop_temporaries,
    send_home,
    survey,
    sync,
)
from dedup_nb.staging.journal import Journal, Record, Reserve
from dedup_nb.staging.ledger import OPEN, Batch, Intent, Ledger, State
from dedup_nb.staging.library import Library, utc_now
from dedup_nb.staging.refusals import REFUSED, Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import Folders, Parts, Spot


@dataclass
class Recovered:
    """What recovery finished and what it could not."""

    aborted: int = 0  # bundles whose staging was undone
    restored: int = 0  # bundles whose restore was finished
    approved: int = 0  # bundles whose approval was interrupted, settled by what is on disk
    conflicts: list[Refusal] = field(default_factory=list)
    lost: list[Refusal] = field(default_factory=list)
    unfinished: list[Refusal] = field(default_factory=list)  # by a system error; tried again
    damaged: list[str] = field(default_factory=list)  # read-only journals, and why

    @property
    def finished(self) -> bool:
        """Whether nothing unfinished blocks a new batch."""
        return not (self.lost or self.unfinished or self.damaged)

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if you must act."""
        return 0 if self.finished and not self.conflicts else REFUSED


def recover_ledger(
    library: Library, ledger: Ledger, reserve: Reserve, accept_lost: bool = False
) -> Recovered:
    """Move home every unfinished bundle of any journal, newest batch first."""
    recovered = Recovered()
    folder = library.journal_folder()
    if folder is None:
        return recovered
    try:
        for batch in reversed(ledger.batches.values()):
            if batch.damage:
                recovered.damaged.append(
                    f"journal {batch.name} is read-only: {batch.damage}; files of this batch are "
                    f"not moved; move them home by hand, then move the journal away"
                )
            elif batch.open_intents:
                _recover_batch(library, folder, batch, reserve, accept_lost, recovered)
            if not batch.damage:
                _remove_left_folders(library, batch, recovered)
        _remove_left_staging(library, ledger, recovered)
        if recovered.finished:
            with contextlib.suppress(OSError):  # the next command tries again
                reserve.give_back()
    finally:
        os.close(folder)
    return recovered


def _recover_batch(
    library: Library,
    folder_fd: int,
    batch: Batch,
    reserve: Reserve,
    accept_lost: bool,
    recovered: Recovered,
) -> None:
    try:
        journal = Journal.reopen(Spot(folder_fd, batch.name), reserve, batch.contents)
    except OSError as error:
        refused = by_errno(error, batch.name)
        recovered.unfinished += [refused.of(intent.bundle) for intent in batch.open_intents]
        return
    try:
        for intent in reversed(batch.open_intents):
            try:
                journal.append([settle(library, intent, recovered, accept_lost)])
            except OSError as error:
                recovered.unfinished.append(by_errno(error, intent.files[0].src).of(intent.bundle))
            except Lost as lost:
                recovered.lost.append(lost.refused.of(intent.bundle))
    finally:
        journal.close()


def _remove_left_folders(library: Library, batch: Batch, recovered: Recovered) -> None:
    """Remove the empty folders of an interrupted batch, if all of its files are at home."""
    if any(intent.relied_on and intent.state not in OPEN for intent in batch.intents.values()):
        return
    try:
        if any(_stands(library, (staging, batch.id)) for staging in STAGING):
            remove_made_folders(library, batch)
    except OSError as error:
        recovered.unfinished.append(by_errno(error, batch.id).of(batch.id))


def _remove_left_staging(library: Library, ledger: Ledger, recovered: Recovered) -> None:
    try:
        for parts in made_staging(ledger.batches.values()):
            safefs.remove_empty_folder(library.fd, parts)
    except OSError as error:
        recovered.unfinished.append(by_errno(error, "staging").of("staging"))


def _stands(library: Library, parts: Parts) -> bool:
    try:
        os.close(safefs.walk(library.fd, parts))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


class Lost(Exception):
    """A file is neither at home nor staged."""

    def __init__(self, located: list[Found]) -> None:
        why = "; ".join(each.why for each in located)
        super().__init__(why)
        self.refused = Refused("lost", f"LOST: {why}", located[0].file.src)


def settle(
    library: Library, intent: Intent, recovered: Recovered, accept_lost: bool = False
) -> Record:
    """Finish one open bundle and return the record that ends it.

    Raises
    ------
    Lost
        If a file is missing; its other files went home, and the bundle stays open.
    OSError
        If a system error stops it; the bundle stays open and the next recovery tries again.
    """
    with Folders(library.fd) as folders:
        located = survey(folders, intent)
    if intent.state is State.APPROVING:
        recovered.approved += 1
        return _end_approval(intent, located)
    try:
        touched, lost_metadata = send_home(library, intent, located)
    except Conflict as conflict:
        refused = Refused("conflict", str(conflict), conflict.found[0].file.src)
        recovered.conflicts.append(refused.of(intent.bundle))
        return end_record("conflict", intent, why=str(conflict))
    sync(library, touched)
    nowhere = [each for each in located if each.place is Place.NOWHERE and _was_ours(intent, each)]
    if nowhere and not accept_lost:
        raise Lost(nowhere)
    drop_temporaries(library, intent)
    if intent.state is State.RESTORING:
        recovered.restored += 1
        home = [each.file.dst for each in located if each.place is not Place.NOWHERE]
        return end_record("restored", intent, files=home, lost_metadata=lost_metadata)
    recovered.aborted += 1
    return end_record("aborted", intent, lost_metadata=lost_metadata)


def _was_ours(intent: Intent, located: Found) -> bool:
    """Return whether a file was being moved; one that was gone before a restore is not lost."""
    return intent.state is not State.RESTORING or located.file.dst in intent.bringing


def _end_approval(intent: Intent, located: list[Found]) -> Record:
    """Record the files that left staging as approved; the rest stays staged."""
    gone = [each.file.dst for each in located if each.place in (Place.NOWHERE, Place.HOME)]
    return end_record("purged", intent, files=gone)


def end_record(event: str, intent: Intent, **more: object) -> Record:
    """Return the record that closes the open intent of a bundle."""
    facts = {key: value for key, value in more.items() if value or key == "files"}
    return {
        "event": event,
        "intent": intent.number,
        "bundle": intent.bundle,
        "time": utc_now(),
        **facts,
    }


def remove_made_folders(library: Library, batch: Batch) -> None:
    """Remove the empty folders that a batch made."""
    remove_empty(library, batch.folders)


def remove_empty(library: Library, folders: Iterable[str]) -> None:
    """Remove the empty ones among these folders, the deepest first."""
    for path in sorted(folders, key=lambda path: -path.count("/")):
        safefs.remove_empty_folder(library.fd, tuple(path.split("/")))


def made_staging(batches: Iterable[Batch]) -> list[Parts]:
    """Return the staging folders that any batch made."""
    made = {path for batch in batches for path in batch.folders if path in STAGING}
    return [(path,) for path in sorted(made)]


def need_finished(recovered: Recovered) -> None:
    """Refuse to continue while a bundle is unfinished or a journal is read-only."""
    problems = [*recovered.lost, *recovered.unfinished]
    if recovered.damaged:
        raise StagingError(recovered.damaged[0])
    if problems:
        first = problems[0]
        raise StagingError(
            f"cannot finish {len(problems)} unfinished bundles, first "
            f"{shown(first.bundle)}: {first.message}; {first.todo}"
        )

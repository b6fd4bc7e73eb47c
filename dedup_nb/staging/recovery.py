"""What a kill or an error left unfinished goes home, under the lock, before anything else moves."""

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
    """What recovery did and what it could not do."""

    aborted: int = 0  # bundles whose staging was undone
    restored: int = 0  # bundles whose restore was finished
    approved: int = 0  # bundles whose approval was cut short, counted as the disk has them
    conflicts: list[Refusal] = field(default_factory=list)
    lost: list[Refusal] = field(default_factory=list)
    unfinished: list[Refusal] = field(default_factory=list)  # stopped by the system; tried again
    damaged: list[str] = field(default_factory=list)  # journals that are read-only, and why

    @property
    def finished(self) -> bool:
        """Whether nothing is left open that stands in the way of a new batch."""
        return not (self.lost or self.unfinished or self.damaged)

    @property
    def status(self) -> int:
        """Exit status: 0, or 3 if a person is needed."""
        return 0 if self.finished and not self.conflicts else REFUSED


def recover_ledger(
    library: Library, ledger: Ledger, reserve: Reserve, accept_lost: bool = False
) -> Recovered:
    """Send home whatever is open in any journal, newest batch first."""
    told = Recovered()
    folder = library.journal_folder()
    if folder is None:
        return told
    try:
        for batch in reversed(ledger.batches.values()):
            if batch.damage:
                told.damaged.append(
                    f"journal {batch.name} is read-only: {batch.damage}; nothing of this batch is "
                    f"moved; bring its files home by hand, then move the journal away"
                )
            elif batch.open_intents:
                _recover_batch(library, folder, batch, reserve, accept_lost, told)
            if not batch.damage:
                _remove_left_folders(library, batch, told)
        _remove_left_staging(library, ledger, told)
        if told.finished:
            with contextlib.suppress(OSError):  # only space; the next command tries again
                reserve.give_back()
    finally:
        os.close(folder)
    return told


def _recover_batch(
    library: Library,
    folder_fd: int,
    batch: Batch,
    reserve: Reserve,
    accept_lost: bool,
    told: Recovered,
) -> None:
    try:
        journal = Journal.reopen(Spot(folder_fd, batch.name), reserve, batch.contents)
    except OSError as error:
        refused = by_errno(error, batch.name)
        told.unfinished += [refused.of(intent.bundle) for intent in batch.open_intents]
        return
    try:
        for intent in reversed(batch.open_intents):
            try:
                journal.append([settle(library, intent, told, accept_lost)])
            except OSError as error:
                told.unfinished.append(by_errno(error, intent.files[0].src).of(intent.bundle))
            except Lost as lost:
                told.lost.append(lost.refused.of(intent.bundle))
    finally:
        journal.close()


def _remove_left_folders(library: Library, batch: Batch, told: Recovered) -> None:
    """Remove what a kill kept a batch from tidying, if nothing of the batch is away from home."""
    if any(intent.relied_on and intent.state not in OPEN for intent in batch.intents.values()):
        return
    try:
        if any(_stands(library, (staging, batch.id)) for staging in STAGING):
            remove_made_folders(library, batch)
    except OSError as error:
        told.unfinished.append(by_errno(error, batch.id).of(batch.id))


def _remove_left_staging(library: Library, ledger: Ledger, told: Recovered) -> None:
    try:
        for parts in made_staging(ledger.batches.values()):
            safefs.remove_empty_folder(library.fd, parts)
    except OSError as error:
        told.unfinished.append(by_errno(error, "staging").of("staging"))


def _stands(library: Library, parts: Parts) -> bool:
    try:
        os.close(safefs.walk(library.fd, parts))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


class Lost(Exception):
    """A file is neither at home nor staged."""

    def __init__(self, found: list[Found]) -> None:
        why = "; ".join(each.why for each in found)
        super().__init__(why)
        self.refused = Refused("lost", f"LOST: {why}", found[0].file.src)


def settle(library: Library, intent: Intent, told: Recovered, accept_lost: bool = False) -> Record:
    """Finish one open bundle and return the record that ends it.

    Raises
    ------
    Lost
        If a file of it is nowhere; what could go home went home, the bundle stays open.
    OSError
        If the system stops it; the bundle stays open and the next recovery tries again.
    """
    with Folders(library.fd) as folders:
        found = survey(folders, intent)
    if intent.state is State.APPROVING:
        told.approved += 1
        return _end_approval(intent, found)
    try:
        touched, lost_metadata = send_home(library, intent, found)
    except Conflict as conflict:
        refused = Refused("conflict", str(conflict), conflict.found[0].file.src)
        told.conflicts.append(refused.of(intent.bundle))
        return end_record("conflict", intent, why=str(conflict))
    sync(library, touched)
    nowhere = [each for each in found if each.place is Place.NOWHERE and _was_ours(intent, each)]
    if nowhere and not accept_lost:
        raise Lost(nowhere)
    drop_temporaries(library, intent)
    if intent.state is State.RESTORING:
        told.restored += 1
        home = [each.file.dst for each in found if each.place is not Place.NOWHERE]
        return end_record("restored", intent, files=home, lost_metadata=lost_metadata)
    told.aborted += 1
    return end_record("aborted", intent, lost_metadata=lost_metadata)


def _was_ours(intent: Intent, found: Found) -> bool:
    """Tell whether a file was on its way; one that was gone before a restore is only a fact."""
    return intent.state is not State.RESTORING or found.file.dst in intent.bringing


def _end_approval(intent: Intent, found: list[Found]) -> Record:
    """Count as approved what has left staging; the rest stays staged."""
    gone = [each.file.dst for each in found if each.place in (Place.NOWHERE, Place.HOME)]
    return end_record("purged", intent, files=gone)


def end_record(event: str, intent: Intent, **more: object) -> Record:
    """Return the record that ends what is open for a bundle."""
    facts = {key: value for key, value in more.items() if value or key == "files"}
    return {
        "event": event,
        "intent": intent.number,
        "bundle": intent.bundle,
        "time": utc_now(),
        **facts,
    }


def remove_made_folders(library: Library, batch: Batch) -> None:
    """Remove the folders that a batch made and that are empty."""
    remove_empty(library, batch.folders)


def remove_empty(library: Library, folders: Iterable[str]) -> None:
    """Remove those of these folders that are empty, the lowest first."""
    for path in sorted(folders, key=lambda path: -path.count("/")):
        safefs.remove_empty_folder(library.fd, tuple(path.split("/")))


def made_staging(batches: Iterable[Batch]) -> list[Parts]:
    """Return the staging folders that any batch made."""
    made = {path for batch in batches for path in batch.folders if path in STAGING}
    return [(path,) for path in sorted(made)]


def need_finished(told: Recovered) -> None:
    """Refuse to go on while something is open or unreadable."""
    problems = [*told.lost, *told.unfinished]
    if told.damaged:
        raise StagingError(told.damaged[0])
    if problems:
        first = problems[0]
        raise StagingError(
            f"{len(problems)} unfinished bundles cannot be finished, first "
            f"{shown(first.bundle)}: {first.message}; {first.todo}"
        )

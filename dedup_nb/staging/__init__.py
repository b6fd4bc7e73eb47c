"""A manifest -> journalled moves into staging; and, at any time, everything home again.

What a notebook or the command line calls. Deciding is done elsewhere: here the plan is compared
with the disk, bundle by bundle, and a bundle moves whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dedup_nb.library.bundles import FolderBundles, bundle_members
from dedup_nb.library.layout import PRIVATE, STAGING
from dedup_nb.staging import safefs
from dedup_nb.staging.approval import (
    Approved,
    Approving,
    batch_to_approve,
    delete,
    old_enough,
    phrase_of,
    to_trash,
    token_of,
)
from dedup_nb.staging.batches import BatchRun, BatchStopped, Counts
from dedup_nb.staging.examine import AlreadyStaged, Examiner
from dedup_nb.staging.flags import Flagged, flag_folders
from dedup_nb.staging.interrupts import flagged_interrupts
from dedup_nb.staging.journal import Reserve
from dedup_nb.staging.ledger import OPEN, Batch, Intent, Ledger, State, read_ledger
from dedup_nb.staging.library import Library, clean_roots, describe_holder, holder_of, locked
from dedup_nb.staging.library import unlock as remove_lock_file
from dedup_nb.staging.plans import MANIFEST_COLUMNS, Plan, plan_of, read_manifest
from dedup_nb.staging.recovery import Recovered, need_finished, recover_ledger
from dedup_nb.staging.refusals import (
    REFUSED,
    WRONG_INPUT,
    Locked,
    Refusal,
    Refused,
    StagingError,
    by_errno,
)
from dedup_nb.staging.restoring import Restored, Restoring, Scope, batches_in, chosen
from dedup_nb.staging.safefs import Folders, Parts

__all__ = [
    "MANIFEST_COLUMNS",
    "PRIVATE",
    "STAGING",
    "Approved",
    "Flagged",
    "FolderBundles",
    "Locked",
    "Plan",
    "Refusal",
    "Result",
    "StagingError",
    "Status",
    "approval_phrase",
    "approval_token",
    "approve",
    "bundle_members",
    "check",
    "flag",
    "plan_of",
    "read_manifest",
    "recover",
    "restore",
    "stage",
    "status",
    "unlock",
]

Progress = Callable[[int, int], None]  # bundles settled, of how many


@dataclass
class Result:
    """What one call of `stage` did."""

    planned: int = 0  # bundles
    batch: str = ""  # '' if nothing moved
    done: int = 0
    already_staged: int = 0
    files: int = 0
    n_bytes: int = 0
    alone: int = 0  # images that moved without a companion
    copied: int = 0  # files that could only be copied
    frees_nothing: list[str] = field(default_factory=list)  # hard links of their keeper
    metadata_lost: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    recovered: Recovered = field(default_factory=Recovered)
    stopped: str = ""  # why the batch did not go on
    interrupted: bool = False

    @property
    def left(self) -> int:
        """Bundles that were not tried."""
        return self.planned - self.done - self.already_staged - len(self.refused)

    @property
    def status(self) -> int:
        """Exit status: 0 only if every planned bundle is staged, else 3."""
        whole = self.done + self.already_staged == self.planned
        return 0 if whole and not self.recovered.status else REFUSED


def check(
    plan: Plan,
    library: str | Path,
    roots: Sequence[str] | None = None,
    *,
    strict_companions: bool = False,
    allow_keepers: bool = False,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Return what `stage` would refuse now; the dry run, which writes nothing anywhere.

    Parameters
    ----------
    plan : Plan
        From `read_manifest`.
    library : path
        Folder of the collection.
    roots : sequence of str, optional
        Image folders inside the library; the whole library by default.

    Returns
    -------
    list of Refusal
        Code, bundle, what was found, and what to do about it. Empty if everything would move.
    """
    refused = []
    with Library(library) as opened:
        clean = clean_roots(opened, roots)
        ledger = read_ledger(opened)
        examiner = Examiner(
            opened,
            plan,
            clean,
            ledger,
            strict_companions=strict_companions,
            allow_keepers=allow_keepers,
        )
        for n, planned in enumerate(plan.in_order(), 1):
            try:
                examiner.staged_now.update(
                    row.src for row in examiner.examine(planned).planned.rows
                )
            except AlreadyStaged:
                pass
            except Refused as why:
                refused.append(why.of(planned.bundle))
            except OSError as error:
                path = planned.rows[0].src if planned.rows else planned.bundle
                refused.append(by_errno(error, path).of(planned.bundle))
            if progress is not None:
                progress(n, len(plan.bundles))
    return refused


def stage(
    plan: Plan,
    library: str | Path,
    roots: Sequence[str] | None = None,
    *,
    allow_copy: bool = False,
    strict_companions: bool = False,
    allow_keepers: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Move what a plan names into staging, each bundle whole or not at all.

    What an earlier call left unfinished goes home first. A bundle that is not as planned is refused
    and the next one goes on. Calling it again with the same plan moves what is still at home.

    Parameters
    ----------
    plan : Plan
        From `read_manifest`.
    library, roots
        As for `check`.
    allow_copy : bool
        Copy, verified, where a file can be neither renamed nor linked.
    strict_companions : bool
        Refuse images without companions.
    allow_keepers : bool
        Let go of files that were kept when others were approved.
    progress : callable, optional
        Called with the bundles settled so far and their number.

    Returns
    -------
    Result
        The batch, the counts, and each refusal with what to do about it.

    Raises
    ------
    StagingError
        Before anything moved: status 2 for wrong input, 3 if a person is needed, 4 if locked.
    """
    result = Result(planned=len(plan.bundles))
    with _at_work(library, result.recovered) as (opened, ledger, reserve, stop):
        need_finished(result.recovered)
        examiner = Examiner(
            opened,
            plan,
            clean_roots(opened, roots),
            ledger,
            strict_companions=strict_companions,
            allow_keepers=allow_keepers,
            stop=stop,
        )
        moved = _counter(progress, len(plan.bundles))
        run = BatchRun(
            opened, plan, ledger, examiner, reserve, allow_copy=allow_copy, stop=stop, moved=moved
        )
        try:
            result.already_staged = _run(plan, examiner, run, stop)
        except BatchStopped as stopped:
            result.stopped = str(stopped)
        except safefs.Interrupted:
            result.interrupted = True
        finally:
            run.end()
        result.interrupted = result.interrupted or stop()
        _take(result, run)
    return result


def _run(plan: Plan, examiner: Examiner, run: BatchRun, stop: Callable[[], bool]) -> int:
    """Examine and move bundle by bundle; return how many were staged already."""
    already = 0
    shared = False
    for planned in plan.in_order():
        if stop():
            break
        if planned.shared_only and not shared:
            run.flush()  # a shared sidecar goes after all that it covers
            shared = True
        try:
            run.add(examiner.examine(planned))
        except AlreadyStaged:
            already += 1
            run.moved(1)
        except Refused as refused:
            run.refuse(planned.bundle, refused)
        except OSError as error:
            path = planned.rows[0].src if planned.rows else planned.bundle
            run.refuse(planned.bundle, by_errno(error, path))
        run.check_errors()
    run.flush()
    run.check_errors()
    return already


def _take(result: Result, run: BatchRun) -> None:
    counts: Counts = run.counts
    result.batch = run.id if run.started else ""
    result.done, result.files, result.n_bytes = counts.done, counts.files, counts.n_bytes
    result.alone, result.copied = counts.alone, counts.copied
    result.frees_nothing, result.metadata_lost = counts.frees_nothing, counts.metadata_lost
    result.refused = counts.refused


def recover(library: str | Path, *, accept_lost: bool = False) -> Recovered:
    """Send home whatever a killed or failed command left in the middle.

    Parameters
    ----------
    accept_lost : bool
        Close bundles of which a file is nowhere to be found, so that work can go on.

    Returns
    -------
    Recovered
        Bundles that went home, conflicts, and what could not be finished now.
    """
    told = Recovered()
    with _at_work(library, told, accept_lost):
        return told


def restore(
    library: str | Path,
    batch: str | None = None,
    group: str | None = None,
    bundle: str | None = None,
    file: str | None = None,
    *,
    progress: Progress | None = None,
) -> Restored:
    """Bring staged bundles home; all of them, or those of a batch, a group, a bundle or a file.

    Nothing is replaced: where the home is taken, or the staged file was changed, the bundle stays
    staged whole and is told as a conflict. A file's whole bundle comes with it.

    Raises
    ------
    StagingError
        Status 2 if nothing staged is meant by the scope, 4 if locked.
    """
    scope = Scope(batch, group, bundle, file)
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, stop):
        batches = batches_in(ledger, scope)
        total = sum(len(chosen(each, scope)) for each in batches)
        if not total and not scope.whole_batches:
            raise StagingError("nothing that is staged is meant by this; see status", WRONG_INPUT)
        work = Restoring(opened, ledger, reserve, stop=stop, moved=_counter(progress, total))
        work.told.planned = total
        folder = opened.journal_folder()
        if folder is not None:
            try:
                work.run(folder, batches, scope)
            finally:
                os.close(folder)
        work.told.refused += [*recovered.conflicts, *recovered.lost, *recovered.unfinished]
        return work.told


# ---------------------------------------------------------------- approval


def approval_token(library: str | Path, batch: str, *, permanent: bool = False) -> str:
    """Return the token that approves exactly what is staged in a batch now.

    Twelve hex digits over path, size and digest of each file; any change makes another token.
    Permanent deletion needs a second one, of its own.
    """
    with Library(library) as opened:
        return token_of(opened, batch_to_approve(read_ledger(opened), batch), permanent)


def approval_phrase(library: str | Path, batch: str) -> str:
    """Return what a person types to approve a batch: `APPROVE <batch> <number of files>`."""
    with Library(library) as opened:
        return phrase_of(opened, batch_to_approve(read_ledger(opened), batch))


def approve(
    library: str | Path,
    batch: str,
    token: str | None = None,
    *,
    phrase: str | None = None,
    permanent: bool = False,
    permanent_token: str | None = None,
    progress: Progress | None = None,
) -> Approved:
    """Send what is staged in a batch to the system's trash, file by file, each verified.

    Parameters
    ----------
    token, phrase : str
        One of the two: `approval_token` (headless) or, typed by a person, `approval_phrase`.
    permanent : bool
        Delete for good instead; needs `permanent_token` too and 24 hours since staging.

    Returns
    -------
    Approved
        What is gone. A bundle whose keeper does not stand as it did, or whose files were changed,
        stays staged and is told.

    Raises
    ------
    StagingError
        Nothing was touched: status 2 if token or phrase are missing or wrong, 3 if the batch can
        not be approved, 4 if locked.
    """
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, stop):
        need_finished(recovered)
        chosen_batch = batch_to_approve(ledger, batch)
        _need_consent(opened, chosen_batch, token, phrase)
        if permanent:
            _need_second_consent(opened, chosen_batch, permanent_token)
        total = sum(i.state is State.STAGED for i in chosen_batch.intents.values())
        work = Approving(
            opened,
            ledger,
            chosen_batch,
            delete if permanent else to_trash,
            stop=stop,
            moved=_counter(progress, total),
        )
        folder = opened.journal_folder()
        if folder is not None:
            try:
                work.run(folder, reserve)
            finally:
                os.close(folder)
        return work.told


def _need_consent(library: Library, batch: Batch, token: str | None, phrase: str | None) -> None:
    if token is None and phrase is None:
        raise StagingError(
            f"batch {batch.id} is only approved with its token, or the phrase that a person types",
            WRONG_INPUT,
        )
    if token is not None and token != token_of(library, batch):
        raise StagingError(
            f"the token does not stand for what is staged in {batch.id} now; look at it again",
            WRONG_INPUT,
        )
    if phrase is not None and phrase.strip() != phrase_of(library, batch):
        raise StagingError(
            f"that is not the phrase; to approve, type {phrase_of(library, batch)}", WRONG_INPUT
        )


def _need_second_consent(library: Library, batch: Batch, token: str | None) -> None:
    if token != token_of(library, batch, permanent=True):
        raise StagingError("permanent deletion needs its own token; nothing deleted", WRONG_INPUT)
    if not old_enough(batch):
        raise StagingError(
            f"{batch.id} was staged less than 24 hours ago; delete for good later, or use the trash"
        )


# ---------------------------------------------------------------- flags and the lock


def flag(library: str | Path, folders: Sequence[str]) -> Flagged:
    """Make an empty `.cropped` beside each PNG below some folders that has none.

    Parameters
    ----------
    folders : sequence of str
        Inside the library, relative to it or absolute.

    Returns
    -------
    Flagged
        The markers made, as a batch that `restore` undoes. Manifests made before are stale for
        their bundles.
    """
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, _stop):
        need_finished(recovered)
        try:
            return flag_folders(opened, folders, reserve, max(ledger.batches, default=""))
        except OSError as error:
            raise StagingError(f"the folders cannot be read: {error.strerror}") from error


def unlock(library: str | Path, confirm: Callable[[str], bool]) -> bool:
    """Remove the lock file of a command that was killed, after `confirm` agreed to who held it.

    Returns
    -------
    bool
        False if there is no lock file, or `confirm` said no. Where the file system knows `flock`
        there never is one: that lock dies with its process.
    """
    with Library(library) as opened:
        holder = holder_of(opened)
        if holder is None or not confirm(describe_holder(holder)):
            return False
        return remove_lock_file(opened)


# ---------------------------------------------------------------- at work


@contextlib.contextmanager
def _at_work(
    library: str | Path, recovered: Recovered, accept_lost: bool = False
) -> Iterator[tuple[Library, Ledger, Reserve, Callable[[], bool]]]:
    """Open and lock a library, and send home what is unfinished."""
    try:
        with Library(library) as opened, locked(opened), flagged_interrupts() as stop:
            ledger = read_ledger(opened)
            reserve = Reserve(opened.fd, (PRIVATE,))
            told = recover_ledger(opened, ledger, reserve, accept_lost)
            recovered.__dict__.update(told.__dict__)
            if told.aborted or told.restored or told.approved or told.conflicts or told.lost:
                ledger = read_ledger(opened)
            yield opened, ledger, reserve, stop
    except OSError as error:
        raise StagingError(
            f"{library}: {(error.strerror or str(error)).lower()}; "
            "what was begun is in the journal; recover once this is put right"
        ) from error


# ---------------------------------------------------------------- status


@dataclass
class BatchStatus:
    """One batch as journal and disk have it now."""

    batch: str
    since: str  # UTC
    staging: list[str] = field(default_factory=list)
    bundles: int = 0  # staged
    files: int = 0
    n_bytes: int = 0
    unfinished: list[str] = field(default_factory=list)  # bundles
    conflicts: list[str] = field(default_factory=list)  # bundles
    approved: int = 0  # files
    flags: int = 0  # markers made and not undone
    home_by_hand: list[str] = field(default_factory=list)  # home paths
    gone_by_hand: list[str] = field(default_factory=list)  # staged paths
    damage: str = ""  # why the journal is read-only


@dataclass
class Status:
    """What is staged in a library, and what waits for a person. Nothing was written to tell it."""

    batches: list[BatchStatus] = field(default_factory=list)
    holder: str = ""  # who a lock file names

    @property
    def unfinished(self) -> int:
        """Bundles that `recover` would finish."""
        return sum(len(batch.unfinished) for batch in self.batches)

    @property
    def files(self) -> int:
        """Files staged."""
        return sum(batch.files for batch in self.batches)

    @property
    def n_bytes(self) -> int:
        """Bytes staged."""
        return sum(batch.n_bytes for batch in self.batches)


def status(library: str | Path) -> Status:
    """Return what is staged, since when, how much, what is unfinished and what people moved.

    Reads names and sizes, no contents; takes no lock and writes nothing.
    """
    with Library(library) as opened:
        holder = holder_of(opened)
        told = Status(holder="" if holder is None else describe_holder(holder))
        for batch in read_ledger(opened).batches.values():
            told.batches.append(_batch_status(opened, batch))
        return told


def _batch_status(library: Library, batch: Batch) -> BatchStatus:
    told = BatchStatus(batch.id, str(batch.header.get("time", "")), damage=batch.damage)
    told.flags = sum(batch.flags.values())
    for intent in batch.intents.values():
        told.approved += len(intent.purged)
        if intent.state in OPEN:
            told.unfinished.append(intent.bundle)
        elif intent.state is State.CONFLICT:
            told.conflicts.append(intent.bundle)
        elif intent.state is not State.STAGED:
            continue
        _count_on_disk(library, intent, told)
    return told


def _count_on_disk(library: Library, intent: Intent, told: BatchStatus) -> None:
    if intent.staging not in told.staging:
        told.staging.append(intent.staging)
    staged = 0
    with Folders(library.fd) as folders:
        for file in intent.left:
            if _is_there(folders, file.place):
                staged += 1
                told.n_bytes += file.size
            elif intent.state is not State.STAGED:
                continue
            elif _is_there(folders, file.home):
                told.home_by_hand.append(file.src)
            else:
                told.gone_by_hand.append(file.dst)
    told.files += staged
    told.bundles += staged > 0


def _is_there(folders: Folders, path: Parts) -> bool:
    try:
        return safefs.look(folders.find(path)) is not None
    except OSError:
        return False


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    settled = 0

    def moved(n: int) -> None:
        nonlocal settled
        settled += n
        if progress is not None:
            progress(settled, total)

    return moved

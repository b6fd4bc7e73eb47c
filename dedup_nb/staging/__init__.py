"""A manifest -> journalled moves into staging, and back home at any time.

The functions that notebooks and the command line call. Nothing is decided here: the plan is
compared with the disk bundle by bundle, and each bundle moves whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dedup_nb.library.bundles import FolderBundles, bundle_members
from dedup_nb.library.hints import command
from dedup_nb.library.layout import PRIVATE, STAGING
from dedup_nb.library.memory import settled
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
from dedup_nb.staging.warranties import FIELD, images_of_plan, need, of_plan

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
    "images_of_plan",
    "of_plan",
    "plan_of",
    "read_manifest",
    "recover",
    "restore",
    "stage",
    "status",
    "unlock",
    "warranted",
]

Progress = Callable[[int, int], None]  # bundles finished, total number of bundles


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
    stopped: str = ""  # why the batch stopped early
    interrupted: bool = False
    warranty: str = ""  # what the warranty beside the manifest says, or why it is not used

    @property
    def left(self) -> int:
        """Number of bundles that were not tried."""
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
    """Return what `stage` would refuse now. This is the dry run; it writes nothing.

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
        Code, bundle, the problem and what to do about it. Empty if everything would move.
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
        with settled():
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
    """Move the files of a plan into staging, each bundle whole or not at all.

    Bundles that an earlier call left unfinished are moved home first. A bundle that differs from
    the plan is refused, and the call continues with the next one. Calling it again with the same
    plan moves what is still at home.

    Parameters
    ----------
    plan : Plan
        From `read_manifest`.
    library, roots
        As for `check`.
    allow_copy : bool
        Make a verified copy where a file can be neither renamed nor linked.
    strict_companions : bool
        Refuse images without companions.
    allow_keepers : bool
        Also stage files that were the keepers of files approved earlier.
    progress : callable, optional
        Called with the number of bundles finished so far and the total.

    Returns
    -------
    Result
        The batch, the counts, and each refusal with what to do about it.

    Raises
    ------
    StagingError
        Before anything moved: status 2 for wrong input, 3 if you must act first, 4 if locked.
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
        warranty, result.warranty = of_plan(plan)
        run = BatchRun(
            opened,
            plan,
            ledger,
            examiner,
            reserve,
            warranty=warranty,
            allow_copy=allow_copy,
            stop=stop,
            moved=moved,
        )
        try:
            with settled():
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
    """Examine and move each bundle; return how many were already staged."""
    already = 0
    shared = False
    for planned in plan.in_order():
        if stop():
            break
        if planned.shared_only and not shared:
            run.flush()  # a shared sidecar moves after every image that it covers
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
    """Move home the bundles that a killed or failed command left unfinished.

    Parameters
    ----------
    accept_lost : bool
        Close bundles that have a missing file, so that work can continue.

    Returns
    -------
    Recovered
        Bundles moved home, conflicts, and bundles that could not be finished now.
    """
    recovered = Recovered()
    with _at_work(library, recovered, accept_lost):
        return recovered


def restore(
    library: str | Path,
    batch: str | None = None,
    group: str | None = None,
    bundle: str | None = None,
    file: str | None = None,
    *,
    progress: Progress | None = None,
) -> Restored:
    """Move staged bundles home: all of them, or those of one batch, group, bundle or file.

    Nothing is replaced: where the home path is taken, or the staged file has changed, the whole
    bundle stays staged and is reported as a conflict. Restoring one file restores its bundle.

    Raises
    ------
    StagingError
        Status 2 if the scope matches nothing staged, 4 if locked.
    """
    scope = Scope(batch, group, bundle, file)
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, stop):
        batches = batches_in(ledger, scope)
        total = sum(len(chosen(each, scope)) for each in batches)
        if not total and not scope.whole_batches:
            listed = command("status", "--library", opened.path)
            raise StagingError(f"nothing staged matches; to list it, run: {listed}", WRONG_INPUT)
        work = Restoring(opened, ledger, reserve, stop=stop, moved=_counter(progress, total))
        work.told.planned = total
        folder = opened.journal_folder()
        if folder is not None:
            try:
                with settled():
                    work.run(folder, batches, scope)
            finally:
                os.close(folder)
        work.told.refused += [*recovered.conflicts, *recovered.lost, *recovered.unfinished]
        return work.told


# ---------------------------------------------------------------- approval


def approval_token(library: str | Path, batch: str, *, permanent: bool = False) -> str:
    """Return the token that approves exactly the files now staged in a batch.

    The token is twelve hex digits, computed from the path, size and digest of each file; any
    change gives a different token. Permanent deletion needs a second token.
    """
    with Library(library) as opened:
        chosen = batch_to_approve(read_ledger(opened), batch, opened.path)
        return token_of(opened, chosen, permanent)


def approval_phrase(library: str | Path, batch: str) -> str:
    """Return the phrase to type to approve a batch: `APPROVE <batch> <number of files>`."""
    with Library(library) as opened:
        return phrase_of(opened, batch_to_approve(read_ledger(opened), batch, opened.path))


def warranted(library: str | Path, batch: str, max_wrong: float | None = None) -> str:
    """Return what the warranty of a batch says; "" if it has none.

    Raises
    ------
    StagingError
        With status 3, if `max_wrong` is given and the warranty does not show it; see `approve`.
    """
    with Library(library) as opened:
        chosen_batch = batch_to_approve(read_ledger(opened), batch, opened.path)
        if max_wrong is None and FIELD not in chosen_batch.header:
            return ""
        return need(opened, chosen_batch, 1.0 if max_wrong is None else max_wrong).says()


def approve(
    library: str | Path,
    batch: str,
    token: str | None = None,
    *,
    phrase: str | None = None,
    permanent: bool = False,
    permanent_token: str | None = None,
    max_wrong: float | None = None,
    progress: Progress | None = None,
) -> Approved:
    """Move the staged files of a batch to the system trash, verifying each file.

    Parameters
    ----------
    token, phrase : str
        One of the two: `approval_token` (headless), or `approval_phrase` typed by hand.
    permanent : bool
        Delete permanently instead; needs `permanent_token` too, and 24 hours since staging.
    max_wrong : float, optional
        Largest share of the images that may be wrong, 0 to 1; the batch needs a warranty under it.

    Returns
    -------
    Approved
        What left staging. A bundle whose keeper or files have changed stays staged and is listed
        in `refused`.

    Raises
    ------
    StagingError
        Nothing was touched: status 2 if the token or phrase is missing or wrong, 3 if the batch
        cannot be approved, 4 if locked.
    """
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, stop):
        need_finished(recovered)
        chosen_batch = batch_to_approve(ledger, batch, opened.path)
        if max_wrong is not None:
            need(opened, chosen_batch, max_wrong)
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
            f"approving batch {batch.id} needs its token or the typed phrase",
            WRONG_INPUT,
        )
    if token is not None and token != token_of(library, batch):
        raise StagingError(
            f"the token does not match what is now staged in {batch.id}; review the batch again",
            WRONG_INPUT,
        )
    if phrase is not None and phrase.strip() != phrase_of(library, batch):
        raise StagingError(
            f"the phrase is wrong; to approve, type {phrase_of(library, batch)}", WRONG_INPUT
        )


def _need_second_consent(library: Library, batch: Batch, token: str | None) -> None:
    if token != token_of(library, batch, permanent=True):
        raise StagingError(
            "permanent deletion needs its own token; nothing was deleted", WRONG_INPUT
        )
    if not old_enough(batch):
        raise StagingError(
            f"{batch.id} was staged less than 24 hours ago; use the trash, or delete it later"
        )


# ---------------------------------------------------------------- flags and the lock


def flag(library: str | Path, folders: Sequence[str]) -> Flagged:
    """Create an empty `.cropped` marker beside each PNG below some folders that has none.

    Parameters
    ----------
    folders : sequence of str
        Inside the library, relative to it or absolute.

    Returns
    -------
    Flagged
        The markers made, as a batch that `restore` undoes. Earlier manifests become stale for the
        bundles of these PNGs.
    """
    recovered = Recovered()
    with _at_work(library, recovered) as (opened, ledger, reserve, _stop):
        need_finished(recovered)
        try:
            return flag_folders(opened, folders, reserve, max(ledger.batches, default=""))
        except OSError as error:
            raise StagingError(f"the folders cannot be read: {error.strerror}") from error


def unlock(library: str | Path, confirm: Callable[[str], bool]) -> bool:
    """Remove the lock file of a killed command, if `confirm` accepts the holder it is shown.

    Returns
    -------
    bool
        False if there is no lock file or `confirm` returned False. Where the file system supports
        `flock` there is never a lock file: that lock ends with its process.
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
    """Open and lock a library, and move unfinished bundles home."""
    try:
        with Library(library) as opened, locked(opened), flagged_interrupts() as stop:
            ledger = read_ledger(opened)
            reserve = Reserve(opened.fd, (PRIVATE,))
            outcome = recover_ledger(opened, ledger, reserve, accept_lost)
            recovered.__dict__.update(outcome.__dict__)
            if (
                outcome.aborted
                or outcome.restored
                or outcome.approved
                or outcome.conflicts
                or outcome.lost
            ):
                ledger = read_ledger(opened)
            yield opened, ledger, reserve, stop
    except OSError as error:
        raise StagingError(
            f"{library}: {(error.strerror or str(error)).lower()}; fix this, then recover what was "
            f"started: {command('recover', '--library', Path(library))}"
        ) from error


# ---------------------------------------------------------------- status


@dataclass
class BatchStatus:
    """The current state of one batch, by journal and disk."""

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
    """What is staged in a library, and what needs your attention."""

    library: Path
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
    """Return what is staged, since when, what is unfinished, and what was moved by hand.

    Reads names and sizes, not contents; takes no lock and writes nothing.
    """
    with Library(library) as opened:
        holder = holder_of(opened)
        report = Status(opened.path, holder="" if holder is None else describe_holder(holder))
        for batch in read_ledger(opened).batches.values():
            report.batches.append(_batch_status(opened, batch))
        return report


def _batch_status(library: Library, batch: Batch) -> BatchStatus:
    report = BatchStatus(batch.id, str(batch.header.get("time", "")), damage=batch.damage)
    report.flags = sum(batch.flags.values())
    for intent in batch.intents.values():
        report.approved += len(intent.purged)
        if intent.state in OPEN:
            report.unfinished.append(intent.bundle)
        elif intent.state is State.CONFLICT:
            report.conflicts.append(intent.bundle)
        elif intent.state is not State.STAGED:
            continue
        _count_on_disk(library, intent, report)
    return report


def _count_on_disk(library: Library, intent: Intent, report: BatchStatus) -> None:
    if intent.staging not in report.staging:
        report.staging.append(intent.staging)
    staged = 0
    with Folders(library.fd) as folders:
        for file in intent.left:
            if _is_there(folders, file.place):
                staged += 1
                report.n_bytes += file.size
            elif intent.state is not State.STAGED:
                continue
            elif _is_there(folders, file.home):
                report.home_by_hand.append(file.src)
            else:
                report.gone_by_hand.append(file.dst)
    report.files += staged
    report.bundles += staged > 0


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

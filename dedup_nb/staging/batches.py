"""Ready bundles -> bundles moved into staging, up to 64 for each synced group of intents."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dedup_nb import __version__
from dedup_nb.library.acceptance.warranty import Warranty
from dedup_nb.library.tables import shown
from dedup_nb.staging import safefs
from dedup_nb.staging.examine import Examiner, Ready
from dedup_nb.staging.homing import Conflict, Place, drop_temporaries, send_home, survey, sync
from dedup_nb.staging.journal import Journal, Record, Reserve
from dedup_nb.staging.ledger import Intent, Ledger, StagedFile, State, intent_record
from dedup_nb.staging.library import Library, new_batch_id, utc_now
from dedup_nb.staging.plans import Plan, Row
from dedup_nb.staging.recovery import end_record, remove_empty
from dedup_nb.staging.refusals import Refusal, Refused, StagingError, by_errno
from dedup_nb.staging.safefs import CopyTerms, Folders, Moved, Parts, Seen, Spot, Stop
from dedup_nb.staging.warranties import FIELD

GROUP_BUNDLES = 64  # maximum number of intents in one sync
GROUP_S = 0.5  # longest time a bundle waits between its check and its move
ERRORS_IN_A_ROW = 3


class BatchStopped(Exception):
    """The batch cannot continue; what it moved so far is recorded."""


@dataclass
class Moving:
    """One bundle of the group being moved."""

    ready: Ready
    intent: Intent
    how: list[Moved] = field(default_factory=list)
    refused: Refused | None = None
    open: bool = False  # it could not be moved home; recovery tries again


@dataclass
class Counts:
    """What a batch has done so far."""

    done: int = 0
    files: int = 0
    n_bytes: int = 0
    alone: int = 0
    copied: int = 0
    frees_nothing: list[str] = field(default_factory=list)
    metadata_lost: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


class BatchRun:
    """One running batch: its journal, the queued group and the counts so far."""

    def __init__(
        self,
        library: Library,
        plan: Plan,
        ledger: Ledger,
        examiner: Examiner,
        reserve: Reserve,
        *,
        warranty: Warranty | None = None,
        allow_copy: bool,
        stop: Stop,
        moved: Callable[[int], None],
    ) -> None:
        self.library, self.plan, self.ledger = library, plan, ledger
        self.examiner, self.reserve, self.warranty = examiner, reserve, warranty
        self.allow_copy, self.stop, self.moved = allow_copy, stop, moved
        self.id = new_batch_id(after=max(ledger.batches, default=""))
        self.counts = Counts()
        self._journal: Journal | None = None
        self._waiting: list[Ready] = []
        self._since_s = 0.0
        self._number = 0
        self._errors = 0
        self._stop_because = ""
        self._made: list[str] = []  # folders

    @property
    def started(self) -> bool:
        """Whether anything has been journalled."""
        return self._journal is not None

    # ------------------------------------------------------------ queueing bundles

    def add(self, ready: Ready) -> None:
        """Queue a bundle; move the group once it is full or has waited long enough."""
        self._waiting.append(ready)
        if len(self._waiting) == 1:
            self._since_s = time.monotonic()
        if len(self._waiting) >= GROUP_BUNDLES or time.monotonic() - self._since_s > GROUP_S:
            self.flush()

    def refuse(self, bundle: str, refused: Refused) -> None:
        """Count a refusal; after three system errors in a row `check_errors` stops the batch."""
        self.counts.refused.append(refused.of(bundle))
        self.moved(1)
        self._errors = self._errors + 1 if refused.code == "io_error" else 0
        if self._errors == ERRORS_IN_A_ROW:
            self._stop_because = f"{ERRORS_IN_A_ROW} system errors in a row: {refused}"

    def check_errors(self) -> None:
        """Move the queued group and stop, if there were too many errors in a row."""
        if self._stop_because:
            self.flush()
            raise BatchStopped(self._stop_because)

    def flush(self) -> None:
        """Move the queued group."""
        group, self._waiting = self._waiting, []
        if not group:
            return
        journal = self._need_journal()
        moving = self._prepare(journal, group)
        if moving:
            self._record(journal, [intent_record(each.intent) for each in moving])
            for each in moving:
                self._move(each)
            self._send_back_what_grew(moving)
            self._sync(moving)
            self._end_group(journal, moving)
        self.examiner.new_group()

    def end(self) -> None:
        """Write the last record and free the reserve; neither is needed for safety."""
        if self._journal is None:
            return
        try:
            if self.counts.refused:
                remove_empty(self.library, self._made)
            counts = {"done": self.counts.done, "refused": len(self.counts.refused)}
            self._journal.append([{"event": "end", "time": utc_now(), **counts}])
            self.reserve.give_back()
        except OSError:
            pass  # the next recovery frees it
        finally:
            self._journal.close()

    # ------------------------------------------------------------ before the moves

    def _need_journal(self) -> Journal:
        if self._journal is None:
            folder = self.library.journal_folder(make=True)
            if folder is None:
                raise StagingError(f"the private folder of {self.library.path} has just vanished")
            try:
                self.reserve.fill(self.plan.files)
                self._journal = Journal.create(
                    Spot(folder, f"{self.id}.jsonl"), self.reserve, self._header()
                )
            except OSError as error:
                raise StagingError(
                    f"cannot write the journal of this batch: {(error.strerror or '').lower()}; "
                    "nothing was moved; free some disk space"
                ) from error
            finally:
                os.close(folder)
        return self._journal

    def _header(self) -> Record:
        return {
            "batch": self.id,
            "tool": __version__,
            "device": os.fstat(self.library.fd).st_dev,
            "plan": self.plan.sha256,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "time": utc_now(),
            **({FIELD: self.warranty.as_json()} if self.warranty else {}),
        }

    def _record(self, journal: Journal, records: list[Record]) -> None:
        try:
            journal.append(records)
        except OSError as error:
            raise BatchStopped(
                f"cannot write the journal: {(error.strerror or '').lower()}"
            ) from error

    def _prepare(self, journal: Journal, group: list[Ready]) -> list[Moving]:
        """Record and make the destination folders, and check that each destination is free."""
        moving = []
        wanted = {row_dst(row, self.id)[:-1] for ready in group for row, _ in ready.files}
        barred = self._record_missing(journal, wanted)
        for ready in group:
            try:
                self._check_destinations(ready, barred)
            except Refused as refused:
                self.refuse(ready.planned.bundle, refused)
                continue
            self._number += 1
            moving.append(Moving(ready, self._intent(ready)))
        return moving

    def _record_missing(self, journal: Journal, wanted: set[Parts]) -> dict[Parts, OSError]:
        """Record the folders about to be made; return those that cannot be looked up."""
        missing: dict[Parts, None] = {}
        barred = {}
        for parts in sorted(wanted):
            try:
                missing.update(dict.fromkeys(safefs.missing_folders(self.library.fd, parts)))
            except OSError as error:
                barred[parts] = error
        if missing:
            folders = ["/".join(parts) for parts in missing]
            self._record(journal, [{"event": "created", "time": utc_now(), "folders": folders}])
            self._made += folders
        return barred

    def _check_destinations(self, ready: Ready, barred: dict[Parts, OSError]) -> None:
        with Folders(self.library.fd) as folders:
            for row, _ in ready.files:
                path = row_dst(row, self.id)
                try:
                    if path[:-1] in barred:
                        raise barred[path[:-1]]
                    safefs.make_folders(self.library.fd, path[:-1])
                    taken = safefs.look(folders.spot(path)) is not None
                except (NotADirectoryError, FileExistsError) as error:
                    what = f"{row.staging} is not a folder, or a folder in it was swapped"
                    raise Refused("dst_exists", what, row.src) from error
                except OSError as error:
                    raise by_errno(error, row.dst(self.id)) from error
                if taken:
                    what = f"{shown(row.dst(self.id))} already exists"
                    raise Refused("dst_exists", what, row.src)

    def _intent(self, ready: Ready) -> Intent:
        planned = ready.planned
        covers = {path for row, _ in ready.files for path in row.covers or ()}
        return Intent(
            self.id,
            self._number,
            planned.bundle,
            planned.group,
            planned.rule,
            planned.reason,
            ready.keepers_seen(),
            [
                StagedFile(
                    row.src,
                    row.dst(self.id),
                    seen.size,
                    seen.mtime_ns,
                    seen.mode,
                    seen.ino,
                    seen.dev,
                    seen.nlink,
                    seen.sha256,
                )
                for row, seen in ready.files
            ],
            sorted(covers),
            utc_now(),
        )

    # ------------------------------------------------------------ the moves

    def _move(self, moving: Moving) -> None:
        """Move one bundle; on any error move it home."""
        try:
            if self.stop():
                raise safefs.Interrupted
            self.examiner.recheck(moving.ready)
            self._move_files(moving)
        except Refused as refused:
            self._go_home(moving, refused)
        except safefs.Interrupted:
            self._go_home(moving, Refused("not_attempted", "interrupted by you"))
        except safefs.Swapped:
            self._go_home(moving, Refused("swapped", "a file was swapped just before it moved"))
        except safefs.NeedsCopy:
            what = "staging is on another file system, so the file can only be copied"
            self._go_home(moving, Refused("needs_copy", what))
        except FileExistsError as error:
            what = f"{shown(str(error.filename))} already exists in staging"
            self._go_home(moving, Refused("dst_exists", what))
        except OSError as error:
            self._go_home(moving, by_errno(error, moving.intent.files[0].src))

    def _move_files(self, moving: Moving) -> None:
        with Folders(self.library.fd) as folders:
            placed: list[tuple[Spot, Spot, Seen]] = []
            try:
                for index, (_, seen) in enumerate(moving.ready.files):
                    file = moving.intent.files[index]
                    source, target = folders.spot(file.home), folders.spot(file.place)
                    terms = CopyTerms(
                        moving.intent.temporary(file), seen.mode, seen.mtime_ns, self.stop
                    )
                    how = safefs.move(source, target, seen, terms if self.allow_copy else None)
                    moving.how.append(how)
                    placed.append((source, target, seen))
                self._look_by_path(moving, placed)
            except safefs.Swapped:
                _back_through_open_folders(placed)
                raise

    def _look_by_path(self, moving: Moving, placed: list[tuple[Spot, Spot, Seen]]) -> None:
        """Walk to each destination again, to detect a folder that was swapped meanwhile."""
        with Folders(self.library.fd) as folders:
            for file, (_, target, _) in zip(moving.intent.files, placed, strict=True):
                try:
                    arrived = safefs.look(folders.find(file.place))
                except NotADirectoryError:
                    raise safefs.Swapped from None
                held = safefs.look(target)
                if arrived is None or held is None or not os.path.samestat(arrived, held):
                    raise safefs.Swapped

    def _send_back_what_grew(self, group: list[Moving]) -> None:
        """Move home the bundles that gained a companion meanwhile: none moves in part."""
        moved = {id(each.ready): each for each in group if each.refused is None}
        for ready, refused in self.examiner.newcomers([each.ready for each in moved.values()]):
            self._go_home(moved[id(ready)], refused)

    def _go_home(self, moving: Moving, refused: Refused) -> None:
        moving.refused = refused
        try:
            with Folders(self.library.fd) as folders:
                located = survey(folders, moving.intent)
            touched, _ = send_home(self.library, moving.intent, located)
            sync(self.library, touched)
            # Only files that we moved can be lost; files missing before were removed by others.
            lost = [each for each in located[: len(moving.how)] if each.place is Place.NOWHERE]
            if lost:
                moving.open = True
                moving.refused = Refused("lost", f"LOST: {lost[0].why}", lost[0].file.src)
                return
            drop_temporaries(self.library, moving.intent)
            moving.intent.state = State.HOME
        except Conflict as conflict:
            moving.refused = Refused("conflict", f"{refused}; {conflict}", refused.path)
            moving.intent.state = State.CONFLICT
        except OSError as error:
            moving.open = True
            moving.refused = by_errno(error, moving.intent.files[0].src)

    # ------------------------------------------------------------ after the moves

    def _sync(self, group: list[Moving]) -> None:
        """Sync the moves, destinations before sources; move home what cannot be synced."""
        touched = {parts for each in group for parts in _folders_of(each)}
        try:
            sync(self.library, touched, first="staging")
        except OSError as error:
            for each in group:
                if each.refused is None:
                    self._go_home(each, by_errno(error, each.intent.files[0].src))

    def _end_group(self, journal: Journal, group: list[Moving]) -> None:
        try:
            self._record(journal, [_end_of(each) for each in group if not each.open])
        except BatchStopped as stopped:
            # A bundle not recorded as done must not stay staged: the next recovery would undo it.
            for each in group:
                if each.refused is None:
                    self._go_home(each, Refused("io_error", str(stopped), ""))
            self._try_record(journal, [_end_of(each) for each in group if not each.open])
            self._count(group)
            raise
        self._count(group)

    def _try_record(self, journal: Journal, records: list[Record]) -> None:
        try:
            journal.append(records)
        except OSError:
            return  # the intents stay open; all files are at home, and recovery closes them

    def _count(self, group: list[Moving]) -> None:
        for each in group:
            if each.refused is None:
                self._count_done(each)
                self._errors = 0
            else:
                self.refuse(each.ready.planned.bundle, each.refused)

    def _count_done(self, moving: Moving) -> None:
        counts = self.counts
        moving.intent.state = State.STAGED
        self.ledger.note(moving.intent)
        self.examiner.staged_now.update(file.src for file in moving.intent.files)
        counts.done += 1
        counts.files += len(moving.intent.files)
        counts.n_bytes += sum(file.size for file in moving.intent.files)
        counts.alone += moving.ready.alone
        counts.frees_nothing += moving.ready.frees_nothing
        counts.copied += sum(moved.how == "copy" for moved in moving.how)
        counts.metadata_lost += _metadata_lost(moving)
        self.moved(1)


def row_dst(row: Row, batch: str) -> Parts:
    """Return the destination of a row's file, as path components."""
    return tuple(row.dst(batch).split("/"))


def _folders_of(moving: Moving) -> set[Parts]:
    files = moving.intent.files if moving.refused is None else []
    return {file.home[:-1] for file in files} | {file.place[:-1] for file in files}


def _metadata_lost(moving: Moving) -> list[str]:
    pairs = zip(moving.intent.files, moving.how, strict=True)
    return [f"{file.src}: {', '.join(how.lost)}" for file, how in pairs if how.lost]


def _end_of(moving: Moving) -> Record:
    if moving.refused is None:
        copied = [how.how == "copy" for how in moving.how].count(True)
        return end_record(
            "done", moving.intent, copied=copied, lost_metadata=_metadata_lost(moving)
        )
    event = "conflict" if moving.intent.state is State.CONFLICT else "aborted"
    return end_record(event, moving.intent, why=f"{moving.refused.code}: {moving.refused}")


def _back_through_open_folders(placed: list[tuple[Spot, Spot, Seen]]) -> None:
    """Undo moves through the open folders, wherever their paths lead by now."""
    for source, target, seen in reversed(placed):
        status = safefs.look(target)
        if status is not None and safefs.seen(status).inode == seen.inode:
            safefs.rename_exclusive(target, source)

"""Your decisions ("keep", "stage", "not a duplicate", "reviewed") -> a file, kept by content.

Standard library only. Each decision is one JSON line, appended and synced before the call returns.
Nothing is ever rewritten; an undo is one more line. The state in memory only comes from reading the
file, so it never differs from the file, and two notebooks may share one file. The file belongs to
the library; files that earlier versions kept for each profile are read with it.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import stat
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from threading import RLock
from typing import Any

from dedup_nb.library import files as files_
from dedup_nb.library.files import creating
from dedup_nb.library.tables import short

MOST_LINE_BYTES = 2**26  # of one decision; an answer about 100,000 images has 15 MB
VERSION = 1  # version of the lines; lines of a later version are refused
MARKS = ("keep", "stage", None)
ANSWERS = ("not_duplicate", "reviewed")

Record = dict[str, Any]
Place = tuple[str, str]  # digest, path: exact copies share the digest


@dataclass(frozen=True)
class Mark:
    """A current mark, with the exact copies that already existed when it was made."""

    mark: str
    copies: frozenset[str] = frozenset()


@dataclass
class Step:
    """One decision that can still be undone: its record and the state before it."""

    record: Record
    marks: dict[Place, Mark | None]
    answers: dict[frozenset[str], bool]


class Decisions:
    """The decisions in `path` (a `decisions.jsonl`, created when first needed), or in memory.

    Parameters
    ----------
    path : Path or None
        The file; None keeps them in memory.
    earlier : sequence of Path
        Files of earlier versions, which are read, merged in order of time, and never written.

    Attributes
    ----------
    problems : list of str
        Lines that are not decisions, by line number; they are kept but not used. A torn last
        line, left by a kill while it was written, is not a problem.
    """

    problems: list[str]
    _offset: int  # of the file, up to which its lines were read
    _inherited: dict[Place, Place]  # an image that was moved -> where its mark is recorded
    _copies: dict[str, list[str]]  # digest -> the paths of its exact copies
    _catalogue: _Catalogue | None  # that `marks_for` was asked about last
    _batch: str = ""  # of the decisions that are made together
    _waiting: list[Record]  # of them, until they are written

    def __init__(self, path: Path | None, earlier: Sequence[Path] = ()) -> None:
        self.path, self.earlier = path, list(earlier)
        self._memory = b""
        self._reading = RLock()  # a thread may follow the file while a person decides
        self._forget()
        self.refresh()

    # -- deciding --------------------------------------------------------------------------------

    def mark(
        self,
        path: str,
        sha256: str,
        mark: str | None,
        *,
        group: str = "",
        finder: str = "",
        copies: Iterable[str] = (),
    ) -> None:
        """Mark an image `keep` or `stage`, or remove its mark with None; on disk on return.

        Parameters
        ----------
        path, sha256 : str
            The image, relative to the library, and its digest.
        copies : iterable of str
            Paths of exact copies of it; those passed to `marks_for` are already known.

        Raises
        ------
        ValueError
            If the mark is not one of the three, or the image has no digest.
        """
        if mark not in MARKS:
            raise ValueError(f"{mark!r} is not a mark; use 'keep', 'stage' or None")
        self.refresh()
        record = self._record("mark", group, finder)
        record |= {"path": path, "sha256": _digest(path, sha256), "mark": mark}
        others = sorted({*copies, *self._copies.get(sha256, ())} - {path})
        if others:
            record["copies"] = others
        if inherited := self._inherited.get((sha256, path)):
            record["was"] = inherited[1]
        self._append(record)

    def not_duplicate(
        self,
        members: Sequence[tuple[str, str]],
        answer: bool = True,
        *,
        group: str = "",
        finder: str = "",
    ) -> None:
        """Mark images, (path, sha256) each, as not duplicates; False removes the answer."""
        self._answer("not_duplicate", members, answer, group, finder)

    def review(
        self,
        members: Sequence[tuple[str, str]],
        answer: bool = True,
        *,
        group: str = "",
        finder: str = "",
    ) -> None:
        """Mark a group as reviewed and accepted; False removes the answer."""
        self._answer("reviewed", members, answer, group, finder)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the decisions of a block one step, which `undo` undoes as a whole.

        They are written at once at the end of the block; none is, if it fails.
        """
        self.refresh()
        self._batch, self._waiting = os.urandom(6).hex(), []
        try:
            yield
            lines = self._waiting
        finally:
            self._batch, self._waiting = "", []
        if lines:
            self._write(lines)

    def undo(self) -> Record | None:
        """Undo the last decision, also of an earlier session; return the line that records it.

        Those that were made `together` are undone as one. Calling it again undoes the decision
        before that, and so on; None if there is none left.
        """
        self.refresh()
        undone = [_undone(step) for step in self._last_steps]
        if not undone:
            return None
        self._write(undone)
        return undone[0]

    def revoke(self, record: Mapping[str, Any]) -> None:
        """Undo any one decision of `listed`; this can be undone as well.

        Only this decision is undone: an answer about more images remains.
        """
        self.refresh()
        undone = self._record(record["what"], record.get("group", ""), record.get("finder", ""))
        if record["what"] == "mark":
            undone |= {"path": record["path"], "sha256": record["sha256"], "mark": None}
        else:
            undone |= {"answer": False, "exact": True, "digests": sorted(record["digests"])}
            undone["paths"] = list(record.get("paths", ()))
        self._append(undone)

    # -- reading ---------------------------------------------------------------------------------

    def marks_for(self, paths: Sequence[str], sha256s: Sequence[str]) -> list[str | None]:
        """Return the current mark of each row of a catalogue.

        A mark belongs to a digest at a path. If the path is no longer in `paths`, the image was
        moved, and the mark goes to the image of the same digest that has no mark of its own and
        did not already exist beside it. If there is not exactly one such image, the mark is not
        applied.
        """
        with self._reading:
            self._refresh()
            now = self._catalogue
            if now is None or now.paths is not paths or now.sha256s is not sha256s:
                now = self._catalogue = _Catalogue(paths, sha256s)
            self._copies, self._inherited = now.copies, self._heirs(now)
            made: list[str | None] = [None] * len(paths)
            for sha256, path in [*self._marks, *self._inherited]:
                row = now.row_of.get(path, -1)
                if row >= 0 and sha256s[row] == sha256:
                    made[row] = self.mark_of(path, sha256)
            return made

    def mark_of(self, path: str, sha256: str) -> str | None:
        """Return the current mark of one image; moved images as `marks_for` last resolved them."""
        place = (sha256, path)
        mark = self._marks.get(place) or self._marks.get(self._inherited.get(place, place))
        return mark.mark if mark else None

    def answered(self, sha256s: Collection[str]) -> bool:
        """Return whether one "not duplicates" answer covers all digests of a group.

        A new member reopens the question. A group of exact copies (a single digest) is covered
        only by an answer about exact copies.
        """
        return self._covered("not_duplicate", sha256s)

    def reviewed(self, sha256s: Collection[str]) -> bool:
        """Return whether you accepted a group that contained all these digests."""
        return self._covered("reviewed", sha256s)

    def all_reviewed(self, groups: Iterable[Collection[str]]) -> list[bool]:
        """Return for each of many groups whether it was accepted; the file is looked at once."""
        self.refresh()
        return [bool(self._covering("reviewed", frozenset(each))) for each in groups]

    def answers(self, what: str = "not_duplicate") -> list[frozenset[str]]:
        """Return the current answers, each as the set of digests it covers."""
        with self._reading:
            self._refresh()
            return sorted(self._answers[what], key=sorted)

    def mentioned(self) -> set[str]:
        """Return the digests that any current decision is about."""
        with self._reading:
            self._refresh()
            answers = (digests for covered in self._answers.values() for digests in covered)
            return {digest for digest, _ in self._marks}.union(*answers)

    def listed(self) -> list[Record]:
        """Return the line of each current decision, the oldest first."""
        self.refresh()
        current: dict[Any, Record] = {}
        for step in list(self._steps):
            record = step.record
            for place in step.marks:
                current.pop(place, None)
            for digests in step.answers:
                current.pop((record["what"], digests), None)
            if record["what"] == "mark" and record["mark"]:
                current[record["sha256"], record["path"]] = record
            elif record.get("answer"):
                current[record["what"], frozenset(record["digests"])] = record
        return list(current.values())

    @property
    def last(self) -> Record | None:
        """The decision that `undo` would undo."""
        return self._steps[-1].record if self._steps else None

    @property
    def last_together(self) -> list[Record]:
        """The decisions that `undo` would undo, the last one first."""
        return [step.record for step in self._last_steps]

    @property
    def _last_steps(self) -> list[Step]:
        """The decisions that `undo` would undo, the last one first."""
        batch = self._steps[-1].record.get("batch") if self._steps else None
        if not batch:
            return self._steps[-1:]
        return list(takewhile(lambda one: one.record.get("batch") == batch, reversed(self._steps)))

    def __len__(self) -> int:
        """Count the current decisions."""
        return len(self._marks) + sum(map(len, self._answers.values()))

    def freeze(self, path: Path) -> None:
        """Copy the lines that were used to a new file.

        Raises
        ------
        FileExistsError
            If `path` exists; a run's record is never overwritten.
        """
        with creating(path) as fresh:
            fresh.write_bytes(self._first + self._bytes(self._first_end)[: self._used])

    # -- the file --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the lines that this or another notebook has appended since the last call."""
        with self._reading:
            self._refresh()

    @property
    def lines(self) -> int:
        """How many lines were read so far; more of them mean that something was decided."""
        return self._line

    def _refresh(self) -> None:
        size = self._size()
        if size < self._offset:  # the file was replaced
            self._forget()
        before = len(self.problems)
        if not self._begun:
            self._begin()
        elif size > self._offset:
            for line in self._whole_lines():
                self._line += 1
                self._read(line, self.path, self._line)
        if count := len(self.problems) - before:
            more = f"; {count - 1:,} more lines are no decisions either" if count > 1 else ""
            warnings.warn(self.problems[before] + more, stacklevel=4)

    def _begin(self) -> None:
        """Read all files, each in its own order and together in order of time."""
        self._begun = True
        lines = self._whole_lines()
        self._line, self._first_end = len(lines), self._offset
        files = [(path, self._lines_of(path)) for path in self.earlier if path.is_file()]
        numbered = [
            [(when, place, number, line) for number, (when, line) in enumerate(_timed(part), 1)]
            for place, (_, part) in enumerate([*files, (self.path, lines)])
        ]
        every = [*(path for path, _ in files), self.path]
        used = []
        for _, place, number, line in heapq.merge(*numbered, key=lambda each: each[:3]):
            used.append(line)
            self._read(line, every[place], number)
        self._first = b"".join(line + b"\n" for line in used)

    def _lines_of(self, path: Path) -> list[bytes]:
        try:
            data = files_.read_file(os.fsencode(path))
        except (OSError, ValueError) as error:
            self.problems.append(f"{path} cannot be read ({error}); its decisions are not used")
            return []
        return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]

    def _whole_lines(self) -> list[bytes]:
        """Return the further lines of the file, without a torn last one."""
        fresh = self._bytes(self._offset)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.split(b"\n")[:-1]

    @property
    def _used(self) -> int:
        return self._offset - self._first_end

    def _forget(self) -> None:
        self.problems = []
        self._offset = self._line = self._first_end = 0
        self._begun, self._first = False, b""
        self._marks: dict[Place, Mark] = {}
        self._answers: dict[str, set[frozenset[str]]] = {what: set() for what in ANSWERS}
        self._by_digest: dict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)
        self._steps: list[Step] = []
        self._inherited = {}
        self._copies = {}
        self._catalogue = None

    def _size(self) -> int:
        if self.path is None:
            return len(self._memory)
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return 0
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{self.path} is not a regular file; move it away")
        return status.st_size

    def _bytes(self, start: int) -> bytes:
        if self.path is None:
            return self._memory[start:]
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                return file.read()
        except FileNotFoundError:
            return b""

    def _record(self, what: str, group: str, finder: str) -> Record:
        record = {"version": VERSION, "when": _now(), "what": what, "group": group}
        return record | {"finder": finder} | ({"batch": self._batch} if self._batch else {})

    def _append(self, record: Record) -> None:
        if self._batch:
            self._waiting.append(record)
        else:
            self._write([record])

    def _write(self, records: Iterable[Record]) -> None:
        texts = [json.dumps(record, ensure_ascii=True) for record in records]
        line = "".join(f"{text}\n" for text in texts).encode("ascii")
        if self.path is None:
            self._memory += line
        else:
            append_synced(self.path, line)
        self.refresh()

    def _read(self, line: bytes, path: Path | None, number: int) -> None:
        try:
            self._apply(_checked(line))
        except (ValueError, RecursionError) as error:
            where, why = path or "memory", short(str(error))
            problem = f"{where} line {number} is not a decision ({why}); it is ignored"
            self.problems.append(problem)

    # -- the current state -----------------------------------------------------------------------

    def _apply(self, record: Record) -> None:
        if record.get("undo") and self._steps:
            about = _about(record)
            steps = range(len(self._steps) - 1, -1, -1)
            last = next((k for k in steps if _about(self._steps[k].record) == about), -1)
            self._take_back(self._steps.pop(last))
            return
        step = Step(record, {}, {})
        if record["what"] == "mark":
            copies = frozenset(record.get("copies", ()))
            mark = Mark(record["mark"], copies) if record["mark"] else None
            if "was" in record:  # a mark of a moved image replaces the mark under its old path
                self._put(step, (record["sha256"], record["was"]), None)
            self._put(step, (record["sha256"], record["path"]), mark)
        else:
            self._put_answer(step, frozenset(record["digests"]), record["answer"])
        self._steps.append(step)

    def _put(self, step: Step, place: Place, mark: Mark | None) -> None:
        step.marks[place] = self._marks.pop(place, None)
        if mark:
            self._marks[place] = mark

    def _put_answer(self, step: Step, digests: frozenset[str], answer: bool) -> None:
        what = step.record["what"]
        alone = answer or step.record.get("exact")
        changed = {digests} if alone else self._covering(what, digests)
        for each in changed:
            step.answers[each] = each in self._answers[what]
            self._index(what, each, answer)

    def _take_back(self, step: Step) -> None:
        for place, before in step.marks.items():
            self._marks.pop(place, None)
            if before:
                self._marks[place] = before
        for digests, before_answer in step.answers.items():
            self._index(step.record["what"], digests, before_answer)

    def _index(self, what: str, digests: frozenset[str], answer: bool) -> None:
        change = set.add if answer else set.discard
        change(self._answers[what], digests)
        for digest in digests:
            change(self._by_digest[what, digest], digests)

    def _answer(
        self,
        what: str,
        members: Sequence[tuple[str, str]],
        answer: bool,
        group: str,
        finder: str,
    ) -> None:
        if not members:
            raise ValueError("no images were given; an answer needs at least one")
        self.refresh()
        record = self._record(what, group, finder)
        record["answer"] = bool(answer)
        record["digests"] = sorted({_digest(path, sha256) for path, sha256 in members})
        record["paths"] = [path for path, _ in members]
        self._append(record)

    def _covering(self, what: str, digests: frozenset[str]) -> set[frozenset[str]]:
        if len(digests) < 2:
            return {digests} & self._answers[what]
        some = next(iter(digests))
        return {each for each in self._by_digest.get((what, some), ()) if digests <= each}

    def _covered(self, what: str, sha256s: Collection[str]) -> bool:
        self.refresh()
        return bool(self._covering(what, frozenset(sha256s)))

    def _heirs(self, now: _Catalogue) -> dict[Place, Place]:
        """Return for each moved image the place under which its mark is recorded."""
        gone = defaultdict(list)
        for place in self._marks:
            if place[1] not in now.row_of:
                gone[place[0]].append(place)
        unmarked = defaultdict(list)
        for place in now.places if gone else ():
            if place[0] in gone and place not in self._marks:
                unmarked[place[0]].append(place)
        return _one_to_one(gone, unmarked, self._marks)


class _Catalogue:
    """The paths and digests of a catalogue, looked up again and again while somebody decides."""

    def __init__(self, paths: Sequence[str], sha256s: Sequence[str]) -> None:
        self.paths, self.sha256s = paths, sha256s
        self.row_of = {path: row for row, path in enumerate(paths)}
        self.copies = _shared_digests(self.places)

    @property
    def places(self) -> Iterator[Place]:
        """Every image, as decisions name it."""
        return zip(self.sha256s, self.paths, strict=True)


def append_synced(path: Path, line: bytes) -> None:
    """Append a line to a file, creating it if needed, and return once it is on disk.

    Several processes may append at once. A torn last line, left by a kill, is ended first, or this
    one would be lost with it.

    Raises
    ------
    CannotWrite
        If the disk is full, or the folder may not be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if made:
            _sync_folder(path.parent)
    except OSError as error:
        raise files_.CannotWrite(
            f"this decision could not be saved in {path}: {error.strerror}; "
            "free some space or change permissions, then decide again"
        ) from error


def _timed(lines: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield each line of one file with its time; never earlier than the line before it."""
    latest = ""
    for line in lines:
        try:
            when = json.loads(line).get("when", "")
        except (ValueError, AttributeError, RecursionError):
            when = ""
        latest = max(latest, when if isinstance(when, str) else "")
        yield latest, line


def _undone(step: Step) -> Record:
    """Return the line that undoes a decision."""
    record = {**step.record, "when": _now(), "undo": True}
    if record["what"] == "mark":
        before = step.marks[record["sha256"], record["path"]]
        return record | {"mark": before.mark if before else None}
    return record | {"answer": not record["answer"]}


def _about(record: Record) -> tuple[Any, ...]:
    """Return what a decision is about, the same for a decision and its undo."""
    if record["what"] == "mark":
        return "mark", record["sha256"], record["path"]
    return record["what"], frozenset(record["digests"])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _digest(path: str, sha256: str) -> str:
    if not sha256:
        raise ValueError(f"{path!r} has no digest; a decision is remembered by content")
    return sha256


def _shared_digests(places: Iterable[Place]) -> dict[str, list[str]]:
    """Return the paths of each digest shared by several images."""
    first: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    for sha256, path in places:
        if sha256 in first:
            shared.setdefault(sha256, [first[sha256]]).append(path)
        else:
            first[sha256] = path
    return shared


def _one_to_one(
    gone: Mapping[str, Sequence[Place]],
    unmarked: Mapping[str, Sequence[Place]],
    marks: Mapping[Place, Mark],
) -> dict[Place, Place]:
    heirs = {}
    for sha256, olds in gone.items():
        beside = frozenset[str]().union(*(marks[old].copies for old in olds))
        free = [place for place in unmarked.get(sha256, ()) if place[1] not in beside]
        if len(olds) == len(free) == 1:
            heirs[free[0]] = olds[0]
    return heirs


def _checked(line: bytes) -> Record:
    """Parse a line into a record; ValueError says what is wrong."""
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(f"{len(line):,} bytes; at most {MOST_LINE_BYTES:,} are read")
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    if record.get("version") != VERSION:
        raise ValueError(f"version {record.get('version')!r}, but this tool reads {VERSION}")
    what = record.get("what")
    if what == "mark":
        _check_mark(record)
    elif what in ANSWERS:
        _check_answer(record)
    else:
        raise ValueError(f"what is {what!r}")
    if not _all_text([record.get(name, "") for name in ("when", "group", "finder", "batch")]):
        raise ValueError("when, group, finder and batch must be text")
    if not _all_text(record.get("paths", [])):
        raise ValueError("paths must be a list of text")
    return record


def _check_mark(record: Record) -> None:
    if record.get("mark", 0) not in MARKS:
        raise ValueError(f"mark is {record.get('mark')!r}")
    texts = [record.get("path"), record.get("sha256"), record.get("was", "")]
    if not _all_text(texts) or not _all_text(record.get("copies", [])):
        raise ValueError("path and sha256 must be text")


def _check_answer(record: Record) -> None:
    if not isinstance(record.get("answer"), bool):
        raise ValueError(f"answer is {record.get('answer')!r}")
    if not record.get("digests") or not _all_text(record["digests"]):
        raise ValueError("digests must be a list of text")


def _all_text(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)

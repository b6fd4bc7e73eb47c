"""What a person said, by content, remembered: marks, "not a duplicate", "reviewed".

Standard library only. One JSON line a decision, appended and synced before anyone is told that it
is made; nothing is ever rewritten, an undo is one more line. Memory is only ever filled by reading
lines back, so it cannot say more than the file does, and two notebooks may share one file.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = 1  # of the lines; a reader refuses lines of a later version
MARKS = ("keep", "stage", None)
ANSWERS = ("not_duplicate", "reviewed")

Record = dict[str, Any]
Place = tuple[str, str]  # digest, path: exact copies share the digest


@dataclass(frozen=True)
class Mark:
    """A mark in force, with the exact copies that already existed when it was made."""

    mark: str
    copies: frozenset[str] = frozenset()


@dataclass
class Step:
    """One decision that can still be undone: its record and what was in force before it."""

    record: Record
    marks: dict[Place, Mark | None]
    answers: dict[frozenset[str], bool]


class Decisions:
    """The decisions in `path` (a `decisions.jsonl`, made when first needed), or in memory only.

    Attributes
    ----------
    problems : list of str
        Lines that are no decision, each named by its number; they are left alone and not used.
        A torn last line, the mark of a kill while it was written, is no problem.
    """

    problems: list[str]
    _inherited: dict[Place, Place]  # an image that was moved -> where its mark is recorded
    _copies: dict[str, list[str]]  # digest -> the paths of its exact copies

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory = b""
        self._forget()
        self.refresh()

    # -- saying ----------------------------------------------------------------------------------

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
        """Mark an image `keep` or `stage`, or take its mark back with None; on disk on return.

        Parameters
        ----------
        path, sha256 : str
            The image, relative to the library, and its digest.
        copies : iterable of str
            Paths of exact copies of it; those seen by `marks_for` are known already.

        Raises
        ------
        ValueError
            If the mark is not one of the three or the image has no digest.
        """
        if mark not in MARKS:
            raise ValueError(f"{mark!r} is no mark; say 'keep', 'stage' or None")
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
        """Say that these images, (path, sha256) each, are no duplicates; False takes it back."""
        self._answer("not_duplicate", members, answer, group, finder)

    def review(
        self,
        members: Sequence[tuple[str, str]],
        answer: bool = True,
        *,
        group: str = "",
        finder: str = "",
    ) -> None:
        """Say that a person has looked at this group and agrees; False takes it back."""
        self._answer("reviewed", members, answer, group, finder)

    def undo(self) -> Record | None:
        """Take the last decision back, be it of an earlier day; return the line that says so.

        Undone again, the decision before that is taken back, and so on; None if there is none left.
        """
        self.refresh()
        if not self._steps:
            return None
        step = self._steps[-1]
        record = {**step.record, "when": _now(), "undo": True}
        if record["what"] == "mark":
            before = step.marks[record["sha256"], record["path"]]
            record["mark"] = before.mark if before else None
        else:
            record["answer"] = not record["answer"]
        self._append(record)
        return record

    def revoke(self, record: Mapping[str, Any]) -> None:
        """Take one decision of `listed` back, wherever it lies; this can be undone as well.

        Only that one: an answer about more images than it stays in force.
        """
        self.refresh()
        said = self._record(record["what"], record.get("group", ""), record.get("finder", ""))
        if record["what"] == "mark":
            said |= {"path": record["path"], "sha256": record["sha256"], "mark": None}
        else:
            said |= {"answer": False, "exact": True, "digests": sorted(record["digests"])}
            said["paths"] = list(record.get("paths", ()))
        self._append(said)

    # -- asking ----------------------------------------------------------------------------------

    def marks_for(self, paths: Sequence[str], sha256s: Sequence[str]) -> list[str | None]:
        """Return the mark in force for each row of a catalogue.

        A mark belongs to a digest at a path. Where the path is gone from `paths` the image was
        moved: the mark goes to the one image of that digest that has no mark of its own and was
        not there beside it already. Where that is no single image, the mark is not applied.
        """
        self.refresh()
        places = list(zip(sha256s, paths, strict=True))
        self._copies = _shared_digests(places)
        self._inherited = self._heirs(places)
        return [self.mark_of(path, sha256) for sha256, path in places]

    def mark_of(self, path: str, sha256: str) -> str | None:
        """Return the mark in force for one image; moved ones as `marks_for` last settled them."""
        place = (sha256, path)
        found = self._marks.get(place) or self._marks.get(self._inherited.get(place, place))
        return found.mark if found else None

    def answered(self, sha256s: Collection[str]) -> bool:
        """Say whether a group was answered "not duplicates": all its digests in one such answer.

        A new member makes it a question again. Exact copies alone (one digest) are answered only
        by an answer about exact copies alone.
        """
        return self._covered("not_duplicate", sha256s)

    def reviewed(self, sha256s: Collection[str]) -> bool:
        """Say whether a person accepted a group that held all these digests."""
        return self._covered("reviewed", sha256s)

    def answers(self, what: str = "not_duplicate") -> list[frozenset[str]]:
        """Return the answers in force, each as the digests that it is about."""
        self.refresh()
        return sorted(self._answers[what], key=sorted)

    def mentioned(self) -> set[str]:
        """Return the digests that any decision in force is about."""
        self.refresh()
        answers = (digests for said in self._answers.values() for digests in said)
        return {digest for digest, _ in self._marks}.union(*answers)

    def listed(self) -> list[Record]:
        """Return the line of each decision in force, the oldest first."""
        self.refresh()
        said: dict[Any, Record] = {}
        for step in self._steps:
            record = step.record
            for place in step.marks:
                said.pop(place, None)
            for digests in step.answers:
                said.pop((record["what"], digests), None)
            if record["what"] == "mark" and record["mark"]:
                said[record["sha256"], record["path"]] = record
            elif record.get("answer"):
                said[record["what"], frozenset(record["digests"])] = record
        return list(said.values())

    @property
    def last(self) -> Record | None:
        """The decision that `undo` would take back."""
        return self._steps[-1].record if self._steps else None

    def __len__(self) -> int:
        """Count the decisions in force."""
        return len(self._marks) + sum(map(len, self._answers.values()))

    def freeze(self, path: Path) -> None:
        """Copy the lines that were used to a new file.

        Raises
        ------
        FileExistsError
            If `path` exists; a run's record is never overwritten.
        """
        with open(path, "xb") as file:
            file.write(self._bytes(0)[: self._offset])
            file.flush()
            os.fsync(file.fileno())

    # -- the file --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what was appended since the last look, by this or another notebook."""
        size = self._size()
        if size < self._offset:  # another file lies there now
            self._forget()
        if size == self._offset:
            return
        fresh = self._bytes(self._offset)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._torn = len(whole) < len(fresh)
        self._offset += len(whole)
        for line in whole.split(b"\n")[:-1]:
            self._line += 1
            self._read(line)

    def _forget(self) -> None:
        self.problems = []
        self._offset = self._line = 0
        self._torn = False
        self._marks: dict[Place, Mark] = {}
        self._answers: dict[str, set[frozenset[str]]] = {what: set() for what in ANSWERS}
        self._by_digest: dict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)
        self._steps: list[Step] = []
        self._inherited = {}
        self._copies = {}

    def _size(self) -> int:
        if self.path is None:
            return len(self._memory)
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

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
        return {"version": VERSION, "when": _now(), "what": what, "group": group, "finder": finder}

    def _append(self, record: Record) -> None:
        # a torn last line is closed first, or this one would be lost with it
        line = b"\n" * self._torn + json.dumps(record, ensure_ascii=True).encode("ascii") + b"\n"
        if self.path is None:
            self._memory += line
        else:
            append_synced(self.path, line)
        self.refresh()

    def _read(self, line: bytes) -> None:
        try:
            self._apply(_checked(line))
        except (ValueError, RecursionError) as error:
            where = self.path or "memory"
            problem = f"{where} line {self._line} is no decision ({error}); it is not used"
            self.problems.append(problem)
            warnings.warn(problem, stacklevel=4)

    # -- what is in force ------------------------------------------------------------------------

    def _apply(self, record: Record) -> None:
        if record.get("undo") and self._steps:
            self._take_back(self._steps.pop())
            return
        step = Step(record, {}, {})
        if record["what"] == "mark":
            copies = frozenset(record.get("copies", ()))
            mark = Mark(record["mark"], copies) if record["mark"] else None
            if (
                "was" in record
            ):  # said of a moved image: the mark under its old path has had its day
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
            raise ValueError("no images were given; an answer is about at least one")
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

    def _heirs(self, places: Sequence[Place]) -> dict[Place, Place]:
        """Return for each image that was moved the place its mark is recorded under."""
        paths = {path for _, path in places}
        gone = defaultdict(list)
        for place in self._marks:
            if place[1] not in paths:
                gone[place[0]].append(place)
        unmarked = defaultdict(list)
        for place in places if gone else ():
            if place[0] in gone and place not in self._marks:
                unmarked[place[0]].append(place)
        return _one_to_one(gone, unmarked, self._marks)


def append_synced(path: Path, line: bytes) -> None:
    """Append bytes to a file, made if need be, and return when they are on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if made:
        _sync_folder(path.parent)


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


def _shared_digests(places: Sequence[Place]) -> dict[str, list[str]]:
    """Return the paths of each digest that more than one image has."""
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
    """Return a line as a record, or raise ValueError with what is wrong."""
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    if record.get("version") != VERSION:
        raise ValueError(f"version {record.get('version')!r}, this reads {VERSION}")
    what = record.get("what")
    if what == "mark":
        _check_mark(record)
    elif what in ANSWERS:
        _check_answer(record)
    else:
        raise ValueError(f"what is {what!r}")
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

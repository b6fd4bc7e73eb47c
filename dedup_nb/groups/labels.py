"""Your answers about pairs drawn by chance -> a file, kept by content, for each way of drawing.

Beside `decisions.jsonl`, and kept like it: one JSON line an answer, appended and synced before the
call returns; nothing is rewritten, and the state in memory only comes from reading the file. An
answer belongs to a *design*: the way in which its pair was drawn. Under another design it says
nothing about how often something is so, and is not used.
"""

from __future__ import annotations

import json
import os
import stat
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dedup_nb.groups.decisions import append_synced
from dedup_nb.library.acceptance.warranty import ANSWERS
from dedup_nb.library.tables import short

NAME = "labels.jsonl"
VERSION = 1
MOST_LINE_BYTES = 2**20

Record = dict[str, Any]


class Pair(NamedTuple):
    """Two contents, in the order in which they were asked about."""

    a: str
    b: str


@dataclass(frozen=True)
class Label:
    """An answer in force."""

    answer: str  # y, n or ?
    when: str  # UTC


class Labels:
    """The answers in `path` (a `labels.jsonl`, made when first needed), or in memory.

    Attributes
    ----------
    problems : list of str
        Lines that are no answers; they are kept but not used. A torn last line is not a problem.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory = b""
        self._forget()
        self.refresh()

    # -- answering -------------------------------------------------------------------------------

    def answer(
        self,
        design: str,
        pair: Pair,
        answer: str | None,
        *,
        paths: tuple[str, str] = ("", ""),
        finder: str = "",
    ) -> None:
        """Answer a pair `y`, `n` or `?`, or take its answer back with None; on disk on return.

        Raises
        ------
        ValueError
            If it is not an answer, or an image has no digest.
        """
        if answer is not None and answer not in ANSWERS:
            raise ValueError(f"{short(repr(answer))} is not an answer; use 'y', 'n', '?' or None")
        if not all(pair):
            raise ValueError(f"{paths} has no digest; an answer is remembered by content")
        self._append(self._record(design, pair, answer, paths, finder))

    def undo(self, design: str) -> Pair | None:
        """Take back the last answer under a design, also of an earlier session; return its pair.

        Calling it again takes back the one before, and so on; None if there is none left.
        """
        self.refresh()
        steps = self._steps.get(design)
        if not steps:
            return None
        last, before = steps[-1]
        pair = Pair(last["a"], last["b"])
        paths = tuple(last.get("paths", ("", "")))
        record = self._record(design, pair, before, (paths[0], paths[1]), last.get("finder", ""))
        self._append(record | {"undo": True})
        return pair

    def revoke(self, record: Mapping[str, Any]) -> None:
        """Take back any one answer of `listed`."""
        pair = Pair(record["a"], record["b"])
        self._append(
            self._record(record["design"], pair, None, ("", ""), record.get("finder", ""))
            | {"paths": list(record.get("paths", ["", ""]))}
        )

    # -- reading ---------------------------------------------------------------------------------

    def of(self, design: str) -> Mapping[Pair, Label]:
        """Return the answers in force under a design, in the order in which they were given."""
        self.refresh()
        return {
            pair: Label(record["answer"], record.get("when", ""))
            for pair, record in self._answers.get(design, {}).items()
        }

    def listed(self) -> list[Record]:
        """Return the line of each answer in force, of all designs, the oldest first."""
        self.refresh()
        every = [record for answers in self._answers.values() for record in answers.values()]
        return sorted(every, key=lambda record: str(record.get("when", "")))

    # -- the file --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the lines that this or another notebook has appended since the last call.

        Raises
        ------
        ValueError
            If the file is not a regular file.
        """
        if self._size() < self._offset:  # the file was replaced
            self._forget()
        before = len(self.problems)
        fresh = self._bytes(self._offset)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.split(b"\n")[:-1]:
            self._line += 1
            try:
                self._apply(_checked(line))
            except (ValueError, RecursionError) as error:
                where, why = self.path or "memory", short(str(error))
                self.problems.append(
                    f"{where} line {self._line} is not an answer ({why}); it is ignored"
                )
        if count := len(self.problems) - before:
            more = f"; {count - 1:,} more lines are no answers either" if count > 1 else ""
            warnings.warn(self.problems[before] + more, stacklevel=3)

    def _forget(self) -> None:
        self.problems: list[str] = []
        self._offset = self._line = 0
        self._answers: dict[str, dict[Pair, Record]] = {}
        self._steps: dict[str, list[tuple[Record, str | None]]] = {}

    def _apply(self, record: Record) -> None:
        design, pair = record["design"], Pair(record["a"], record["b"])
        answers = self._answers.setdefault(design, {})
        steps = self._steps.setdefault(design, [])
        before = answers.pop(pair, None)
        if record["answer"] is not None:
            answers[pair] = record
        if record.get("undo") is True:
            places = range(len(steps) - 1, -1, -1)
            last = next((k for k in places if (steps[k][0]["a"], steps[k][0]["b"]) == pair), None)
            if last is not None:
                del steps[last]
        else:
            steps.append((record, before["answer"] if before else None))

    def _record(
        self, design: str, pair: Pair, answer: str | None, paths: tuple[str, str], finder: str
    ) -> Record:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "version": VERSION,
            "when": now,
            "what": "label",
            "design": design,
            "finder": finder,
            "a": pair.a,
            "b": pair.b,
            "paths": list(paths),
            "answer": answer,
        }

    def _append(self, record: Record) -> None:
        line = json.dumps(record, ensure_ascii=True).encode("ascii") + b"\n"
        if self.path is None:
            self._memory += line
        else:
            append_synced(self.path, line)
        self.refresh()

    def _size(self) -> int:
        if self.path is None:
            return len(self._memory)
        try:
            status = os.stat(self.path)
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


def _checked(line: bytes) -> Record:
    """Parse a line into a record; ValueError says what is wrong."""
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(f"{len(line):,} bytes; at most {MOST_LINE_BYTES:,} are read")
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    if record.get("version") != VERSION:
        raise ValueError(f"version {short(str(record.get('version')))}, this tool reads {VERSION}")
    if record.get("what") != "label":
        raise ValueError("it is not a label")
    answer = record.get("answer", "")
    if answer is not None and not (isinstance(answer, str) and answer in ANSWERS):
        raise ValueError("answer is not y, n, ? or null")
    for name in ("design", "a", "b"):
        if not isinstance(record.get(name), str) or not record[name]:
            raise ValueError(f"{name} is not text")
    paths = record.get("paths", ["", ""])
    if not isinstance(paths, list) or len(paths) != 2:
        raise ValueError("paths are not two")
    if not all(
        isinstance(each, str) for each in [*paths, record.get("when", ""), record.get("finder", "")]
    ):
        raise ValueError("paths, when and finder must be text")
    return record

"""All journals of a library -> what is staged where, and which keepers must stay."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dedup_nb.library.memory import uncollected
from dedup_nb.staging import journal, records, safefs
from dedup_nb.staging.journal import Contents, Record
from dedup_nb.staging.library import Library
from dedup_nb.staging.safefs import Parts, Spot

BATCH_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


class State(StrEnum):
    """The state of a bundle by its last record."""

    STAGING = "staging"  # intent without an end
    STAGED = "staged"
    RESTORING = "restoring"  # restore_intent without an end
    APPROVING = "approving"  # approve_intent without an end
    CONFLICT = "conflict"
    HOME = "home"
    PURGED = "purged"


OPEN = frozenset({State.STAGING, State.RESTORING, State.APPROVING})
_AFTER = {
    "done": State.STAGED,
    "aborted": State.HOME,
    "restore_intent": State.RESTORING,
    "restored": State.HOME,
    "approve_intent": State.APPROVING,
    "conflict": State.CONFLICT,
    "purged": State.PURGED,
}


class StagedFile(NamedTuple):
    """One file of an intent: its home, its place in staging, and its identity."""

    src: str
    dst: str
    size: int
    mtime_ns: int
    mode: int
    ino: int
    dev: int
    nlink: int
    sha256: str

    @property
    def home(self) -> Parts:
        """Components of the home path."""
        return tuple(self.src.split("/"))

    @property
    def place(self) -> Parts:
        """Components of the staged path."""
        return tuple(self.dst.split("/"))


class KeeperSeen(NamedTuple):
    """A keeper as it was when its bundle was staged."""

    path: str
    sha256: str
    size: int
    mtime_ns: int
    ino: int
    dev: int


@dataclass(slots=True)
class Intent:
    """One bundle that a batch intends to move."""

    batch: str
    number: int
    bundle: str
    group: str
    rule: str
    reason: str
    keepers: list[KeeperSeen]
    files: list[StagedFile]
    covers: list[str]  # images that its shared sidecars cover
    time: str
    state: State = State.STAGING
    purged: set[str] = field(default_factory=set)  # dst of files approved
    returned: set[str] = field(default_factory=set)  # dst of files back home, or removed by hand
    bringing: set[str] = field(default_factory=set)  # dst of files on their way home

    @property
    def staging(self) -> str:
        """The staging folder."""
        return self.files[0].dst.partition("/")[0]

    @property
    def left(self) -> list[StagedFile]:
        """Files that are neither approved nor back home."""
        return [file for file in self.files if file.dst not in self.purged | self.returned]

    @property
    def relied_on(self) -> bool:
        """Whether its files are away from home, so that its keepers must stay."""
        return self.state not in (State.HOME, State.PURGED)

    def temporary(self, file: StagedFile) -> str:
        """Return the name of the partial copy of one of its files."""
        return temporary_name(self.batch, self.number, self.files.index(file))


def temporary_name(batch: str, number: int, index: int) -> str:
    """Return the name of a partial copy."""
    return f".dedup_nb-{batch}-{number}-{index}.tmp"


@dataclass
class Batch:
    """The batch that one journal describes."""

    id: str
    header: Record = field(default_factory=dict)
    intents: dict[int, Intent] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)  # made by this batch, parents first
    flags: dict[str, bool] = field(default_factory=dict)  # marker -> not undone yet
    contents: Contents = field(default_factory=Contents)
    ended: bool = False

    @property
    def damage(self) -> str:
        """Why its journal is read-only, '' if it is not."""
        return self.contents.damage

    @property
    def name(self) -> str:
        """The journal's file name."""
        return f"{self.id}.jsonl"

    @property
    def open_intents(self) -> list[Intent]:
        """Bundles with an unfinished move."""
        return [intent for intent in self.intents.values() if intent.state in OPEN]


class Ledger:
    """Every batch of a library, and what the next batch must respect."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = {batch.id: batch for batch in batches}
        self.away: dict[str, Intent] = {}  # home path -> where it is staged
        self.purged: dict[str, str] = {}  # home path -> sha256 of what was approved
        self.keepers: dict[str, str] = {}  # path -> sha256, of anything still staged
        self.old_keepers: dict[str, str] = {}  # the same, of anything approved
        for intent in self.intents():
            self.note(intent)

    def intents(self) -> Iterator[Intent]:
        """Yield every bundle, oldest batch first."""
        for batch in self.batches.values():
            yield from batch.intents.values()

    def note(self, intent: Intent) -> None:
        """Record the files and keepers of one bundle."""
        if intent.relied_on:
            self.away.update((file.src, intent) for file in intent.left)
            self.keepers.update((keeper.path, keeper.sha256) for keeper in intent.keepers)
        if intent.purged:
            self.purged.update((f.src, f.sha256) for f in intent.files if f.dst in intent.purged)
            self.old_keepers.update((keeper.path, keeper.sha256) for keeper in intent.keepers)

    def paths_by_digest(self) -> defaultdict[str, list[str]]:
        """Return the keepers of anything still staged, by their digest."""
        by_digest: defaultdict[str, list[str]] = defaultdict(list)
        for path, sha256 in self.keepers.items():
            by_digest[sha256].append(path)
        return by_digest

    @property
    def damaged(self) -> list[Batch]:
        """Batches whose journals are read-only."""
        return [batch for batch in self.batches.values() if batch.damage]


def read_ledger(library: Library) -> Ledger:
    """Read every journal of a library; damaged journals never raise."""
    folder = library.journal_folder()
    if folder is None:
        return Ledger([])
    try:
        names = sorted(name for name in safefs.list_names(folder) if name.endswith(".jsonl"))
        with uncollected():
            return Ledger([read_batch(folder, name) for name in names])
    finally:
        os.close(folder)


def read_batch(folder_fd: int, name: str) -> Batch:
    """Read the batch that one journal describes."""
    contents = journal.read(Spot(folder_fd, name))
    batch = Batch(name.removesuffix(".jsonl"), contents=contents)
    if not BATCH_ID.fullmatch(batch.id):
        contents.damage = contents.damage or "its name is not a batch id"
        return batch
    for number, record in enumerate(contents.taken(), 1):
        try:
            _take(batch, number, record)
        except ValueError as error:
            contents.damage = contents.damage or f"record {number} is invalid: {error}"
    return batch


def _take(batch: Batch, number: int, record: Record) -> None:
    event = record["event"]
    records.check(record, batch.id)
    if event == "header":
        if number > 1:
            raise ValueError("a second header")
        batch.header = record
    elif event == "intent":
        if record["intent"] in batch.intents:
            raise ValueError("an intent whose number is taken")
        batch.intents[record["intent"]] = _intent(batch.id, record)
    elif event == "created":
        batch.folders += record.get("folders") or ()
        batch.flags.update(dict.fromkeys(record.get("flags") or (), True))
    elif event == "uncreated":
        batch.flags.update(dict.fromkeys(record.get("flags") or (), False))
    elif event == "end":
        batch.ended = True
    elif record["intent"] in batch.intents:  # an end without its intent is ignored
        _follow(batch.intents[record["intent"]], record)


def _follow(intent: Intent, record: Record) -> None:
    event = record["event"]
    if not {file.dst for file in intent.files}.issuperset(record.get("files") or ()):
        raise ValueError("a record that names files of another bundle")
    intent.state = _AFTER[event]
    if event == "restore_intent":
        intent.bringing = set(record["files"])
    elif event == "restored":
        intent.returned.update(record["files"])
        intent.state = State.STAGED if intent.left else State.HOME
    elif event == "purged":
        intent.purged.update(record["files"])
        intent.state = State.STAGED if intent.left else State.PURGED


def _intent(batch: str, record: Record) -> Intent:
    return Intent(
        batch,
        record["intent"],
        record["bundle"],
        record["group"],
        record["rule"],
        record["reason"],
        [KeeperSeen(*(entry[key] for key in KeeperSeen._fields)) for entry in record["keepers"]],
        [StagedFile(*(entry[key] for key in StagedFile._fields)) for entry in record["files"]],
        list(record.get("covers") or ()),
        record.get("time") or "",
    )


def intent_record(intent: Intent) -> Record:
    """Return an intent as its journal record.

    Raises
    ------
    ValueError
        If the reader would reject it; then nothing may move.
    """
    first = intent.keepers[0] if intent.keepers else None
    record = {
        "event": "intent",
        "intent": intent.number,
        "time": intent.time,
        "bundle": intent.bundle,
        "group": intent.group,
        "rule": intent.rule,
        "reason": intent.reason,
        "keeper": {"path": first.path, "sha256": first.sha256} if first else None,
        "keepers": [keeper._asdict() for keeper in intent.keepers],
        "covers": intent.covers,
        "files": [file._asdict() for file in intent.files],
    }
    records.check(record, intent.batch)
    return record

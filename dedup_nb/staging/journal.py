"""Records -> a journal file whose checksummed lines survive a kill and a full disk.

A line is JSON, TAB, crc32 (eight hex digits). The reader never raises: it ignores a torn last line
and reports any other problem as `damage`; a damaged journal is read but never written again.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dedup_nb.staging import safefs
from dedup_nb.staging.safefs import Folders, Parts, Spot

VERSION = 1
MOST_BYTES = 4 * 2**30  # of one journal; a batch of a million files writes about 1 GB
RESERVE = "reserve"
RESERVE_LEAST_BYTES, RESERVE_FILE_BYTES, RESERVE_MOST_BYTES = 8 << 10, 2 << 10, 16 << 20
EVENTS = frozenset(
    {
        "header",
        "intent",
        "done",
        "aborted",
        "restore_intent",
        "restored",
        "approve_intent",
        "purged",
        "conflict",
        "created",
        "uncreated",
        "end",
    }
)

Record = dict[str, Any]


def encode(record: Record) -> bytes:
    """Return one record as a journal line."""
    text = json.dumps(record, separators=(",", ":")).encode("ascii")
    return b"%s\t%08x\n" % (text, zlib.crc32(text))


def decode(line: bytes) -> Record | None:
    """Return the record of one line (without its line feed), or None if it is incomplete."""
    text, tab, crc = line.rpartition(b"\t")
    if not tab or crc != b"%08x" % zlib.crc32(text):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    event = record.get("event") if isinstance(record, dict) else None
    return record if isinstance(event, str) and event in EVENTS else None


@dataclass
class Contents:
    """The contents of a journal."""

    records: list[Record] = field(default_factory=list)
    good_bytes: int = 0  # where the next record goes; at most a torn line follows
    damage: str = ""  # why the journal is read-only; '' if it is not

    def taken(self) -> Iterator[Record]:
        """Yield the records in order, and forget each: a library may have had millions of moves."""
        records, self.records = self.records[::-1], []
        while records:
            yield records.pop()


def parse(data: bytes) -> Contents:
    """Return the records in a journal's bytes, without torn and damaged lines."""
    contents = Contents()
    lines = data.split(b"\n")
    torn = lines.pop()  # what follows the last line feed
    if torn == b"" and lines and decode(lines[-1]) is None:
        torn = lines.pop()
    for number, line in enumerate(lines, 1):
        record = decode(line)
        if record is None:
            contents.damage = contents.damage or f"line {number} is damaged"
        else:
            contents.records.append(record)
    contents.good_bytes = sum(len(line) + 1 for line in lines)
    contents.damage = contents.damage or _header_problem(contents.records)
    return contents


def _header_problem(records: list[Record]) -> str:
    if not records:
        return ""
    if records[0]["event"] != "header":
        return "its header is missing"
    if records[0].get("version") != VERSION:
        return f"its version is {records[0].get('version')!r}, but this tool reads {VERSION}"
    return ""


def read(spot: Spot) -> Contents:
    """Return the contents of the journal at a name; unreadable or damaged ones never raise."""
    try:
        fd = os.open(spot.name, safefs.READ, dir_fd=spot.fd)
        try:
            size = os.fstat(fd).st_size
            if size > MOST_BYTES:
                return Contents(damage=f"it has {size:,} bytes; at most {MOST_BYTES:,} are read")
            data = b"".join(safefs.chunks(fd, None))
        finally:
            os.close(fd)
    except OSError as error:
        return Contents(damage=f"it cannot be read: {os.strerror(error.errno or 0).lower()}")
    return parse(data)


class Reserve:
    """Reserved space, so that moves home can still be recorded on a full disk."""

    def __init__(self, root_fd: int, folder: Parts) -> None:
        self.root_fd, self.folder = root_fd, folder

    def fill(self, planned_files: int) -> None:
        """Write the reserve; OSError if there is no room for it."""
        wanted = min(RESERVE_LEAST_BYTES + RESERVE_FILE_BYTES * planned_files, RESERVE_MOST_BYTES)
        self.give_back()
        with Folders(self.root_fd) as folders:
            fd = safefs.create(Spot(folders.fd(self.folder), RESERVE), 0o600)
            try:
                # Random bytes: a compressing file system would store zeros in no space.
                for start in range(0, wanted, safefs.CHUNK_BYTES):
                    safefs.write_all(fd, os.urandom(min(safefs.CHUNK_BYTES, wanted - start)))
                safefs.sync_file(fd)
            finally:
                os.close(fd)

    def give_back(self) -> bool:
        """Free the reserve; False if there was none."""
        with Folders(self.root_fd) as folders:
            spot = folders.find((*self.folder, RESERVE))
            if spot is None or safefs.look(spot) is None:
                return False
            safefs.unlink(spot)
            return True


class Journal:
    """One open journal; each record is appended in one write, then synced."""

    def __init__(self, fd: int, reserve: Reserve, good_bytes: int = 0) -> None:
        self.fd, self.reserve, self.good_bytes = fd, reserve, good_bytes

    @classmethod
    def create(cls, spot: Spot, reserve: Reserve, header: Record) -> Journal:
        """Create a journal and write its header; both are on disk when this returns."""
        safefs.step("create")
        fd = os.open(spot.name, safefs.CREATE | os.O_APPEND, 0o666, dir_fd=spot.fd)
        journal = cls(fd, reserve)
        try:
            journal.append([{"event": "header", "version": VERSION, **header}])
            safefs.sync_folder(spot.fd)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def reopen(cls, spot: Spot, reserve: Reserve, contents: Contents) -> Journal:
        """Open an existing journal, to append after its last whole record."""
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        safefs.step("open")
        journal = cls(os.open(spot.name, flags, dir_fd=spot.fd), reserve, contents.good_bytes)
        try:
            journal.cut()
        except BaseException:
            journal.close()
            raise
        return journal

    def append(self, records: Iterable[Record]) -> None:
        """Append records and sync once; on a full disk free the reserve and try again.

        Raises
        ------
        OSError
            If they could not be written; a partial write is cut off again where possible.
        """
        lines = [encode(record) for record in records]
        try:
            self._write(lines)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self.reserve.give_back():
                raise
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        try:
            for line in lines:
                safefs.step("write")
                if os.write(self.fd, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            safefs.sync_file(self.fd)
        except OSError:
            self.cut()
            raise
        self.good_bytes += sum(map(len, lines))

    def cut(self) -> None:
        """Truncate after the last whole record, dropping a torn line."""
        if os.fstat(self.fd).st_size > self.good_bytes:
            safefs.step("truncate")
            os.ftruncate(self.fd, self.good_bytes)

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

"""Content digests -> stored facts, hashes, vectors and thumbnails: the cache.

One SQLite file in the cache folder. Everything in it can be computed again, so it may be deleted at
any time. Content is identified by its sha256, so a moved or renamed file keeps its data, and the
folder may be copied to another disk or machine.

Vectors live here too, one row for each content and embedder: batches are transactions, so that a
kill loses at most one and two processes cannot harm each other. 300,000 vectors of 512 numbers are
read in about three seconds; a row has a number of its own, since SQLite is nine times slower with
values of 2 KB inside the key's tree. A flat FAISS index would be the same numbers once more, so
only the one that has something to learn lies beside this file; see `cells`.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

VERSION = 2  # a file of another version is left alone and a new one is created
CACHE_BYTES = 64 * 2**20  # largest page cache of SQLite; the default 2 MB serve 10,000 images
BATCH = 500  # values in one query; SQLite allows 32,766

# Versions of the results of decoding. Increase a number to compute that result again, and only
# that one. Measures have their version in their name.
FACTS, EXPOSURE, THUMBNAIL = 1, 1, 1

SCHEMA = """
create table if not exists file (
    path blob primary key, bytes int, mtime_ns int, ctime_ns int, sha256 text) without rowid;
create table if not exists image (
    sha256 text primary key, status text, error text, format text, width int, height int,
    animated int, contrast real, exposure text) without rowid;
create table if not exists measure (
    id integer primary key, kind text, sha256 text, value blob, unique (kind, sha256));
create table if not exists thumbnail (sha256 text primary key, jpeg blob);
create table if not exists origin (
    sha256 text primary key, facts int, exposure int, thumbnail int, decoders text) without rowid;
"""
FROM_IMAGE = """
select image.sha256, status, error, format, width, height, animated, contrast,
    case when coalesce(origin.exposure, 1) = ? then image.exposure end, decoders
from image left join origin using (sha256)
where coalesce(origin.facts, 1) = ? and image.sha256 in ({})
"""
FROM_THUMBNAIL = """
select jpeg from thumbnail left join origin using (sha256)
where sha256 = ? and coalesce(origin.thumbnail, 1) = ?
"""
WITHOUT_THUMBNAIL = """
select asked.value from json_each(?) asked where not exists (
    select 1 from thumbnail left join origin using (sha256)
    where thumbnail.sha256 = asked.value and coalesce(origin.thumbnail, 1) = ?)
"""


class FileKey(NamedTuple):
    """Identifies an unchanged file without reading it."""

    path: str  # relative to the library
    bytes: int
    mtime_ns: int
    ctime_ns: int


class Facts(NamedTuple):
    """The facts about one content; see `images.Measured`."""

    sha256: str
    status: str
    error: str
    format: str
    width: int
    height: int
    animated: bool
    contrast: float
    exposure: str | None = None  # None if not read, or read by another version
    decoders: str | None = None  # decoders that could not read it; None if not known


def default_folder(library: Path) -> Path:
    """Return the cache folder of a library, in the user's cache folder by the library's path."""
    tag = hashlib.sha256(os.fsencode(library)).hexdigest()[:10]
    return platformdirs.user_cache_path("dedup_nb") / f"{tag}-{library.name[:40]}"


def is_there(folder: Path) -> bool:
    """Return whether a folder contains a cache of any version."""
    return any(folder.glob("store-*.sqlite"))


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Disable the garbage collector while very many records without cycles are created.

    It would otherwise traverse all of them, and all imported modules, again and again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Store:
    """The cache of one library; safe for several processes at once.

    Parameters
    ----------
    folder : Path
        Cache folder; created if it is missing.

    Raises
    ------
    ValueError
        If the file in it is not a usable database.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"store-{VERSION}.sqlite"
        try:
            self.db = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
            self.db.execute("pragma journal_mode = wal")
            self.db.execute("pragma synchronous = normal")
            self.db.execute(f"pragma cache_size = {-CACHE_BYTES // 1024}")
            self.db.executescript(SCHEMA)
            if not self.mark:
                self._mark()
            self._add_missing_column()
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"the cache {self.path} cannot be used ({error}); delete it"
            ) from error

    def _mark(self) -> None:
        """Give a new file a unique mark, which files beside it refer to."""
        with self.db:
            self.db.execute("begin immediate")
            if not self.mark:  # unless another process was faster
                self.db.execute(f"pragma user_version = {1 + int.from_bytes(os.urandom(3), 'big')}")

    @property
    def mark(self) -> int:
        """A number that distinguishes this file from other stores; a copy has the same."""
        return int(self.db.execute("pragma user_version").fetchone()[0])

    def _add_missing_column(self) -> None:
        """Upgrade a file without the column `exposure`; its pictures are read again."""
        columns = {row[1] for row in self.db.execute("pragma table_info(image)")}
        if "exposure" not in columns:
            with contextlib.suppress(sqlite3.OperationalError):  # another process was faster
                self.db.execute("alter table image add column exposure text")

    def digests(self, files: Iterable[tuple[str, int, int, int]]) -> list[str | None]:
        """Return the sha256 of each file as last read, None if it is new or has changed.

        Parameters
        ----------
        files : iterable of FileKey
            Or equal tuples.
        """
        keys = [(os.fsencode(file[0]), *file[1:]) for file in files]
        query = "select path, bytes, mtime_ns, ctime_ns, sha256 from file where path in ({})"
        known = {row[:4]: row[4] for row in self._select(query, [key[0] for key in keys])}
        return [known.get(key) for key in keys]

    def facts(self, sha256s: Iterable[str]) -> dict[str, Facts]:
        """Return the facts of known contents, by sha256."""
        return {
            row[0]: Facts._make((*row[:6], bool(row[6]), *row[7:]))
            for row in self._select(FROM_IMAGE, sha256s, EXPOSURE, FACTS)
        }

    def measures(self, kind: str, sha256s: Iterable[str]) -> dict[str, bytes]:
        """Return the stored measures of one kind, by sha256; unknown contents are left out."""
        query = "select sha256, value from measure where kind=? and sha256 in ({})"
        return dict(self._select(query, sha256s, kind))

    def numbered(self, kind: str, after: int = 0) -> Iterator[tuple[int, str, bytes]]:
        """Yield (id, sha256, value) of one kind, in the order in which they were stored.

        Parameters
        ----------
        kind : str
            Kind of measure.
        after : int
            Only those with a larger id.
        """
        query = "select id, sha256, value from measure where kind=? and id>? order by id"
        yield from self.db.execute(query, (kind, after))

    def ids(self, kind: str, sha256s: Iterable[str]) -> dict[str, int]:
        """Return the id of each content's measure of one kind, by sha256."""
        query = "select sha256, id from measure where kind=? and sha256 in ({})"
        return dict(self._select(query, sha256s, kind))

    def lacking(self, kind: str, sha256s: Iterable[str]) -> set[str]:
        """Return the contents without a measure of one kind."""
        query = (
            "select asked.value from json_each(?) asked where not exists "
            "(select 1 from measure where kind=? and sha256=asked.value)"
        )
        asked = json.dumps(sorted(set(sha256s)))  # sorted keys share pages of the tree
        return {row[0] for row in self.db.execute(query, (asked, kind))}

    def thumbnail(self, sha256: str) -> bytes | None:
        """Return the JPEG thumbnail of a content, or None."""
        row = self.db.execute(FROM_THUMBNAIL, (sha256, THUMBNAIL)).fetchone()
        return row[0] if row else None

    def without_thumbnail(self, sha256s: Iterable[str]) -> set[str]:
        """Return the contents without a thumbnail of this version."""
        asked = json.dumps(sorted(set(sha256s)))
        return {row[0] for row in self.db.execute(WITHOUT_THUMBNAIL, (asked, THUMBNAIL))}

    def _select(self, query: str, keys: Iterable[str | bytes], *first: str | int) -> Iterator[Any]:
        wanted = sorted(set(keys))  # sorted keys share pages of the tree
        parts = (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH))
        return itertools.chain.from_iterable(
            self.db.execute(query.format(",".join("?" * len(part))), [*first, *part])
            for part in parts
        )

    def put(
        self,
        files: Sequence[tuple[FileKey, str]],
        facts: Sequence[Facts] = (),
        thumbnails: Sequence[tuple[str, bytes]] = (),
        measures: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """Store one batch in one transaction: (file, sha256), facts, (sha256, jpeg),
        (kind, sha256, value)."""
        with self.db:
            self.db.executemany(
                "replace into file values (?,?,?,?,?)",
                [(os.fsencode(file.path), *file[1:], sha256) for file, sha256 in files],
            )
            self.db.executemany(
                "replace into image values (?,?,?,?,?,?,?,?,?)", [fact[:9] for fact in facts]
            )
            self.db.executemany(
                "replace into origin values (?,?,?,?,?)",
                [(fact.sha256, FACTS, EXPOSURE, THUMBNAIL, fact.decoders) for fact in facts],
            )
            self.db.executemany("replace into thumbnail values (?,?)", thumbnails)
            self.db.executemany(
                "replace into measure (kind, sha256, value) values (?,?,?)", measures
            )

    # -- upkeep ----------------------------------------------------------------------------------

    def summary(self) -> list[tuple[str, int, int]]:
        """Return (what, count, bytes) of everything stored."""
        kinds = "select kind, count(*), sum(length(value)) from measure group by kind order by kind"
        others = [
            ("files", "select count(*), sum(length(path)) from file"),
            ("contents", "select count(*), 0 from image"),
            ("thumbnails", "select count(*), sum(length(jpeg)) from thumbnail"),
        ]
        rows = [(what, *self.db.execute(query).fetchone()) for what, query in others]
        rows += self.db.execute(kinds).fetchall()
        return [(what, count, size or 0) for what, count, size in rows]

    def files(self) -> Iterator[tuple[FileKey, str]]:
        """Yield every file that was read, with its sha256."""
        for path, size, mtime, ctime, sha256 in self.db.execute("select * from file"):
            yield FileKey(os.fsdecode(path), size, mtime, ctime), sha256

    def values(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield (kind, sha256, value) of every measure and thumbnail."""
        yield from self.db.execute("select kind, sha256, value from measure order by id")
        yield from self.db.execute("select 'thumbnail', sha256, jpeg from thumbnail")

    def contents(self) -> set[str]:
        """Return the keys of measures and thumbnails: a sha256, or two for a pair."""
        rows = self.db.execute("select sha256 from measure union select sha256 from thumbnail")
        return {row[0] for row in rows}

    def usual_widths(self) -> dict[str, int]:
        """Return how many bytes most measures of each kind have."""
        query = "select kind, length(value), count(*) from measure group by 1, 2 order by 3, 2"
        return {kind: width for kind, width, _ in self.db.execute(query)}

    def damage(self) -> list[str]:
        """Return the problems that SQLite finds in its file; empty if there are none."""
        try:
            rows = self.db.execute("pragma integrity_check(20)").fetchall()
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [row[0] for row in rows if row[0] != "ok"]

    def forget(self, sha256s: Iterable[str], paths: Iterable[str] = ()) -> None:
        """Delete contents with all their measures, and files by path."""
        gone = [(sha256,) for sha256 in sha256s]
        with self.db:
            for table in ("image", "measure", "thumbnail", "file", "origin"):
                self.db.executemany(f"delete from {table} where sha256=?", gone)
            self.db.executemany(
                "delete from file where path=?", [(os.fsencode(path),) for path in paths]
            )

    def forget_value(self, kind: str, sha256: str) -> None:
        """Delete one measure or the `thumbnail` of a content; it is computed again when needed."""
        with self.db:
            if kind == "thumbnail":
                self.db.execute("delete from thumbnail where sha256=?", (sha256,))
                self.db.execute("delete from image where sha256=?", (sha256,))  # decoded again
            else:
                self.db.execute("delete from measure where kind=? and sha256=?", (kind, sha256))

    def shrink(self) -> None:
        """Return the space of deleted data to the disk."""
        self.db.execute("vacuum")
        self.db.execute("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        """Close the database."""
        self.db.close()

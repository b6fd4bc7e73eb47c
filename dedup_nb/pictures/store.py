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
import hashlib
import itertools
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import platformdirs

from dedup_nb.library import files
from dedup_nb.pictures.images import THUMBNAIL_PX

Sound = Callable[[Sequence[bytes]], Iterable[bool]]  # values of one kind -> which may be valid

VERSION = 2  # a file of another version is left alone and a new one is created
CACHE_BYTES = 64 * 2**20  # largest page cache of SQLite; the default 2 MB serve 10,000 images
WAL_PAGES = 16_000  # 64 MB that are written before they are sorted in; 1,000 cost a third more
PATIENCE_S = 60  # for a file that another program has locked
BATCH = 500  # values in one query; SQLite allows 32,766
STATUSES = ("ok", "unreadable", "too_large")
DIGEST = re.compile("[0-9a-f]{64}")
COLUMNS = {  # a file without these is not ours; a later version may have more
    "file": {"path", "bytes", "mtime_ns", "ctime_ns", "sha256"},
    "image": set("sha256 status error format width height animated contrast exposure".split()),
    "measure": {"id", "kind", "sha256", "value"},
    "thumbnail": {"sha256", "jpeg"},
    "origin": {"sha256", "facts", "exposure", "thumbnail", "decoders"},
}

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

    @classmethod
    def of(cls, library: Path, path: str) -> FileKey | None:
        """Return the key of a file as it is now; None if it is gone."""
        try:
            now = os.stat(library / path, follow_symlinks=False)
        except OSError:
            return None
        times = files.bounded_ns(now.st_mtime_ns), files.bounded_ns(now.st_ctime_ns)
        return cls(path, now.st_size, *times)


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


def is_store(path: Path) -> bool:
    """Return whether a file is a cache of any version, by its content."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        ) as db:
            tables = {row[0] for row in db.execute("select name from sqlite_master")}
    except (sqlite3.Error, UnicodeEncodeError):
        return False
    return {"file", "image", "measure"} <= tables


class Unusable(files.Plain, ValueError):
    """The cache cannot be read or written; the sentence says what to do."""


class Store:
    """The cache of one library; safe for several processes at once.

    A value that cannot be valid is deleted when it is read, so that it is computed again, and
    counted in `damaged`.

    Parameters
    ----------
    folder : Path
        Cache folder; created if it is missing.

    Attributes
    ----------
    damaged : int
        Number of values found damaged so far.

    Raises
    ------
    Unusable
        If the folder or the file in it cannot be used; later calls raise it too.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"store-{VERSION}.sqlite"
        self.damaged = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unusable(
                f"the cache folder {folder} cannot be created ({error.strerror}); "
                "set cache_dir to another folder"
            ) from error
        with self._guarded():
            self.db = sqlite3.connect(self.path, timeout=PATIENCE_S, check_same_thread=False)
            # a bad disk may have changed a text; it is then judged as a value, not refused
            self.db.text_factory = partial(str, encoding="utf-8", errors="replace")
            self.db.execute("pragma journal_mode = wal")
            self.db.execute("pragma synchronous = normal")
            self.db.execute(f"pragma cache_size = {-CACHE_BYTES // 1024}")
            self.db.execute(f"pragma wal_autocheckpoint = {WAL_PAGES}")
            self.db.executescript(SCHEMA)
            if not self.mark:
                self._mark()
            self._add_missing_column()
            self._check_columns()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Raise what SQLite raises as `Unusable`."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: a damaged name in it
            raise Unusable(_why_unusable(self.path, error)) from error

    def _check_columns(self) -> None:
        for table, columns in COLUMNS.items():
            if not columns <= {row[1] for row in self.db.execute(f"pragma table_info({table})")}:
                raise Unusable(
                    f"the cache {self.path} cannot be used (its table {table} has other columns); "
                    "delete it, and it will be built again"
                )

    def check_writable(self) -> None:
        """Raise `Unusable` if nothing can be written, without changing anything."""
        with self._guarded():
            self.db.execute("begin immediate")
            self.db.execute(f"pragma user_version = {self.mark}")
            self.db.rollback()

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
        return [_digest(known.get(key)) for key in keys]

    def facts(self, sha256s: Iterable[str]) -> dict[str, Facts]:
        """Return the facts of known contents, by sha256."""
        known, damaged = {}, []
        for row in self._select(FROM_IMAGE, sha256s, EXPOSURE, FACTS):
            if _are_facts(row):
                known[row[0]] = Facts._make((*row[:6], bool(row[6]), *row[7:]))
            else:
                damaged.append(row[0])
        if damaged:
            self._drop("delete from image where sha256=?", [(digest,) for digest in damaged])
        return known

    def measures(
        self, kind: str, sha256s: Iterable[str], sound: Sound | None = None
    ) -> dict[str, bytes]:
        """Return the stored measures of one kind, by sha256; unknown contents are left out.

        Parameters
        ----------
        kind : str
            Kind of measure.
        sha256s : iterable of str
            The contents.
        sound : callable, optional
            Returns which of some values may be valid; the others are deleted and left out.
        """
        query = "select sha256, value from measure where kind=? and sha256 in ({})"
        known: dict[str, bytes] = {}
        for rows in self._parts(query, sha256s, kind):
            known |= self._sound(kind, rows, sound)
        return known

    def _sound(
        self, kind: str, rows: Sequence[tuple[str, Any]], sound: Sound | None
    ) -> dict[str, bytes]:
        """Return the sound ones of some rows (sha256, value) and delete the others."""
        right = {digest: value for digest, value in rows if isinstance(value, bytes)}
        if sound is not None:
            flags = zip(list(right), sound(list(right.values())), strict=True)
            for digest in [digest for digest, flag in flags if not flag]:
                del right[digest]
        if damaged := [digest for digest, _ in rows if digest not in right]:
            self.drop_measures(kind, damaged)
        return right

    def drop_measures(self, kind: str, sha256s: Iterable[str]) -> None:
        """Delete damaged measures of one kind, so that they are computed again, and count them."""
        keys = [(kind, digest) for digest in sha256s]
        self._drop("delete from measure where kind=? and sha256=?", keys)

    def _drop(self, query: str, keys: Sequence[tuple[str, ...]]) -> None:
        self.damaged += len(keys)
        with self._guarded(), self.db:
            self.db.executemany(query, keys)

    def numbered(
        self, kind: str, after: int = 0, sound: Sound | None = None
    ) -> Iterator[tuple[int, str, bytes]]:
        """Yield (id, sha256, value) of one kind, in the order in which they were stored.

        Parameters
        ----------
        kind : str
            Kind of measure.
        after : int
            Only those with a larger id.
        sound : callable, optional
            As in `measures`; other values are left out.
        """
        query = "select id, sha256, value from measure where kind=? and id>? order by id"
        for rows in self._streamed(query, (kind, after)):
            right = [row for row in rows if isinstance(row[2], bytes)]
            flags = sound([row[2] for row in right]) if sound else [True] * len(right)
            yield from itertools.compress(right, flags)

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
        return {row[0] for row in self._rows(query, (asked, kind))}

    def thumbnail(self, sha256: str) -> bytes | None:
        """Return the JPEG thumbnail of a content, or None."""
        rows = self._rows(FROM_THUMBNAIL, (sha256, THUMBNAIL))
        if not rows or is_thumbnail(rows[0][0]):
            return rows[0][0] if rows else None
        self.forget_damaged(sha256)
        return None

    def forget_damaged(self, sha256: str) -> None:
        """Delete the thumbnail of a content because it is damaged, and count it."""
        self.damaged += 1
        self.forget_value("thumbnail", sha256)

    def without_thumbnail(self, sha256s: Iterable[str]) -> set[str]:
        """Return the contents without a thumbnail of this version."""
        asked = json.dumps(sorted(set(sha256s)))
        return {row[0] for row in self._rows(WITHOUT_THUMBNAIL, (asked, THUMBNAIL))}

    def _select(self, query: str, keys: Iterable[str | bytes], *first: str | int) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._parts(query, keys, *first))

    def _parts(
        self, query: str, keys: Iterable[str | bytes], *first: str | int
    ) -> Iterator[list[Any]]:
        wanted = sorted(set(keys))  # sorted keys share pages of the tree
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            yield self._rows(query.format(",".join("?" * len(part))), [*first, *part])

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._guarded():
            return self.db.execute(query, values).fetchall()

    def _streamed(self, query: str, values: Sequence[Any] = ()) -> Iterator[list[Any]]:
        """Yield the rows of a query in parts, for tables larger than the memory."""
        with self._guarded():
            cursor = self.db.execute(query, values)
            while rows := cursor.fetchmany(BATCH):
                yield rows

    def put(
        self,
        files: Sequence[tuple[FileKey, str]],
        facts: Sequence[Facts] = (),
        thumbnails: Sequence[tuple[str, bytes]] = (),
        measures: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """Store one batch in one transaction: (file, sha256), facts, (sha256, jpeg),
        (kind, sha256, value)."""
        with self._guarded(), self.db:
            self.db.executemany(
                "replace into file (path, bytes, mtime_ns, ctime_ns, sha256) values (?,?,?,?,?)",
                [(os.fsencode(file.path), *file[1:], sha256) for file, sha256 in files],
            )
            self.db.executemany(
                "replace into image (sha256, status, error, format, width, height, animated, "
                "contrast, exposure) values (?,?,?,?,?,?,?,?,?)",
                [fact[:9] for fact in facts],
            )
            self.db.executemany(
                "replace into origin (sha256, facts, exposure, thumbnail, decoders) "
                "values (?,?,?,?,?)",
                [(fact.sha256, FACTS, EXPOSURE, THUMBNAIL, fact.decoders) for fact in facts],
            )
            self.db.executemany("replace into thumbnail (sha256, jpeg) values (?,?)", thumbnails)
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
        rows = [(what, *self._rows(query)[0]) for what, query in others]
        rows += self._rows(kinds)
        return [(what, count, size or 0) for what, count, size in rows]

    def files(self) -> Iterator[tuple[FileKey, str]]:
        """Yield every file that was read, with its sha256."""
        for rows in self._streamed("select path, bytes, mtime_ns, ctime_ns, sha256 from file"):
            for path, size, mtime, ctime, sha256 in rows:
                if isinstance(path, bytes) and _digest(sha256):  # else the file is read again
                    yield FileKey(os.fsdecode(path), size, mtime, ctime), sha256

    def values(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield (kind, sha256, value) of every measure and thumbnail."""
        for query in (
            "select kind, sha256, value from measure order by id",
            "select 'thumbnail', sha256, jpeg from thumbnail",
        ):
            for rows in self._streamed(query):
                yield from rows

    def contents(self) -> set[str]:
        """Return the keys of measures and thumbnails: a sha256, or two for a pair."""
        rows = self._rows("select sha256 from measure union select sha256 from thumbnail")
        return {row[0] for row in rows}

    def usual_widths(self) -> dict[str, int]:
        """Return how many bytes most measures of each kind have."""
        query = "select kind, length(value), count(*) from measure group by 1, 2 order by 3, 2"
        return {kind: width for kind, width, _ in self._rows(query)}

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
        with self._guarded(), self.db:
            for table in ("image", "measure", "thumbnail", "file", "origin"):
                self.db.executemany(f"delete from {table} where sha256=?", gone)
            self.db.executemany(
                "delete from file where path=?", [(os.fsencode(path),) for path in paths]
            )

    def forget_value(self, kind: str, sha256: str) -> None:
        """Delete one measure or the `thumbnail` of a content; it is computed again when needed."""
        with self._guarded(), self.db:
            if kind == "thumbnail":
                self.db.execute("delete from thumbnail where sha256=?", (sha256,))
                self.db.execute("delete from image where sha256=?", (sha256,))  # decoded again
            else:
                self.db.execute("delete from measure where kind=? and sha256=?", (kind, sha256))

    def shrink(self) -> None:
        """Return the space of deleted data to the disk."""
        with self._guarded():
            self.db.execute("vacuum")
            self.db.execute("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        """Close the database."""
        self.db.close()


def of_length(n: int) -> Sound:
    """Return a check that accepts values of n bytes."""
    return lambda values: [len(value) == n for value in values]


def is_thumbnail(jpeg: object) -> bool:
    """Return whether a value is a complete JPEG of the size of a thumbnail, by its headers."""
    if not isinstance(jpeg, bytes) or jpeg[:2] != b"\xff\xd8" or jpeg[-2:] != b"\xff\xd9":
        return False
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        if 0xC0 <= jpeg[at + 1] <= 0xC2:  # start of frame: precision, height, width
            height, width = (int.from_bytes(jpeg[at + k : at + k + 2], "big") for k in (5, 7))
            return 0 < height <= THUMBNAIL_PX and 0 < width <= THUMBNAIL_PX
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False


def _digest(value: object) -> str | None:
    """Return a sha256 of the cache; None if it is damaged, so that its file is read again."""
    return value if isinstance(value, str) and DIGEST.fullmatch(value) else None


def _are_facts(row: Sequence[Any]) -> bool:
    """Return whether a row of `FROM_IMAGE` has values of the right types and ranges."""
    _, status, error, form, width, height, animated, contrast, exposure, decoders = row
    sizes = isinstance(width, int) and isinstance(height, int) and min(width, height) >= 0
    return (
        status in STATUSES
        and isinstance(error, str)
        and isinstance(form, str)
        and sizes
        and (status != "ok" or min(width, height) > 0)
        and animated in (0, 1)
        and isinstance(contrast, int | float)
        and isinstance(exposure, str | None)
        and isinstance(decoders, str | None)
    )


def _why_unusable(path: Path, error: Exception) -> str:
    """Return one sentence on what SQLite reported, with what to do."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    for codes, why, remedy in TROUBLES:
        if code in codes:
            return f"the cache {path} {why} ({error}); {remedy}"
    return f"the cache {path} cannot be used ({error}); delete it, and it will be built again"


ELSEWHERE = "set cache_dir to another folder"
TROUBLES = (
    (
        {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED},
        "is locked by another program",
        "try again when it has finished",
    ),
    ({sqlite3.SQLITE_FULL}, "cannot be written", f"free some space, or {ELSEWHERE}"),
    (
        {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM},
        "cannot be opened or written",
        f"change the permissions of its folder, or {ELSEWHERE}",
    ),
    (
        {sqlite3.SQLITE_IOERR},
        "cannot be read or written",
        f"its disk reports an error or is full or away; {ELSEWHERE}",
    ),
)

"""Library and roots -> one row for each image, and one row for each other file.

Scanning reads only names and first bytes; `table` adds the facts from decoding. Nothing is written
to the library.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dedup_nb.library import companions, files, formats, layout, names, skipped, tables, works
from dedup_nb.library.bundles import OF_FOLDERS, FolderBundles, folded
from dedup_nb.library.companions import NOTHING, Beside
from dedup_nb.library.naming import series as runs_of_stages
from dedup_nb.library.naming import stage_words
from dedup_nb.library.naming.reading import Naming
from dedup_nb.library.progress import Found

# Arrow, the default text storage of pandas, rejects names that are not UTF-8.
pd.set_option("mode.string_storage", "python")

COLUMNS = [
    "path",
    "root",
    "status",
    "error",
    "bytes",
    "mtime_ns",
    "width",
    "height",
    "format",
    "sha256",
    "stamp",
    "stage",
    "series",
    "companions",
    "cropped",
]
NOT_IMAGES_COLUMNS = ["path", "what", "reason"]
NAMES_COLUMNS = ["name", "count", "paths", "identical"]
NUMBERS = ("bytes", "mtime_ns", "width", "height", "companions")
TYPES = {**dict.fromkeys(NUMBERS, "int64"), "cropped": "bool"}  # of columns that are not text

SUFFIXES = formats.IMAGE_SUFFIXES | formats.RAW_SUFFIXES

MOST_PATH_BYTES = 4095  # of a whole path, as systems allow it in one call
TOO_LONG = f"its path is longer than {MOST_PATH_BYTES:,} bytes; move it nearer to the library"
PARTS_AT_ONCE = 15  # components of at most 255 bytes that one call surely takes

Key = tuple[str, int, int, int]  # path, bytes, mtime_ns, ctime_ns: equal if a file is unchanged
# Returns the sha256 of each file that was read before and is unchanged, otherwise None.
Digests = Callable[[Sequence[Key]], Sequence[str | None]]


@dataclass(slots=True)
class ImageFile:
    """A scanned image, before decoding; paths are relative to the library."""

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int
    root: str
    stamp: str = ""  # ISO, from the name
    stage: str = ""
    series: str = ""  # relative to its folder; see `naming.series`
    companions: int = 0
    cropped: bool = False
    beside: Beside = NOTHING
    # only for files with an image suffix that were read before and are unchanged
    sha256: str | None = field(default=None, compare=False)

    @property
    def key(self) -> Key:
        return self.path, self.bytes, self.mtime_ns, self.ctime_ns


class Other(NamedTuple):
    """A file that is not an image, as listed in `not_images.csv`."""

    path: str
    what: str  # companion, orphan_companion or skipped
    reason: str


@dataclass
class Scan:
    """The contents of the roots: every file exactly once, in `images` or `others`."""

    images: list[ImageFile] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)

    def put_aside(self, path: str, what: str, reason: str) -> None:
        """Add a file that is not an image: `companion`, `orphan_companion` or `skipped`."""
        self.others.append(Other(path, what, reason))


def check_roots(library: Path, roots: Sequence[str]) -> None:
    """Check that library and roots exist, and that no root is outside it or inside another.

    Raises
    ------
    ValueError
        Names the problem and what to do.
    """
    if not files.is_folder(library):
        raise ValueError(f"library {library} is not a folder; set library to your collection")
    if why := skipped.not_theirs(library.resolve().parts, (skipped.BIN, skipped.PACKAGE)):
        raise ValueError(
            f"library {library} lies in {why}, which is never scanned; set library to a folder of "
            "your own"
        )
    if not roots:
        raise ValueError(
            "roots is empty; set at least one image folder, or . for the whole library"
        )
    for root in roots:
        parts = Path(root).parts
        if Path(root).is_absolute() or ".." in parts:
            raise ValueError(f"root {root} must lie inside the library {library}")
        if any(folded(part) in layout.OURS for part in parts):
            raise ValueError(f"root {root} lies in a staging folder, which is never scanned")
        if why := skipped.not_theirs(parts):
            raise ValueError(f"root {root} lies in {why}, which is never scanned; correct roots")
        if not files.is_folder(library / root):
            raise ValueError(f"root {root} is not a folder of {library}; correct roots")
        if link := layout.link_on_the_way(library, root):
            raise ValueError(layout.NOT_FOLLOWED.format(root=root, library=library, link=link))
    clean = sorted(Path(root).parts for root in roots)
    for first, second in itertools.pairwise(clean):
        if second[: len(first)] == first:
            raise ValueError(
                f"roots {'/'.join(first) or '.'} and {'/'.join(second) or '.'} overlap; keep one"
            )


def scan(
    library: Path,
    roots: Sequence[str],
    only_folders: Sequence[str] = (),
    limit: int | None = None,
    digests: Digests = lambda keys: [None] * len(keys),
    skip_folders: Sequence[str] = (),
    naming: Naming | None = None,
    seen: Found = lambda files: None,
) -> Scan:
    """List every file below the roots without decoding it.

    Parameters
    ----------
    library : Path
        Folder of the collection.
    roots : sequence of str
        Image folders inside it.
    only_folders : sequence of str
        To start small: only images in and below these folders; empty means all.
    limit : int, optional
        To start small: at most this many images, the first by path.
    digests : callable
        `Store.digests`: the first bytes of files that it knows as images are not read again.
    skip_folders : sequence of str
        Names of folders that are never scanned, beside those of `skipped.SKIPPED`.
    naming : Naming, optional
        The patterns that read the names; all presets by default.
    seen : callable
        Called with the number of files listed so far.

    Returns
    -------
    Scan
        Sorted by path. Links, hidden folders, staging folders, recycle bins, packages and
        thumbnails of other programs are listed but not followed. What cannot be looked at (it
        vanished, is forbidden, or has too long a path) is listed as skipped with the reason.

    Raises
    ------
    ValueError
        If a root itself cannot be read, for example because its disk was removed.
    """
    result, naming, count = Scan(), naming or Naming(), 0
    for root in roots:
        for listing in _walk(library, str(Path(root)), result, skip_folders):
            before = count
            here = lambda n, before=before: seen(before + n)  # noqa: E731
            _scan_folder(root, listing, digests, result, naming, here)
            count += len(listing.files)
    result.images.sort(key=lambda image: image.path)
    runs_of_stages.across_folders(result.images, naming)
    if only_folders:
        inside = tuple(f"{Path(folder)}/" if folder != "." else "" for folder in only_folders)
        _keep(result, [i.path.startswith(inside) for i in result.images], "outside only_folders")
    if limit is not None:
        _keep(result, [k < limit for k in range(len(result.images))], "beyond limit")
    result.others.sort(key=lambda other: other.path)
    return result


def _keep(result: Scan, keep: Sequence[bool], reason: str) -> None:
    for image, wanted in zip(result.images, keep, strict=True):
        if not wanted:
            result.put_aside(image.path, "skipped", f"image {reason}")
    left_out = {
        companions.place(image.path): image.path
        for image, wanted in zip(result.images, keep, strict=True)
        if not wanted
    }
    result.images = [image for image, wanted in zip(result.images, keep, strict=True) if wanted]
    for image in result.images if left_out else ():
        if other := left_out.get(companions.place(image.path)):
            why = f"shares its name with {os.path.basename(other)}, which is {reason}"
            image.beside = image.beside._replace(blocked=image.beside.blocked or why)


class _Listing(NamedTuple):
    """The regular files of one folder, while the folder is open."""

    folder: str
    at: int  # its descriptor: entries are looked at from there, however long its path is
    files: list[os.DirEntry[str]]
    odd: dict[str, str]  # names that are not regular files, and what they are

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name


def _walk(
    library: Path, root: str, result: Scan, skip_folders: Sequence[str]
) -> Iterator[_Listing]:
    """Yield the regular files of each folder below a root; list everything that is not followed."""
    top = "" if root == "." else root
    folders = [top]
    library_bytes = len(os.fsencode(library.absolute()))
    while folders:
        folder = folders.pop()
        regular = []
        try:
            at = _open_folder(library, folder)
        except OSError as error:
            _folder_unreadable(library, folder, top, error, result)
            continue
        try:
            with os.scandir(at) as entries:
                listing = _Listing(folder, at, sorted(entries, key=lambda entry: entry.name), {})
            spare = MOST_PATH_BYTES - library_bytes - 1 - len(os.fsencode(listing.path("")))
            for entry in listing.files:
                if what := _sort(entry, listing, folders, result, skip_folders):
                    listing.odd[entry.name] = what
                    continue
                if len(entry.name) * 4 > spare and len(os.fsencode(entry.name)) > spare:
                    result.put_aside(listing.path(entry.name), "skipped", TOO_LONG)
                else:
                    regular.append(entry)
            yield listing._replace(files=regular)
        except OSError as error:
            _folder_unreadable(library, folder, top, error, result)
        finally:
            os.close(at)


def _open_folder(library: Path, folder: str) -> int:
    """Open a folder of the library, also one whose path is too long for a single call."""
    at = os.open(library, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    parts = folder.split("/") if folder else []
    for start in range(0, len(parts), PARTS_AT_ONCE):
        above = at
        try:
            step = "/".join(parts[start : start + PARTS_AT_ONCE])
            at = os.open(
                step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above
            )
        finally:
            os.close(above)
    return at


def _folder_unreadable(library: Path, folder: str, top: str, error: OSError, result: Scan) -> None:
    """List a folder that cannot be read; a root that cannot be read ends the scan."""
    if folder == top:
        raise ValueError(
            f"root {top or '.'} of {library} cannot be read: {error.strerror}; "
            "check the disk and the permissions of the folder"
        ) from error
    result.put_aside(f"{folder}/", "skipped", f"folder cannot be read: {error.strerror}")


def _sort(
    entry: os.DirEntry[str],
    listing: _Listing,
    folders: list[str],
    result: Scan,
    skip_folders: Sequence[str],
) -> str:
    """Return "" for a regular file; note a folder to be read, list anything else, and name it."""
    path = listing.path(entry.name)
    try:
        if entry.is_symlink():
            result.put_aside(path, "skipped", "symbolic link, not followed")
            return "a symbolic link"
        if entry.is_dir(follow_symlinks=False):
            if why := skipped.why_not(entry.name, skip_folders):
                result.put_aside(f"{path}/", "skipped", why)
            else:
                folders.append(path)
            return "a folder"
        if entry.is_file(follow_symlinks=False):
            return ""
        result.put_aside(path, "skipped", "not a regular file")
    except OSError as error:  # some file systems need one more look for the kind of an entry
        result.put_aside(path, "skipped", _unseen(error))
    return "not a regular file"


def _unseen(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "vanished during the scan"
    return f"cannot be looked at: {error.strerror}"


def _scan_folder(
    root: str, listing: _Listing, digests: Digests, result: Scan, naming: Naming, seen: Found
) -> None:
    images, unseen, opened = _images(root, listing, digests, seen)
    here = [entry.name for entry in listing.files]
    bundles = FolderBundles([*here, *listing.odd], images.__contains__)
    series = _read_names(images, naming)
    odd = listing.odd | {file.name: "a file that cannot be read" for file in opened if file.closed}
    of_works = {file.name: works.work(file.name, file.head) for file in opened}
    found = companions.Folder(
        bundles, _Sizes(listing.files), {name: what for name, what in of_works.items() if what}, odd
    )
    for name, image in images.items():
        members = [
            member
            for member in bundles.members(name)
            if member not in images and member not in listing.odd
        ]
        image.series = series.get(name, "")
        image.companions = len(members)
        image.cropped = any(formats.suffix(member) == ".cropped" for member in members)
        image.beside = found.beside(name)
    result.images += images.values()
    covered = {name for name in series.values() if names.STAMP.fullmatch(name)}
    for name in here:
        if name in unseen:
            result.put_aside(listing.path(name), "skipped", unseen[name])
        elif name not in images:
            result.put_aside(listing.path(name), *_what(name, bundles.owners(name), covered))


class _Sizes(Mapping[str, int]):
    """The sizes of the files of a folder by name, each looked up when it is asked for."""

    def __init__(self, entries: Sequence[os.DirEntry[str]]) -> None:
        self.entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> int:
        try:
            return self.entries[name].stat(follow_symlinks=False).st_size
        except OSError:  # it has just vanished
            return 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries


class _Opened:
    """A file whose first bytes are read once, when they are asked for.

    Attributes
    ----------
    closed : bool
        Whether it cannot be read; then `head` is empty.
    """

    def __init__(self, entry: os.DirEntry[str], at: int) -> None:
        self.name, self.at, self.closed = entry.name, at, False

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.name, flags, dir_fd=self.at)
        except OSError:
            self.closed = True
            return b""
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return os.read(descriptor, formats.HEAD_BYTES) if regular else b""
        except OSError:
            self.closed = True
            return b""
        finally:
            os.close(descriptor)


def _images(
    root: str, listing: _Listing, digests: Digests, seen: Found
) -> tuple[dict[str, ImageFile], dict[str, str], list[_Opened]]:
    """Return the images of a folder, why some cannot be looked at, and the files that were opened.

    The first two are by name.
    """
    keys: dict[str, Key] = {}
    unseen: dict[str, str] = {}

    def look(entry: os.DirEntry[str]) -> None:
        try:
            keys[entry.name] = _key(listing, entry)
        except OSError as error:
            unseen[entry.name] = _unseen(error)

    for entry in listing.files:
        if formats.suffix(entry.name) in SUFFIXES:
            look(entry)
    known = dict(zip(keys, digests(list(keys.values())), strict=True))
    images = {}
    opened = []
    for n, entry in enumerate(listing.files, 1):
        seen(n)
        name = entry.name
        if name.startswith(".") or name in unseen:
            continue
        digest = known.get(name)
        if digest is None or formats.suffix(name) in works.BY_SUFFIX:  # a .psd may be any picture
            opened.append(_Opened(entry, listing.at))
        if digest or _is_image(opened[-1], listing.at):
            if name not in keys:
                look(entry)
            if name in keys:
                images[name] = ImageFile(*keys[name], root, sha256=digest)
    return images, unseen, opened


def _key(listing: _Listing, entry: os.DirEntry[str]) -> Key:
    status = entry.stat(follow_symlinks=False)
    times = files.bounded_ns(status.st_mtime_ns), files.bounded_ns(status.st_ctime_ns)
    return listing.path(entry.name), status.st_size, *times


def _what(name: str, owners: Sequence[str], series: set[str]) -> tuple[str, str]:
    if owners:
        return "companion", f"of {', '.join(owners)}"
    if formats.stem(name) in series:
        return "companion", f"shared by series {formats.stem(name)}"
    if name.startswith("."):
        return "skipped", "hidden file"
    if folded(name) in OF_FOLDERS:
        return "skipped", "made by a system or program for the whole folder"
    if formats.suffix(name) in formats.SIDECAR_SUFFIXES:
        return "orphan_companion", "no image of this name in its folder"
    return "skipped", "neither an image nor a companion of one"


def _is_image(file: _Opened, at: int) -> bool:
    head = file.head
    if file.closed:  # no permission: decide by the name
        return formats.suffix(file.name) in SUFFIXES
    return formats.image_format(file.name, head) is not None


def _read_names(images: Mapping[str, ImageFile], naming: Naming) -> dict[str, str]:
    """Set stamp and stage of the images of a folder; return the series of each member, by name."""
    inside = list(images)
    readings = [naming.read(image.path) for image in images.values()]
    sizes = {name: image.bytes for name, image in images.items()}
    found, series = runs_of_stages.in_folder(inside, readings, sizes, naming.reads_stages)
    for image, reading in zip(images.values(), found, strict=True):
        image.stamp = reading.stamp.isoformat() if reading.stamp else ""
        image.stage = sys.intern(reading.stage)
    return series


def table(images: Sequence[ImageFile], facts: Sequence[Any]) -> pd.DataFrame:
    """Build the catalogue, one row for each image, from the results of scanning and decoding.

    Parameters
    ----------
    images : sequence of ImageFile
        Scanned images, sorted by path.
    facts : sequence of store.Facts
        In the same order.

    Returns
    -------
    DataFrame
        With `COLUMNS`; text columns hold Python strings, so that every file name survives.
    """
    decoded = {"status", "error", "width", "height", "format", "sha256"}

    def column(name: str) -> pd.Series[Any]:
        values = facts if name in decoded else images
        cells = list(map(attrgetter(name), values))
        return pd.Series(cells, dtype=TYPES.get(name, object))

    return pd.DataFrame({name: column(name) for name in COLUMNS})


def read(path: Path) -> pd.DataFrame:
    """Return a `catalogue.csv` as a table.

    Raises
    ------
    ValueError
        If a column is missing, or the file was cut or edited.
    """
    table = _read(path, COLUMNS, dict.fromkeys(NUMBERS, "int64"))
    if not table["cropped"].isin(["true", "false"]).all():
        raise ValueError(f"{path} has values other than true and false in cropped; was it cut?")
    return table.assign(cropped=table["cropped"] == "true")


def write(path: Path, catalogue: pd.DataFrame) -> None:
    """Write a catalogue as a new `catalogue.csv`."""
    tables.write_columns(path, {column: catalogue[column].to_numpy() for column in COLUMNS})


def read_others(path: Path) -> list[Other]:
    """Return the rows of a `not_images.csv`; raises as `read` does."""
    columns = _read(path, NOT_IMAGES_COLUMNS, {})
    return list(map(Other._make, zip(*(columns[name] for name in columns), strict=True)))


def write_others(path: Path, others: Sequence[Other]) -> None:
    """Write a new `not_images.csv`."""
    columns = zip(*others, strict=True) if others else [()] * len(NOT_IMAGES_COLUMNS)
    tables.write_columns(path, dict(zip(NOT_IMAGES_COLUMNS, columns, strict=True)))


def _read(path: Path, columns: Sequence[str], types: Mapping[str, str]) -> pd.DataFrame:
    """Return some columns of a CSV file, without guards; the last column is never empty.

    Returns the same as `tables.read_csv` in a quarter of the time; equal texts close together
    share one object.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table: pd.DataFrame = pd.read_csv(
                path,
                index_col=False,
                dtype={name: types.get(name, object) for name in columns},
                na_filter=False,
                encoding="utf-8-sig",
                encoding_errors="surrogateescape",
            )[list(columns)]
    except (ValueError, KeyError, OverflowError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path} cannot be read: {error}; was it cut or edited?") from error
    if short := np.flatnonzero(table[columns[-1]] == "").tolist():
        raise ValueError(f"{path} has too few cells in row {short[0] + 1}; was it cut or edited?")
    for name in columns:
        if name not in types and any(cell[:1] == "'" for cell in table[name]):
            table[name] = pd.Series(list(map(tables.unguard, table[name])), dtype=object)
    return table


def repeated_names(
    catalogue: pd.DataFrame, extensions: Sequence[str] = (), compare: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return the file names that occur more than once, or in both of two folders.

    Parameters
    ----------
    catalogue : DataFrame
        The catalogue.
    extensions : sequence of str
        Only these, ignoring case, with or without a dot; empty means all images.
    compare : pair of str, optional
        Two folders, relative to the library: only names that occur below both.

    Returns
    -------
    list of dict
        With `NAMES_COLUMNS`; `identical` is True if all copies have the same content.
    """
    wanted = {f".{extension.lower().lstrip('.')}" for extension in extensions}
    places: dict[str, list[int]] = defaultdict(list)
    paths, digests = list(catalogue.path), list(catalogue.sha256)
    for row, path in enumerate(paths):
        name = os.path.basename(path)
        if not wanted or formats.suffix(name) in wanted:
            places[name].append(row)
    repeated = []
    for name in sorted(places):
        rows = places[name]
        if compare:
            sides = [[r for r in rows if _below(paths[r], folder)] for folder in compare]
            if not all(sides):
                continue
            rows = sorted(set().union(*sides))
        if len(rows) > 1:
            same = len({digests[r] for r in rows}) == 1 and bool(digests[rows[0]])
            listed = "\n".join(paths[r] for r in rows)
            repeated.append({"name": name, "count": len(rows), "paths": listed, "identical": same})
    return repeated


def _below(path: str, folder: str) -> bool:
    return folder in ("", ".") or path.startswith(f"{folder.rstrip('/')}/")


def protected(
    catalogue: pd.DataFrame, curated: Sequence[str], protect: Sequence[str]
) -> pd.Series[bool]:
    """Return which images are in a curated root or folder, or match a `protect` glob."""

    def is_protected(path: str) -> bool:
        return any(_below(path, folder) for folder in curated) or any(
            fnmatchcase(path, glob) or fnmatchcase(os.path.basename(path), glob) for glob in protect
        )

    if not curated and not protect:
        return pd.Series(np.zeros(len(catalogue), bool))
    return pd.Series([is_protected(path) for path in catalogue.path], dtype=bool)


def levels(catalogue: pd.DataFrame) -> pd.Series[float]:
    """Return the stage number of each image; NaN if its name has none."""
    of = {stage: _level(stage) for stage in catalogue["stage"].unique()}
    return catalogue["stage"].map(of).astype("float64")


def _level(stage: str) -> float | None:
    number = names.level(stage)
    return stage_words.level(stage) if number is None else number


def sizes_by(catalogue: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return images, megabytes and unreadable files by root, stage or other columns."""
    keys = [catalogue[column].replace("", "(none)") for column in columns]
    grouped = catalogue.assign(bad=catalogue.status != "ok").groupby(keys, sort=True)
    result: pd.DataFrame = grouped.agg(
        images=("path", "size"), megabytes=("bytes", "sum"), unreadable=("bad", "sum")
    )
    result["megabytes"] = (result["megabytes"] / 1e6).round(1)
    return result


def companions_by(catalogue: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return how many images have companions or a `.cropped`, by root or other columns."""
    keys = [catalogue[column].replace("", "(none)") for column in columns]
    marked = catalogue.assign(alone=catalogue.companions == 0)
    result: pd.DataFrame = marked.groupby(keys, sort=True).agg(
        images=("path", "size"),
        companions=("companions", "sum"),
        without_companions=("alone", "sum"),
        cropped=("cropped", "sum"),
    )
    return result.rename(columns={"without_companions": "images without companions"})


def series_table(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each series: folder, id, images, stages in order and duration in s."""
    members = catalogue[catalogue.series != ""]
    folders = (os.path.dirname(path) for path in members.path)
    places = runs_of_stages.places(folders, members.series)
    members = members.assign(
        folder=pd.Series([folder for folder, _ in places], members.index, object),
        series=pd.Series([name for _, name in places], members.index, object),
        level=levels(members),
    ).sort_values(["folder", "series", "level", "path"])
    stamps = pd.to_datetime(members.stamp, format="ISO8601")
    grouped = members.assign(time=stamps).groupby(["folder", "series"], sort=True)
    result: pd.DataFrame = grouped.agg(
        images=("path", "size"),
        stages=("stage", " > ".join),
        first=("time", "min"),
        last=("time", "max"),
    ).reset_index()
    spans = result.pop("last") - result.pop("first")
    return result.assign(span_s=spans.dt.total_seconds().fillna(0).astype("int64"))


def line_ups(series: pd.DataFrame) -> pd.DataFrame:
    """Return the number of series with each line-up of stages, the most frequent first."""
    counted = series.groupby("stages", sort=True)["images"].agg(["size", "sum"]).reset_index()
    counted.columns = pd.Index(["stages", "series", "images"])
    return counted.sort_values(["series", "stages"], ascending=[False, True], ignore_index=True)


def others_by(others: Sequence[Other]) -> pd.DataFrame:
    """Return the number of companions, orphans and skipped files, by suffix or reason."""
    frame = pd.DataFrame(
        {
            "what": [other.what for other in others],
            "kind": [_kind(other) for other in others],
            "example": [other.path for other in others],
        },
        dtype=object,
    )
    counted = frame.groupby(["what", "kind"], sort=True)["example"].agg(["size", "first"])
    counted["first"] = [tables.shown(path) for path in counted["first"]]
    return counted.rename(columns={"size": "files", "first": "example"}).reset_index()


def _kind(other: Other) -> str:
    if other.what == "skipped":
        return other.reason
    ending = formats.suffix(os.path.basename(other.path)) or "(no suffix)"
    return f"{ending}, shared by a series" if other.reason.startswith("shared") else ending


def shown_names(repeated: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return repeated names as a table that is safe to show."""
    frame = pd.DataFrame(repeated, columns=NAMES_COLUMNS)
    for column in ("name", "paths"):
        frame[column] = [tables.shown(text).replace("\n", " | ") for text in frame[column]]
    return frame

"""Groups -> manifest rows: every file that would move, with its size, mtime and digest.

This module only reads. `staging` compares the manifest with the disk and moves the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.library import files, layout
from dedup_nb.library.bundles import FolderBundles
from dedup_nb.library.companions import Folder, listed
from dedup_nb.library.formats import IMAGE_SUFFIXES, stem, suffix
from dedup_nb.library.names import find_series, parse, series_id

COLUMNS = (
    "bundle src dst size mtime_ns sha256 group keeper keeper_sha256 rule reason covers"
).split()
COMMON = (
    "bundle",
    "group",
    "keeper",
    "keeper_sha256",
    "rule",
    "reason",
)  # of each file


def rows(
    table: pd.DataFrame,
    catalogue: pd.DataFrame,
    library: Path,
    rule: str,
    staging: str = layout.REVIEW_DUPES,
) -> Iterator[dict[str, Any]]:
    """Yield the files that staging a table of groups would move, sorted by path.

    Parameters
    ----------
    table : DataFrame
        Rows of `groups.csv`; only rows of role `stage` are used, with their companions. A column
        `bundle` names the images that move together, such as a whole set; the sidecars of a
        series, such as `<series id>.decision`, then move too if all images of the series do. A
        column `place` names the folder below `staging`. A row may have no keeper.
    catalogue : DataFrame
        Sizes, times and digests of the images.
    library : Path
        Folder that the paths are relative to.
    rule : str
        What proposed the rows, for display: `10_phash max_distance=8`.
    staging : str
        Staging folder, the first component of `dst`.

    Raises
    ------
    OSError
        If a companion cannot be read.
    """
    known = _Known(catalogue)
    staged = table[table.role == "stage"].sort_values("path", kind="stable")
    folders: dict[str, Folder] = {}
    moving: dict[str, dict[str, Any]] = {}
    for image in staged.itertuples():
        folder, _, name = image.path.rpartition("/")
        if folder not in folders:
            folders[folder] = _listed(library, folder, known)
        moving[image.path] = {
            "bundle": getattr(image, "bundle", "") or _joined(folder, stem(name)),
            "group": image.group_id,
            "keeper": image.keeper,
            "keeper_sha256": known.sha256(image.keeper) if image.keeper else "",
            "rule": rule,
            "reason": image.reason,
            "place": _joined(staging, getattr(image, "place", "")),
        }
    _add_works(moving, folders)
    done: set[str] = set()
    for path in sorted(moving):
        for src in (path, *_companions(path, moving, folders)):
            if src not in done:
                done.add(src)
                row = {name: moving[path][name] for name in COMMON}
                row |= {"src": src, "dst": f"{moving[path]['place']}/{src}"}
                yield row | _identity(known, library, src)
    if "bundle" in table:
        for folder, names in [*folders.items()]:
            for row in _shared_sidecars(folder, names.bundles, moving):
                src, keeper = row["src"], row["keeper"]
                name = src.rpartition("/")[2]
                if src in done or name not in names.sizes or name in names.works:
                    continue
                if keeper and names.sizes[name]:
                    beside = keeper.rpartition("/")[0]
                    if beside not in folders:
                        folders[beside] = _listed(library, beside, known)
                    if not _shares(folders[beside].bundles, keeper, suffix(name)):
                        continue  # it stays, since nothing of its kind stays with the keepers
                yield row | _identity(known, library, src)


def _add_works(moving: dict[str, dict[str, Any]], folders: Mapping[str, Folder]) -> None:
    """Add the raw and layered images that move with the images of their stem.

    The rules stage an image beside them only if its keeper's bundle holds the same content.
    """
    for path in [*moving]:
        folder, _, name = path.rpartition("/")
        for member in folders[folder].bundles.members(name):
            src = _joined(folder, member)
            works = folders[folder].works
            if src not in moving and folders[folder].bundles.is_image(member) and member in works:
                moving[src] = moving[path]


def _companions(
    path: str, moving: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Folder]
) -> Iterator[str]:
    """Yield the files that move with an image: those that belong to no image that stays."""
    folder, _, name = path.rpartition("/")
    inside = folders[folder]
    for member in inside.bundles.members(name):
        if member in inside.sizes and not inside.bundles.is_image(member):
            owners = [_joined(folder, owner) for owner in inside.bundles.owners(member)]
            bundles = {moving[owner]["bundle"] if owner in moving else "" for owner in owners}
            if bundles == {moving[path]["bundle"]}:
                yield _joined(folder, member)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _shares(names: FolderBundles, image: str, ending: str) -> bool:
    """Return whether the series of an image shares a sidecar with this suffix."""
    images = sorted(name for name in names.names if suffix(name) in IMAGE_SUFFIXES)
    for run in find_series(images):
        stamp = parse(images[run[0]]).stamp
        if stamp is not None and image.rpartition("/")[2] in {images[k] for k in run}:
            return any(suffix(name) == ending for name in names.of_stem(series_id(stamp)))
    return False


def _shared_sidecars(
    folder: str, names: FolderBundles, moving: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the sidecars of each series in a folder if all images of the series move.

    They move in the bundle of the series, or, if its images are in several bundles, in a bundle of
    their own that moves last.
    """
    sidecars = defaultdict(list)
    for name in sorted(names.names):
        if suffix(name) not in IMAGE_SUFFIXES:
            sidecars[stem(name)].append(name)
    images = sorted(name for name in names.names if suffix(name) in IMAGE_SUFFIXES)
    for run in find_series(images):
        covered = [_joined(folder, images[k]) for k in run]
        stamp = parse(images[run[0]]).stamp
        if stamp is None or not all(path in moving for path in covered):
            continue
        first = moving[covered[0]]
        alone = len({moving[path]["bundle"] for path in covered}) > 1
        for name in sidecars[series_id(stamp)]:
            src = _joined(folder, name)
            yield {
                **first,
                "bundle": src if alone else first["bundle"],
                "src": src,
                "dst": f"{first['place']}/{src}",
                "covers": json.dumps(covered),
            }


def _listed(library: Path, folder: str, known: _Known) -> Folder:
    def is_image(name: str) -> bool | None:
        return True if _joined(folder, name) in known else None

    return listed(os.fsencode(library / folder), is_image)


class _Known:
    """The images of a catalogue, by path."""

    def __init__(self, catalogue: pd.DataFrame) -> None:
        self.places = pd.Index(catalogue["path"])
        columns = ("bytes", "mtime_ns", "sha256")
        self.columns = [catalogue[name].to_numpy() for name in columns]

    def __contains__(self, path: str) -> bool:
        return path in self.places

    def sha256(self, path: str) -> str:
        return str(self.columns[2][self.places.get_loc(path)])

    def identity(self, path: str) -> dict[str, Any]:
        place = self.places.get_loc(path)
        size, mtime_ns, sha256 = (column[place] for column in self.columns)
        return {"size": int(size), "mtime_ns": int(mtime_ns), "sha256": sha256}


def _identity(known: _Known, library: Path, src: str) -> dict[str, Any]:
    if src in known:
        identity = known.identity(src)
        if identity["mtime_ns"] in (files.EARLIEST_NS, files.LATEST_NS):  # the table's limit
            identity["mtime_ns"] = os.stat(library / src, follow_symlinks=False).st_mtime_ns
        return identity
    descriptor = os.open(library / src, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{src} is no longer a regular file; run the report again")
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}

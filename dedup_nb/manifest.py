"""Groups -> manifest rows: every file that would move, with its size, time and digest.

Only reads. The manifest is the plan of record; `staging` compares it with the disk and moves.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.bundles import FolderBundles
from dedup_nb.formats import stem

COLUMNS = (
    "bundle src dst size mtime_ns sha256 group keeper keeper_sha256 rule reason covers"
).split()


def rows(
    table: pd.DataFrame,
    catalogue: pd.DataFrame,
    library: Path,
    rule: str,
    staging: str = "_review_dupes",
) -> Iterator[dict[str, Any]]:
    """Yield the files that staging a table of groups would move, sorted by path.

    Parameters
    ----------
    table : DataFrame
        Rows of `groups.csv`; only those of role `stage` are taken, with their companions.
    catalogue : DataFrame
        Tells sizes, times and digests of the images.
    library : Path
        Folder that paths are relative to.
    rule : str
        What proposed them, for a person to read: `10_phash max_distance=8`.
    staging : str
        Staging folder, the first part of `dst`.

    Raises
    ------
    OSError
        If a companion cannot be read.
    """
    known = catalogue.set_index("path")
    staged = table[table.role == "stage"].sort_values("path", kind="stable")
    folders: dict[str, FolderBundles] = {}
    done: set[str] = set()
    for image in staged.itertuples():
        folder, _, name = image.path.rpartition("/")
        if folder not in folders:
            folders[folder] = FolderBundles(_regular_files(library / folder))
        common = {
            "bundle": f"{folder}/{stem(name)}" if folder else stem(name),
            "group": image.group_id,
            "keeper": image.keeper,
            "keeper_sha256": known.at[image.keeper, "sha256"],
            "rule": rule,
            "reason": image.reason,
        }
        for member in folders[folder].members(name):
            src = f"{folder}/{member}" if folder else member
            if src in done or (src != image.path and src in known.index):
                continue  # another image of this name has a row of its own
            done.add(src)
            yield common | {"src": src, "dst": f"{staging}/{src}"} | _identity(known, library, src)


def _regular_files(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]


def _identity(known: pd.DataFrame, library: Path, src: str) -> dict[str, Any]:
    if src in known.index:
        row = known.loc[src]
        return {
            "size": int(row["bytes"]),
            "mtime_ns": int(row["mtime_ns"]),
            "sha256": row["sha256"],
        }
    descriptor = os.open(library / src, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{src} is no regular file any more; run the report again")
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}

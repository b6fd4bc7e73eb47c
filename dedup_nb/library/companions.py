"""A listed folder -> what each image has beside it: kinds of companions, works, and what blocks it.

`catalogue.scan` describes each folder once; the results are the columns `companion_kinds`, `works`,
`blocked` and `holds_companions` that the rules read, kept in `catalogue.parquet` of the run folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from dedup_nb.library.bundles import APPLE_DOUBLE, FolderBundles, kind_of
from dedup_nb.library.files import read_file
from dedup_nb.library.formats import HEAD_BYTES, image_format, stem, suffix
from dedup_nb.library.works import work

COLUMNS = ["companion_kinds", "works", "blocked", "holds_companions"]
BETWEEN = ";"  # between kinds in one cell


class Beside(NamedTuple):
    """What an image has beside it.

    Attributes
    ----------
    kinds : str
        Kinds of its companions, `;`-joined and sorted: `.json;.mov`. Without empty files other than
        `.cropped` and without the `._` doubles of macOS.
    works : str
        Those of them that are works of their own; see `works`.
    blocked : str
        Why its bundle could never be staged, or "".
    """

    kinds: str = ""
    works: str = ""
    blocked: str = ""


NOTHING = Beside()


@dataclass
class Folder:
    """One listed folder.

    Attributes
    ----------
    bundles : FolderBundles
        Every name in it.
    sizes : dict of str -> int
        Size of each regular file, in bytes.
    works : dict of str -> str
        Names that are works; see `works.work`.
    odd : dict of str -> str
        Names that are not regular files, or cannot be read, and what they are.
    """

    bundles: FolderBundles
    sizes: Mapping[str, int]
    works: Mapping[str, str] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)

    def companions(self, image: str) -> list[str]:
        """Return the names that count as companions of an image, sorted.

        A raw or layered image of its stem is one of them, with its own companions.
        """
        found: set[str] = set()
        for name in self.bundles.members(image):
            if name == image or not self.counts(name):
                continue
            if not self.bundles.is_image(name):
                found.add(name)
            elif name in self.works:
                found |= {name, *(n for n in self.bundles.members(name) if self.is_sidecar(n))}
        return sorted(found)

    def is_sidecar(self, name: str) -> bool:
        """Return whether a file counts and is not an image."""
        return self.counts(name) and not self.bundles.is_image(name)

    def counts(self, name: str) -> bool:
        """Return whether a file holds anything: not a double of macOS, and not empty."""
        if name.startswith(APPLE_DOUBLE) or name not in self.sizes:
            return False
        return self.sizes[name] > 0 or suffix(name) == ".cropped"

    def beside(self, image: str) -> Beside:
        """Return what an image has beside it."""
        names = self.companions(image)
        if not names and len(self.bundles.names) == len(self.sizes):
            return Beside(blocked=self._ambiguous(image))
        return Beside(
            joined(kind_of(name, image) for name in names),
            joined(kind_of(name, image) for name in names if name in self.works),
            self._blocked(image),
        )

    def _blocked(self, image: str) -> str:
        for name in self.bundles.members(image):
            if name in self.odd:
                return f"{name} beside it is {self.odd[name]}"
        return self._ambiguous(image)

    def _ambiguous(self, image: str) -> str:
        twins = self.bundles.ambiguous(image)
        return f"{twins[0]} differs from it only in case or Unicode form" if twins else ""


def listed(folder: bytes, is_image: Callable[[str], bool | None] = lambda name: None) -> Folder:
    """List a folder and return what is in it; first bytes are read only where they matter.

    Parameters
    ----------
    folder : bytes
        Its path.
    is_image : callable
        Whether a name is an image, or None if its first bytes must tell.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    sizes: dict[str, int] = {}
    odd: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = os.fsdecode(entry.name)
            if entry.is_file(follow_symlinks=False):
                sizes[name] = entry.stat(follow_symlinks=False).st_size
            else:
                odd[name] = "not a regular file"

    @cache
    def head(name: str) -> bytes:
        try:
            path = os.path.join(folder, os.fsencode(name))
            return read_file(path, HEAD_BYTES, cut=True) if name in sizes else b""
        except OSError:
            return b""

    def shows_image(name: str) -> bool:
        if name in odd or name.startswith("."):
            return False
        known = is_image(name)
        return image_format(name, head(name)) is not None if known is None else known

    bundles = FolderBundles([*sizes, *odd], shows_image)
    return Folder(bundles, sizes, _Works(head), odd)


class _Works(Mapping[str, str]):
    """The works of a folder, told by first bytes when they are asked for."""

    def __init__(self, head: Callable[[str], bytes]) -> None:
        self.head = head

    def __getitem__(self, name: str) -> str:
        if what := work(name, self.head(name)):
            return what
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("the works of a folder are asked for by name")

    def __len__(self) -> int:
        raise TypeError("the works of a folder are asked for by name")


def joined(kinds: Iterable[str]) -> str:
    """Return kinds as one cell: sorted, each once, `;`-joined."""
    return sys.intern(BETWEEN.join(sorted({one.replace(BETWEEN, ",") for one in kinds})))


@cache
def words_of(cell: str) -> tuple[str, ...]:
    """Return the kinds in a cell as words for `groups.Images`, sorted."""
    return tuple(sorted(split(cell)))


def split(cell: str) -> frozenset[str]:
    """Return the kinds in a cell."""
    return frozenset(cell.split(BETWEEN)) - {""}


def with_columns(table: pd.DataFrame, beside: Sequence[Beside]) -> pd.DataFrame:
    """Return a catalogue with the columns that rules read.

    Parameters
    ----------
    beside : sequence of Beside
        What each image has beside it, in the order of the table.

    Returns
    -------
    DataFrame
        With `companion_kinds`, `works` and `blocked` (text; see `Beside`) and `holds_companions`
        (int64, how many kinds).
    """
    counts = [len(one.kinds.split(BETWEEN)) if one.kinds else 0 for one in beside]
    return table.assign(
        companion_kinds=pd.Series([one.kinds for one in beside], dtype=object, index=table.index),
        works=pd.Series([one.works for one in beside], dtype=object, index=table.index),
        blocked=pd.Series([one.blocked for one in beside], dtype=object, index=table.index),
        holds_companions=pd.Series(counts, dtype="int64", index=table.index),
    )


def read(path: Path, n: int) -> dict[str, pd.Series[Any]] | None:
    """Return the columns of a `catalogue.parquet`, or None if it has none for `n` images."""
    try:
        kept = pd.read_parquet(path, columns=COLUMNS)
    except (OSError, ValueError, KeyError):
        return None
    if len(kept) != n:
        return None
    texts = {
        name: pd.Series([sys.intern(str(cell)) for cell in kept[name]], dtype=object)
        for name in COLUMNS[:-1]
    }
    return {**texts, COLUMNS[-1]: kept[COLUMNS[-1]].astype("int64")}


def place(path: str) -> tuple[str, str]:
    """Return the folder and the stem of an image, which its bundle shares."""
    folder, _, name = path.rpartition("/")
    return folder, stem(name)

"""The files beside a member and its keeper -> which of them the keeper's bundle does not hold.

Reads folders and files only for pairs that are about to be proposed, each folder and each digest
once. What cannot be read is not held.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

import pandas as pd

from dedup_nb.library import takeout
from dedup_nb.library.bundles import kind_of
from dedup_nb.library.companion_words import words_of_companion
from dedup_nb.library.companions import Folder, listed, split
from dedup_nb.library.files import read_file
from dedup_nb.library.works import IMAGE_WORKS

MOST_BYTES = 2**20  # largest companion whose text is read
Words = tuple[str, ...]


class Companions:
    """Compares what images have beside them; what `groups` asks for.

    Parameters
    ----------
    images : DataFrame
        Columns `path, sha256, format, companion_kinds, works` of the images.
    library : Path
        Folder that the paths are relative to.
    own : callable
        Row of an image -> the words that its file holds, by kind; see `library.words.KINDS`.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        library: Path,
        own: Callable[[int], Mapping[str, str]] = lambda row: {},
    ) -> None:
        self.library, self.own = library, own
        self.paths: list[str] = images["path"].tolist()
        self.formats: list[str] = images["format"].tolist()
        self.kinds: list[str] = images["companion_kinds"].tolist()
        self.works: list[str] = images["works"].tolist()
        self._folders: dict[str, Folder | None] = {}
        self._digests: dict[str, str] = {}
        self._lacking: dict[tuple[int, int], list[str]] = {}
        self._said: dict[int, frozenset[str]] = {}

    # -- interface for groups --------------------------------------------------------------------

    def lacking(self, member: int, keeper: int, lacking: Words) -> Words:
        """Return which of the words that a keeper seems to lack it really lacks; see `Relief`.

        A kind of companion is held if the keeper's bundle has every file of that kind under another
        name, or if the keeper's picture says the same as the JSON of a Google export. A kind of
        words is held if the keeper's companions have that kind.
        """
        kinds = split(self.kinds[member])
        return tuple(
            word
            for word in lacking
            if not (
                self._is_held(member, keeper, word)
                if word in kinds
                else self.kinds[keeper] and word in self._said_beside(keeper)
            )
        )

    def works_lacking(self, member: int, keeper: int) -> list[str]:
        """Return the works beside a member that the keeper's bundle has no copy of, by name."""
        if not self.works[member]:
            return []
        pair = member, keeper
        if pair not in self._lacking:
            self._lacking[pair] = self._works_lacking(member, keeper)
        return self._lacking[pair]

    def is_work(self, k: int) -> bool:
        """Return whether an image is a work of its own, such as a raw file."""
        return self.formats[k] in IMAGE_WORKS

    # -- reading ---------------------------------------------------------------------------------

    def _is_held(self, member: int, keeper: int, word: str) -> bool:
        mine = [name for name in self._beside(member) if self._kind(name, member) == word]
        return bool(mine) and all(
            self._has_copy(name, member, keeper) or self._says_the_same(name, member, keeper)
            for name in mine
        )

    def _works_lacking(self, member: int, keeper: int) -> list[str]:
        folder = self._folder(member)
        if folder is None:
            return sorted(split(self.works[member]))
        mine = [name for name in self._beside(member) if name in folder.works]
        return [name for name in mine if not self._has_copy(name, member, keeper)]

    def _has_copy(self, name: str, member: int, keeper: int) -> bool:
        """Return whether the keeper's bundle has a file of the same content."""
        size = self._size(name, member)
        return any(
            self._size(other, keeper) == size
            and self._digest(other, keeper) == self._digest(name, member) != ""
            for other in self._beside(keeper)
        )

    def _says_the_same(self, name: str, member: int, keeper: int) -> bool:
        if not name.lower().endswith(".json"):
            return False
        told = takeout.read(self._data(name, member))
        if told is None or told.words:
            return False
        own = self.own(keeper)
        return told.agrees(_stamp(own.get("time", "")), _place(own.get("place", "")))

    def _said_beside(self, row: int) -> frozenset[str]:
        """Return the kinds of words in the companions of an image."""
        if row not in self._said:
            said: set[str] = set()
            for name in self._beside(row):
                said |= words_of_companion(name, self._data(name, row))
            self._said[row] = frozenset(said)
        return self._said[row]

    def _data(self, name: str, row: int) -> bytes:
        """Return the content of a companion, or no bytes if it is large or cannot be read."""
        try:
            return read_file(self._path(name, row), MOST_BYTES)
        except (OSError, ValueError):
            return b""

    def _beside(self, row: int) -> list[str]:
        folder = self._folder(row)
        return folder.companions(os.path.basename(self.paths[row])) if folder else []

    def _folder(self, row: int) -> Folder | None:
        path = os.path.dirname(self.paths[row])
        if path not in self._folders:
            try:
                self._folders[path] = listed(os.fsencode(self.library / path))
            except OSError:
                self._folders[path] = None
        return self._folders[path]

    def _kind(self, name: str, row: int) -> str:
        return kind_of(name, os.path.basename(self.paths[row]))

    def _size(self, name: str, row: int) -> int:
        folder = self._folder(row)
        return folder.sizes.get(name, -1) if folder else -1

    def _path(self, name: str, row: int) -> bytes:
        return os.fsencode(self.library / os.path.dirname(self.paths[row]) / name)

    def _digest(self, name: str, row: int) -> str:
        """Return the digest of a file, or "" if it cannot be read."""
        path = os.path.join(os.path.dirname(self.paths[row]), name)
        if path not in self._digests:
            self._digests[path] = _digest(self._path(name, row))
        return self._digests[path]


def _digest(path: bytes) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@cache
def _stamp(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _place(text: str) -> tuple[float, float] | None:
    """Return latitude and longitude from `48.13743, 11.57549`."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        return None
    return latitude, longitude

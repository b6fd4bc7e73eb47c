"""Bytes of a TIFF or of EXIF data -> its directories and their values, within bounds.

The files are untrusted: nothing here raises on malformed data, and how much is read is limited. A
directory that cannot be read is left out. Standard library only, because staging uses it too.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]  # offset and number of bytes -> bytes, fewer at the end

MOST_DIRECTORIES = 1_000
MOST_ENTRIES = 1_000
MOST_VALUES = 1_000  # numbers of one entry
MOST_BYTES = 2**20  # of one entry
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
         17: 8, 18: 8}  # fmt: skip
LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q",
           17: "q", 18: "Q"}  # fmt: skip
RATIONALS = {5: "I", 10: "i"}

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
SUB_DIRECTORIES, DNG_VERSION = 330, 50706
REDUCED, MASK = 1, 4  # bits of the subfile type
CFA, LINEAR_RAW = 32803, 34892  # photometric interpretations of raw data
MUCH_LARGER = 4.0  # times the pixels of the first picture: that one is only a preview


@dataclass(frozen=True)
class Entry:
    """One entry of a directory: type, number of values, and where its bytes are."""

    kind: int
    count: int
    at: int


Directory = dict[int, Entry]


class Tiff:
    """The directories of a TIFF, classic or BigTIFF, of either byte order.

    Parameters
    ----------
    read : callable
        Reads bytes at an offset.
    """

    def __init__(self, read: ReadAt) -> None:
        self.read = read
        head = read(0, 16)
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        self.big = head[2:4] in (b"+\0", b"\0+")
        self.first = 0
        if self.order and len(head) >= (16 if self.big else 8):
            (self.first,) = struct.unpack_from(
                self.order + ("Q" if self.big else "I"), head, 8 if self.big else 4
            )

    def chain(self) -> Iterator[Directory]:
        """Yield the directories in order: one for each page, thumbnail or preview."""
        at, seen = self.first, set[int]()
        while at and at not in seen and len(seen) < MOST_DIRECTORIES:
            seen.add(at)
            directory, at = self._directory(at)
            if directory:
                yield directory

    def below(self, directory: Directory, tag: int) -> list[Directory]:
        """Return the directories that a tag points to, such as the EXIF directory; at most 32."""
        offsets = [int(value) for value in self.numbers(directory, tag)[:32]]
        return [inner for at in offsets if at > 0 and (inner := self._directory(at)[0])]

    def at(self, offset: int) -> Directory:
        """Return the directory at an offset; empty if there is none."""
        return self._directory(offset)[0] if self.order else {}

    def _directory(self, at: int) -> tuple[Directory, int]:
        """Return the directory at an offset, and the offset of the next one."""
        head, size, link = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        count_bytes = self.read(at, struct.calcsize(head))
        if len(count_bytes) < struct.calcsize(head):
            return {}, 0
        count = min(struct.unpack(self.order + head, count_bytes)[0], MOST_ENTRIES)
        body = self.read(at + len(count_bytes), count * size + struct.calcsize(link))
        directory: Directory = {}
        for place in range(0, min(count, len(body) // size) * size, size):
            tag, kind, number = struct.unpack_from(
                self.order + ("HHQ" if self.big else "HHI"), body, place
            )
            inline, room = place + (12 if self.big else 8), 8 if self.big else 4
            where = at + len(count_bytes) + inline
            if SIZES.get(kind, 1) * number > room:
                (where,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), body, inline)
            directory.setdefault(tag, Entry(kind, number, where))
        after = body[count * size :]
        whole = len(after) == struct.calcsize(link)
        return directory, struct.unpack(self.order + link, after)[0] if whole else 0

    def bytes(self, directory: Directory, tag: int, most: int = MOST_BYTES) -> bytes:
        """Return the bytes of an entry, cut to a maximum; empty if it is missing."""
        entry = directory.get(tag)
        if entry is None:
            return b""
        return self.read(entry.at, min(SIZES.get(entry.kind, 1) * entry.count, most))

    def text(self, directory: Directory, tag: int, most: int = 65_536) -> str:
        """Return an entry as text without blanks at its ends; empty if it is missing."""
        data = self.bytes(directory, tag, most).split(b"\0", 1)[0]
        try:
            return data.decode("utf-8").strip()
        except UnicodeDecodeError:
            return data.decode("latin-1").strip()

    def numbers(self, directory: Directory, tag: int) -> tuple[float, ...]:
        """Return the numbers of an entry; a rational without a denominator is nan."""
        entry = directory.get(tag)
        if entry is None:
            return ()
        letter = LETTERS.get(entry.kind) or RATIONALS.get(entry.kind)
        if letter is None:
            return ()
        per_value = SIZES[entry.kind]
        data = self.read(entry.at, per_value * min(entry.count, MOST_VALUES))
        count = len(data) // struct.calcsize(letter)
        values = struct.unpack_from(f"{self.order}{count}{letter}", data)
        if entry.kind not in RATIONALS:
            return values
        halves = zip(values[::2], values[1::2], strict=False)
        return tuple(above / below if below else math.nan for above, below in halves)

    def number(self, directory: Directory, tag: int) -> float:
        """Return the first number of an entry; nan if it is missing."""
        return (self.numbers(directory, tag) or (math.nan,))[0]

    def pixels(self, directory: Directory) -> float:
        """Return width times height of the picture of a directory; nan if not given."""
        return self.number(directory, WIDTH) * self.number(directory, HEIGHT)

    def has_bit(self, directory: Directory, bit: int) -> bool:
        """Return whether the subfile type of a directory has a bit (`REDUCED`, `MASK`)."""
        value = self.number(directory, SUBFILE_TYPE)
        return value == value and bool(int(value) & bit)


def of_bytes(data: bytes) -> Tiff:
    """Return the directories of a TIFF in memory."""
    return Tiff(lambda at, count: data[at : at + count])


def is_raw(read: ReadAt) -> bool:
    """Return whether a TIFF is a camera raw file, whatever its name.

    It is if its first picture is a preview, if one of its pictures is raw sensor data, if it is a
    DNG, or if a picture below the first one is much larger.
    """
    content = Tiff(read)
    first: Directory | None = None
    for directory in content.chain():
        inner = content.below(directory, SUB_DIRECTORIES)
        if first is None:
            first = directory
            if DNG_VERSION in first or content.has_bit(first, REDUCED):
                return True
            if any(content.pixels(one) >= MUCH_LARGER * content.pixels(first) for one in inner):
                return True
        if any(content.number(d, PHOTOMETRIC) in (CFA, LINEAR_RAW) for d in (directory, *inner)):
            return True
    return False

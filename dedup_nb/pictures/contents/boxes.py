"""Boxes of ISO base media files (AVIF, HEIF, MP4) -> their places; films in other files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MOST_BOXES = 5_000
FILM_BRANDS = (b"mp4", b"iso", b"qt  ", b"avc1", b"M4V", b"3gp", b"hvc1", b"dash")


def boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box between two offsets."""
    at = start
    for _ in range(MOST_BOXES):
        if at + 8 > stop:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= stop:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = stop if size == 0 else at + size
        if end < at + head or end > stop:
            return
        yield kind, at + head, end
        at = end


def find_film(data: bytes) -> bool:
    """Return whether an MP4 or QuickTime film begins somewhere in some bytes."""
    at = data.find(b"ftyp")
    for _ in range(64):
        if at < 0:
            return False
        size = int.from_bytes(data[max(0, at - 4) : at], "big")
        if at >= 4 and 8 <= size <= 256 and data[at + 4 : at + 8].startswith(FILM_BRANDS):
            return data.find(b"moov", at) > 0 or data.find(b"mdat", at) > 0
        at = data.find(b"ftyp", at + 4)
    return False

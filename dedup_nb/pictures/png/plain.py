"""A PNG's bytes -> whether it is a plain one, for which there is a fast decoder.

Only what leaves no doubt is plain: 8 bits a channel, grey, RGB or RGBA, not interlaced, one
picture, every checksum right, nothing missing and nothing odd. Everything else is left to Pillow,
which says what is wrong with it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dedup_nb.library import png_chunks

try:
    from isal.isal_zlib import crc32
except ImportError:  # it has no binaries for some machines; there Pillow decodes
    from zlib import crc32

    HAS_ISAL = False
else:
    HAS_ISAL = True

__all__ = ["HAS_ISAL", "Plain", "crc32", "plain"]

PIXEL_BYTES = {0: 1, 2: 3, 6: 4}  # colour type -> bytes of a pixel
HEADER = struct.Struct(">IIBBBBB")
AFTERWARDS = (b"tEXt", b"tIME")  # chunks that change no pixels, wherever they are
MOST_ROW_BYTES = 2**20


class Plain(NamedTuple):
    """What the decoder needs of a PNG: its size in pixels, and where its data are."""

    width: int
    height: int
    pixel_bytes: int
    parts: list[tuple[int, int]]


def plain(data: bytes) -> Plain | None:
    """Look at all chunks of a PNG and their checksums; None if it is not a plain one."""
    view, header, ended = memoryview(data), b"", False
    parts: list[tuple[int, int]] = []
    for kind, start, stop in png_chunks.chunks(data):
        if crc32(view[start - 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            return None
        if (kind == b"IHDR") == bool(header):  # the first chunk and no other
            return None
        if kind == b"IHDR":
            header = data[start:stop]
        elif kind == b"IDAT":
            if parts and start != parts[-1][1] + 12:
                return None
            parts.append((start, stop))
        elif kind in (b"acTL", b"tRNS"):
            return None
        elif kind == b"IEND":
            ended = True
        elif parts and kind not in AFTERWARDS:
            return None
    if not ended or not parts or len(header) != HEADER.size:
        return None
    width, height, depth, colours, *methods = HEADER.unpack(header)
    pixel_bytes = PIXEL_BYTES.get(colours, 0)
    if depth != 8 or not pixel_bytes or any(methods) or not width or not height:
        return None
    is_wide = width * pixel_bytes > MOST_ROW_BYTES
    return None if is_wide else Plain(width, height, pixel_bytes, parts)

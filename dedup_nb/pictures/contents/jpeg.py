"""A JPEG file -> its words, and what it holds besides the first picture.

Segments before the picture data hold EXIF, XMP, IPTC and the list of further pictures; films, gain
maps and files of other kinds are appended after the picture.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

from dedup_nb.library import tiff
from dedup_nb.library.xmp import Properties
from dedup_nb.pictures.contents import boxes, exif
from dedup_nb.pictures.contents.parts import (
    APPENDED,
    AUDIO,
    DEPTH_MAP,
    FILM,
    GAIN_MAP,
    RAW_DATA,
    SECOND_PICTURE,
    Parts,
)  # fmt: skip

MOST_SEGMENTS = 2_000
MOST_PICTURES = 16  # appended pictures that are looked at
EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
MOST_PLACES = 4_096  # markers that are looked at
NO_PAIRS = np.zeros(0, "<u2")
FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
XMP = b"http://ns.adobe.com/xap/1.0/\0"
LONGER_XMP = b"http://ns.adobe.com/xmp/extension/\0"
MP_ENTRIES, MP_ENTRY_BYTES = 0xB002, 16
PREVIEWS = (0x010001, 0x010002, 0x010003, 0x010004, 0x010005)  # "large thumbnail" of some size
GAIN_MAPS = re.compile(rb"hdrgainmap|HDRGainMap|hdr-gain-map|hdrgm:")
DEPTH_MAPS = re.compile(rb"aux:(depth|disparity)|DepthData|ns\.google\.com/photos/1\.0/depthmap")
FILES = (b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"%PDF-")
LIKE_THE_FIRST = 0.5  # share of the first picture's pixels from which on another is no preview


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a JPEG file."""
    header = _Header(data)
    if header.size is None:
        return
    parts.depth = header.depth
    for packet in header.packets:
        _describe(exif.of_xmp(packet, parts), header, parts)
    for block in header.exif:
        parts.shot = exif.of_exif(block, parts) or parts.shot
    for block in header.photoshop:
        exif.of_photoshop(block, parts.words)
    for comment in header.comments:
        exif.add(parts.words, "caption", comment.decode("utf-8", "replace"))
    if header.audio:
        parts.add_further(AUDIO)
    end = _end(data, header.scan)
    if header.scan and end is None:
        parts.damage = "its end is missing"
    elif end is not None and len(data) - end > 16:
        _appended(data, end, header, parts)


class _Header:
    """The segments before the picture data."""

    def __init__(self, data: bytes) -> None:
        self.size: tuple[int, int] | None = None
        self.depth, self.scan = 8, 0
        self.exif: list[bytes] = []
        self.packets: list[bytes] = []
        self.photoshop: list[bytes] = []
        self.comments: list[bytes] = []
        self.pictures: list[tuple[int, int, int]] = []  # type, bytes, offset
        self.longer_xmp = self.audio = False
        for marker, at, body in _segments(data):
            if marker == 0xDA:
                self.scan = at
            elif marker in FRAMES and len(body) >= 5:
                self.depth, height, width = struct.unpack_from(">BHH", body)
                self.size = width, height
            else:
                self._keep(marker, at, body)

    def _keep(self, marker: int, at: int, body: bytes) -> None:
        if marker == 0xE1 and body.startswith(b"Exif\0"):
            self.exif.append(body[6:])
        elif marker == 0xE1 and body.startswith(XMP):
            self.packets.append(body[len(XMP) :])
        elif marker == 0xE1 and body.startswith(LONGER_XMP):
            self.longer_xmp = True
        elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
            self.photoshop.append(body[14:])
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            self.pictures += _listed(body[4:], at + 8)
        elif marker == 0xFE:
            self.comments.append(body[:65_536])
        if 0xE0 <= marker <= 0xEF and b"WAVEfmt" in body[:4_096]:
            self.audio = True


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, offset and content of each segment, up to the first picture data."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker in (0x01, *range(0xD0, 0xD8)):
            at += 2
            continue
        if marker == 0xD9:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at, data[at + 4 : at + 2 + length]
        if marker == 0xDA or length < 2:
            return
        at += 2 + length


def _listed(body: bytes, base: int) -> list[tuple[int, int, int]]:
    """Return type, bytes and offset of the pictures that a multi-picture index lists."""
    content = tiff.of_bytes(body)
    first = next(content.chain(), None)
    entries = content.bytes(first, MP_ENTRIES) if first else b""
    listed = []
    for place in range(0, min(len(entries), 64 * MP_ENTRY_BYTES) - 15, MP_ENTRY_BYTES):
        kind, size, offset = struct.unpack_from(f"{content.order}III", entries, place)
        if offset:  # 0 is the first picture itself
            listed.append((kind & 0xFFFFFF, size, base + offset))
    return listed


def _end(data: bytes, scan: int) -> int | None:
    """Return the offset after the first end marker that follows the picture data, or None."""
    ends = _places(data, scan, 0xD9)
    return ends[0] + 2 if ends else None


def _places(data: bytes, start: int, marker: int) -> list[int]:
    """Return the offsets of a marker from an offset on, at most `MOST_PLACES`.

    Twenty times faster than searching bytes, as 0xFF is frequent in the data of a picture.
    """
    wanted, places = 0xFF | marker << 8, []
    for first in (start, start + 1):
        count = max(0, len(data) - first) // 2
        pairs = np.frombuffer(data, "<u2", count, first) if count else NO_PAIRS
        places += (first + 2 * np.flatnonzero(pairs == wanted)[:MOST_PLACES]).tolist()
    return sorted(places)[:MOST_PLACES]


def damage(data: bytes, complaint: str) -> str:
    """Return what a complaint of libjpeg says about a JPEG, or "" if it is harmless.

    Parameters
    ----------
    data : bytes
        The file.
    complaint : str
        The message.
    """
    if "remature end" in complaint:
        return "data is missing at its end"
    if not complaint.startswith("Corrupt JPEG data"):
        return ""
    end = _end(data, _Header(data).scan) or len(data)
    surplus = EXTRANEOUS.search(complaint)
    if surplus and not data[max(0, end - 2 - int(surplus[1])) : end - 2].strip(b"\0\xff"):
        return ""  # some cameras fill up the data with zeros
    return "some of its data is damaged"


def _describe(found: Properties, header: _Header, parts: Parts) -> None:
    """Add what XMP says about contents that are stored in its own continuation."""
    prefixes = {prefix for prefix, _ in found}
    if header.longer_xmp:
        for prefix, what in (("GDepth", DEPTH_MAP), ("GImage", SECOND_PICTURE), ("GAudio", AUDIO)):
            if prefix in prefixes:
                parts.add_further(what)


def _appended(data: bytes, end: int, header: _Header, parts: Parts) -> None:
    """Add what follows the first picture in the file."""
    rest = data[end:]
    _add_pictures(data, end, header, parts)
    if boxes.find_film(rest):
        parts.add_further(FILM)
    if b"SoundShot_" in rest[-4_096:] or (rest[:4] == b"RIFF" and rest[8:12] == b"WAVE"):
        parts.add_further(AUDIO)
    if rest.lstrip(b"\0")[:4] == b"BRCM" or b"@BRCM" in rest[:65_536]:
        parts.add_further(RAW_DATA)
    if rest.startswith(FILES):
        parts.add_further(APPENDED)


def _add_pictures(data: bytes, end: int, header: _Header, parts: Parts) -> None:
    listed = {offset: kind for kind, _, offset in header.pictures}
    starts = [at for at in _places(data, end, 0xD8) if data[at + 2 : at + 3] == b"\xff"]
    after = end
    for at in starts[:MOST_PICTURES]:
        if at < after:  # a thumbnail inside a picture
            continue
        one = _Header(data[at : at + 2**20])
        if one.size is None:
            continue
        after = _end(data, at + one.scan) or len(data)
        if what := _what(one, header, listed.get(at)):
            parts.add_further(what)


def _what(one: _Header, first: _Header, listed: int | None) -> str:
    """Return what an appended picture is; "" for a preview.

    Parameters
    ----------
    one, first : _Header
        The appended picture and the first one.
    listed : int or None
        Its type in the multi-picture index; None if it is not there.
    """
    described = b" ".join([*one.packets, *one.exif])
    if GAIN_MAPS.search(described):
        return GAIN_MAP
    if DEPTH_MAPS.search(described):
        return DEPTH_MAP
    if listed in PREVIEWS:
        return ""
    if listed is not None and b"hdr-gain-map" in b" ".join(first.packets):
        return GAIN_MAP
    width, height = one.size or (0, 0)
    whole_width, whole_height = first.size or (0, 0)
    is_preview = width * height < LIKE_THE_FIRST * whole_width * whole_height
    return "" if is_preview and not listed else SECOND_PICTURE

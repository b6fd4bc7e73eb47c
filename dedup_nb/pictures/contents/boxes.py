"""Boxes of AVIF, HEIF and MP4 (ISO base media files) -> words and further contents."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.parts import DEPTH_MAP, FILM, GAIN_MAP, Parts

MOST_BOXES = 5_000
MOST_ITEMS = 1_000
FILM_BRANDS = (b"mp4", b"iso", b"qt  ", b"avc1", b"M4V", b"3gp", b"hvc1", b"dash")
XMP_TYPE = b"application/rdf+xml"


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


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of an AVIF or HEIF file."""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"meta":
            _Meta(data, start + 4, end).fill(parts)
        elif kind == b"moov":
            parts.add_frames(max(_samples(data, start, end, 6), default=0))
        elif kind == b"mpvd" or (kind == b"ftyp" and start > 16):
            parts.add_further(FILM)
    if b"MotionPhoto_Data" in data[-65_536:]:
        parts.add_further(FILM)


def _samples(data: bytes, start: int, end: int, depth: int) -> Iterator[int]:
    """Yield the number of pictures of each track."""
    for kind, inner, stop in boxes(data, start, end):
        if kind in (b"trak", b"mdia", b"minf", b"stbl") and depth:
            yield from _samples(data, inner, stop, depth - 1)
        elif kind in (b"stsz", b"stz2") and stop - inner >= 12:
            yield int.from_bytes(data[inner + 8 : inner + 12], "big")


class _Meta:
    """The box that lists the items of a file."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data = data
        self.parts = {kind: (inner, stop) for kind, inner, stop in boxes(data, start, end)}

    def fill(self, parts: Parts) -> None:
        data = self.data
        properties = data[slice(*self.parts.get(b"iprp", (0, 0)))][: 2**20]
        if b"hdrgainmap" in properties or self._has_item(b"tmap"):
            parts.add_further(GAIN_MAP)
        if b"aux:hevc:2" in properties or b"auxid:2" in properties or b"aux:depth" in properties:
            parts.add_further(DEPTH_MAP)
        if b"auxid:1" in properties or b"aux:hevc:1" in properties or b"aux:alpha" in properties:
            parts.alpha = True
        if (at := properties.find(b"av1C")) >= 0 and len(properties) > at + 7:
            flags = properties[at + 6]
            parts.depth = 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8
        elif (at := properties.find(b"pixi")) >= 0 and len(properties) > at + 9:
            parts.depth = properties[at + 9]
        places = self._places()
        for number, kind in self._items():
            body = b"".join(data[at : at + size] for at, size in places.get(number, []))
            if kind == b"Exif" and len(body) > 4:
                begin = 4 + int.from_bytes(body[:4], "big")
                parts.shot = exif.of_exif(body[begin:], parts) or parts.shot
            elif kind == XMP_TYPE:
                exif.of_xmp(body, parts)

    def _has_item(self, wanted: bytes) -> bool:
        return any(kind == wanted for _, kind in self._items())

    def _items(self) -> Iterator[tuple[int, bytes]]:
        """Yield number and type of each item; for `mime` items their content type."""
        start, end = self.parts.get(b"iinf", (0, 0))
        if end - start < 6:
            return
        start += 6 if self.data[start] == 0 else 8
        for count, (kind, at, stop) in enumerate(boxes(self.data, start, end)):
            if kind != b"infe" or count >= MOST_ITEMS or stop - at < 12:
                continue
            wide = self.data[at] >= 3
            number = int.from_bytes(self.data[at + 4 : at + (8 if wide else 6)], "big")
            body = self.data[at + (10 if wide else 8) : stop]
            _, _, rest = body[4:].partition(b"\0")  # the item's name
            yield number, rest.partition(b"\0")[0] if body[:4] == b"mime" else body[:4]

    def _places(self) -> dict[int, list[tuple[int, int]]]:
        """Return offset and bytes of the extents of each item that lies in the file itself."""
        start, end = self.parts.get(b"iloc", (0, 0))
        body, places = self.data[start:end], dict[int, list[tuple[int, int]]]()
        if len(body) < 8:
            return places
        version = body[0]
        offset_size, length_size = body[4] >> 4, body[4] & 15
        base_size, index_size = body[5] >> 4, (body[5] & 15) if version else 0
        self.at = 6

        def number(size: int) -> int:
            value = int.from_bytes(body[self.at : self.at + size], "big")
            self.at += size
            return value

        for _ in range(min(number(4 if version == 2 else 2), MOST_ITEMS)):
            item = number(4 if version == 2 else 2)
            method = number(2) & 15 if version else 0
            number(2)
            base, extents = number(base_size), []
            for _ in range(min(number(2), 64)):
                number(index_size)
                extents.append((base + number(offset_size), number(length_size)))
            inside, _ = self.parts.get(b"idat", (0, 0))
            shift = inside if method == 1 else 0
            places[item] = [(at + shift, size) for at, size in extents]
            if self.at > len(body):
                break
        return places

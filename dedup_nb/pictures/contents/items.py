"""AVIF and HEIF files -> words and further contents, from the items that they list.

An item is a picture, a tile of one, an auxiliary picture (transparency, depth, a gain map, a
matte), a thumbnail or a block of metadata; references say which belongs to which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.boxes import boxes
from dedup_nb.pictures.contents.parts import DEPTH_MAP, FILM, GAIN_MAP, Parts

MOST_ITEMS, MOST_PROPERTIES, MOST_EXTENTS = 1_000, 1_000, 64
MOST_VISITED = 4  # references that are followed from a picture to its first tile
XMP_TYPE = b"application/rdf+xml"
# Types of items that are pictures; `tmap` is one only together with what it is made of.
PICTURES = (
    b"hvc1", b"hev1", b"av01", b"avc1", b"vvc1", b"jpeg", b"j2k1", b"unci", b"grid", b"iovl",
    b"iden",
)  # fmt: skip
ALPHA = "transparency"
# What ends or is in the type of an auxiliary picture -> what it is.
AUXILIARY = {
    b"auxiliary:alpha": ALPHA, b"auxid:1": ALPHA, b"auxiliary:depth": DEPTH_MAP,
    b"auxid:2": DEPTH_MAP, b"hdrgainmap": GAIN_MAP, b"matte": "matte",
}  # fmt: skip
UNKNOWN_AUXILIARY = "auxiliary picture"
SRGB_LIKE = (1, 6, 13, 14, 15)  # transfer characteristics of CICP near that of sRGB


class Colours(NamedTuple):
    """Colour primaries and transfer characteristics, as numbered by ITU-T H.273."""

    primaries: int
    transfer: int


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of an AVIF or HEIF file."""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"meta":
            _fill(Items(data, start + 4, end), parts)
        elif kind == b"moov":
            parts.add_frames(max(_samples(data, start, end, 6), default=0))
        elif kind == b"mpvd" or (kind == b"ftyp" and start > 16):
            parts.add_further(FILM)
    if b"MotionPhoto_Data" in data[-65_536:]:
        parts.add_further(FILM)


def is_only_a_sequence(data: bytes) -> bool:
    """Return whether a file has a film strip of pictures but none that stands still."""
    kinds = {kind for kind, _, _ in boxes(data, 0, len(data))}
    return b"moov" in kinds and b"meta" not in kinds


def has_several(data: bytes) -> bool:
    """Return whether a file shows more than its first picture."""
    parts = Parts()
    read(data, parts)
    return any(what.endswith((" frames", " pictures")) for what in parts.further)


def depth(data: bytes) -> int:
    """Return the bits of a channel of the first picture."""
    parts = Parts()
    read(data, parts)
    return parts.depth


def colours(data: bytes) -> Colours | None:
    """Return the colours that numbers name for the first picture; None if it has a profile."""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"meta":
            items = Items(data, start + 4, end)
            return items.colours(items.primary)
    return None


def _samples(data: bytes, start: int, end: int, depth: int) -> Iterator[int]:
    """Yield the number of pictures of each track."""
    for kind, inner, stop in boxes(data, start, end):
        if kind in (b"trak", b"mdia", b"minf", b"stbl") and depth:
            yield from _samples(data, inner, stop, depth - 1)
        elif kind in (b"stsz", b"stz2") and stop - inner >= 12:
            yield int.from_bytes(data[inner + 8 : inner + 12], "big")


def _fill(items: Items, parts: Parts) -> None:
    parts.add_frames(len(items.shown), "pictures")
    if any(item.kind == b"tmap" for item in items.all.values()):
        parts.add_further(GAIN_MAP)
    for number in items.auxiliary:
        what = items.what_auxiliary(number)
        if what == ALPHA:
            parts.alpha = True
        else:
            parts.add_further(what)
    parts.depth = items.depth(items.primary)
    for number, item in items.all.items():
        if item.kind == b"Exif" and items.is_of_pictures(number):
            body = items.body(number)
            if len(body) > 4:
                begin = 4 + int.from_bytes(body[:4], "big")
                parts.shot = exif.of_exif(body[begin:], parts) or parts.shot
        elif item.kind == XMP_TYPE and items.is_of_pictures(number):
            exif.of_xmp(items.body(number), parts)
    if items.is_cut_off:
        parts.damage = "its end is missing"


@dataclass
class _Item:
    """One item: its type (for `mime` items their content type), and what belongs to it."""

    kind: bytes
    hidden: bool = False
    properties: list[int] = field(default_factory=list)  # places in the list of properties
    extents: list[tuple[int, int]] = field(default_factory=list)  # offsets and bytes


class Items:
    """The box that lists the items of a file."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data = data
        self.parts = {kind: (inner, stop) for kind, inner, stop in boxes(data, start, end)}
        self.all = dict(self._listed())
        self.references: defaultdict[bytes, list[tuple[int, list[int]]]] = defaultdict(list)
        self._read_references()
        self._read_properties()
        self._read_places()

    # -- which is which --------------------------------------------------------------------------

    @cached_property
    def primary(self) -> int:
        """Number of the picture that viewers show."""
        start, end = self.parts.get(b"pitm", (0, 0))
        body = self.data[start:end]
        return int.from_bytes(body[4:6] if body[:1] == b"\0" else body[4:8], "big")

    @cached_property
    def auxiliary(self) -> list[int]:
        """Numbers of the auxiliary pictures."""
        return sorted({number for number, _ in self.references[b"auxl"]})

    @cached_property
    def shown(self) -> list[int]:
        """Numbers of the pictures that stand for themselves, the first among them."""
        inside = {number for _, ends in self.references[b"dimg"] for number in ends}
        inside |= {number for number, _ in self.references[b"thmb"]} | {*self.auxiliary}
        return [
            number
            for number, item in self.all.items()
            if item.kind in PICTURES
            and (number == self.primary or not (item.hidden or number in inside))
        ]

    def what_auxiliary(self, number: int) -> str:
        """Return what an auxiliary picture is, in words."""
        kinds = [self._property(place)[4:] for place in self._of(number, b"auxC")]
        kinds = [kind.partition(b"\0")[0] for kind in kinds]
        for part, what in AUXILIARY.items():
            if any(part in kind for kind in kinds):
                return what
        return UNKNOWN_AUXILIARY

    def is_of_pictures(self, number: int) -> bool:
        """Return whether metadata describes a picture that is shown, or the whole file."""
        ends = [to for own, to in self.references[b"cdsc"] if own == number]
        apart = {*self.auxiliary, *(own for own, _ in self.references[b"thmb"])}
        return not ends or any(end not in apart for to in ends for end in to)

    def depth(self, number: int, left: int = MOST_VISITED) -> int:
        """Return the bits of a channel of a picture, or of its first tile."""
        for place in self.all[number].properties if number in self.all else ():
            kind, body = self._kind(place), self._property(place)
            if kind == b"hvcC" and len(body) > 17:
                return 8 + (body[17] & 7)
            if kind == b"av1C" and len(body) > 2:
                return 12 if body[2] & 0x60 == 0x60 else 10 if body[2] & 0x40 else 8
        for place in self._of(number, b"pixi"):
            body = self._property(place)
            return max(body[5 : 5 + body[4]], default=8) if len(body) > 5 else 8
        tiles = [to for own, to in self.references[b"dimg"] if own == number and to]
        return self.depth(tiles[0][0], left - 1) if tiles and left else 8

    def colours(self, number: int) -> Colours | None:
        """Return the colours that numbers name for a picture; None if it has a profile."""
        found = None
        for place in self._of(number, b"colr"):
            body = self._property(place)
            if body[:4] in (b"prof", b"rICC"):
                return None
            if body[:4] == b"nclx" and len(body) >= 8:
                found = Colours(*(int.from_bytes(body[at : at + 2], "big") for at in (4, 6)))
        return found

    def body(self, number: int) -> bytes:
        """Return the content of an item."""
        return b"".join(self.data[at : at + size] for at, size in self.all[number].extents)

    @property
    def is_cut_off(self) -> bool:
        """Whether the content of an item lies beyond the end of the file."""
        ends = (at + size for item in self.all.values() for at, size in item.extents)
        return any(end > len(self.data) for end in ends)

    # -- reading ---------------------------------------------------------------------------------

    def _listed(self) -> Iterator[tuple[int, _Item]]:
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
            own = rest.partition(b"\0")[0] if body[:4] == b"mime" else body[:4]
            yield number, _Item(own, bool(self.data[at + 3] & 1))

    def _read_references(self) -> None:
        start, end = self.parts.get(b"iref", (0, 0))
        wide = 4 if self.data[start : start + 1] == b"\1" else 2
        for kind, at, stop in boxes(self.data, start + 4, end):
            numbers = self.data[at:stop]
            own = int.from_bytes(numbers[:wide], "big")
            count = int.from_bytes(numbers[wide : wide + 2], "big")
            first = wide + 2
            count = min(count, (len(numbers) - first) // wide)
            places = range(first, first + wide * count, wide)
            ends = [int.from_bytes(numbers[place : place + wide], "big") for place in places]
            self.references[kind].append((own, ends))

    def _read_properties(self) -> None:
        """Read the list of properties, and which items have which."""
        start, end = self.parts.get(b"iprp", (0, 0))
        self._properties: list[tuple[bytes, int, int]] = []
        owners = []
        for kind, at, stop in boxes(self.data, start, end):
            if kind == b"ipco":
                self._properties = list(boxes(self.data, at, stop))[:MOST_PROPERTIES]
            elif kind == b"ipma":
                owners.append(self.data[at:stop])
        for body in owners:
            self._read_owners(body)

    def _read_owners(self, body: bytes) -> None:
        wide_item, wide_place = (4 if body[:1] != b"\0" else 2), (2 if body[3:4] == b"\1" else 1)
        at = 8
        for _ in range(min(int.from_bytes(body[4:8], "big"), MOST_ITEMS)):
            number = int.from_bytes(body[at : at + wide_item], "big")
            at += wide_item
            count = body[at] if at < len(body) else 0
            at += 1
            for _ in range(count):
                place = int.from_bytes(body[at : at + wide_place], "big")
                place &= 0x7FFF if wide_place == 2 else 0x7F  # without "essential"
                at += wide_place
                if number in self.all and 0 < place <= len(self._properties):
                    self.all[number].properties.append(place - 1)

    def _kind(self, place: int) -> bytes:
        return self._properties[place][0]

    def _property(self, place: int) -> bytes:
        _, start, end = self._properties[place]
        return self.data[start : min(end, start + 2**16)]

    def _of(self, number: int, kind: bytes) -> list[int]:
        """Return the places of the properties of one kind that an item has."""
        own = self.all[number].properties if number in self.all else []
        return [place for place in own if self._kind(place) == kind]

    def _read_places(self) -> None:
        """Read where the content of each item lies in the file."""
        start, end = self.parts.get(b"iloc", (0, 0))
        body = self.data[start:end]
        if len(body) < 8:
            return
        version = body[0]
        offset_size, length_size = body[4] >> 4, body[4] & 15
        base_size, index_size = body[5] >> 4, (body[5] & 15) if version else 0
        at = 6

        def number(size: int) -> int:
            nonlocal at
            value = int.from_bytes(body[at : at + size], "big")
            at += size
            return value

        for _ in range(min(number(4 if version == 2 else 2), MOST_ITEMS)):
            item = number(4 if version == 2 else 2)
            method = number(2) & 15 if version else 0
            elsewhere = number(2) != 0
            base, extents = number(base_size), []
            for _ in range(min(number(2), MOST_EXTENTS)):
                number(index_size)
                extents.append((base + number(offset_size), number(length_size)))
            inside, _ = self.parts.get(b"idat", (0, 0))
            shift = inside if method == 1 else 0
            if item in self.all and not elsewhere and method < 2:
                self.all[item].extents = [(place + shift, size) for place, size in extents]
            if at > len(body):
                break

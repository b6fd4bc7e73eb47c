"""JPEG XL files -> their header, words and further contents.

The header is read here and not by a decoder, because the decoder behind Pillow decodes a picture as
soon as it is opened. It follows ISO/IEC 18181-1 up to the list of extra channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.boxes import boxes
from dedup_nb.pictures.contents.parts import DEPTH_MAP, Parts

CODESTREAM = b"\xff\x0a"
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # from 1 on
MOST_HEADER_BYTES = 65_536
MOST_CHANNELS = 64  # extra channels that are looked at
ALPHA, DEPTH, BLACK = 0, 1, 4  # types of extra channels; the others are unusual
ANIMATION, COMPRESSED = "animation", "compressed metadata"

Choice = tuple[int, int]  # the smallest value, and how many bits are added to it
SIDES: tuple[Choice, ...] = ((1, 9), (1, 13), (1, 18), (1, 30))


class _Bits:
    """Numbers in bits, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self.number, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next bits as a number; raises `ValueError` at the end of the data."""
        if count > self.left:
            raise ValueError("its header is cut off")
        value = self.number & ((1 << count) - 1)
        self.number >>= count
        self.left -= count
        return value

    def one_of(self, *choices: Choice) -> int:
        """Return a number of one of four ranges."""
        least, bits = choices[self.take(2)]
        return least + self.take(bits)

    def enum(self) -> int:
        return self.one_of((0, 0), (1, 0), (2, 4), (18, 6))


@dataclass
class Header:
    """What the beginning of a codestream says.

    Attributes
    ----------
    width, height : int
        In pixels, as stored.
    orientation : int
        As in EXIF, 1 to 8; decoders apply it.
    depth : int
        Bits of a channel.
    is_animated : bool
        Whether it is an animation.
    is_xyb : bool
        Whether its colours are stored as no lossless picture stores them.
    channels : list of int
        Types of the extra channels: `ALPHA`, `DEPTH`, `BLACK` and others.
    """

    width: int
    height: int
    orientation: int = 1
    depth: int = 8
    is_animated: bool = False
    is_xyb: bool = True
    channels: list[int] = field(default_factory=list)


def header(data: bytes) -> Header:
    """Return the header of a JPEG XL file.

    Raises
    ------
    ValueError
        If it is cut off or malformed.
    """
    bits = _Bits(_codestream(data))
    if bits.take(16) != int.from_bytes(CODESTREAM, "little"):
        raise ValueError("its codestream cannot be found")
    width, height = _size(bits)
    made = Header(width, height)
    if not bits.take(1):
        _read_metadata(bits, made)
    return made


def _codestream(data: bytes) -> bytes:
    """Return the beginning of the codestream, which may be cut into boxes."""
    if data.startswith(CODESTREAM):
        return data[:MOST_HEADER_BYTES]
    parts = b""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"jxlc":
            return data[start : min(end, start + MOST_HEADER_BYTES)]
        if kind == b"jxlp" and len(parts) < MOST_HEADER_BYTES:
            parts += data[start + 4 : min(end, start + MOST_HEADER_BYTES)]
    return parts


def _size(bits: _Bits) -> tuple[int, int]:
    by_eight = bits.take(1)
    height = 8 * (1 + bits.take(5)) if by_eight else bits.one_of(*SIDES)
    if ratio := bits.take(3):
        above, below = RATIOS[ratio - 1]
        return height * above // below, height
    return 8 * (1 + bits.take(5)) if by_eight else bits.one_of(*SIDES), height


def _skip_preview(bits: _Bits) -> None:
    by_eight = bits.take(1)
    sides: tuple[Choice, ...] = ((1, 6), (65, 8), (321, 10), (1345, 12))
    if by_eight:
        sides = ((16, 0), (32, 0), (1, 5), (33, 9))
    bits.one_of(*sides)
    if not bits.take(3):
        bits.one_of(*sides)


def _read_metadata(bits: _Bits, made: Header) -> None:
    if bits.take(1):
        made.orientation = 1 + bits.take(3)
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _skip_preview(bits)
        made.is_animated = bool(bits.take(1))
        if made.is_animated:
            bits.one_of((100, 0), (1000, 0), (1, 10), (1, 30))
            bits.one_of((1, 0), (1001, 0), (1, 8), (1, 10))
            bits.one_of((0, 0), (0, 3), (0, 16), (0, 32))
            bits.take(1)
    made.depth = _depth(bits)
    bits.take(1)
    count = bits.one_of((0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(min(count, MOST_CHANNELS)):
        made.channels.append(_channel(bits))
    made.is_xyb = bool(bits.take(1))


def _depth(bits: _Bits) -> int:
    if not bits.take(1):
        return bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))
    depth = bits.one_of((32, 0), (16, 0), (24, 0), (1, 6))
    bits.take(4)
    return depth


def _channel(bits: _Bits) -> int:
    """Return the type of an extra channel, and skip the rest of its description."""
    if bits.take(1):
        return ALPHA
    kind = bits.enum()
    _depth(bits)
    bits.one_of((0, 0), (3, 0), (4, 0), (1, 3))
    bits.take(8 * bits.one_of((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    further: dict[int, Callable[[], int]] = {
        ALPHA: lambda: bits.take(1),
        2: lambda: bits.take(64),  # a spot colour: four half floats
        5: lambda: bits.one_of((1, 0), (0, 2), (3, 4), (19, 8)),  # of a colour filter array
    }
    further.get(kind, lambda: 0)()
    return kind


def texts(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the EXIF data (`Exif`) and XMP (`xml `) of a file."""
    for kind, start, end in () if data.startswith(CODESTREAM) else boxes(data, 0, len(data)):
        if kind == b"Exif" and data[start : start + 4] in (b"II*\0", b"MM\0*"):
            yield kind, start, end  # some programs leave out where the EXIF data begin
        elif kind == b"Exif" and end - start > 4:
            yield kind, start + 4 + int.from_bytes(data[start : start + 4], "big"), end
        elif kind in (b"xml ", b"brob"):
            yield kind, start, end


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a JPEG XL file.

    Texts that are compressed are not read: they count as a further content. Of a file that was
    made from a JPEG and gives it back, the JPEG tells the rest; see `openers.jxl`.
    """
    for kind, start, end in texts(data):
        if kind == b"Exif":
            parts.shot = exif.of_exif(data[start:end], parts) or parts.shot
        elif kind == b"xml ":
            exif.of_xmp(data[start:end], parts)
        else:
            parts.add_further(COMPRESSED)
    made = header(data)
    parts.depth, parts.alpha = made.depth, ALPHA in made.channels
    parts.lossless = not (made.is_xyb or b"jbrd" in data[:MOST_HEADER_BYTES])
    if made.is_animated:
        parts.add_further(ANIMATION)
    if DEPTH in made.channels:
        parts.add_further(DEPTH_MAP)
    if any(kind > DEPTH for kind in made.channels):
        parts.add_further("further channels")

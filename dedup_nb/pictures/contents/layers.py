"""A Photoshop file -> its layers and words, and whether it has a flattened picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.parts import Parts

RESOURCES_AT = 26  # after the header
IPTC, EXIF, XMP, VERSION = 0x0404, 0x0422, 0x0424, 0x0421
LAYERS = "layers"
MOST_RESOURCES = 2_000
COLOUR_CHANNELS = {1: 1, 2: 1, 3: 3, 4: 4, 8: 1, 9: 3}  # of a colour mode


def is_large(data: bytes) -> bool:
    """Return whether a file is a large document (PSB)."""
    return data[4:6] == b"\0\2"


def depth(data: bytes) -> int:
    """Return the bits of a channel."""
    return int.from_bytes(data[22:24], "big")


def is_flattened(data: bytes) -> bool:
    """Return whether a file holds its flattened picture; programs may leave it blank."""
    return all(
        kind != VERSION or end - start < 5 or bool(data[start + 4])
        for kind, start, end in _resources(data)
    )


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a Photoshop file."""
    (channels,) = struct.unpack_from(">H", data, 12)
    parts.lossless, parts.depth = True, depth(data)
    mode = int.from_bytes(data[24:26], "big")
    parts.palette, parts.alpha = mode == 2, channels > COLOUR_CHANNELS.get(mode, channels)
    for kind, start, end in _resources(data):
        if kind == IPTC:
            exif.of_iptc(data[start:end], parts.words)
        elif kind == EXIF:
            parts.shot = exif.of_exif(data[start:end], parts) or parts.shot
        elif kind == XMP:
            exif.of_xmp(data[start:end], parts)
    if count := _layers(data):
        parts.add_further(f"{count} {LAYERS if count > 1 else LAYERS[:-1]}")


def _sections(data: bytes) -> tuple[int, int]:
    """Return the offsets after the colour data and after the resources."""
    at = RESOURCES_AT + 4 + int.from_bytes(data[RESOURCES_AT : RESOURCES_AT + 4], "big")
    return at, at + 4 + int.from_bytes(data[at : at + 4], "big")


def _resources(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of each image resource."""
    at, end = _sections(data)
    at += 4
    for _ in range(MOST_RESOURCES):
        if at + 12 > min(end, len(data)) or data[at : at + 4] not in (b"8BIM", b"MeSa"):
            return
        kind = int.from_bytes(data[at + 4 : at + 6], "big")
        at += 6 + (data[at + 6] + 2) // 2 * 2  # a name, padded to an even length
        size = int.from_bytes(data[at : at + 4], "big")
        yield kind, at + 4, min(at + 4 + size, len(data))
        at += 4 + size + size % 2


def _layers(data: bytes) -> int:
    """Return the number of layers; in the additional information of deep files, at least 1."""
    _, at = _sections(data)
    wide = 8 if is_large(data) else 4
    length = int.from_bytes(data[at : at + wide], "big")
    if not length:
        return 0
    info = int.from_bytes(data[at + wide : at + 2 * wide], "big")
    if info >= 2:
        return abs(int.from_bytes(data[at + 2 * wide : at + 2 * wide + 2], "big", signed=True))
    section = data[at + wide : at + wide + length]
    return int(any(key in section for key in (b"Lr16", b"Lr32", b"Layr")))

"""A camera raw file -> its words; its data is a further content that no other file holds."""

from __future__ import annotations

from dedup_nb.library import tiff
from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.parts import RAW_DATA, Parts

FUJIFILM, PREVIEW_AT = b"FUJIFILMCCD-RAW", 84  # and where the offset of its JPEG stands
CANON = b"ftypcrx "
BLOCKS = (b"CMT1", b"CMT2", b"CMT4")  # TIFFs of a Canon: the camera, how it was taken, the place
MOST_HEAD_BYTES = 2**20
JPEG_EXIF = b"Exif\0\0"
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 273, 279, 324, 325
CUT_OFF = "its end is missing"


def is_cut_off(data: bytes) -> bool:
    """Return whether a picture that a file of TIFF structure lists lies beyond its end."""
    content = tiff.of_bytes(data)
    for first in content.chain():
        for one in (first, *content.below(first, tiff.SUB_DIRECTORIES)):
            for places, sizes in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
                starts, counts = content.numbers(one, places), content.numbers(one, sizes)
                both = zip(starts, counts, strict=False)
                if any(start + count > len(data) for start, count in both):
                    return True
    return False


def read(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a camera raw file."""
    parts.add_further(RAW_DATA)
    parts.lossless, parts.depth = True, 14
    if is_cut_off(data):
        parts.damage = CUT_OFF
    if data.startswith(FUJIFILM):
        start = int.from_bytes(data[PREVIEW_AT : PREVIEW_AT + 4], "big")
        at = data.find(JPEG_EXIF, start, start + 65_536)
        if at >= 0:
            parts.shot = exif.of_exif(data[at : at + 65_536], parts)
        return
    if data[4:12] == CANON:
        for name in BLOCKS:
            at = data.find(name, 0, MOST_HEAD_BYTES)
            if at >= 4:
                block = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
                parts.shot = exif.of_exif(block, parts) or parts.shot
        return
    content = tiff.of_bytes(data)
    first = next(content.chain(), None)
    if first is not None:
        parts.shot = exif.of_directory(content, first, parts)
        exif.of_xmp(content.bytes(first, exif.XMP_TAG), parts)

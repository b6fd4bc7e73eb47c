"""Plain formats (JPEG 2000, DDS, QOI, PPM, icons, Targa) -> bit depth and further pictures."""

from __future__ import annotations

import re
import struct

from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.boxes import boxes
from dedup_nb.pictures.contents.parts import Parts

PICTURES = "pictures"
SIZ = b"\xff\x51"  # begins the size of a JPEG 2000 codestream
COD, WHOLE_WAVELET = b"\xff\x52", 1
EXIF_ID = b"JpgTiffExif->JP2"
XMP_ID = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac"
MAXIMUM = re.compile(rb"P[2356]\s(?:\s*#[^\n]*\n)*\s*\d+\s+\d+\s+(\d+)\s")
COMMENT = re.compile(rb"^#[ \t]*(.+)$", re.MULTILINE)
PROGRAMS = ("created by", "creator")  # begin comments that say nothing of the picture
CUBE_FACES, VOLUME = 0xFC00, 0x200000  # flags of DDS


def read_jpeg2000(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a JPEG 2000 file or codestream."""
    at = data.find(SIZ, 0, 2**20)
    if at >= 0 and len(data) >= at + 41:
        channels = min(int.from_bytes(data[at + 38 : at + 40], "big"), 64)
        depths = [1 + (data[at + 40 + 3 * k] & 0x7F) for k in range(channels)]
        parts.depth, parts.alpha = max(depths, default=8), channels in (2, 4)
        style = data.find(COD, at, at + 2**16)
        parts.lossless = style >= 0 and data[style + 13 : style + 14] == bytes([WHOLE_WAVELET])
    for kind, start, end in () if data.startswith(b"\xff") else boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == EXIF_ID:
            parts.shot = exif.of_exif(data[start + 16 : end], parts) or parts.shot
        elif kind == b"uuid" and data[start : start + 16] == XMP_ID:
            exif.of_xmp(data[start + 16 : end], parts)
        elif kind == b"xml ":
            exif.add(
                parts.words, "other metadata", data[start:end][:4096].decode("utf-8", "replace")
            )


def read_dds(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a DirectDraw surface; smaller copies of the picture do not count."""
    faces = int.from_bytes(data[112:116], "little")
    count = max((faces & CUBE_FACES).bit_count(), 1)
    if faces & VOLUME:
        count *= max(int.from_bytes(data[24:28], "little"), 1)
    if data[84:88] == b"DX10":
        count = max(count, int.from_bytes(data[140:144], "little"))
    parts.alpha = bool(data[80] & 3) or data[84:88] != b"\0\0\0\0"
    parts.lossless = data[84:88] == b"\0\0\0\0"
    parts.add_frames(count, PICTURES)


def read_qoi(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a QOI."""
    parts.lossless, parts.alpha = True, data[12] == 4


def read_ppm(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a PPM, PGM, PBM or PFM."""
    parts.lossless = True
    if data[1:2] in b"Ff":
        parts.depth = 32
        return
    found = MAXIMUM.match(data[:4096])
    parts.depth = int(found[1]).bit_length() if found else 1
    head = data[: found.end()] if found else b""
    for text in COMMENT.findall(head):
        comment = text.decode("utf-8", "replace").strip()
        if not comment.lower().startswith(PROGRAMS):
            exif.add(parts.words, "caption", comment)


def read_ico(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a Windows icon; the largest of its pictures is shown."""
    parts.lossless = parts.alpha = True
    (count,) = struct.unpack_from("<H", data, 4)
    parts.add_frames(count, PICTURES)


def read_tga(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a Targa."""
    parts.lossless, parts.palette = True, data[2] in (1, 9)
    parts.alpha = bool(data[17] & 15)

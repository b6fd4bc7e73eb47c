"""PNG, WebP, GIF, BMP and TIFF files -> their words, frames and pages."""

from __future__ import annotations

import struct

from dedup_nb.library import png_chunks, tiff, words
from dedup_nb.pictures.contents import exif
from dedup_nb.pictures.contents.parts import APPENDED, RAW_DATA, Parts
from dedup_nb.pictures.png.plain import crc32

MOST_CHUNKS = 100_000
NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"fdAT")  # chunks that hold the picture
MOST_FRAMES = 100_000
GIF_FIRST = 13  # bytes before the colour table
JPEG_COMPRESSIONS = (6, 7, 34892, 50001, 52546)  # of TIFF: JPEG, lossy DNG, WebP, JPEG XL
FILES = (b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"%PDF-")


def read_png(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a PNG."""
    parts.lossless = True
    texts, end = 0, 0
    for kind, start, stop in png_chunks.chunks(data):
        checksum = int.from_bytes(data[stop : stop + 4], "big")
        if kind in NEEDED and crc32(memoryview(data)[start - 4 : stop]) != checksum:
            parts.damage = "some of its data is damaged"
        if kind == b"IHDR" and stop - start >= 10:
            parts.depth, colour = data[start + 8], data[start + 9]
            parts.palette, parts.alpha = colour == 3, bool(colour & 4)
        elif kind == b"tRNS":
            parts.alpha = True
        elif kind == b"acTL" and stop - start >= 4:
            parts.add_frames(int.from_bytes(data[start : start + 4], "big"))
        elif kind == b"eXIf":
            parts.shot = exif.of_exif(data[start:stop], parts) or parts.shot
        elif kind in png_chunks.TEXTS and texts < png_chunks.MOST_TEXTS:
            texts += 1
            _read_text(kind, data[start:stop], parts)
        elif kind == b"IEND":
            end = stop + 4
    if not end:
        parts.damage = "its end is missing"
    elif data[end : end + 8].startswith(FILES):
        parts.add_further(APPENDED)


def _read_text(kind: bytes, body: bytes, parts: Parts) -> None:
    stored = png_chunks.text_of(kind, body, words.MOST_JSON)
    if stored.keyword == "XML:com.adobe.xmp":
        exif.of_xmp(stored.data, parts)
    elif stored.keyword.startswith("Raw profile type "):
        _read_profile(stored.keyword[17:], stored.data, parts)
    else:
        exif.of_text(stored.keyword, stored.text, parts.words)


def _read_profile(kind: str, text: bytes, parts: Parts) -> None:
    """Read EXIF, IPTC or XMP that ImageMagick stores as hexadecimal digits."""
    lines = text.split(b"\n", 3)  # empty, name, length, digits
    try:
        body = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return
    if kind in ("exif", "APP1", "app1"):
        marker = b"http://ns.adobe.com/xap/1.0/\0"
        if body.startswith(marker):
            exif.of_xmp(body[len(marker) :], parts)
        else:
            parts.shot = exif.of_exif(body, parts) or parts.shot
    elif kind == "xmp":
        exif.of_xmp(body, parts)
    elif kind in ("iptc", "8bim"):
        exif.of_photoshop(body, parts.words)
        exif.of_iptc(body, parts.words)


def read_webp(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a WebP."""
    frames, at = 0, 12
    for _ in range(MOST_CHUNKS):
        if at + 8 > len(data):
            break
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[
            at + 8 : at + 8 + min(size, 64 if kind in (b"ANMF", b"VP8 ", b"VP8L") else size)
        ]
        if kind == b"VP8X" and body:
            parts.alpha = bool(body[0] & 0x10)
        elif kind == b"VP8L" and len(body) >= 5:
            parts.lossless, parts.alpha = True, parts.alpha or bool(body[4] & 0x10)
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            parts.shot = exif.of_exif(body, parts) or parts.shot
        elif kind == b"XMP ":
            exif.of_xmp(body, parts)
        at += 8 + size + size % 2
    parts.add_frames(frames)
    if int.from_bytes(data[4:8], "little") + 8 > len(data) + 1:
        parts.damage = "its end is missing"


def read_gif(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a GIF."""
    parts.lossless = parts.palette = True
    frames, at = 0, GIF_FIRST + _table_bytes(data[10] if len(data) > 10 else 0)
    while at < len(data) and frames < MOST_FRAMES:
        kind = data[at]
        if kind == 0x2C and at + 10 <= len(data):
            frames += 1
            at = _after_blocks(data, at + 11 + _table_bytes(data[at + 9]))
        elif kind == 0x21 and at + 2 <= len(data):
            _read_extension(data, at, parts)
            at = _after_blocks(data, at + 2)
        else:
            break
    if at > len(data) or data[at : at + 1] not in (b"", b"\x3b"):  # some programs leave it out
        parts.damage = "its end is missing"
    parts.add_frames(frames)


def _table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _read_extension(data: bytes, at: int, parts: Parts) -> None:
    label, body = data[at + 1], data[at + 3 : at + 259]
    if label == 0xFE:
        size = data[at + 2] if at + 2 < len(data) else 0
        exif.add(parts.words, "caption", body[:size].decode("utf-8", "replace"))
    elif label == 0xF9 and body:
        parts.alpha = parts.alpha or bool(body[0] & 1)
    elif label == 0xFF and body.startswith(b"XMP DataXMP"):
        start = at + 14
        exif.of_xmp(data[start : data.find(b"\x01\xff\xfe", start)], parts)


def read_bmp(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a Windows bitmap."""
    bits = int.from_bytes(data[28:30], "little") if len(data) >= 30 else 24
    parts.lossless, parts.palette, parts.alpha = True, bits <= 8, bits == 32


def read_tiff(data: bytes, parts: Parts) -> None:
    """Fill in the facts of a TIFF."""
    content = tiff.of_bytes(data)
    pages = 0
    for number, directory in enumerate(content.chain()):
        reduced = content.has_bit(directory, tiff.REDUCED) or content.has_bit(directory, tiff.MASK)
        pages += not reduced
        if content.number(directory, tiff.PHOTOMETRIC) in (tiff.CFA, tiff.LINEAR_RAW):
            parts.add_further(RAW_DATA)
        if number:
            continue
        bits = content.number(directory, tiff.BITS)
        parts.depth = int(bits) if bits == bits else 1
        parts.lossless = content.number(directory, tiff.COMPRESSION) not in JPEG_COMPRESSIONS
        parts.palette = content.number(directory, tiff.PHOTOMETRIC) == 3
        parts.alpha = any(kind in (1, 2) for kind in content.numbers(directory, 338))
        parts.shot = exif.of_directory(content, directory, parts)
        exif.of_xmp(content.bytes(directory, exif.XMP_TAG), parts)
        exif.of_iptc(content.bytes(directory, exif.IPTC_TAG), parts.words)
        exif.of_photoshop(content.bytes(directory, exif.PHOTOSHOP_TAG), parts.words)
    parts.add_frames(pages, "pages")

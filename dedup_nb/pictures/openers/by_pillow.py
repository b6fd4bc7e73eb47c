"""Formats that Pillow reads by itself -> opened pictures."""

from __future__ import annotations

import importlib
import io
import struct
from typing import Any

from PIL import Image

from dedup_nb.library.formats import Format
from dedup_nb.pictures.contents import layers
from dedup_nb.pictures.openers.base import Opened, Refused, admit

# Pillow's format -> the module that reads it, so that the other fifty are not imported.
PLUGINS = {
    "AVIF": "Avif", "BMP": "Bmp", "DDS": "Dds", "GIF": "Gif", "ICO": "Ico", "JPEG": "Jpeg",
    "JPEG2000": "Jpeg2K", "PNG": "Png", "PPM": "Ppm", "PSD": "Psd", "QOI": "Qoi", "TGA": "Tga",
    "TIFF": "Tiff", "WEBP": "WebP",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n"
NO_COMPOSITE = (
    "it has layers but no flattened picture; save it with maximum compatibility, or a copy of it "
    "as TIFF or PNG"
)
LARGE_DOCUMENT = "it is a large document (PSB), which is not decoded here"
DEEP_DOCUMENT = "its channels have {bits} bits; a Photoshop file is read with 1 or 8"


def opened(data: bytes, entry: Format, max_pixels: float) -> Opened:
    """Open a picture by its header; see `openers.opened`."""
    if entry.name == "PSD":
        _refuse_documents(data)
    if entry.name == "ICO":
        picture = _largest(data, max_pixels)
    else:
        importlib.import_module(f"PIL.{PLUGINS[entry.pillow]}ImagePlugin")
        picture = Image.open(io.BytesIO(data), formats=[entry.pillow])
    admit(*picture.size, max_pixels)
    return Opened(picture, data, *picture.size)


def _refuse_documents(data: bytes) -> None:
    if layers.is_large(data):
        raise Refused(LARGE_DOCUMENT)
    bits = layers.depth(data)
    if bits not in (1, 8) and len(data) >= layers.RESOURCES_AT:
        raise Refused(DEEP_DOCUMENT.format(bits=bits))
    if not layers.is_flattened(data):
        raise Refused(NO_COMPOSITE)


def _largest(data: bytes, max_pixels: float) -> Image.Image:
    """Return the largest picture of an icon, of several the one with most bits a pixel.

    Pillow would decode it at once, and what it holds may be larger than the icon declares.
    """
    from PIL.IcoImagePlugin import IcoFile

    icon = IcoFile(io.BytesIO(data))
    best = max(range(len(icon.entry)), key=lambda k: _rank(icon.entry[k]))
    start, size = icon.entry[best].offset, icon.entry[best].size
    if data[start : start + 8] == PNG:
        importlib.import_module("PIL.PngImagePlugin")
        picture: Image.Image = Image.open(io.BytesIO(data[start : start + size]), formats=["PNG"])
    else:
        width, height = struct.unpack_from("<4xii", data, start)
        admit(abs(width), abs(height) // 2, max_pixels)  # its mask lies below the picture
        picture = icon.frame(best)
    picture.format = "ICO"
    return picture


def _rank(entry: Any) -> tuple[int, int]:
    return entry.square, entry.color_depth

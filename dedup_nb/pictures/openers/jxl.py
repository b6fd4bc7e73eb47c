"""JPEG XL files -> decoded pictures.

The decoder decodes a picture as soon as it is opened, and only the first one of an animation, so
its size is read from its header before. A file that was made from a JPEG and gives it back bit by
bit is decoded as that JPEG.
"""

from __future__ import annotations

from PIL import Image

from dedup_nb.library.formats import FORMATS, Format
from dedup_nb.pictures.contents import jxl
from dedup_nb.pictures.openers import by_pillow
from dedup_nb.pictures.openers.base import Opened, Refused, admit

CMYK = "it has a channel for black ink, which is not decoded here"
DAMAGED = "its data is damaged or cut off"
FLOATS = "F"


def opened(data: bytes, entry: Format, max_pixels: float) -> Opened:
    """Open a picture; see `openers.opened`."""
    header = jxl.header(data)
    admit(header.width, header.height, max_pixels)
    if jxl.BLACK in header.channels:
        raise Refused(CMYK)
    from pillow_jxl import Decoder  # of an extra

    try:
        is_jpeg, found, pixels, profile, _ = Decoder(num_threads=0)(data)
    except RuntimeError as error:  # its message is a paragraph that tells no more
        raise ValueError(DAMAGED) from error
    if is_jpeg:
        made = by_pillow.opened(pixels, FORMATS["JPEG"], max_pixels)
        made.inner = "JPEG"
        return made
    picture = Image.frombytes(found.mode, (found.width, found.height), pixels)
    if found.mode == FLOATS:  # 1 is white; what is brighter is cut off
        picture = picture.point(lambda value: value * 255 + 0.5).convert("L")
    if profile:
        picture.info["icc_profile"] = bytes(profile)
    picture.n_frames = 1 + header.is_animated  # type: ignore[attr-defined]
    picture.is_animated = header.is_animated  # type: ignore[attr-defined]
    for kind, start, end in jxl.texts(data):
        if kind == b"Exif":
            picture.info["exif"] = data[start:end]
    return Opened(picture, data, *picture.size, orientation=1)

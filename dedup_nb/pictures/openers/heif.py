"""HEIC and HEIF files -> opened pictures.

libheif shows the first picture of a file, built from its tiles, cropped, mirrored and turned as its
container says. The orientation in its EXIF data must not be applied again (ISO/IEC 23000-22, 7.3).
"""

from __future__ import annotations

import io

from pillow_heif import options
from pillow_heif.as_plugin import HeifImageFile

from dedup_nb.library.formats import Format
from dedup_nb.pictures.contents import items
from dedup_nb.pictures.openers.base import Opened, Refused, admit

SEQUENCE = "it is an image sequence without a still picture, which is not decoded here"
NOTHING = "it holds no picture that can be decoded here"
NO_IMAGE = "not identified by this driver"  # Pillow's words for a file without a size

options.DECODE_THREADS = 1  # a decoder process runs on each core
# Nothing but the picture itself is decoded, and never a thumbnail in its place.
options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False


def opened(data: bytes, entry: Format, max_pixels: float) -> Opened:
    """Open a picture by its header; see `openers.opened`."""
    if items.is_only_a_sequence(data):
        raise Refused(SEQUENCE)
    try:
        picture = HeifImageFile(io.BytesIO(data))
    except SyntaxError as error:
        raise ValueError(NOTHING if str(error) == NO_IMAGE else str(error)) from error
    width, height = picture.size
    admit(width, height, max_pixels)
    return Opened(picture, data, width, height, orientation=1)

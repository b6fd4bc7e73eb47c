"""An opened picture -> its pixels, or a small picture, by the fastest decoder that takes it.

Whichever decodes it, the pixels are the same. Only for watched processes.
"""

from __future__ import annotations

import sys

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from dedup_nb.pictures.contents import jpeg
from dedup_nb.pictures.openers import Opened
from dedup_nb.pictures.png.plain import HAS_ISAL, Plain, plain

SHORT_SIDE_PX, LONG_SIDE_PX = 128, 256  # smallest sides after the cheap reduction
JPEG_FAST = {"RGB": "RGB", "L": "GRAY"}  # Pillow's mode -> simplejpeg's
DAMAGE = "damage"  # where what a decoder complains of is kept in the `info` of a picture
PNG_WORTH_PIXELS = 16_000_000  # that Pillow decodes before importing numba is worth its time


def reduced(
    opened: Opened, short_px: int = SHORT_SIDE_PX, long_px: int = LONG_SIDE_PX
) -> Image.Image:
    """Decode to a small picture cheaply, by scaled JPEG decoding and a box filter.

    The short side stays >= `short_px` and the long side >= `long_px`, if the picture is that
    large.
    """
    picture = opened.picture
    short, long = sorted(picture.size)
    scale = max(short_px / short, long_px / long, 1e-9)
    if scale < 1 and picture.format in ("JPEG", "MPO"):
        wanted = (int(picture.width * scale) or 1, int(picture.height * scale) or 1)
        picture.draft(picture.mode, wanted)
    short, long = sorted(picture.size)
    factor = max(1, int(min(short / short_px, long / long_px)))
    if picture.format == "PNG":
        small = _plain_png(opened.data, plain(opened.data), factor)
        if small is not None:
            return _of_png(small, factor)
        whole = _loaded(picture)
    else:
        whole = pixels(opened)
    return whole.reduce(factor) if factor > 1 else whole


def pixels(opened: Opened, factor: int = 1) -> Image.Image:
    """Decode to 8 bits per channel, with a faster decoder where there is one.

    The result may be reduced by `factor` if only every `factor`-th pixel is needed.
    """
    picture, array = opened.picture, None
    if picture.format in ("JPEG", "MPO"):
        array = _decoded_jpeg(picture, opened.data)
    elif picture.format == "PNG" and (kind := plain(opened.data)):
        array = _plain_png(opened.data, kind)
        if array is None:
            array = np.asarray(picture)
    return _loaded(picture) if array is None else Image.fromarray(_averaged(array, factor))


def _loaded(picture: Image.Image) -> Image.Image:
    """Let Pillow decode a picture, to 8 bits per channel."""
    picture.load()
    return _eight_bit(picture)


class _Png:
    """How many pixels Pillow decodes before the fast decoder, whose start takes long, is worth it.

    Numba is what takes long; other tasks of a process may have imported it.
    """

    left = PNG_WORTH_PIXELS


def _plain_png(data: bytes, found: Plain | None, factor: int = 1) -> NDArray[np.uint8] | None:
    """Decode a plain PNG fast; None if Pillow must do it, or may as well."""
    if found is None or not HAS_ISAL:
        return None
    if _Png.left > 0 and "numba" not in sys.modules:
        _Png.left -= found.width * found.height
        return None
    from dedup_nb.pictures.png import decoder  # imports numba

    return decoder.decoded(data, found, factor)


def _of_png(decoded: NDArray[np.uint8], factor: int) -> Image.Image:
    """Return averages of the decoder as a picture."""
    if factor == 1 or decoded.shape[2:] != (4,):
        return Image.fromarray(decoded)
    height, width = decoded.shape[:2]
    premultiplied = Image.frombuffer("RGBa", (width, height), decoded, "raw", "RGBa", 0, 1)
    return premultiplied.convert("RGBA")


def _averaged(array: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average squares of pixels, five times faster than Pillow; unchanged if none would be left.

    Colours of transparent pixels must not be mixed with visible ones.
    """
    height, width = array.shape[:2]
    if factor == 1 or height % factor or width % factor or array.shape[2:] == (4,):
        return array
    import cv2  # imported only when needed, so that decoders start faster

    size = (width // factor, height // factor)
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA))


def _decoded_jpeg(opened: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """Decode a grey or RGB JPEG at the size of its draft; None if Pillow must decode it.

    The pixels are those of Pillow, which has the same library inside but hides its complaints;
    they are kept under `DAMAGE`.
    """
    if opened.mode not in JPEG_FAST:
        return None
    width, height = opened.size
    try:
        array = simplejpeg.decode_jpeg(
            data, JPEG_FAST[opened.mode], fastdct=False, fastupsample=False,
            min_height=height, min_width=width,
        )  # fmt: skip
    except ValueError as error:
        opened.info[DAMAGE] = jpeg.damage(data, str(error))
        return None
    pixels = np.asarray(array, np.uint8)
    if pixels.shape[:2] != (height, width):
        return None
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Convert any mode to 8 bits per channel; deep greys are scaled, as `convert` clips them."""
    if picture.mode.startswith("I;16"):
        deep = np.asarray(picture).astype(np.uint16)
        return Image.fromarray((deep >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        if picture.mode == "I" and low >= 0 and high < 2**16:
            low, high = 0.0, 65535.0  # a 16-bit picture in a 32-bit mode keeps its brightness
        spread = (high - low) or 1.0
        return Image.fromarray(((values - low) / spread * 255).round().astype(np.uint8))
    if picture.mode in ("RGB", "L", "RGBA", "LA") and "transparency" not in picture.info:
        return picture
    translucent = "A" in picture.getbands() or "a" in picture.getbands()
    return picture.convert("RGBA" if translucent or "transparency" in picture.info else "RGB")

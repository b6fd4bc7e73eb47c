"""Strangers' files -> whole pictures, in watched processes only.

What measures, verdicts and thumbnails need is decoded small; see `images`. Here a picture may take
gigabytes, so nothing in this module is called in the kernel.
"""

from __future__ import annotations

import os

from PIL import Image

from dedup_nb.library import files
from dedup_nb.pictures import images


def full_size(path: bytes, max_pixels: float = images.MAX_PIXELS) -> Image.Image:
    """Open a stranger's picture in full size; call it in tasks alone, never in the kernel.

    A task runs in a watched process; see `engines.tasks`. There a picture that hangs, crashes or
    needs too much memory costs one item.

    Parameters
    ----------
    path : bytes
        Absolute path; a link is not followed.
    max_pixels : float
        A picture with more pixels is refused before it is decoded.

    Returns
    -------
    Image
        Upright by its EXIF orientation, mode `RGB` or `RGBA`, 8 bits a channel, the first of
        several frames; `np.asarray` makes it an array of uint8, shape (height, width, 3 or 4).
        `info["icc_profile"]` holds its colour profile, if it has one; it is not applied.

    Raises
    ------
    ValueError
        If it cannot be read or decoded, or is too large.
    """
    data, name = _content(path)
    return full_size_of(data, name, max_pixels)


def full_size_of(data: bytes, name: str, max_pixels: float = images.MAX_PIXELS) -> Image.Image:
    """Open a stranger's picture from its content and its file name; see `full_size`."""
    picture = images.whole(data, name, max_pixels, None)
    if picture.mode in ("RGB", "RGBA"):
        return picture
    whole = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    whole.info = picture.info
    return whole


def _content(path: bytes) -> tuple[bytes, str]:
    try:
        data = files.read_file(path)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    return data, os.fsdecode(os.path.basename(path))

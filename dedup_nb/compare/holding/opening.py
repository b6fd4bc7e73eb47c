"""An untrusted file -> its pixels at full size in sRGB, and what they were made of.

Only for tasks in watched processes; see `pictures.whole`.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dedup_nb.compare.holding import coding, colours
from dedup_nb.compare.holding.judging import Saved
from dedup_nb.library import files, formats
from dedup_nb.pictures import images, whole
from dedup_nb.pictures.contents import contents_of, items

MOST_PROFILE_BYTES = 4 * 2**20  # a larger colour profile is ignored
DEEP_PNG, DEEP_AT = b"\x10", 24  # sixteen bits, and where a PNG says so
BITS_TAG = 258  # BitsPerSample of TIFF
DEEP_LEVELS = 300  # more levels than eight bits have
SAMPLES = 256  # rows and columns that are looked at for the real depth
EIGHT, SIXTEEN = 8, 16
MEASURED = ("PNG", "TIFF", "PPM")  # formats whose real depth the pixels tell
# Formats whose depth is believed: of a picture that names more bits nobody knows whether it has.
DECLARED = ("AVIF", "HEIF", "JXL", "JPEG2000")
SMOOTH, LOSSY_WEBP = ("AVIF", "HEIF"), b"VP8 "
SMOOTH_IF_LOSSY = ("JXL", "JPEG2000")
MOST_HEAD_BYTES = 2**20


class Opened(NamedTuple):
    """A picture at full size.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3 or 4)
        RGB in sRGB, or RGBA where the file has transparency.
    saved : Saved
        What the file says of how they were saved.
    lossy : bool
        Whether the file was saved by a lossy codec.
    """

    pixels: NDArray[np.uint8]
    saved: Saved
    lossy: bool


class Changed(ValueError):
    """The file has changed since it was catalogued."""


def opened(path: bytes, sha256: str = "", max_pixels: float = images.MAX_PIXELS) -> Opened:
    """Decode a picture at full size and convert it to sRGB.

    Parameters
    ----------
    path : bytes
        Absolute path.
    sha256 : str
        Its digest in the catalogue; "" does not compare it.
    max_pixels : float
        A picture with more pixels is refused before it is decoded.

    Raises
    ------
    Changed
        If the file has another content now, or is gone.
    ValueError
        If it cannot be decoded, or is too large.
    """
    data = contents(path, sha256)
    name = os.fsdecode(os.path.basename(path))
    kind = formats.image_format(name, data[: formats.HEAD_BYTES])
    head = data[:MOST_HEAD_BYTES]
    smooth = kind in SMOOTH or (kind == "WEBP" and LOSSY_WEBP in head)
    smooth |= kind in SMOOTH_IF_LOSSY and not contents_of(data, kind).lossless
    saved = Saved(_depth(data, kind, head), smooth, _coarseness(head) if kind == "JPEG" else 0.0)
    picture = whole.full_size_of(data, name, max_pixels)
    pixels = np.asarray(in_srgb(picture, _profile_of(data, kind)))
    return Opened(pixels, saved, smooth or kind == "JPEG")


def _profile_of(data: bytes, kind: str | None) -> bytes:
    """Return the colour profile of a picture whose colours are named by numbers, or b""."""
    if kind not in ("AVIF", "HEIF"):
        return b""
    named = items.colours(data)
    return colours.profile(*named) if named else b""


def contents(path: bytes, sha256: str = "") -> bytes:
    """Return the bytes of a file, which must be those that the catalogue knows.

    Parameters
    ----------
    path : bytes
        Absolute path.
    sha256 : str
        Its digest in the catalogue; "" does not compare it.

    Raises
    ------
    Changed
        If the file has another content now, or is gone.
    """
    try:
        data = files.read_file(path)
    except OSError as error:
        raise Changed(f"cannot be read: {error.strerror or error}") from error
    if sha256 and files.sha256(data) != sha256:
        raise Changed("changed since it was catalogued")
    return data


def in_srgb(picture: Image.Image, named: bytes = b"") -> Image.Image:
    """Return a picture with the numbers of sRGB; a damaged profile is ignored, as viewers do.

    Parameters
    ----------
    picture : Image
    named : bytes
        The profile to use if it has none of its own.
    """
    data = picture.info.get("icc_profile") or named
    if not data or len(data) > MOST_PROFILE_BYTES:
        return picture
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if profile.profile.xcolor_space.strip() != "RGB":
            return picture
        converted: Any = ImageCms.profileToProfile(
            picture.convert("RGB"), profile, _srgb(), outputMode="RGB"
        )
        if picture.mode == "RGBA":
            converted.putalpha(picture.getchannel("A"))
        return converted  # type: ignore[no-any-return]
    return picture


@cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _coarseness(head: bytes) -> float:
    """Return the quantisation that a JPEG names, relative to quality 50."""
    with suppress(Exception):  # decoders raise far more than OSError on malformed files
        tables: Any = Image.open(io.BytesIO(head), formats=["JPEG", "MPO"])
        ratios = np.array(tables.quantization[0], np.float64).reshape(8, 8) / coding.QUALITY_50
        return round(float(np.median(ratios)), 3)
    return 0.0


def _depth(data: bytes, kind: str | None, head: bytes) -> int:
    """Return the bits a channel that a picture really uses, as far as it can be known."""
    if kind in DECLARED:
        return max(EIGHT, contents_of(data, str(kind)).depth)
    is_deep = kind in MEASURED and (kind != "PNG" or head[DEEP_AT : DEEP_AT + 1] == DEEP_PNG)
    return _measured_depth(data) if is_deep else EIGHT


def _measured_depth(data: bytes) -> int:
    """Return the bits a channel that a picture really uses, not those that its header names."""
    with suppress(Exception):  # decoders raise far more than OSError on malformed files
        bits = Image.open(io.BytesIO(data), formats=list(MEASURED))
        if bits.format == "TIFF" and max(bits.tag_v2.get(BITS_TAG, (EIGHT,))) <= EIGHT:  # type: ignore[attr-defined]
            return EIGHT
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None or values.dtype == np.uint8:
            return EIGHT
        steps = [max(side // SAMPLES, 1) for side in values.shape[:2]]
        part = np.atleast_3d(values[:: steps[0], :: steps[1]])
        levels = max(len(np.unique(part[..., k])) for k in range(part.shape[2]))
        return SIXTEEN if levels > DEEP_LEVELS else EIGHT
    return EIGHT

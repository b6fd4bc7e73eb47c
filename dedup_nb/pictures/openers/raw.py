"""Camera raw files -> their embedded preview, or a picture developed at half size."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from dedup_nb.library.formats import FORMATS, Format
from dedup_nb.pictures.contents import raw as contents
from dedup_nb.pictures.openers import by_pillow
from dedup_nb.pictures.openers.base import Opened, admit

ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}  # LibRaw's "flip" -> as in EXIF
LEAST_PREVIEW_PX = 640  # long side of a preview that is as good as a picture for comparing
ORIENTATION_TAG = 0x0112
LEAST_COMPRESSED = 32  # pixels for which every raw file has at least one byte
LIES = 5  # orientations from this one on lie on their side


def opened(data: bytes, entry: Format, max_pixels: float) -> Opened:
    """Open a picture; see `openers.opened`."""
    import rawpy  # of an extra

    try:
        return _opened(data, max_pixels)
    except rawpy.LibRawError as error:
        why = error.args[0] if error.args else ""
        text = why.decode("ascii", "replace") if isinstance(why, bytes) else str(why)
        raise ValueError(text or type(error).__name__) from error


def _opened(data: bytes, max_pixels: float) -> Opened:
    import rawpy

    with rawpy.imread(io.BytesIO(data)) as raw:
        width, height = raw.sizes.width, raw.sizes.height
        admit(width, height, max_pixels)
        flip = ORIENTATIONS.get(raw.sizes.flip, 1)
        preview = _preview(raw, max_pixels)
        if preview is None:
            if len(data) * LEAST_COMPRESSED < width * height or contents.is_cut_off(data):
                raise ValueError(contents.CUT_OFF)  # LibRaw would develop what is not there
            preview = _developed(raw)
            preview.orientation = 1
        else:
            preview.orientation = _left_to_turn(preview.picture, (width, height), flip)
    preview.width, preview.height = width, height
    if flip >= LIES > preview.orientation:  # what is shown is turned already
        preview.width, preview.height = height, width
    return preview


def _preview(raw: Any, max_pixels: float) -> Opened | None:
    """Return the embedded preview, if there is one that is large enough."""
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:  # there is none, or none that LibRaw understands
        return None
    if thumbnail.format == rawpy.ThumbFormat.BITMAP:
        picture = Image.fromarray(thumbnail.data)
        found = Opened(picture, b"", *picture.size)
    else:
        found = by_pillow.opened(thumbnail.data, FORMATS["JPEG"], max_pixels)
    whole = max(raw.sizes.width, raw.sizes.height)
    return found if max(found.picture.size) >= min(LEAST_PREVIEW_PX, whole) else None


def _developed(raw: Any) -> Opened:
    """Develop at half size, upright, with the white balance of the camera."""
    pixels = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
    picture = Image.fromarray(pixels)
    return Opened(picture, b"", *picture.size)


def _left_to_turn(preview: Image.Image, size: tuple[int, int], flip: int) -> int:
    """Return the orientation of a preview, which may be turned already.

    Parameters
    ----------
    preview : Image
    size : (int, int)
        Width and height of the picture as the sensor saw it.
    flip : int
        What the raw file says; LibRaw also writes it into a preview without EXIF data.
    """
    orientation = _own_orientation(preview) or flip
    is_turned = (preview.width > preview.height) != (size[0] > size[1])
    return 1 if orientation >= LIES and is_turned else orientation


def _own_orientation(preview: Image.Image) -> int | None:
    """Return the orientation in the EXIF data of a preview, if it has any."""
    try:
        own = int(preview.getexif().get(ORIENTATION_TAG, 0))
    except Exception:  # malformed EXIF tells nothing
        return None
    return own if 1 <= own <= 8 else None

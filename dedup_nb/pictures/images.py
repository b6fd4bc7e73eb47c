"""Untrusted files -> pixels, safely and fast.

One read and one decode provide everything a report needs: digest, size, small grey rasters for
perceptual hashes, contrast and a thumbnail. `decoders` runs this in watched processes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError
from PIL.Image import Transpose

from dedup_nb.library import formats
from dedup_nb.library.files import sha256
from dedup_nb.pictures import decoding, openers
from dedup_nb.pictures.contents import contents_of, items
from dedup_nb.pictures.openers import Opened, Refused, TooLarge

MAX_PIXELS = 300_000_000
THUMBNAIL_PX = 256
MOST_THUMBNAIL_BYTES, MOST_CONTENTS_BYTES = 2**19, 2**20
USUAL_THUMBNAIL_BYTES, USUAL_CONTENTS_BYTES = 2**14, 2**13
BASELINE, HUFFMAN, START_OF_SCAN = 0xC0, 0xC4, 0xDA  # segments of a JPEG
ORIENTATION_TAG = 0x0112
TURNS = {  # EXIF orientation -> what makes the picture upright
    1: None, 2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}  # fmt: skip
LIES = 5  # orientations from this one on lie on their side
EXPOSURE_IFD = 0x8769
TAKEN, SUB_SECOND, EXPOSURE_MODE, BIAS = 0x9003, 0x9291, 0xA402, 0x9204
# Four times brighter; differences caused by JPEG alone stay black.
DIFFERENCE_TONES = [min(255, 4 * max(0, value - 6)) for value in range(256)]
FLAT_CONTRAST = 3.0  # below this standard deviation of the 32x32 grey picture hashes collide

TRIMMED_LUMA, TRIMMED_CHROMA = "trimmed luma", "trimmed chroma"  # without uniform borders
CONTENTS = "contents"  # no raster: what the file holds besides its pixels; see `contents`
LUMA_PX, CHROMA_PX = 64, 16  # sides of those two; chroma is Cb, then Cr
UNIFORM_SPREAD = 12  # largest range of a border line, in grey levels
MOST_TRIMMED = 0.4  # largest share of a side that is trimmed at either end

MODEL_GAP = 2.0  # the cheap reduction stops at this multiple of a model's input size

Size = tuple[int, int]  # width, height in pixels


class ModelInput(NamedTuple):
    """The input of a vision model: upright RGB, resized as in its training.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    resize_mode : str
        `shortest` crops the longer side, `longest` pads the shorter side with `fill`, `squash`
        stretches.
    interpolation : str
        `bicubic` or `bilinear`.
    fill : int
        Grey level of the padding.
    """

    height: int
    width: int
    resize_mode: str = "shortest"
    interpolation: str = "bicubic"
    fill: int = 0


# a grey picture of a size, one of the names above, a model's input
Raster = Size | str | ModelInput


@dataclass
class Measured:
    """The result of decoding one file.

    Attributes
    ----------
    status : str
        `ok`, `unreadable` or `too_large`; `error` says why.
    size : int
        Bytes of the file.
    width, height : int
        Displayed size, after EXIF orientation, in pixels; 0 if unknown.
    animated : bool
        Whether it is an animation or a multi-page file, of which only the first picture is used.
    contrast : float
        Standard deviation of the 32x32 grey picture, 0 to 127.5.
    rasters : dict of (width, height) -> bytes
        Grey pictures of the requested sizes, row by row; also `TRIMMED_LUMA`,
        `TRIMMED_CHROMA` and `CONTENTS`.
    exposure : str
        Exposure data from EXIF; see `exposure`.
    thumbnail : bytes
        JPEG, at most `THUMBNAIL_PX` on its long side.
    values : list of bytes, optional
        What was asked to be computed from `rasters`, which are then left out; see `encoding`.
    """

    status: str
    error: str = ""
    sha256: str = ""
    size: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    animated: bool = False
    contrast: float = 0.0
    exposure: str = ""
    rasters: dict[Raster, bytes] = field(default_factory=dict)
    thumbnail: bytes = b""
    values: list[bytes] | None = None


def measure(
    data: bytes,
    name: str,
    sizes: Sequence[Raster],
    max_pixels: float = MAX_PIXELS,
    digest: str | None = None,
) -> Measured:
    """Decode one picture and return everything that reports need; a bad file never raises.

    Parameters
    ----------
    data : bytes
        Content of the file.
    name : str
        Its file name, which identifies some camera raw files.
    sizes : sequence of (width, height)
        Grey rasters to compute, or `TRIMMED_LUMA`, `TRIMMED_CHROMA`, `CONTENTS`; or a single
        `ModelInput`, for which contrast and thumbnail are not computed.
    max_pixels : float
        Pictures with more pixels are refused before decoding.
    digest : str, optional
        The sha256 of `data`, if known.
    """
    declared = formats.image_format(
        name, data[: formats.HEAD_BYTES], lambda at, count: data[at : at + count]
    )
    image_format = declared or "unknown"
    measured = Measured(
        "unreadable", sha256=digest or sha256(data), size=len(data), format=image_format
    )
    wanted = sizes[0] if sizes else None
    try:
        if isinstance(wanted, ModelInput):
            _fill_for_model(measured, data, wanted, max_pixels)
        else:
            _fill(measured, data, sizes, max_pixels)
    except TooLarge as error:
        measured.status, measured.error = "too_large", str(error)
        measured.width, measured.height = error.width, error.height
    except Exception as error:  # decoders raise far more than OSError on malformed files
        measured.status = "unreadable"
        measured.error = _why(error, image_format)
    return measured


def _why(error: Exception, image_format: str) -> str:
    """Return why a file cannot be decoded, always in the same words."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return f"damaged {image_format}: its header cannot be read"
    if isinstance(error, MemoryError):
        return "more memory is needed to decode it than a decoder may take"
    message = re.sub(r" at 0x[0-9a-f]+", "", str(error))  # memory addresses vary between runs
    message = " ".join(message.split())
    return f"damaged {image_format}: {message or type(error).__name__}"[:300]


def _fill(measured: Measured, data: bytes, sizes: Sequence[Raster], max_pixels: float) -> None:
    opened = _opened(measured, data, max_pixels)
    has_exif = _may_have_exif(opened)
    measured.exposure = _exposure(opened, data) if has_exif else ""
    small = decoding.reduced(opened)
    small = _flattened(_upright(small, _turned(measured, opened, has_exif)))
    measured.animated = _animated(opened)
    grey = small.convert("L")
    measured.rasters = {
        size: _trimmed(small, grey, size) if isinstance(size, str) else _raster(grey, size[:2])
        for size in sizes
        if size != CONTENTS
    }
    if CONTENTS in sizes:
        measured.rasters[CONTENTS] = _contents(opened, data, measured.format)
    measured.contrast = _contrast(measured.rasters.get((32, 32)) or _raster(grey, (32, 32)))
    measured.thumbnail = _thumbnail(small)
    measured.status = "ok"


def _contents(opened: Opened, data: bytes, image_format: str) -> bytes:
    """Return what a decoded file holds besides its pixels, with what its decoder complained of."""
    held = (opened.data, opened.inner) if opened.inner else (data, image_format)
    made = contents_of(*held)
    damage = opened.picture.info.get(decoding.DAMAGE)
    return (replace(made, damage=damage) if damage else made).to_bytes()


def _opened(measured: Measured, data: bytes, max_pixels: float) -> Opened:
    """Open a picture by its header, and note its size."""
    opened = openers.opened(data, measured.format, max_pixels)
    measured.width, measured.height = opened.width, opened.height
    return opened


def _turned(measured: Measured, opened: Opened, has_exif: bool) -> int:
    """Return the orientation of a picture, 1 to 8, and note its size as it is shown."""
    orientation = opened.orientation or (_orientation(opened.picture) if has_exif else 1)
    if orientation >= LIES:
        measured.width, measured.height = measured.height, measured.width
    return orientation


def _fill_for_model(measured: Measured, data: bytes, wanted: ModelInput, limit: float) -> None:
    """Compute the input raster of a vision model, decoding no more pixels than needed."""
    opened = _opened(measured, data, limit)
    picture = opened.picture
    has_exif = _may_have_exif(opened)
    scale = MODEL_GAP * max(wanted.height, wanted.width) / min(picture.size)
    if scale < 1 and picture.format in ("JPEG", "MPO"):
        picture.draft(
            picture.mode, (int(picture.width * scale) + 1, int(picture.height * scale) + 1)
        )
    pixels = decoding.pixels(opened, max(1, int(1 / scale)))
    upright = _flattened(_upright(pixels, _turned(measured, opened, has_exif)))
    if upright.mode != "RGB":  # `convert` would copy an RGB picture
        upright = upright.convert("RGB")
    whole = (measured.width, measured.height)
    measured.rasters = {wanted: _fitted(upright, whole, wanted).tobytes()}
    measured.status = "ok"


def _fitted(picture: Image.Image, whole: Size, wanted: ModelInput) -> Image.Image:
    """Resize a picture of `whole` pixels, possibly reduced, like open_clip's own transform."""
    size = _resized(whole, wanted)
    method = Image.Resampling[wanted.interpolation.upper()]
    left = round((size[0] - wanted.width) / 2)
    top = round((size[1] - wanted.height) / 2)
    if left >= 0 and top >= 0:  # do not compute what would be cropped
        box = (
            left * picture.width / size[0],
            top * picture.height / size[1],
            (left + wanted.width) * picture.width / size[0],
            (top + wanted.height) * picture.height / size[1],
        )
        return picture.resize((wanted.width, wanted.height), method, box, MODEL_GAP)
    resized = picture.resize(size, method, reducing_gap=MODEL_GAP)
    sheet = Image.new("RGB", (wanted.width, wanted.height), (wanted.fill,) * 3)
    # like open_clip, an odd pixel of padding goes to the right and below
    sheet.paste(resized, ((wanted.width - size[0]) // 2, (wanted.height - size[1]) // 2))
    return sheet


def _resized(whole: Size, wanted: ModelInput) -> Size:
    """Return the size to which a picture is resized before cropping or padding."""
    width, height = whole
    if wanted.resize_mode == "squash":
        return wanted.width, wanted.height
    ratios = height / wanted.height, width / wanted.width
    if wanted.resize_mode == "shortest" and wanted.height == wanted.width:
        side, long = wanted.width, int(wanted.width * max(whole) / min(whole))
        return (side, long) if width <= height else (long, side)
    ratio = max(ratios) if wanted.resize_mode == "longest" else min(ratios)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _orientation(opened: Image.Image) -> int:
    """Return the EXIF orientation of a decoded file, 1 to 8."""
    try:
        orientation = int(opened.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # malformed EXIF does not make a picture unreadable
        return 1
    return orientation if orientation in TURNS else 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    method = TURNS.get(orientation)
    return picture if method is None else picture.transpose(method)


def _may_have_exif(opened: Opened) -> bool:
    # `getexif` decodes a whole PNG to find a late chunk, so look at the bytes first
    picture = opened.picture
    return picture.format != "PNG" or "exif" in picture.info or _png_has_exif(opened.data)


def _png_has_exif(data: bytes) -> bool:
    """Search the chunk headers of a PNG, ten times faster than searching its bytes."""
    at = 8
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"eXIf":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def _exposure(opened: Opened, data: bytes) -> str:
    """Return the exposure data of a file; those of a raw file that begins like a TIFF, too."""
    if found := exposure(opened.picture):
        return found
    is_inside = opened.data is not data and data.startswith(formats.TIFF_HEADS)
    return exposure(data) if is_inside else ""


def exposure(source: Image.Image | bytes) -> str:
    """Return the exposure data of a picture, or of EXIF data, or "".

    Three parts, `2025:07:20 15:13:14.25|2|-2`: DateTimeOriginal with SubSecTimeOriginal,
    ExposureMode (2 is an automatic bracket) and ExposureBiasValue in steps; a missing part is
    empty.
    """
    try:
        whole = _exif_of(source) if isinstance(source, bytes) else source.getexif()
        tags = whole.get_ifd(EXPOSURE_IFD)
        taken = _exif_text(tags.get(TAKEN))
        if taken and (part := _exif_text(tags.get(SUB_SECOND))):
            taken = f"{taken}.{part}"
        mode, bias = tags.get(EXPOSURE_MODE), tags.get(BIAS)
        parts = [taken, *("" if v is None else f"{float(v):g}" for v in (mode, bias))]
    except Exception:  # malformed EXIF does not make a picture unreadable
        return ""
    return "|".join(parts) if any(parts) else ""


def _exif_of(data: bytes) -> Image.Exif:
    whole = Image.Exif()
    whole.load(data)
    return whole


def _exif_text(value: Any) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.replace("\0", "").strip()[:40]


def _flattened(picture: Image.Image) -> Image.Image:
    """Return a picture as viewers show it: grey or RGB, transparency over white."""
    if picture.mode in ("RGB", "L"):
        return picture
    layers = picture.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    return Image.alpha_composite(white, layers).convert("RGB")


def _animated(opened: Opened) -> bool:
    picture = opened.picture
    if picture.format == "HEIF":  # the decoder counts transparency as a picture, and no frames
        return items.has_several(opened.data)
    if picture.format in ("MPO", "PSD"):  # what is appended, and layers, are further contents
        return False
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # data after the first frame is malformed and was not compared
        return True


def _raster(grey: Image.Image, size: Size) -> bytes:
    return grey.resize(size, Image.Resampling.LANCZOS).tobytes()


def _trimmed(picture: Image.Image, grey: Image.Image, what: str) -> bytes:
    """Return the picture without uniform borders: its luma, or its Cb and Cr."""
    box = content_box(np.asarray(grey))
    if what == TRIMMED_LUMA:
        return grey.resize((LUMA_PX, LUMA_PX), Image.Resampling.LANCZOS, box).tobytes()
    planes = picture.convert("RGB").convert("YCbCr").split()[1:]
    size = (CHROMA_PX, CHROMA_PX)
    return b"".join(p.resize(size, Image.Resampling.BOX, box).tobytes() for p in planes)


def content_box(grey: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return the box of a grey picture inside its uniform borders: left, top, right, bottom.

    A border consists of whole lines of one tone, at most `MOST_TRIMMED` of the side, plus the line
    in which border and picture blend. A flat picture has no border.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)

    Returns
    -------
    tuple of int
        In pixels; right and bottom are exclusive.
    """
    height, width = grey.shape
    top, bottom = _border(grey), _border(grey[::-1])
    left, right = _border(grey.T), _border(grey.T[::-1])
    if float(np.ptp(grey)) <= UNIFORM_SPREAD:
        return 0, 0, width, height
    return left, top, width - right, height - bottom


def _border(grey: NDArray[np.uint8]) -> int:
    """Count the leading lines of a picture with the same uniform tone as the first line."""
    lines = grey[: int(MOST_TRIMMED * len(grey))].astype(np.int16)
    if not len(lines):
        return 0
    tone = int(np.median(lines[0]))
    uniform = np.abs(lines - tone).max(axis=1) <= UNIFORM_SPREAD // 2
    count = len(lines) if uniform.all() else int(np.argmin(uniform))
    return min(count + 1, len(lines)) if count else 0


def _contrast(raster: bytes) -> float:
    return round(float(np.frombuffer(raster, np.uint8).std()), 3)


def _thumbnail(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    small.convert("RGB").save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def smaller(thumbnail: bytes, long_side_px: int, quality: int = 60) -> bytes:
    """Return a smaller JPEG thumbnail for a report, with a long side of at most `long_side_px`.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    picture = _decoded(thumbnail)
    picture.thumbnail((long_side_px, long_side_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def pixels(jpeg: bytes) -> NDArray[np.uint8]:
    """Decode one of our own thumbnails to an RGB array, shape (height, width, 3).

    Raises
    ------
    ValueError
        If it is damaged.
    """
    return np.asarray(_decoded(jpeg).convert("RGB"))


def is_sound(thumbnail: bytes) -> bool:
    """Return whether a thumbnail from the cache can be decoded."""
    try:
        _decoded(thumbnail)
    except ValueError:
        return False
    return True


def _decoded(thumbnail: bytes) -> Image.Image:
    """Decode a thumbnail from the cache, where a bad disk may have changed it."""
    if not is_thumbnail(thumbnail):
        raise ValueError("not a thumbnail of the cache")
    try:
        picture: Image.Image = Image.open(io.BytesIO(thumbnail), formats=["JPEG"])
        picture.load()
    except Exception as error:  # a decoder may raise anything on damaged data
        raise ValueError(f"not a thumbnail of the cache: {error}") from error
    return picture


def tone_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the difference in tone and colour of two RGB pictures, in grey levels.

    The mean difference of the channel that differs most, at a size without detail.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (height, width, 3)
        RGB; the sizes may differ.

    Returns
    -------
    float
        From 0 to 255.
    """
    size = (32, 32)
    small = [
        np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), np.float64)
        for picture in (one, other)
    ]
    return float(np.abs(small[0] - small[1]).mean(axis=(0, 1)).max())


def difference(one: bytes, other: bytes) -> bytes:
    """Return the difference of two thumbnails as a JPEG: black where they agree, else brightened.

    The second is resized to the size of the first.
    """
    first = _decoded(one).convert("RGB")
    second = _decoded(other).convert("RGB").resize(first.size)
    apart = ImageChops.difference(first, second).convert("L").point(DIFFERENCE_TONES)
    buffer = io.BytesIO()
    apart.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def is_thumbnail(data: bytes) -> bool:
    """Return whether bytes look like a thumbnail of ours: a small, baseline, complete JPEG.

    Only such bytes are decoded outside of watched processes.
    """
    if not (data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"):
        return False
    at, seen = 2, False
    while len(data) <= MOST_THUMBNAIL_BYTES and at + 10 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == START_OF_SCAN:
            return seen
        if 0xC0 <= kind <= 0xCF and kind != HUFFMAN:  # the only frame, and a baseline one
            height, width = (int.from_bytes(data[at + k : at + k + 2], "big") for k in (5, 7))
            small = 0 < width <= THUMBNAIL_PX and 0 < height <= THUMBNAIL_PX
            if seen or kind != BASELINE or data[at + 4] != 8 or not small:
                return False
            seen = True
        at += 2 + length
    return False


def whole(
    data: bytes, name: str, max_pixels: float = MAX_PIXELS, long_side_px: int | None = None
) -> Image.Image:
    """Decode a picture in full size; only in watched processes, see `whole.full_size`.

    Parameters
    ----------
    data : bytes
        Content of the file.
    name : str
        Its file name.
    max_pixels : float
        A picture with more pixels is refused before it is decoded.
    long_side_px : int, optional
        Reduce it to this long side at most, before anything else takes memory.

    Returns
    -------
    Image
        Upright, 8 bits per channel, of any mode; of a raw file its preview, enlarged.

    Raises
    ------
    ValueError
        If it cannot be decoded, or is `TooLarge`.
    """
    Image.MAX_IMAGE_PIXELS = None  # ours is checked instead
    declared = formats.image_format(
        name, data[: formats.HEAD_BYTES], lambda at, count: data[at : at + count]
    )
    try:
        opened = openers.opened(data, declared or "unknown", max_pixels)
        profile = opened.picture.info.get("icc_profile")
        if long_side_px and opened.picture.format in ("JPEG", "MPO"):
            opened.picture.draft(opened.picture.mode, (long_side_px, long_side_px))
        has_exif = _may_have_exif(opened)
        picture = decoding.pixels(opened)
        if long_side_px and max(picture.size) > long_side_px:
            picture.thumbnail((long_side_px, long_side_px), Image.Resampling.LANCZOS)
        orientation = opened.orientation or (_orientation(opened.picture) if has_exif else 1)
        picture = _upright(picture, orientation)
        if not long_side_px:
            picture = _enlarged(picture, opened, orientation)
    except (TooLarge, Refused):
        raise
    except Exception as error:
        raise ValueError(_why(error, declared or "picture")) from error
    if profile:
        picture.info["icc_profile"] = profile
    return picture


def _enlarged(picture: Image.Image, opened: Opened, orientation: int) -> Image.Image:
    """Return a picture in the size of the whole one; what is opened of a raw file is smaller."""
    size = (opened.width, opened.height)
    size = size[::-1] if orientation >= LIES else size
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC)


def is_raster(data: bytes, size: Raster) -> bool:
    """Return whether bytes have the length of a raster of this size."""
    if size == CONTENTS:
        return len(data) <= MOST_CONTENTS_BYTES
    return len(data) == raster_bytes(size)


def raster_bytes(size: Raster) -> int:
    """Return the length of a raster of this size; of contents, what most files have at most."""
    if size == CONTENTS:
        return USUAL_CONTENTS_BYTES
    if isinstance(size, ModelInput):
        return 3 * size.width * size.height
    if isinstance(size, str):
        return LUMA_PX**2 if size == TRIMMED_LUMA else 2 * CHROMA_PX**2
    return size[0] * size[1]

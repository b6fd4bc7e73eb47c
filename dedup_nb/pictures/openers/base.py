"""What openers return and raise."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


class Refused(ValueError):
    """A picture is not decoded; the message is a whole sentence."""


class TooLarge(ValueError):
    """A picture has more pixels than are decoded.

    Attributes
    ----------
    width, height : int
        What it declares.
    """

    def __init__(self, width: int, height: int, max_pixels: float) -> None:
        super().__init__(f"{width}x{height} pixels; max_pixels allows {max_pixels:,.0f}")
        self.width, self.height = width, height


def admit(width: int, height: int, max_pixels: float) -> None:
    """Raise `TooLarge` if a picture has more pixels than are decoded."""
    if width * height > max_pixels:
        raise TooLarge(width, height, max_pixels)


@dataclass
class Opened:
    """An opened picture.

    Attributes
    ----------
    picture : Image
        Decoded when its pixels are asked for.
    data : bytes
        What `picture` was opened from: the file, or a JPEG inside it.
    width, height : int
        Size of the whole picture as stored; `picture` may be a smaller preview of it.
    orientation : int or None
        As in EXIF, 1 to 8, if something else than the EXIF data of `picture` tells it; the
        containers of HEIF and JPEG XL do, and their decoders have applied it: 1.
    inner : str
        Format of `data` if it is a part of the file that holds words and more of its own, else "".
    """

    picture: Image.Image
    data: bytes
    width: int
    height: int
    orientation: int | None = None
    inner: str = ""

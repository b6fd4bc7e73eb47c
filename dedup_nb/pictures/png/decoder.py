"""A plain PNG -> its pixels, or a small picture straight from its rows.

The data are inflated by igzip in pieces that stay in the processor's cache, and each row is used at
once: no picture of full size is written if a small one is wanted. Only for watched processes.
"""

from __future__ import annotations

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray

from dedup_nb.pictures.png import rows
from dedup_nb.pictures.png.plain import Plain

INFLATED_BYTES = 2**17  # at once


def decoded(data: bytes, plain: Plain, factor: int = 1) -> NDArray[np.uint8] | None:
    """Decode a plain PNG; None if its data are malformed.

    Parameters
    ----------
    data : bytes
        Content of the file. It may be hostile.
    plain : Plain
        What `plain.plain` says of it.
    factor : int
        Return averages of squares of this many pixels a side, at the edges of fewer; they are those
        of Pillow's `reduce`. Colours of RGBA are then multiplied by their opacity ("RGBa").

    Returns
    -------
    ndarray of uint8, shape (height, width) or (height, width, 3 or 4), or None
    """
    if not 1 <= factor <= rows.MOST_FACTOR:
        return None
    pixels = _Pixels(plain, factor)
    if not _feed(data, plain, pixels):
        return None
    return pixels.out[..., 0] if plain.pixel_bytes == 1 else pixels.out


def _feed(data: bytes, plain: Plain, pixels: _Pixels) -> bool:
    """Inflate all data into pixels, a piece at a time; False unless they fit exactly."""
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    view = memoryview(data)
    try:
        for start, stop in plain.parts:
            piece = view[start:stop]
            while True:
                if inflater.eof:
                    return False
                made = inflater.decompress(piece, INFLATED_BYTES)
                if not pixels.take(made):
                    return False
                if inflater.needs_input or inflater.eof:
                    break
                piece = view[:0]
    except igzip_lib.IsalError:  # type: ignore[misc]
        return False
    return bool(inflater.eof) and not inflater.unused_data and pixels.finish()


class _Pixels:
    """Inflated bytes -> pixels, eight rows at a time."""

    def __init__(self, plain: Plain, factor: int) -> None:
        self.width, self.height, self.pixel_bytes = plain.width, plain.height, plain.pixel_bytes
        self.factor = factor
        self.step = 1 + self.width * self.pixel_bytes  # bytes of a row, with its filter
        room = INFLATED_BYTES + rows.ROWS * self.step + rows.PAD
        self.raw = np.zeros(room, np.uint8)
        self.held = 0  # bytes in `raw`
        self.rows = np.zeros((rows.ROWS + 1, self.step - 1 + 2 * rows.PAD), np.uint8)
        self.sums = np.zeros(self.step - 1, np.uint16)
        self.y = 0  # rows that are done
        shape = (-(-self.height // factor), -(-self.width // factor), self.pixel_bytes)
        self.out = np.empty(shape, np.uint8)

    def take(self, made: bytes) -> bool:
        """Add inflated bytes; False if they are too many or a row is malformed."""
        total = self.held + len(made)
        if total > (self.height - self.y) * self.step:
            return False
        self.raw[self.held : total] = np.frombuffer(made, np.uint8)
        at = 0
        while total - at >= rows.ROWS * self.step:
            if not self._undo(at, rows.ROWS):
                return False
            at += rows.ROWS * self.step
        self.held = total - at
        self.raw[: self.held] = self.raw[at:total].copy()
        return True

    def finish(self) -> bool:
        """Undo the last rows, fewer than eight; False if some are missing."""
        left = self.height - self.y
        if self.held != left * self.step:
            return False
        self.raw[self.held : rows.ROWS * self.step] = rows.NONE
        return not left or self._undo(0, left)

    def _undo(self, at: int, count: int) -> bool:
        if not rows.undo(self.raw, at, self.width, self.pixel_bytes, self.rows):
            return False
        if self.factor == 1:
            values = self.rows[1 : count + 1, rows.PAD : -rows.PAD]
            self.out[self.y : self.y + count] = values.reshape(count, *self.out.shape[1:])
        else:
            place = (self.y, self.height, self.factor)
            rows.average(self.rows, count, *place, self.sums, self.out)
        self.rows[0] = self.rows[count]
        self.y += count
        return True

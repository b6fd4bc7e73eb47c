"""Pictures, affine maps between them, and the squares and canvases on which both are compared.

Affine maps take x, y of one picture to x, y of another; whole numbers are pixel centres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Pixels = NDArray[np.uint8]

cv2.setNumThreads(1)  # the caller runs several at once; one thread also keeps results the same

MOST_GRADIENT = 40  # grey levels; a steeper edge counts as much as this one
WHOLE_PX = 0.24  # a map this near to a shift by whole pixels is one
MAP_PX, CELLS = 4, 400  # least pixels of a cell of the activity map; cells along its long side
CLIPPED = (8, 247)
STRETCHED, ROUNDED_PX = 0.015, 1.5  # difference of the scales; pixels lost by rounding two sides


class Picture:
    """An upright sRGB picture over white, and what is derived from it once.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3 or 4)
        RGB or RGBA.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def alpha(self) -> Pixels | None:
        """The transparency, or None where every pixel is opaque."""
        if self.pixels.shape[2] < 4:
            return None
        alpha = np.ascontiguousarray(self.pixels[..., 3])
        return alpha if int(alpha.min()) < 255 else None

    @cached_property
    def rgb(self) -> Pixels:
        """The picture over white."""
        return over(self, 255)

    @cached_property
    def grey(self) -> Pixels:
        """Luma."""
        grey: Pixels = cv2.cvtColor(np.ascontiguousarray(self.rgb), cv2.COLOR_RGB2GRAY)
        return grey

    @cached_property
    def activity(self) -> tuple[Floats, int]:
        """How much there is to see in each square of `step` pixels, and `step`."""
        return _activity(self.grey)

    def reduced(self, step: float, ground: int = 255) -> tuple[Pixels, Floats]:
        """Return the picture averaged to about 1 / `step`, and the map from it to the picture.

        Halved as often as it can be, which is fast, then averaged to the rest; the halves are
        kept, since several comparisons need small pictures.
        """
        key = (ground, 1)
        pixels, map_ = self._halves.setdefault(key, (over(self, ground), spread(1, 1)))
        times = 1
        while times * 2 <= step and min(pixels.shape[:2]) >= 4:
            times *= 2
            if (ground, times) not in self._halves:
                even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
                size = (even.shape[1] // 2, even.shape[0] // 2)
                half = cv2.resize(np.ascontiguousarray(even), size, interpolation=cv2.INTER_AREA)
                self._halves[ground, times] = half, chained(spread(2, 2), map_)
            pixels, map_ = self._halves[ground, times]
        small, back = shrunk(pixels, step / times)
        return small, chained(back, map_)

    def reduced_grey(self, step: float) -> tuple[Pixels, Floats]:
        """Return the luma of the reduced picture, and the map from it to the picture."""
        if step not in self._greys:
            if step < 2:
                self._greys[step] = shrunk(self.grey, step)
            else:
                colours, back = self.reduced(step)
                colours = np.ascontiguousarray(colours)
                self._greys[step] = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), back
        return self._greys[step]

    @cached_property
    def _greys(self) -> dict[float, tuple[Pixels, Floats]]:
        return {}

    @cached_property
    def _halves(self) -> dict[tuple[int, int], tuple[Pixels, Floats]]:
        return {}


def over(picture: Picture, ground: int) -> Pixels:
    """Return a picture over a grey ground, RGB."""
    if picture.alpha is None:
        return picture.pixels[..., :3]
    share = picture.alpha[..., None].astype(np.uint16)
    colour = picture.pixels[..., :3].astype(np.uint16)
    mixed: Pixels = ((colour * share + ground * (255 - share) + 127) // 255).astype(np.uint8)
    return mixed


def inverse(matrix: Floats) -> Floats:
    """Return the map back."""
    back: Floats = cv2.invertAffineTransform(np.asarray(matrix, np.float64))
    return back


def chained(first: Floats, then: Floats) -> Floats:
    """Return the map that applies two maps one after the other."""
    return np.column_stack([then[:, :2] @ first[:, :2], then[:, :2] @ first[:, 2] + then[:, 2]])


def scale_of(matrix: Floats) -> float:
    """Return the pixels of the second picture for each pixel of the first."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def spread(x: float, y: float) -> Floats:
    """Return the map from a picture reduced by these factors to the picture."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]], np.float64)


def shrunk(pixels: Pixels, step: float) -> tuple[Pixels, Floats]:
    """Return a picture averaged to 1 / `step` of its size, and the map from it to the picture."""
    height, width = pixels.shape[:2]
    if step <= 1:
        return pixels, spread(1, 1)
    size = max(round(width / step), 4), max(round(height / step), 4)
    small: Pixels = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return small, spread(width / size[0], height / size[1])


def canvas(picture: Picture, matrix: Floats, size: tuple[int, int], ground: int = 255) -> Pixels:
    """Return a picture averaged to a canvas, RGB; `matrix` takes the canvas to the picture."""
    pixels, back = picture.reduced(max(scale_of(matrix), 1.0), ground)
    matrix = chained(matrix, inverse(back))
    if pixels.shape[1::-1] == size and np.abs(matrix - np.eye(2, 3)).max() < 1e-3:
        return np.ascontiguousarray(pixels)
    drawn: Pixels = cv2.warpAffine(
        np.ascontiguousarray(pixels),
        matrix,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return drawn


def canvas_of(aligned: Aligned, long_px: int) -> tuple[tuple[int, int], Floats, Floats]:
    """Return the size of a canvas of both pictures, and the maps from it to each.

    It is as fine as the coarser one at most.
    """
    width, height = aligned.fine.size
    step = max(max(width, height) / long_px, aligned.ratio, 1.0)
    size = max(round(width / step), 8), max(round(height / step), 8)
    to_fine = spread(width / size[0], height / size[1])
    return size, to_fine, chained(to_fine, aligned.matrix)


def visible(matrix: Floats, size: tuple[int, int], other: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a canvas shows the other picture, without that one's edge.

    Parameters
    ----------
    matrix : ndarray of float64, shape (2, 3)
        From the canvas to the other picture.
    size, other : (width, height)
        Of the canvas and of the other picture.
    """
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    edge = max(scale_of(matrix), 1) / 2
    inside = (u >= edge - 0.5) & (v >= edge - 0.5)
    inside &= (u <= other[0] - 0.5 - edge) & (v <= other[1] - 0.5 - edge)
    return np.asarray(inside, bool)


@dataclass(frozen=True)
class Aligned:
    """Two pictures of one scene in one orientation.

    Attributes
    ----------
    fine, coarse : Picture
        The one with more pixels for the same scene first; equals keep their order.
    matrix : ndarray of float64, shape (2, 3)
        From the fine one to the coarse one.
    swapped : bool
        Whether the fine one is the second of those given.
    """

    fine: Picture
    coarse: Picture
    matrix: Floats
    swapped: bool

    @property
    def ratio(self) -> float:
        """Pixels of the fine one for each pixel of the coarse one, at least about 1."""
        return 1 / scale_of(self.matrix)

    @property
    def is_stretched(self) -> bool:
        """Whether one has other proportions than the other, beyond rounding to whole pixels."""
        long, short = np.linalg.svd(self.matrix[:, :2], compute_uv=False)
        sides = min(*self.fine.size, *self.coarse.size)
        return bool(long / short - 1 > STRETCHED + ROUNDED_PX / sides)

    @property
    def shift(self) -> tuple[int, int] | None:
        """The shift by whole pixels from the fine to the coarse one, or None if it is not one."""
        x, y = (int(v) for v in np.round(self.matrix[:, 2]))
        corner = np.array([*self.fine.size, 1.0])
        off = self.matrix @ corner - corner[:2] - (x, y)
        near = max(abs(self.matrix[0, 2] - x), abs(self.matrix[1, 2] - y), *np.abs(off))
        return (x, y) if near <= WHOLE_PX else None


def tile_side(shape: tuple[int, ...]) -> int:
    """Return the side of the tiles in which a picture is compared, in pixels."""
    short = min(shape[:2])
    return 128 if short >= 260 else 64 if short >= 100 else 32


def _activity(grey: Pixels) -> tuple[Floats, int]:
    """Return how steep a picture is in each square of `step` pixels, from some of its lines."""
    step = max(max(grey.shape) // CELLS, MAP_PX)
    height, width = (n // step * step for n in grey.shape)
    lines = np.arange(0, height - 1, max(step // 3, 1))
    some = grey[lines, :width]
    steep = cv2.absdiff(some[:, 1:], some[:, :-1])
    steep = np.minimum(steep, MOST_GRADIENT, out=steep)
    size = (width // step, height // step)
    across = cv2.resize(steep, size, interpolation=cv2.INTER_AREA)
    steep = cv2.absdiff(some, np.ascontiguousarray(grey[lines + 1, :width]))
    steep = np.minimum(steep, MOST_GRADIENT, out=steep)
    down = cv2.resize(steep, size, interpolation=cv2.INTER_AREA)
    return (across.astype(np.float32) + down), step


def of_grey(grey: Pixels) -> Picture:
    """Return a grey picture as one of colours."""
    return Picture(np.repeat(grey[..., None], 3, axis=2))


def whole_squares(
    matrix: Floats, other: tuple[int, int], step: int, cells: int, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which cells are the middle of a square that the other picture shows wholly."""
    middles = np.array([[step, 0, step // 2], [0, step, step // 2]], np.float64)
    shown = visible(chained(middles, matrix), (shape[1], shape[0]), other)
    reach = np.ones((cells + 2, cells + 2), np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner > 0)


def best(
    score: Floats, allowed: NDArray[np.bool_], count: int, side: int, step: int
) -> list[tuple[int, int]]:
    """Return the top left corners, in pixels, of the squares that score best; none overlap."""
    left, corners = np.where(allowed, score, -np.inf), []
    reach = max(side // step, 1)
    for _ in range(count):
        row, column = divmod(int(left.argmax()), left.shape[1])
        if not np.isfinite(left[row, column]):
            break
        top, start = row * step + step // 2 - side // 2, column * step + step // 2 - side // 2
        corners.append((max(top, 0), max(start, 0)))
        left[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach] = -np.inf
    return corners


def cut(pixels: Pixels, matrix: Floats, corner: tuple[int, int], side: int, how: int) -> Floats:
    """Return a square of a picture as float32; `matrix` takes the grid of squares to it.

    Called for some hundred squares a pair, so it works with plain numbers.
    """
    (a, b, c), (d, e, f) = matrix.tolist()
    top, left = corner
    u, v = a * left + b * top + c, d * left + e * top + f
    x, y = round(u), round(v)
    height, width = pixels.shape[:2]
    exact = max(abs(a - 1), abs(b), abs(d), abs(e - 1)) < 1e-6
    exact = exact and max(abs(u - x), abs(v - y)) < 1e-3
    if exact and min(x, y) >= 0 and x + side <= width and y + side <= height:
        return pixels[y : y + side, x : x + side].astype(np.float32)
    across = (0.0, a * side, b * side, (a + b) * side)
    down = (0.0, d * side, e * side, (d + e) * side)
    first = max(math.floor(u + min(across)) - 8, 0), max(math.floor(v + min(down)) - 8, 0)
    last = max(math.ceil(u + max(across)) + 8, 0), max(math.ceil(v + max(down)) + 8, 0)
    part = pixels[first[1] : last[1], first[0] : last[0]].astype(np.float32)
    if not part.size:
        return np.zeros((side, side), np.float32)
    local = np.array([[a, b, u - first[0]], [d, e, v - first[1]]])
    square: Floats = cv2.warpAffine(
        part,
        local,
        (side, side),
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return square

"""Two aligned pictures -> the part that both show, on one canvas.

The canvas is as fine as the coarser picture at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import (
    Aligned,
    Floats,
    Picture,
    Pixels,
    chained,
    inverse,
    scale_of,
)

LONG_PX = 512
LEAST_PX = 16
EDGE_PX = 2  # pixels of the canvas at the edges, where borders and resampling shine in
STRAIGHT, ON_GRID_PX = 1e-3, 0.02
# Fine patterns must not leave other ones on each canvas: a picture that is so many times as fine is
# averaged to as many times the canvas only, and softened before it is drawn.
AHEAD, ANTI_ALIASING_PX = 2.0, 0.95
MARGIN_PX = 8  # around what a canvas shows of a picture
SMALL_PART = 0.5  # share of a picture up to which only that part of it is averaged


@dataclass(frozen=True)
class Canvas:
    """The part that two pictures both show.

    Attributes
    ----------
    fine, coarse : ndarray of uint8, shape (height, width, 3)
        Both, RGB.
    shown : ndarray of bool, shape (height, width)
        Where both show, without the edges.
    to_fine, to_coarse : ndarray of float64, shape (2, 3)
        Maps from the canvas to each picture.
    """

    fine: Pixels
    coarse: Pixels
    shown: NDArray[np.bool_]
    to_fine: Floats
    to_coarse: Floats


def shared(aligned: Aligned) -> Canvas | None:
    """Return the part that both show, or None if there is next to nothing.

    Parameters
    ----------
    aligned : Aligned
    """
    return part(aligned, *overlap(aligned))


def part(aligned: Aligned, low: Floats, high: Floats) -> Canvas | None:
    """Return a part that both show, or None if there is next to nothing.

    Parameters
    ----------
    aligned : Aligned
    low, high : ndarray of float64, shape (2,)
        Its corners, x and y in pixels of the fine picture.
    """
    extent = high - low
    step = max(float(extent.max()) / LONG_PX, aligned.ratio, 1.0)
    size = (round(float(extent[0]) / step), round(float(extent[1]) / step))
    if min(size) < LEAST_PX:
        return None
    steps = extent / size
    if aligned.ratio <= 1 + STRAIGHT and step == 1:  # keep the grid of pixels
        low, steps = np.round(low + 0.5) - 0.5, np.ones(2)
    to_fine = np.array([[steps[0], 0, 0], [0, steps[1], 0]], np.float64)
    to_fine[:, 2] = low + steps / 2
    to_coarse = chained(to_fine, aligned.matrix)
    shown = geometry.visible(to_fine, size, aligned.fine.size)
    shown &= geometry.visible(to_coarse, size, aligned.coarse.size)
    reach = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return Canvas(
        _drawn(aligned.fine, to_fine, size),
        _drawn(aligned.coarse, to_coarse, size),
        inner > 0,
        to_fine,
        to_coarse,
    )


def overlap(aligned: Aligned) -> tuple[Floats, Floats]:
    """Return the box of the fine picture, in its pixels, that the coarse one shows too."""
    corners = _corners(aligned.coarse.size)
    back = inverse(aligned.matrix)
    there = corners @ back[:, :2].T + back[:, 2]
    own = _corners(aligned.fine.size)
    low, high = np.maximum(there.min(0), own.min(0)), np.minimum(there.max(0), own.max(0))
    return low, np.maximum(high, low)


def _corners(size: tuple[int, int]) -> Floats:
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def _drawn(picture: Picture, matrix: Floats, size: tuple[int, int]) -> Pixels:
    """Return a picture averaged to a canvas, RGB; `matrix` takes the canvas to the picture."""
    picture, matrix = _around(picture, matrix, size)
    step = scale_of(matrix)
    pixels, back = picture.reduced(max(step / AHEAD if step >= AHEAD else step, 1.0))
    matrix = chained(matrix, inverse(back))
    if step >= AHEAD:
        pixels = cv2.GaussianBlur(pixels, (0, 0), ANTI_ALIASING_PX)
    shift = np.round(matrix[:, 2]).astype(int)
    whole = np.column_stack([np.eye(2), shift])
    left, top = (int(v) for v in shift)
    right, bottom = left + size[0], top + size[1]
    inside = min(left, top) >= 0 and right <= pixels.shape[1] and bottom <= pixels.shape[0]
    off = np.abs((matrix - whole) @ [size[0], size[1], 1]).max()
    if inside and off < ON_GRID_PX:
        return np.ascontiguousarray(pixels[top:bottom, left:right])
    drawn: Pixels = cv2.warpAffine(
        np.ascontiguousarray(pixels),
        matrix,
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return drawn


def _around(picture: Picture, matrix: Floats, size: tuple[int, int]) -> tuple[Picture, Floats]:
    """Return what a canvas shows of a picture, if that is a small part of it, and the map to it."""
    ends = _corners(size) @ matrix[:, :2].T + matrix[:, 2]
    room = MARGIN_PX * max(scale_of(matrix), 1.0)
    left, top = np.maximum(np.floor(ends.min(0) - room), 0).astype(int)
    right, bottom = np.minimum(np.ceil(ends.max(0) + room), picture.size).astype(int)
    width, height = picture.size
    if (right - left) * (bottom - top) > SMALL_PART * width * height:
        return picture, matrix
    shift = np.array([[0, 0, left], [0, 0, top]])
    return Picture(picture.pixels[top:bottom, left:right]), matrix - shift

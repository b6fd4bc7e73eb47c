"""Two aligned pictures that are large -> the places to look at once more at full size.

At 512 px a small face in a large picture is a few pixels. So what is left between both is surveyed
on a finer canvas, by luma alone and without a fit of details, which is fast; where most is left,
or where the look at 512 px found something that was not quite enough, a square is looked at closer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import (
    Aligned,
    Floats,
    Picture,
    chained,
    inverse,
    scale_of,
    spread,
)
from dedup_nb.compare.second_look import canvas, residuals
from dedup_nb.compare.second_look.canvas import Canvas

Mask = NDArray[np.bool_]

SURVEY_PX = 2048  # long side of the survey
LARGE = 1.9  # times finer than the canvas of the whole must both be
CELL_PX = 12  # of the survey
SOFT_PX = 1.2  # standard deviation: what is finer is coding
BROAD_CELLS = 12  # tone that changes over so many cells is not looked at
RANGES, LEAST = 12, 0.35  # ranges of slope; grey levels that are usual anywhere
SUSPICIOUS = 3.0  # times the usual from which on a place is looked at
ALMOST = 0.5  # share of its limit that something reached at 512 px
MOST = 3  # places
SKIPPED_PX = 9  # of the canvas of the whole around what is skipped
SOFTER, DETAIL = 0.45, 0.2  # share of the other's detail from which on both are alike; grey levels


def canvases(
    aligned: Aligned, whole: Canvas, standing_out: Floats, skipped: Mask
) -> Iterator[Canvas]:
    """Yield the squares that should be looked at closer, the most suspicious first.

    Parameters
    ----------
    aligned : Aligned
    whole : Canvas
        All that both show.
    standing_out : ndarray of float32, shape (height, width)
        What the look at it found, as a multiple of its limit.
    skipped : ndarray of bool, shape (height, width)
        Where nothing is looked for, such as marks.
    """
    finest, coarsest = max(aligned.ratio, 1.0), scale_of(whole.to_fine) / LARGE
    if coarsest < finest:
        return
    low, high = canvas.overlap(aligned)
    suspicion = _survey(aligned, low, high)
    if suspicion is None:
        return
    size = suspicion.shape[::-1]
    almost = cv2.resize(cv2.dilate(standing_out, np.ones((5, 5))), size)
    suspicion = np.maximum(suspicion / SUSPICIOUS, np.where(almost > ALMOST, 1 + almost, 0))
    apart = cv2.resize(skipped.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    suspicion[cv2.dilate(apart, np.ones((3, 3))) > 0] = 0
    cell = (high - low) / size
    for _ in range(MOST):
        row, column = divmod(int(suspicion.argmax()), size[0])
        if float(suspicion[row, column]) <= 1:
            return
        middle = low + (np.array([column, row]) + 0.5) * cell
        start, end = _square(middle, finest, low, high)
        (left, top), (right, bottom) = (
            np.round((x - low) / cell).astype(int) for x in (start, end)
        )
        suspicion[top : bottom + 1, left : right + 1] = 0
        step = finest
        while step <= coarsest:
            part = canvas.part(aligned, *_square(middle, step, low, high))
            if part is None or _alike_in_sharpness(part):
                break
            step *= 2  # one is softer: what is finer cannot be compared
        else:
            continue
        if part is not None:
            yield _without(part, whole, skipped)


def _without(part: Canvas, whole: Canvas, skipped: Mask) -> Canvas:
    """Return a part that does not show what is skipped on the canvas of the whole."""
    if not skipped.any():
        return part
    wide = cv2.dilate(skipped.astype(np.uint8), np.ones((SKIPPED_PX, SKIPPED_PX)))
    size = part.shown.shape[1], part.shown.shape[0]
    to_whole = chained(part.to_fine, inverse(whole.to_fine))
    there = cv2.warpAffine(wide, to_whole, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return replace(part, shown=part.shown & (there == 0))


def _square(middle: Floats, step: float, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the corners of a square around a place, inside what both show."""
    side = np.minimum(canvas.LONG_PX * step, high - low)
    start = np.clip(middle - side / 2, low, high - side)
    return start, start + side


def _alike_in_sharpness(part: Canvas) -> bool:
    """Return whether both have about as much detail."""
    fine = []
    for pixels in (part.fine, part.coarse):
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0)) * part.shown
        fine.append(float(detail.mean()) + DETAIL)
    return min(fine) >= SOFTER * max(fine)


def _survey(aligned: Aligned, low: Floats, high: Floats) -> Floats | None:
    """Return by how many times its usual size more is left in each cell; None if too small."""
    extent = high - low
    step = max(float(extent.max()) / SURVEY_PX, aligned.ratio, 1.0)
    size = round(float(extent[0]) / step), round(float(extent[1]) / step)
    cells = size[0] // CELL_PX, size[1] // CELL_PX
    if min(cells) < 4:
        return None
    size = cells[0] * CELL_PX, cells[1] * CELL_PX
    steps = extent / size
    to_fine = np.array([[steps[0], 0, 0], [0, steps[1], 0]], np.float64)
    to_fine[:, 2] = low + steps / 2
    to_coarse = chained(to_fine, aligned.matrix)
    x, y = (_grey(p, m, size) for p, m in ((aligned.fine, to_fine), (aligned.coarse, to_coarse)))
    to_cells = spread(CELL_PX, CELL_PX)
    shown = geometry.visible(chained(to_cells, to_fine), cells, aligned.fine.size)
    shown &= geometry.visible(chained(to_cells, to_coarse), cells, aligned.coarse.size)
    area = cv2.erode(shown.astype(np.uint8), np.ones((3, 3)), borderValue=0) > 0
    if np.count_nonzero(area) < RANGES:
        return None
    (mean_x, std_x), (mean_y, std_y) = (
        (float(m[0, 0]), float(s[0, 0]) + 1) for m, s in (cv2.meanStdDev(p) for p in (x, y))
    )
    gain = std_x / std_y
    left = cv2.addWeighted(x, 1, y, -gain, gain * mean_y - mean_x, dtype=cv2.CV_32F)
    left = cv2.GaussianBlur(left, (0, 0), SOFT_PX)
    mean = cv2.resize(left, cells, interpolation=cv2.INTER_AREA)
    left = cv2.resize(cv2.multiply(left, left), cells, interpolation=cv2.INTER_AREA)
    broad = cv2.blur(mean, (BROAD_CELLS, BROAD_CELLS))
    left = np.sqrt(np.maximum(left - 2 * mean * broad + broad * broad, 0))
    steep = cv2.morphologyEx(x, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    slope = cv2.resize(steep, cells, interpolation=cv2.INTER_AREA).astype(np.float32)
    slopes, usual = residuals.medians(slope[area], left[area], RANGES)
    usual = np.maximum.accumulate(usual)
    expected = np.interp(slope, [0, *slopes, 255], [usual[0], *usual, 4 * usual[-1]])
    stat: Floats = (left / (expected + LEAST) * area).astype(np.float32)
    return stat


def _grey(picture: Picture, matrix: Floats, size: tuple[int, int]) -> Floats:
    """Return the luma of a picture averaged to a canvas."""
    pixels, back = picture.reduced_grey(max(scale_of(matrix), 1.0))
    matrix = chained(matrix, inverse(back))
    if pixels.shape[1::-1] == size and np.abs(matrix - np.eye(2, 3)).max() < canvas.ON_GRID_PX:
        return pixels
    drawn: Floats = cv2.warpAffine(
        pixels,
        matrix,
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return drawn

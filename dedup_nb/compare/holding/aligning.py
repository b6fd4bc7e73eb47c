"""Two pictures and a rough map between them -> the finer and the coarser one, well aligned.

The rough map comes from thumbnails and may be off by many pixels of a camera's picture. Shifts of
tiles improve it, first at a small size, then where there is most to see.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import (
    Aligned,
    Floats,
    Picture,
    Pixels,
    chained,
    cut,
    inverse,
    scale_of,
    spread,
)

ROUGH_PX, ROUGH_SIDE = 640, 96  # long side at which the rough map is improved first, and its tiles
TILES = 9  # tiles with most to see, for the fine map
SURE = 0.03  # least response of a phase correlation
SETTLED_PX = 0.03  # a smaller shift of every tile ends the search
FINER = 1.004  # ratio of sizes from which on one is the finer
REDUCED = 1.5  # ratio from which on the finer one is reduced for aligning
MOST_OFF = 0.006  # share of a side by which a plain map may lie off the one found
# Tiles by which two maps are compared, and the share by which the likelier one may be worse.
FEW_TILES, AS_GOOD = 5, 0.03


def align(a: Pixels, b: Pixels, matrix: Floats) -> Aligned:
    """Turn the second picture as the first is, and align them to a fraction of a pixel.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3 or 4)
    matrix : ndarray of float64, shape (2, 3)
        Rough map from a to b, at full size.
    """
    matrix = np.asarray(matrix, np.float64)
    b, matrix = upright(b, matrix)
    swapped = scale_of(matrix) > FINER
    if swapped:
        a, b, matrix = b, a, inverse(matrix)
    fine, coarse = Picture(a), Picture(b)
    return Aligned(fine, coarse, _refined(fine, coarse, matrix), swapped)


def upright(b: Pixels, matrix: Floats) -> tuple[Pixels, Floats]:
    """Mirror and turn the second picture by quarters, so that the map turns little."""
    if np.linalg.det(matrix[:, :2]) < 0:
        matrix = chained(matrix, np.array([[-1, 0, b.shape[1] - 1], [0, 1, 0]], np.float64))
        b = b[:, ::-1]
    for _ in range(3):
        across = matrix[:, 0] / np.linalg.norm(matrix[:, 0])
        if across[0] > 0.71:
            break
        matrix = chained(matrix, np.array([[0, 1, 0], [-1, 0, b.shape[1] - 1]], np.float64))
        b = np.rot90(b)
    return b, matrix


def _refined(fine: Picture, coarse: Picture, matrix: Floats) -> Floats:
    """Improve a rough map, first at a small size, then where there is most to see."""
    plain = _plain(matrix, fine.size, coarse.size)
    small, back = fine.reduced_grey(max(max(fine.size) / ROUGH_PX, 1.0))
    other, to_other = coarse.reduced_grey(max(scale_of(chained(back, matrix)), 1.0))
    rough = chained(chained(back, matrix), inverse(to_other))
    rough = _matched(small, other, rough, _grid(small.shape, ROUGH_SIDE), ROUGH_SIDE)
    matrix = chained(chained(inverse(back), rough), to_other)
    ratio = 1 / scale_of(matrix)
    grey, back = fine.reduced_grey(ratio if ratio > REDUCED else 1.0)
    base = fine if ratio <= REDUCED else geometry.of_grey(grey)
    finest = chained(back, matrix)
    side = geometry.tile_side(grey.shape)
    corners = _most(base, finest, coarse.size, side, TILES)
    plain += _plain(matrix, fine.size, coarse.size)
    likely = [finest, *(chained(back, one) for one in plain)]
    finest = _matched(grey, coarse.grey, finest, corners, side)
    least = _error(grey, coarse.grey, finest, corners[:FEW_TILES], side)
    for one in likely:  # tiles with little detail may lead astray
        error = _error(grey, coarse.grey, one, corners[:FEW_TILES], side)
        if error <= least * (1 + AS_GOOD) + AS_GOOD:
            finest, least = one, min(error, least)
    return chained(inverse(back), finest)


def _plain(matrix: Floats, size: tuple[int, int], other: tuple[int, int]) -> list[Floats]:
    """Return the shifts by whole pixels and the plain resize that a map may really be."""
    corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [size[0], size[1], 1]], float)
    places = corners @ matrix.T
    shift = np.round((places - corners[:, :2]).mean(axis=0))
    whole = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    resize = spread(other[0] / size[0], other[1] / size[1])
    near = MOST_OFF * max(other)
    return [m for m in (whole, resize) if np.abs(corners @ m.T - places).max() <= near]


def _error(
    grid: Pixels, other: Pixels, matrix: Floats, corners: list[tuple[int, int]], side: int
) -> float:
    """Return the mean squared difference of tiles."""
    errors = []
    for top, left in corners:
        x = grid[top : top + side, left : left + side].astype(np.float32)
        if x.shape == (side, side):
            off = x - cut(other, matrix, (top, left), side, cv2.INTER_CUBIC)
            errors.append(float(((off - off.mean()) ** 2).mean()))
    return float(np.mean(errors)) if errors else 0.0


def _grid(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Return the top left corners of 16 tiles all over a picture."""
    height, width = shape[:2]
    if min(height, width) < side:
        return []
    rows = np.unique(np.linspace(0, height - side, 4).astype(int))
    columns = np.unique(np.linspace(0, width - side, 4).astype(int))
    return [(int(r), int(c)) for r in rows for c in columns]


def _most(
    base: Picture, matrix: Floats, other: tuple[int, int], side: int, count: int
) -> list[tuple[int, int]]:
    """Return the top left corners of the squares with most to see."""
    levels, step = base.activity
    cells = max(side // step, 1)
    allowed = geometry.whole_squares(matrix, other, step, cells, levels.shape)
    return geometry.best(cv2.blur(levels, (cells, cells)), allowed, count, side, step)


def _matched(
    grid: Pixels, other: Pixels, matrix: Floats, corners: list[tuple[int, int]], side: int
) -> Floats:
    """Improve a map by the shifts of tiles."""
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    for _ in range(4):
        places, shifts = [], []
        for corner in corners:
            top, left = corner
            x = grid[top : top + side, left : left + side].astype(np.float32)
            if x.shape != (side, side):
                continue
            y = cut(other, matrix, corner, side, cv2.INTER_CUBIC)
            (dx, dy), sure = cv2.phaseCorrelate(x, y, window)
            if sure > SURE and np.hypot(dx, dy) < side / 4:
                places.append((left + side / 2, top + side / 2, 1))
                shifts.append((dx, dy))
        if len(places) < 2:
            return matrix
        step = _fit(np.array(places), np.array(shifts), side)
        matrix = np.column_stack(
            [matrix[:, :2] @ (np.eye(2) + step[:, :2]), matrix[:, :2] @ step[:, 2] + matrix[:, 2]]
        )
        if np.abs(shifts).max() < SETTLED_PX:
            break
    return matrix


def _fit(places: Floats, shifts: Floats, side: int) -> Floats:
    """Return the affine map of shifts, or their median where they lie too near for more."""
    usual = np.median(shifts, axis=0)
    far = np.linalg.norm(shifts - usual, axis=1)
    near = far <= max(2.0, 2 * float(np.median(far)))
    wide = np.ptp(places[near], axis=0)[:2].min() > 1.5 * side if near.sum() >= 5 else False
    if not wide:
        return np.array([[0, 0, usual[0]], [0, 0, usual[1]]])
    fit: Floats = np.linalg.lstsq(places[near], shifts[near], rcond=None)[0].T
    off = np.linalg.norm(places @ fit.T - shifts, axis=1)
    better = near & (off <= max(0.25, 2.5 * float(np.median(off[near]))))
    if better.sum() >= 5 and np.ptp(places[better], axis=0)[:2].min() > 1.5 * side:
        fit = np.linalg.lstsq(places[better], shifts[better], rcond=None)[0].T
    return fit

"""A small grey picture -> SIFT key points and RootSIFT descriptors, compiled by numba.

The method of Lowe (2004) with the descriptors of Arandjelović and Zisserman (2012), twice as fast
as OpenCV's: a descriptor is taken from 18 x 18 samples of its own frame instead of from all pixels
below it. OpenCV makes the pyramid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

LAYERS = 3  # scales of an octave at which points are looked for
SIGMA, CAMERA_SIGMA = 1.6, 0.5  # pixels; of the first scale, and of a picture as it comes
LEAST_SIDE_PX = 12  # of the smallest octave
BORDER_PX, STEPS = 5, 5  # where no points are looked for; most steps of refining a point
BINS, TOP_BIN = 36, 0.8  # of directions; share of the highest that makes another point
SPREAD, REACH = 1.5, 4.5  # of the window for directions, in scales: its sigma, its half side
FINE = 8  # pixels up to which every pixel of that window counts, beyond every second
CELL = 3.0  # width of a descriptor's cell, in scales
SIDE, CELLS, DIRECTIONS = 16, 4, 8  # samples, cells, directions of a descriptor
MOST_SHARE = 0.2  # of the length of a descriptor that one value may have
WIDTH = CELLS * CELLS * DIRECTIONS
ONE = np.float32(1)


class Points(NamedTuple):
    """Key points, one row each.

    Attributes
    ----------
    places : ndarray of float64, shape (n, 2)
        x and y in pixels; whole numbers are pixel centres.
    sizes, strengths : ndarray of float64, shape (n,)
        Scale in pixels; contrast, 0 to 1.
    descriptors : ndarray of uint8, shape (n, 128)
        RootSIFT.
    """

    places: Floats
    sizes: Floats
    strengths: Floats
    descriptors: NDArray[np.uint8]


def find(grey: NDArray[np.uint8], most: int, first: int, contrast: float, edge: float) -> Points:
    """Return the key points of a grey picture, those that tell most first.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
    most : int
        Largest number of points.
    first : int
        Of the first points, half are the largest of all and half the strongest of the others; the
        rest follows by strength.
    contrast, edge : float
        Smallest contrast; largest ratio of the curvatures across and along an edge.
    """
    octaves = _pyramid(grey)
    rows = np.concatenate(
        [
            _extrema(differences, number, np.float32(contrast * 255), edge)
            for number, (_, differences) in enumerate(octaves)
        ]
    )
    # one place may give several points, of several directions
    rows = rows[_by_worth(rows[:, 4], rows[:, 5], first)[:most]]
    parts = []
    owners = np.zeros(0, np.int64)
    for number, (scales, _) in enumerate(octaves):
        mine = np.flatnonzero(rows[:, 0] == number)
        if len(mine):
            which, made = _described(scales, rows[mine], WINDOW)
            parts.append(made)
            owners = np.concatenate([owners, mine[which]])
    descriptors = np.concatenate([np.zeros((0, WIDTH), np.uint8), *parts])
    order = np.argsort(owners, kind="stable")[:most]
    rows = rows[owners[order]]
    places = rows[:, 1:3] * 2.0 ** rows[:, :1] / 2 - 0.25  # the first octave is twice as large
    return Points(places, rows[:, 4], rows[:, 5] / 255, descriptors[order])


def _by_worth(sizes: Floats, strengths: Floats, first: int) -> NDArray[np.int64]:
    """Return the order of points.

    Large ones survive being shown small, as in a screenshot; strong ones survive everything else.
    """
    by_size = np.lexsort((-strengths, -sizes))
    large, others = by_size[: first // 2], by_size[first // 2 :]
    return np.concatenate([large, others[np.argsort(-strengths[others], kind="stable")]])


def _pyramid(grey: NDArray[np.uint8]) -> list[tuple[Floats, Floats]]:
    """Return the blurred pictures and their differences, octave by octave, from twice the size."""
    height, width = grey.shape
    size = (2 * width, 2 * height)
    base = cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    sigma = float(np.sqrt(SIGMA**2 - (2 * CAMERA_SIGMA) ** 2))
    base = cv2.GaussianBlur(base, (0, 0), sigma)
    octaves: list[tuple[Floats, Floats]] = []
    while min(base.shape) >= LEAST_SIDE_PX or not octaves:
        scales = np.empty((LAYERS + 3, *base.shape), np.float32)
        differences = np.empty((LAYERS + 2, *base.shape), np.float32)
        scales[0] = base
        for k in range(1, LAYERS + 3):
            before = SIGMA * 2 ** ((k - 1) / LAYERS)
            further = before * float(np.sqrt(2 ** (2 / LAYERS) - 1))
            cv2.GaussianBlur(scales[k - 1], (0, 0), further, dst=scales[k])
            cv2.subtract(scales[k], scales[k - 1], dst=differences[k - 1])
        octaves.append((scales, differences))
        base = np.ascontiguousarray(scales[LAYERS][::2, ::2])
    return octaves


def _window() -> NDArray[np.float32]:
    """Return the weight of each sample of a descriptor."""
    away = (np.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    weights: NDArray[np.float32] = np.exp(-0.5 * (away[:, None] ** 2 + away**2)).astype(np.float32)
    return weights


WINDOW = _window()


def prepare() -> None:
    """Compile everything, so that no picture has to wait for it: some seconds, once a machine."""
    squares = np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((6, 6)))
    find((squares * 200 + 20).astype(np.uint8), 10, 10, 0.02, 12.0)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _extrema(differences, octave, contrast, edge):  # type: ignore[no-untyped-def]
    """Return the refined extrema of an octave: octave, x, y, layer, size, strength."""
    layers, height, width = differences.shape
    most = np.float32(0.5 * contrast / LAYERS)
    rows, count = np.empty((256, 6)), 0
    maybe = np.zeros(width, np.uint8)
    for layer in range(1, layers - 1):
        for y in range(BORDER_PX, height - BORDER_PX):
            _outstanding(
                differences[layer, y, 1:-1], differences[layer, y, :-2], differences[layer, y, 2:],
                differences[layer, y - 1, 1:-1], differences[layer, y + 1, 1:-1],
                differences[layer - 1, y, 1:-1], differences[layer + 1, y, 1:-1],
                most, maybe[1:-1],
            )  # fmt: skip
            for x in range(BORDER_PX, width - BORDER_PX):
                if not maybe[x]:
                    continue
                if not _is_extreme(differences, layer, y, x, differences[layer, y, x]):
                    continue
                row = _refined(differences, layer, y, x, contrast, edge)
                if row[3] > 0:
                    if count == len(rows):
                        longer = np.empty((2 * count, 6))
                        longer[:count] = rows
                        rows = longer
                    rows[count, 0], rows[count, 1], rows[count, 2] = octave, row[0], row[1]
                    rows[count, 3] = row[2]
                    # in pixels of the picture, which is half as large as the first octave
                    rows[count, 4] = SIGMA * 2.0 ** (row[2] / LAYERS) * 2.0**octave / 2
                    rows[count, 5] = row[3]
                    count += 1
    return rows[:count]


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _outstanding(here, left, right, above, below, finer, coarser, most, maybe):  # type: ignore[no-untyped-def]
    """Mark the pixels of a row that none of six neighbours exceeds; without branches, for SIMD."""
    for x in range(len(maybe)):
        v = here[x]
        high = max(max(max(left[x], right[x]), max(above[x], below[x])), max(finer[x], coarser[x]))
        low = min(min(min(left[x], right[x]), min(above[x], below[x])), min(finer[x], coarser[x]))
        maybe[x] = ((v > most) & (v >= high)) | ((v < -most) & (v <= low))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _is_extreme(differences, layer, y, x, value):  # type: ignore[no-untyped-def]
    for k in (layer, layer - 1, layer + 1):
        part = differences[k]
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                other = part[y + dy, x + dx]
                if (value > 0 and other > value) or (value < 0 and other < value):
                    return False
    return True


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _refined(differences, layer, y, x, contrast, edge):  # type: ignore[no-untyped-def]
    """Return x, y, layer and strength of an extremum, to a fraction; a strength of 0 if none."""
    layers, height, width = differences.shape
    none = (0.0, 0.0, 0.0, 0.0)
    for _ in range(STEPS):
        d, up, down = differences[layer], differences[layer + 1], differences[layer - 1]
        value = np.float64(d[y, x])
        gx, gy = (d[y, x + 1] - d[y, x - 1]) / 2.0, (d[y + 1, x] - d[y - 1, x]) / 2.0
        gs = (up[y, x] - down[y, x]) / 2.0
        xx, yy = d[y, x + 1] + d[y, x - 1] - 2 * value, d[y + 1, x] + d[y - 1, x] - 2 * value
        ss = up[y, x] + down[y, x] - 2 * value
        xy = (d[y + 1, x + 1] - d[y + 1, x - 1] - d[y - 1, x + 1] + d[y - 1, x - 1]) / 4.0
        xs = (up[y, x + 1] - up[y, x - 1] - down[y, x + 1] + down[y, x - 1]) / 4.0
        ys = (up[y + 1, x] - up[y - 1, x] - down[y + 1, x] + down[y - 1, x]) / 4.0
        a, b, c = yy * ss - ys * ys, xs * ys - xy * ss, xy * ys - yy * xs
        whole = xx * a + xy * b + xs * c
        if whole == 0:
            return none
        e, f, g = xx * ss - xs * xs, xs * xy - xx * ys, xx * yy - xy * xy
        ox = -(a * gx + b * gy + c * gs) / whole
        oy = -(b * gx + e * gy + f * gs) / whole
        os = -(c * gx + f * gy + g * gs) / whole
        if abs(ox) < 0.5 and abs(oy) < 0.5 and abs(os) < 0.5:
            strength = abs(value + (gx * ox + gy * oy + gs * os) / 2)
            trace, product = xx + yy, xx * yy - xy * xy
            if strength * LAYERS < contrast or product <= 0:
                return none
            if trace * trace * edge >= (edge + 1) ** 2 * product:
                return none
            return (x + ox, y + oy, layer + os, strength)
        if max(abs(ox), abs(oy), abs(os)) > 1e6:
            return none
        x, y, layer = x + round(ox), y + round(oy), layer + round(os)
        if layer < 1 or layer > layers - 2 or min(x, y) < BORDER_PX:
            return none
        if x >= width - BORDER_PX or y >= height - BORDER_PX:
            return none
    return none


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _angle(y, x):  # type: ignore[no-untyped-def]
    """Return the direction of a vector as a share of a full turn, 0 to 1, within 1e-5."""
    ax, ay = abs(x), abs(y)
    most, least = max(ax, ay), min(ax, ay)
    a = least / (most + np.float32(1e-12))
    s = a * a
    share = (np.float32(-0.0074001440) * s + np.float32(0.025355645)) * s
    share = ((share - np.float32(0.052142775)) * s + np.float32(0.15915494)) * a
    if ay > ax:
        share = np.float32(0.25) - share
    if x < 0:
        share = np.float32(0.5) - share
    return share if y >= 0 else np.float32(1) - share


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _directions(picture, x, y, scale, found):  # type: ignore[no-untyped-def]
    """Fill `found` with the main directions around a point, in turns; return how many."""
    height, width = picture.shape
    around = round(REACH * scale)
    bins = np.zeros(BINS)
    weights = np.exp(-0.5 * (np.arange(around + 1) / (SPREAD * scale)) ** 2)
    cx, cy = round(x), round(y)
    step = 1 if around <= FINE else 2  # the picture is blurred by `scale`
    for dy in range(-around, around + 1, step):
        if cy + dy < 1 or cy + dy > height - 2:
            continue
        for dx in range(-around, around + 1, step):
            if cx + dx < 1 or cx + dx > width - 2:
                continue
            px = picture[cy + dy, cx + dx + 1] - picture[cy + dy, cx + dx - 1]
            py = picture[cy + dy + 1, cx + dx] - picture[cy + dy - 1, cx + dx]
            place = int(_angle(py, px) * BINS + 0.5) % BINS
            bins[place] += np.sqrt(px * px + py * py) * weights[abs(dx)] * weights[abs(dy)]
    smooth, highest = np.empty(BINS), 0.0
    for k in range(BINS):
        smooth[k] = (
            (bins[k - 2] + bins[(k + 2) % BINS]) / 16
            + (bins[k - 1] + bins[(k + 1) % BINS]) / 4
            + bins[k] * 0.375
        )
        highest = max(highest, smooth[k])
    count = 0
    for k in range(BINS):
        left, here, right = smooth[k - 1], smooth[k], smooth[(k + 1) % BINS]
        if here > left and here > right and here >= TOP_BIN * highest and count < len(found):
            found[count] = (k + 0.5 * (left - right) / (left - 2 * here + right)) / BINS
            count += 1
    return count


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _described(scales, rows, window):  # type: ignore[no-untyped-def]
    """Return the descriptors of the points of an octave, and the row of each."""
    found = np.empty(4)
    which = np.empty(len(found) * len(rows), np.int64)
    made = np.empty((len(which), WIDTH), np.uint8)
    count = 0
    samples = np.empty((SIDE + 2, SIDE + 2), np.float32)
    padded, values = np.empty((CELLS + 2, CELLS + 2, DIRECTIONS), np.float32), np.empty(WIDTH)
    for k in range(len(rows)):
        layer = round(rows[k, 3])
        scale = SIGMA * 2.0 ** (rows[k, 3] / LAYERS)
        for turn in range(_directions(scales[layer], rows[k, 1], rows[k, 2], scale, found)):
            _sample(scales[layer], rows[k, 1], rows[k, 2], scale, found[turn], samples)
            _histogram(samples, window, padded, values)
            _root(values, made[count])
            which[count] = k
            count += 1
    return which[:count], made[:count]


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _sample(picture, x, y, scale, turn, samples):  # type: ignore[no-untyped-def]
    """Fill `samples` from a turned square around a point; pixels outside repeat the border."""
    height, width = picture.shape
    step = CELL * scale * CELLS / SIDE
    c, s = step * np.cos(2 * np.pi * turn), step * np.sin(2 * np.pi * turn)
    middle = (SIDE + 1) / 2
    for row in range(SIDE + 2):
        for column in range(SIDE + 2):
            u, v = column - middle, row - middle
            px = min(max(x + c * u - s * v, 0.0), width - 1.001)
            py = min(max(y + s * u + c * v, 0.0), height - 1.001)
            left, top = int(px), int(py)
            fx, fy = np.float32(px - left), np.float32(py - top)
            above = picture[top, left] + fx * (picture[top, left + 1] - picture[top, left])
            below = picture[top + 1, left] + fx * (
                picture[top + 1, left + 1] - picture[top + 1, left]
            )
            samples[row, column] = above + fy * (below - above)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _histogram(samples, window, padded, values):  # type: ignore[no-untyped-def]
    """Fill `values` with the directions of the samples' slopes in each cell.

    `padded` has a cell more on each side, so that no sample asks where it is.
    """
    padded[:] = 0
    for row in range(SIDE):
        v = np.float32((row + 0.5) * CELLS / SIDE + 0.5)
        top = int(v)
        down = v - np.float32(top)
        for column in range(SIDE):
            dx = samples[row + 1, column + 2] - samples[row + 1, column]
            dy = samples[row + 2, column + 1] - samples[row, column + 1]
            weight = np.sqrt(dx * dx + dy * dy) * window[row, column]
            u = np.float32((column + 0.5) * CELLS / SIDE + 0.5)
            left = int(u)
            along = u - np.float32(left)
            angle = np.float32(_angle(dy, dx) * DIRECTIONS)
            low = int(angle)
            share = angle - np.float32(low)
            one, other = low & (DIRECTIONS - 1), (low + 1) & (DIRECTIONS - 1)
            first, second = weight - weight * share, weight * share
            for a in range(2):
                for b in range(2):
                    part = (down if a else ONE - down) * (along if b else ONE - along)
                    padded[top + a, left + b, one] += part * first
                    padded[top + a, left + b, other] += part * second
    at = 0
    for row in range(1, CELLS + 1):
        for column in range(1, CELLS + 1):
            for direction in range(DIRECTIONS):
                values[at] = padded[row, column, direction]
                at += 1


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _root(values, made):  # type: ignore[no-untyped-def]
    """Fill `made` with the roots of the values' shares; no value may count too much."""
    limit = MOST_SHARE * np.sqrt(np.sum(values * values))
    total = 1e-9
    for k in range(len(values)):
        values[k] = min(values[k], limit)
        total += values[k]
    for k in range(len(values)):
        made[k] = min(255, int(np.sqrt(values[k] / total) * 512 + 0.5))

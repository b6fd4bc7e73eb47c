"""Two aligned pictures -> whether one is a screenshot, a collage or a page that shows the other.

Where a picture was cut from another one, nothing changes at the cut: what lies beside it goes on.
Where a picture is shown inside a container, there is a step along its sides, and what lies around
it is something else. A plain border, a letterbox or a bar with a caption is not a container.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import Aligned, Floats, Picture, chained, inverse, spread
from dedup_nb.compare.look_words import CONTAINED, Box, Look

Mask = NDArray[np.bool_]
Size = tuple[int, int]

WHOLE = 0.97  # share of a picture's area from which on nothing lies around it
PART_PX, AROUND_PX = 400, 480  # long sides at which sides and surroundings are looked at
PAD_PX = 28  # of surroundings on the canvas of the sides
ROOM_PX = 10  # least surroundings at a side
PARTS, OFF_PX = 8, 2  # parts of a side; pixels by which a side may lie off
NEAR_PX, FAR_PX = 4, 13  # of the lines that a side is compared with
STEP = 7.0  # grey levels of a step
# How steps and texture along a side tell whether it is one: logistic regression over the sides of
# drawn containers and of crops (`benchmarks/bench_containers.py`).
ODDS_STEP, ODDS_CLEAR, ODDS_APART, ODDS_ON, ODDS = 8.2, 3.7, 2.4, -4.0, -5.1
LEAST, MOST = -1.5, 4.0  # what one side may say
SEEN, LONE = 2.6, 1.6  # of the two clearest sides; factor for the only side
COARSE_PX, FAINT = 31, 0.5  # of lines that are compared: coarser is tone; variance of noise
THERE = 0.9  # share of a line that lies inside

TONE = 24.0  # grey levels by which something stands out from its line in a border
EDGE_PX, ENDS = 3, 0.05  # of a border, next to the picture and at its ends, that is not looked at
LEAST_PX = 4  # of a border that can be looked at
PLAIN = 0.004  # share of a border that may stand out from it
HIGH, BESIDE = 0.36, 0.08  # largest heights of a bar with a caption, and of borders beside it
EVEN, SHARP = 0.55, 0.5  # shares of a bar that has its tone, and of its letters at sharp edges
LETTER = 0.05  # least height of letters in two bars, so that they are no buttons of a program


def shown(aligned: Aligned) -> Look:
    """Return whether one of two pictures is a container of the other.

    Parameters
    ----------
    aligned : Aligned
        Both pictures and the map between them, which may be off by two pixels at a size of
        `PART_PX`.

    Returns
    -------
    Look
        `contained`, which is the `whole`, and where the other one lies if that is a; or a copy.
    """
    fine, coarse, matrix = aligned.fine, aligned.coarse, aligned.matrix
    shares = _shares(fine.size, coarse.size, matrix)
    if min(shares) >= WHOLE:
        return Look()
    if shares[1] < shares[0]:
        part, whole, is_a = fine, coarse, aligned.swapped
    else:
        part, whole, is_a = coarse, fine, not aligned.swapped
        matrix = inverse(matrix)
    seen = _seen(part, whole, matrix)
    if seen <= 1 or _is_border(part, whole, matrix):
        return Look()
    where = (_box(part.size, whole.size, matrix),) if is_a else ()
    return Look(CONTAINED, "a" if is_a else "b", where, round(seen, 3))


def _box(part: Size, whole: Size, matrix: Floats) -> Box:
    """Return the box around the part, as shares of the whole."""
    corners = (_corners(part) @ matrix[:, :2].T + matrix[:, 2] + 0.5) / whole
    left, top, right, bottom = np.clip([*corners.min(axis=0), *corners.max(axis=0)], 0, 1).round(4)
    return float(left), float(top), float(right), float(bottom)


def _shares(a: Size, b: Size, matrix: Floats) -> tuple[float, float]:
    """Return the share of each picture's area that the other shows too."""
    corners = _corners(a) @ matrix[:, :2].T + matrix[:, 2]
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0]
    both, _ = cv2.intersectConvexConvex(hull, _corners(b).astype(np.float32))
    return both / max(cv2.contourArea(hull), 1.0), both / float(b[0] * b[1])


def _corners(size: Size) -> Floats:
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


@dataclass(frozen=True)
class _Canvas:
    """A part of the whole in the axes of the part: its pixels, and where the whole lies.

    `box` has the left, top, right and bottom of the part on it.
    """

    pixels: Floats
    there: Mask
    box: tuple[int, int, int, int]

    def turned(self, quarter: int) -> tuple[Floats, Mask, tuple[int, int, int]]:
        """Turn one side of the part to the top; return pixels, mask, and its row, start and end."""
        left, top, right, bottom = self.box
        height, width = self.there.shape
        row, start, end = [
            (top, left, right),
            (width - right, top, bottom),
            (height - bottom, width - right, width - left),
            (left, height - bottom, height - top),
        ][quarter]
        pixels = np.ascontiguousarray(np.rot90(self.pixels, quarter))
        return pixels, np.rot90(self.there, quarter), (row, start, end)


def _canvas(
    part: Picture, whole: Picture, matrix: Floats, size: Size, pads: tuple[int, ...]
) -> _Canvas:
    """Draw the whole where the part has a size, with pads at left, top, right and bottom."""
    left, top, right, bottom = pads
    to_part = spread(part.size[0] / size[0], part.size[1] / size[1])
    to_part = chained(np.array([[1, 0, -left], [0, 1, -top]], np.float64), to_part)
    to_whole = chained(to_part, matrix)
    full = size[0] + left + right, size[1] + top + bottom
    pixels = geometry.canvas(whole, to_whole, full).astype(np.float32)
    x, y = np.arange(full[0]), np.arange(full[1])[:, None]
    u = to_whole[0, 0] * x + to_whole[0, 1] * y + to_whole[0, 2]
    v = to_whole[1, 0] * x + to_whole[1, 1] * y + to_whole[1, 2]
    there = (u >= -0.5) & (v >= -0.5) & (u <= whole.size[0] - 0.5) & (v <= whole.size[1] - 0.5)
    return _Canvas(pixels, there, (left, top, left + size[0], top + size[1]))


def _fitting(size: Size, long_px: float) -> Size:
    scale = min(long_px / max(size), 1.0)
    return max(round(size[0] * scale), 48), max(round(size[1] * scale), 48)


# -- sides -----------------------------------------------------------------------------------------


def _seen(part: Picture, whole: Picture, matrix: Floats) -> float:
    """Return how plainly the sides of the part are seen in the whole; above 1 they are."""
    canvas = _canvas(part, whole, matrix, _fitting(part.size, PART_PX), (PAD_PX,) * 4)
    sides = (_side(*canvas.turned(quarter)) for quarter in range(4))
    told = sorted((max(one, LEAST) for one in sides if one is not None), reverse=True)
    if not told:
        return 0.0
    return (told[0] * LONE if len(told) == 1 else told[0] + told[1]) / SEEN


def _side(pixels: Floats, there: Mask, place: tuple[int, int, int]) -> float | None:
    """Return how plainly a side of the part, turned to the top, is seen: logarithm of the odds.

    None if the whole does not go on beyond this side.
    """
    row, start, end = place
    line = slice(start + 2, end - 2)
    room = int(np.count_nonzero(there[:row, line].mean(axis=1) > THERE))
    if room < ROOM_PX:
        return None
    near = cv2.blur(pixels[row - room : row + PAD_PX, line], (5, 1))  # along the side
    step, clear = _step(near, room)
    goes_on, expected = _continuity(near.mean(axis=2), room)
    apart = float(np.clip(max(expected, 0) - max(goes_on, 0), -0.3, 1))
    odds = ODDS_STEP * step + ODDS_CLEAR * clear + ODDS_APART * apart
    return min(odds + ODDS_ON * float(np.clip(goes_on, -0.2, 1)) + ODDS, MOST)


def _step(near: Floats, edge: int) -> tuple[float, float]:
    """Return the shares of a side along which there is a step.

    Parameters
    ----------
    near : ndarray of float32, shape (height, width, 3)
        The side and what lies beside it; inside is below.
    edge : int
        The row where the part begins.

    Returns
    -------
    step : float
        Where it is larger than on every line inside, and than usual ones outside, where another
        line may follow soon.
    clear : float
        Where it is much larger than usual ones on both sides.
    """
    steps = np.zeros(near.shape[:2], np.float32)  # between the two lines above and below each one
    apart = (near[:-5] + near[1:-4]) - (near[4:-1] + near[5:])
    steps[3:-2] = _largest(apart) / 2
    told = []
    for row in range(edge - OFF_PX, edge + OFF_PX + 1):
        here = steps[row - 1 : row + 2].max(axis=0)
        outside = steps[max(row - FAR_PX, 3) : max(row - NEAR_PX + 1, 4)]
        inside = steps[row + NEAR_PX : row + FAR_PX + 1]
        usual = _medians(outside), _medians(inside)
        step = (here > inside.max(axis=0)) & (here > np.maximum(STEP, 2 * usual[0]))
        told.append((step, here > np.maximum(STEP + 1, 2.5 * np.maximum(*usual))))
    parts = np.array_split(np.arange(near.shape[1]), PARTS)
    shares = np.array([[[one[c].mean() for c in parts] for one in pair] for pair in told])
    ends = range(len(told))
    lines = [np.round(np.linspace(i, j, PARTS)).astype(int) for i in ends for j in ends]
    every = [shares[at, :, np.arange(PARTS)].mean(axis=0) for at in lines]  # straight, or aslant
    best = max(every, key=lambda one: float(one[0]))
    return float(best[0]), float(best[1])


def _largest(apart: Floats) -> Floats:
    """Return the largest absolute difference of three channels."""
    red, green, blue = cv2.split(np.abs(apart))
    largest: Floats = cv2.max(red, cv2.max(green, blue))
    return largest


def _medians(values: Floats, axis: int = 0) -> Floats:
    """Return the medians along an axis."""
    n = values.shape[axis]
    low, high = (n - 1) // 2, n // 2
    ordered = np.partition(values, sorted({low, high}), axis=axis)
    middle: Floats = (ordered.take(low, axis) + ordered.take(high, axis)) / 2
    return middle


def _continuity(grey: Floats, edge: int) -> tuple[float, float]:
    """Return how far what is inside goes on outside, and how far it does on either side alone."""
    across = max(_alike(grey, edge - 4 + off, edge + 2 + off) for off in (-1, 0, 1))
    inside = _alike(grey, edge + 2, edge + 8) + _alike(grey, edge + 6, edge + 12)
    return across, max(inside / 2, _alike(grey, edge - 10, edge - 4))


def _alike(grey: Floats, row: int, other: int) -> float:
    """Return the correlation of two lines, each two pixels wide, without their coarse tone."""
    x, y = (_fine(grey[k : k + 2].mean(axis=0)) for k in (row, other))
    power = (float(x @ x) + FAINT * len(x)) * (float(y @ y) + FAINT * len(y))
    return float(x @ y / np.sqrt(power))


def _fine(line: Floats) -> Floats:
    fine: Floats = line - cv2.blur(line[None], (COARSE_PX, 1))[0]
    return fine


# -- borders ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Band:
    """What lies beyond one side of a part.

    Attributes
    ----------
    high : float
        Its height, as a share of the part.
    even : float
        Share of it that has one tone.
    written : float
        Share of it that stands out from its lines.
    sharp : float
        Share of that which lies at sharp edges, as letters do.
    letter : float
        Height of the lowest line of what stands out, as a share of the part's short side.
    """

    high: float
    even: float = 1.0
    written: float = 0.0
    sharp: float = 1.0
    letter: float = 1.0

    @property
    def is_caption(self) -> bool:
        """Whether it is a bar with letters."""
        return self.high <= HIGH and self.even >= EVEN and self.sharp >= SHARP


def _is_border(part: Picture, whole: Picture, matrix: Floats) -> bool:
    """Return whether only a plain border, or a bar with a caption, lies around the part."""
    bands, corners = _around(part, whole, matrix)
    bars = [k for k in range(4) if bands[k].written > PLAIN]
    if corners > PLAIN or not all(bands[k].is_caption for k in bars):
        return False
    beside = [k for k in range(4) if k % 2 != bars[0] % 2] if bars else []
    if any(k in bars or bands[k].high > BESIDE for k in beside):
        return False
    return len(bars) < 2 or all(bands[k].letter >= LETTER for k in bars)


def _around(part: Picture, whole: Picture, matrix: Floats) -> tuple[list[_Band], float]:
    """Return the bands beyond the four sides, and the share of corners with a pattern of their own.

    The corners are those of the whole, which lie beyond two sides.
    """
    back = inverse(matrix)
    ends = _corners(whole.size) @ back[:, :2].T + back[:, 2]
    low, high = ends.min(axis=0), ends.max(axis=0)
    scale = min(AROUND_PX / float((high - low).max()), 1.0)
    size = (max(round(part.size[0] * scale), 8), max(round(part.size[1] * scale), 8))
    pads = [max(int(pad * scale), 0) for pad in (*-low, *(high - part.size))]
    canvas = _canvas(part, whole, matrix, size, tuple(pads))
    bands, corners = [], []
    for quarter in range(4):
        pixels, _, (row, start, end) = canvas.turned(quarter)
        top, left = max(row - EDGE_PX, 0), max(start - EDGE_PX, 0)
        trim = max(round(ENDS * (end - start)), EDGE_PX)
        bands.append(_band(pixels[:top, start + trim : end - trim], row, size, quarter))
        below = pixels[row : len(pixels) - pads[(quarter + 3) % 4], :left]
        corners.append(_corner(pixels[:top, :left], pixels[:top, start:end], below))
    return bands, max(corners)


def _band(band: Floats, row: int, size: Size, quarter: int) -> _Band:
    """Measure a band, shape (height, width, 3), whose lines may differ; the part lies below."""
    high = row / size[1 - quarter % 2]
    if min(band.shape[:2]) < LEAST_PX:
        return _Band(high)
    off = _largest(band - _medians(band, axis=1)[:, None]) > TONE
    tone = _medians(band.reshape(-1, 3))
    even = float(np.mean(_largest(band - tone) <= TONE))
    written = float(off.mean())
    if written <= PLAIN:
        return _Band(high, even, written)
    sharp = float(_edges(band)[off].mean())
    lines = np.flatnonzero(np.diff(np.pad(off.any(axis=1), 1).astype(np.int8)))
    letter = float((lines[1::2] - lines[::2]).min()) / min(size)
    return _Band(high, even, written, sharp, letter)


def _edges(pixels: Floats) -> Mask:
    """Return where a picture has sharp edges, as letters have and shadows have not."""
    edges = np.zeros(pixels.shape[:2], np.uint8)
    edges[:, 1:-1] = _largest(pixels[:, 2:] - pixels[:, :-2]) > TONE
    near: Mask = cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0
    return near


def _corner(corner: Floats, beside: Floats, below: Floats) -> float:
    """Return the share of a corner that has edges, and goes on neither beside it nor below it.

    Parameters
    ----------
    corner, beside, below : ndarray of float32, shape (height, width, 3)
        The corner at the top left, the band at its right, the band below it.
    """
    if min(corner.shape[:2]) < LEAST_PX or not beside.size or not below.size:
        return 0.0
    rows, columns = _medians(beside, axis=1)[:, None], _medians(below)[None]
    off = np.minimum(_largest(corner - rows), _largest(corner - columns))
    return float(np.mean((off > TONE) & _edges(corner)))

"""Two pictures of one grid -> whether one is the other, quantised more coarsely.

JPEG keeps multiples of a step for each frequency of an 8x8 block. A picture that went through it
shows them even after it was saved as PNG. A is a coarser copy of B where A's values are those of B
rounded to A's steps, and B's values spread over the whole step: then B knew more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Floats, Pixels

SIDE = 640  # pixels of the square that is looked at
LEAST_SIDE = 64
# The luma table of JPEG at quality 50 (ITU-T T.81, annex K).
QUALITY_50 = np.array(
    """
    16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103 99
    """.split(),
    np.float64,
).reshape(8, 8)
PLACES = [(0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2)]
TABLE = np.array([QUALITY_50[place] for place in PLACES])
LIVELY = 4.0  # grey levels; a flatter block says nothing
MOST_BLOCKS, LEAST_BLOCKS = 2500, 40
STEPS = np.arange(1, 121)
FINE = 4  # bins of a grey level
BINS = (np.arange(256 * FINE) + 0.5) / FINE
FAR = BINS[None] > STEPS[:, None] * 0.5  # values that are not rounded to nothing
COSINES = np.cos(2 * np.pi * BINS[None] / STEPS[:, None]) * FAR
COMB, NEARLY = 0.45, 0.8  # least strength of a comb; of the longest step relative to the best
LEAST_VALUES = 25
CLEAR = 5  # places that show a step where blocks are found
DCT = np.sqrt(2 / 8) * np.cos((2 * np.arange(8)[None] + 1) * np.arange(8)[:, None] * np.pi / 16)
DCT[0] /= np.sqrt(2)
WAVES = np.stack([np.outer(DCT[u], DCT[v]).ravel() for u, v in PLACES], axis=1).astype(np.float32)
LEAST_STEP = 4.5  # grey levels; smaller steps drown in rounding to whole levels
AGREE, SPREAD, COARSER = 0.9, 0.85, 1.6
MIDDLE, RIM, EVEN = (
    0.15,
    (0.33, 0.48),
    0.6,
)  # parts of a cell; least share of the rim in an even one


@dataclass(frozen=True)
class Lattice:
    """The quantisation that the pixels of a picture show.

    Attributes
    ----------
    corner : (row, column)
        Of the first whole block of the square, in the picture.
    end : (row, column)
        Where the square ends, exclusive.
    steps : ndarray, shape (10,)
        Step of each of `PLACES` in grey levels; 0 where none shows.
    """

    corner: tuple[int, int]
    end: tuple[int, int]
    steps: Floats

    @property
    def coarseness(self) -> float:
        """1 for JPEG quality 50, 0.5 for 75, 2 for 25; 0 if no quantisation shows."""
        shown = self.steps >= 0
        known = (self.steps / TABLE)[shown]
        return float(np.median(known)) if len(known) >= 3 else 0.0


def luma(rgb: Pixels) -> Floats:
    """Return the luma of JPEG, not rounded."""
    grey: Floats = rgb[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey


def square(rgb: Pixels) -> tuple[int, int, int, int]:
    """Return the liveliest of nine squares on a grid of 16 pixels: top, left, bottom, right."""
    height, width = rgb.shape[:2]
    corners = [
        (top, left)
        for top in sorted({max(height - SIDE, 0) // 32 * 16 * k for k in (0, 1, 2)})
        for left in sorted({max(width - SIDE, 0) // 32 * 16 * k for k in (0, 1, 2)})
    ]
    # the middle one first, which wins a tie
    corners.sort(key=lambda c: abs(2 * c[0] + SIDE - height) + abs(2 * c[1] + SIDE - width))
    top, left = max(corners, key=lambda corner: _liveliness(rgb, *corner))
    return top, left, min(top + SIDE, height), min(left + SIDE, width)


def _liveliness(rgb: Pixels, top: int, left: int) -> float:
    some = rgb[top : top + SIDE : 8, left : left + SIDE : 8, 1].astype(np.int16)
    return float(np.minimum(np.abs(np.diff(some, axis=1)), 2 * LIVELY).sum())


def lattice(rgb: Pixels) -> Lattice | None:
    """Return the quantisation of a picture; None if too little shows.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
    """
    top, left, bottom, right = square(rgb)
    grey = luma(rgb[top:bottom, left:right])
    if min(grey.shape) < LEAST_SIDE:
        return None
    found = None
    # where blocks show, or, in a soft picture, where those of a file start
    for row, column in dict.fromkeys(((_start(grey, 0), _start(grey, 1)), (0, 0))):
        values = coefficients(grey[row:, column:])
        if values is None:
            continue
        steps = np.array([_step(values[1][:, k]) for k in range(len(PLACES))])
        if found is None or np.count_nonzero(steps > 0) > np.count_nonzero(found.steps > 0):
            found = Lattice((top + row, left + column), (bottom, right), steps)
        if np.count_nonzero(steps > 0) >= CLEAR:
            break
    return found


def _start(grey: Floats, axis: int) -> int:
    """Return where blocks start along an axis: where the slope breaks most."""
    bends = np.minimum(np.abs(np.diff(grey, 2, axis=axis)), 20).mean(axis=1 - axis)
    line = bends[: len(bends) // 8 * 8].reshape(-1, 8).mean(axis=0)
    return (int((line + np.roll(line, -1)).argmax()) + 2) % 8


def coefficients(grey: Floats) -> tuple[NDArray[np.int64], Floats] | None:
    """Return which blocks are lively, and their values at `PLACES`, shape (n, 10)."""
    blocks = _blocks(grey)
    lively = np.flatnonzero(np.ptp(blocks.reshape(len(blocks), -1), axis=1) > LIVELY)
    lively = lively[:: max(len(lively) // MOST_BLOCKS, 1)]
    if len(lively) < LEAST_BLOCKS:
        return None
    return lively, _values(blocks[lively])


def _blocks(grey: Floats) -> Floats:
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    blocks = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, 8, 8)


def _values(blocks: Floats) -> Floats:
    flat = np.ascontiguousarray(blocks.reshape(-1, 64), np.float32)
    values: Floats = cv2.gemm(flat, WAVES, 1, None, 0)  # one thread
    return values


def _step(values: Floats) -> float:
    """Return the longest step whose multiples the values keep to; 0 for none, -1 if unknown."""
    at = np.minimum(np.abs(values) * FINE, len(BINS) - 1).astype(np.int64)
    counts = np.bincount(at, minlength=len(BINS)).astype(np.float64)
    counts[-1] = 0
    many = FAR @ counts
    score = np.where(many >= LEAST_VALUES, COSINES @ counts / np.maximum(many, 1), -1)
    score[0] = -1  # pixels are whole numbers
    top = float(score.max())
    if top <= COMB:
        return 0.0 if many[1] >= LEAST_VALUES else -1.0
    return float(STEPS[np.flatnonzero(score > max(NEARLY * top, COMB))[-1]])


def is_coarser(one: Pixels, other: Pixels, shift: tuple[int, int], own: Lattice, its: Any) -> bool:
    """Return whether a picture is another one, quantised more coarsely.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (height, width, 3)
    shift : (x, y)
        From `one` to `other`, whole pixels.
    own, its : Lattice
        Of each; None for unknown.
    """
    top, left = own.corner
    bottom, right = own.end
    x, y = shift
    part = other[max(top + y, 0) : bottom + y, max(left + x, 0) : right + x]
    if min(top + y, left + x) < 0 or part.shape[:2] != (bottom - top, right - left):
        return False
    values = coefficients(luma(one[top:bottom, left:right]))
    if values is None:
        return False
    a, b = values[1], _values(_blocks(luma(part))[values[0]])
    told: list[tuple[float, float, float]] = []
    for k in range(len(PLACES)):
        step = own.steps[k]
        finer = its.steps[k] if its is not None else 0.0
        if step < LEAST_STEP or step <= COARSER * finer:
            continue
        cells = np.round(a[:, k] / step)
        full = cells != 0
        if full.sum() < LEAST_VALUES:
            continue
        off = b[full, k] - cells[full] * step
        agree = float(np.mean(np.abs(off) <= 0.5 * step + 1.0))
        width = float(np.sqrt(np.mean(np.minimum(np.abs(off), step) ** 2)))
        part = np.abs(off) / step
        middle = float(np.mean(part < MIDDLE)) / MIDDLE
        rim = float(np.mean((part > RIM[0]) & (part < RIM[1]))) / (RIM[1] - RIM[0])
        told.append((agree, width / (step / np.sqrt(12)), rim / max(middle, 1e-6)))
    if len(told) < 3:
        return False
    agree, width, even = np.median(np.array(told), axis=0)
    return bool(agree >= AGREE and width >= SPREAD and even >= EVEN)

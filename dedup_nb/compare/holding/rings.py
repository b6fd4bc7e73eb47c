"""Two aligned pictures -> how much of each the other explains, by ring of spatial frequency.

Tiles of both are compared in the frequency domain. What a linear filter of the other explains,
both hold, however blurred, sharpened or enlarged; the rest is detail, noise or coding. Powers are
in grey levels squared a pixel, frequencies in cycles a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import Floats, Picture

EDGES = np.array(
    "0.02 0.03 0.042 0.06 0.085 0.11 0.14 0.17 0.2 "
    "0.235 0.27 0.305 0.34 0.38 0.42 0.46 0.5".split(),
    np.float64,
)
RINGS = len(EDGES) - 1
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2
AREAS = np.diff(EDGES**2) / 0.25  # share of each ring in a tile
MOST, USUAL, FLAT = 7, 5, 12  # tiles with most to see, usual ones, flat patches
PATCH = 32  # side of a flat patch
USUAL_SHARE = 0.45  # quantile of activity of a usual tile
ENLARGED = 1.15  # ratio of sizes from which on one may be enlarged
SHIFT_SURE, SHIFT_PX = 0.05, (0.03, 2.0)


@dataclass(frozen=True)
class Shared:
    """Powers by ring, each of shape (`RINGS`,): of a pool of tiles, averaged.

    Attributes
    ----------
    fine, coarse : ndarray
        Power of each.
    fine_left, coarse_left : ndarray
        Power that no filter of the other explains.
    """

    fine: Floats
    coarse: Floats
    fine_left: Floats
    coarse_left: Floats

    def turned(self) -> Shared:
        """Return the same with the two exchanged."""
        return Shared(self.coarse, self.fine, self.coarse_left, self.fine_left)

    @property
    def gain(self) -> Floats:
        """How much stronger what both hold is in the fine one, as a ratio of amplitudes."""
        shared = np.maximum(self.fine - self.fine_left, 0)
        of_coarse = np.maximum(self.coarse - self.coarse_left, 1e-6)
        ratio: Floats = np.sqrt(shared / of_coarse)
        return ratio

    @property
    def coherence(self) -> Floats:
        """Share of the fine one's power that the coarse one explains."""
        share: Floats = 1 - self.fine_left / np.maximum(self.fine, 1e-6)
        return share


@dataclass(frozen=True)
class Compared:
    """The tiles with most to see, the usual ones and the flat patches, at one resolution."""

    most: Shared
    usual: Shared
    flat: Shared
    tiles: int
    patches: int

    def turned(self) -> Compared:
        """Return the same with the two exchanged."""
        return Compared(
            self.most.turned(), self.usual.turned(), self.flat.turned(), self.tiles, self.patches
        )


@lru_cache(maxsize=8)
def _plan(side: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats]:
    """Return the frequencies ordered by ring, where rings start, their counts, and the window."""
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    ring = (np.digitize(radius, EDGES) - 1).ravel()
    order = np.flatnonzero((ring >= 0) & (ring < RINGS))
    order = order[np.argsort(ring[order], kind="stable")]
    counts = np.bincount(ring[order], minlength=RINGS).astype(np.float64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    hann = np.hanning(side)
    return order, starts, counts, np.outer(hann, hann).astype(np.float32)


def frequencies(side: int) -> Floats:
    """Return how many frequencies of a square tile each ring has."""
    return _plan(side)[2]


def spectra(tiles: Floats) -> Floats:
    """Return the windowed spectra of tiles, ordered by ring, shape (n, frequencies)."""
    from scipy import fft

    side = tiles.shape[-1]
    order, _, _, window = _plan(side)
    centred = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    spectra: Floats = fft.rfft2(centred * window).reshape(len(tiles), -1)[:, order]
    return spectra


def summed(values: Floats, side: int) -> Floats:
    """Return the mean of each ring's values, shape (..., `RINGS`); empty rings take the next."""
    _, starts, counts, window = _plan(side)
    last = values.shape[-1] - 1
    sums = np.add.reduceat(values, np.minimum(starts, last), axis=-1)
    power: Floats = sums / (float((window**2).sum()) * np.maximum(counts, 1))
    for ring in np.flatnonzero(counts == 0)[::-1]:
        power[..., ring] = power[..., ring + 1]
    return power


def _shared(x: Floats, y: Floats, *, usual: bool = False) -> Shared:
    """Return what tiles of two pictures share; `x` of the fine one, shape (n, side, side).

    `usual` takes the median tile instead of the mean: a mark in one flat patch is no noise.
    """
    side = x.shape[-1]
    fx, fy = spectra(x), spectra(y)
    px, py = summed(np.abs(fx) ** 2, side), summed(np.abs(fy) ** 2, side)
    cross = summed(fx * np.conj(fy), side)
    both = np.abs(cross) ** 2
    left_x = px - both / np.maximum(py, 1e-9)
    left_y = py - both / np.maximum(px, 1e-9)
    pooled = np.median if usual else np.mean
    return Shared(*(np.maximum(pooled(p, axis=0), 0) for p in (px, py, left_x, left_y)))


def unexplained(x: Floats, several: Floats) -> tuple[Floats, Floats]:
    """Return the power of tiles, and what no sum of filtered other tiles explains.

    Parameters
    ----------
    x : ndarray of float32, shape (n, side, side)
    several : ndarray of float32, shape (k, n, side, side)
        The other picture, enlarged in k ways.

    Returns
    -------
    power, left : ndarray of float64, shape (n, `RINGS`)
    """
    side = x.shape[-1]
    fx = spectra(x)
    ys = np.stack([spectra(y) for y in several])  # (k, n, frequencies)
    power = summed(np.abs(fx) ** 2, side)
    k = len(ys)
    own = np.empty((*power.shape, k, k), np.complex128)
    cross = np.empty((*power.shape, k), np.complex128)
    for i in range(k):
        cross[..., i] = summed(fx * np.conj(ys[i]), side)
        for j in range(i, k):
            own[..., i, j] = summed(ys[j] * np.conj(ys[i]), side)
            own[..., j, i] = np.conj(own[..., i, j])
    trace = np.einsum("...ii->...", own).real
    own += (1e-4 * trace[..., None, None] / k + 1e-9) * np.eye(k)
    weights = np.linalg.solve(own, cross[..., None])[..., 0]
    explained = np.einsum("...i,...i->...", np.conj(cross), weights).real
    left = np.clip(power - explained, 0, None)
    return power, left


def corners(base: Picture, matrix: Floats, other: Picture) -> tuple[list[Any], ...]:
    """Return the corners of the tiles with most to see, of usual ones, and of flat patches."""
    grey = base.grey
    levels, step = base.activity
    side = geometry.tile_side(grey.shape)
    cells, few = max(side // step, 1), max(PATCH // step, 1)
    wide = geometry.whole_squares(matrix, other.size, step, cells, levels.shape)
    mean = cv2.blur(levels, (cells, cells))
    if not wide.any():
        return [], [], []
    most = geometry.best(mean, wide, MOST, side, step)
    middle = float(np.quantile(mean[wide], USUAL_SHARE))
    usual = geometry.best(-np.abs(mean - middle), wide, USUAL, side, step)
    height, width = (n * step for n in levels.shape)
    middle = step // 2
    small = cv2.blur(grey[middle:height:step, middle:width:step], (3, 3))
    clipped = (small < geometry.CLIPPED[0]) | (small > geometry.CLIPPED[1])
    clipped = cv2.blur(clipped.astype(np.float32), (few, few)) > 0.1
    narrow = geometry.whole_squares(matrix, other.size, step, few, levels.shape) & ~clipped
    flat = geometry.best(-cv2.blur(levels, (few, few)), narrow, FLAT, PATCH, step)
    return most, usual, flat


def _pool(
    base: Picture, other: Picture, matrix: Floats, corners: list[Any], side: int
) -> tuple[Floats, Floats] | None:
    """Return the tiles of two pictures, each set right by its own small shift."""
    xs, ys = [], []
    window = _plan(side)[3]
    for corner in corners:
        top, left = corner
        x = base.grey[top : top + side, left : left + side].astype(np.float32)
        if x.shape != (side, side):
            continue
        y = geometry.cut(other.grey, matrix, corner, side, cv2.INTER_CUBIC)
        if side > PATCH:
            (dx, dy), sure = cv2.phaseCorrelate(x, y, window)
            low, high = SHIFT_PX
            if sure > SHIFT_SURE and low < np.hypot(dx, dy) < high:
                y = _shifted(y, dx, dy)
        xs.append(x)
        ys.append(y)
    return (np.stack(xs), np.stack(ys)) if xs else None


def _shifted(tile: Floats, dx: float, dy: float) -> Floats:
    """Return a tile moved by a part of a pixel in the frequency domain."""
    from scipy import fft

    side = len(tile)
    along = np.fft.fftfreq(side)[:, None] * dy + np.fft.rfftfreq(side)[None] * dx
    moved: Floats = fft.irfft2(fft.rfft2(tile) * np.exp(2j * np.pi * along), s=(side, side))
    return moved.astype(np.float32)


NOTHING = Shared(*(np.zeros(RINGS) for _ in range(4)))


def compared(fine: Picture, coarse: Picture, matrix: Floats) -> Compared | None:
    """Compare two pictures of about one size on the grid of the first; None if too little shows.

    Parameters
    ----------
    fine, coarse : Picture
    matrix : ndarray of float64, shape (2, 3)
        From the first to the second.
    """
    most, usual, flat = corners(fine, matrix, coarse)
    if not most:
        return None
    side = geometry.tile_side(fine.grey.shape)
    pools = [
        _pool(fine, coarse, matrix, corners, side_)
        for corners, side_ in ((most, side), (usual, side), (flat, PATCH))
    ]
    if pools[0] is None:
        return None
    found = [NOTHING if pool is None else _shared(*pool) for pool in pools[:2]]
    calm = NOTHING if pools[2] is None else _shared(*pools[2], usual=True)
    return Compared(found[0], found[1], calm, len(most), len(flat))

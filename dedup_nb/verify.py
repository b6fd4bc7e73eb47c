"""Two pictures -> are they the same one, and where they differ.

Pixels in, a verdict out: no file is known here. `same_framing` compares two renders of one
picture tile by tile, so that a local edit shows however small its share of the whole is.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

CANVAS_PX = 256  # long side at which two renders are compared
TILES = 8  # along the long side; they overlap by half
ALIKE = 0.75  # correlation of detail from which on two renders can be one picture
DETAIL_PX = 8.0  # what is coarser than that is light and tone, not detail
USUAL = 0.75  # the share of tiles that show no more than noise, even in an edited picture
# What noise and re-encoding bring the worst tile to at most, in units of the usual tile:
LUMA_LIMIT, CHROMA_LIMIT, DETAIL_LIMIT = 4.1, 2.55, 8.5
LUMA_FLOOR, CHROMA_FLOOR, DETAIL_FLOOR = 1.5, 1.2, 0.02  # grey levels, grey levels, 1 - NCC
FLAT_VARIANCE = 16.0  # tiles below it have no light and shade to correlate
NO_DETAIL = 4.0  # variance of a tile's detail that noise alone brings
CLIPPED = (4, 251)


@dataclass(frozen=True)
class Framing:
    """How two renders of one framing differ; all areas are shares of the picture, 0 to 1.

    Attributes
    ----------
    alike : float
        Correlation of their detail, the median over all of it, -1 to 1. Below `ALIKE` they are
        two pictures, or have too little detail to tell.
    worst_tile : float
        How far the worst tile stands out from the usual tile of this pair, so that noise and
        filters over the whole picture cancel. Above 1 it is a local edit.
    edited_area : float
        Area in which they differ locally; 0 where no tile stands out.
    largest_edit : float
        Area of the largest connected difference.
    where : (left, top, right, bottom)
        Box around that difference, each 0 to 1; empty where there is none.
    """

    alike: float
    worst_tile: float
    edited_area: float
    largest_edit: float
    where: tuple[float, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both show the same picture without any local edit."""
        return self.alike >= ALIKE and self.worst_tile <= 1


def same_framing(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Framing:
    """Compare two pictures of the same framing: two renders, or one with a local edit?

    Both are brought to one size (sizes may differ, a stretch of some percent too). Differences
    in tone, colour, light fall-off and sharpness that hold for the whole picture are fitted
    away; what is left is judged tile by tile against the usual tile of the pair.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3)
        RGB pictures, upright; about `CANVAS_PX` on the long side is enough.

    Returns
    -------
    Framing
        The same whichever comes first.

    Raises
    ------
    ValueError
        If an array is no RGB picture.
    """
    for picture in (a, b):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"not an RGB picture of 8 bits: {picture.dtype} {picture.shape}")
    size = _common_size(a, b)
    left, right = _on_canvas(a, size), _on_canvas(b, size)
    if (left.pixels.tobytes() > right.pixels.tobytes()) and left.spread == right.spread:
        left, right = right, left
    return _judged(_Difference.between(left, right), _alike(left, right))


def _common_size(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height of the canvas: no larger than the smaller of both pictures."""
    long = max(min(CANVAS_PX, max(a.shape[:2]), max(b.shape[:2])), 16)
    aspect = np.sqrt(a.shape[1] / a.shape[0] * b.shape[1] / b.shape[0])
    width, height = (long, long / aspect) if aspect >= 1 else (long * aspect, long)
    return max(round(width), 16), max(round(height), 16)


@dataclass(frozen=True)
class _Canvas:
    """Luma, Cr and Cb around 0, and where a channel is clipped (0 to 1)."""

    pixels: Floats  # (height, width, 3)
    clipped: Floats

    @property
    def spread(self) -> float:
        return float(self.pixels[..., 0].std())


def _on_canvas(picture: NDArray[np.uint8], size: tuple[int, int]) -> _Canvas:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    low, high = CLIPPED
    clipped = ((small.max(axis=-1) >= high) | (small.min(axis=-1) <= low)).astype(np.float32)
    pixels = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    pixels[..., 1:] -= 128
    return _Canvas(_blurred(pixels, 0.8), _blurred(clipped, 0.8))


def _blurred(plane: Floats, sigma: float) -> Floats:
    soft: Floats = cv2.GaussianBlur(plane, (0, 0), sigma)
    return soft


@dataclass(frozen=True)
class _Difference:
    """One picture, the other fitted to it, and what is left: planes on one canvas."""

    luma: Floats
    fitted: Floats
    luma_left: Floats
    chroma_left: Floats  # magnitude, less where clipping distorts colours
    chroma_slope: Floats

    @classmethod
    def between(cls, a: _Canvas, b: _Canvas) -> _Difference:
        """Fit each to the other, and keep the direction that leaves less.

        A clipped picture can be told from the unclipped one, not the other way round; and the
        colours of a grey picture from those of a coloured one.
        """
        fits = [_fitted_luma(b.pixels, a.pixels), _fitted_luma(a.pixels, b.pixels)]
        luma, fitted = min(fits, key=lambda fit: _left_over(*fit))
        to, by = (a, b) if a.pixels[..., 1:].std() <= b.pixels[..., 1:].std() else (b, a)
        chroma = _fitted_chroma(by.pixels, to.pixels)
        left = np.linalg.norm(to.pixels[..., 1:] - chroma, axis=-1)
        doubt = np.maximum(a.clipped, b.clipped)
        return cls(luma, fitted, luma - fitted, left * np.sqrt(1 - 0.7 * doubt), _slope(chroma))


def _left_over(luma: Floats, fitted: Floats) -> float:
    return float(np.median(np.abs(luma - fitted)) / (luma.std() + 8))


def _fitted_luma(by: Floats, to: Floats) -> tuple[Floats, Floats]:
    """Return the luma of `to`, and that of `by` with the tone, light and sharpness of `to`."""
    tone = _toned(by[..., 0], to[..., 0])
    height, width = tone.shape
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    planes = [tone, _blurred(tone, 1.2), _blurred(tone, 2.5), np.ones_like(tone)]
    planes += [u, v, u * u, v * v, u * v, tone * u, tone * v, tone * (u * u + v * v)]
    planes += [by[..., 1], by[..., 2]]
    return to[..., 0], _fit(np.stack(planes, axis=-1), to[..., 0])


def _fitted_chroma(by: Floats, to: Floats) -> Floats:
    planes = [by[..., 1], by[..., 2], by[..., 0], to[..., 0], np.ones_like(by[..., 0])]
    return _fit(np.stack(planes, axis=-1), to[..., 1:])


def _fit(planes: Floats, target: Floats) -> Floats:
    """Return the sum of planes that is nearest to a target, whatever an edited part of it is."""
    thin = (slice(1, None, 3), slice(1, None, 3))
    x = planes[thin].reshape(-1, planes.shape[-1]).astype(np.float64)
    y = target[thin].reshape(len(x), -1).astype(np.float64)
    inside = np.ones(len(x), bool)
    for _ in range(3):
        weights = np.linalg.lstsq(x[inside], y[inside], rcond=None)[0]
        off = np.linalg.norm(y - x @ weights, axis=1)
        inside = off <= max(float(np.quantile(off, 0.8)), 1e-3)
    fitted: Floats = (planes @ weights.astype(np.float32)).reshape(target.shape)
    return fitted


def _toned(by: Floats, to: Floats) -> Floats:
    """Return `by` through the rising tone curve that brings it nearest to `to`."""
    level = np.clip(by / 8, 0, 31).astype(np.int64).ravel()
    order = np.argsort(level, kind="stable")
    edges = np.searchsorted(level[order], np.arange(33))
    parts = [order[start:end] for start, end in itertools.pairwise(edges)]
    parts = [part for part in parts if len(part) >= 20] or [order]
    x = np.array([np.median(by.ravel()[part]) for part in parts])
    y = np.array([np.median(to.ravel()[part]) for part in parts])
    rising = (np.maximum.accumulate(y) + np.minimum.accumulate(y[::-1])[::-1]) / 2
    return np.interp(by, x, rising).astype(np.float32)


def _slope(planes: Floats) -> Floats:
    """Return how steep a plane, or several together, is at each pixel, grey levels a pixel."""
    across = cv2.Sobel(planes, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(planes, cv2.CV_32F, 0, 1, scale=1 / 8)
    both = across * across + down * down
    slope: Floats = np.sqrt(both if both.ndim == 2 else both.sum(axis=-1))
    return slope


class _Tiles:
    """Overlapping square tiles over a canvas."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        side = max(round(max(shape) / TILES), 4)
        self.height, self.width = (min(side, n) for n in shape)
        self.tops, self.lefts = (self._starts(n, side) for n in shape)

    @staticmethod
    def _starts(n: int, side: int) -> NDArray[np.int64]:
        count = max(round((n - side) / (side / 2)), 0) + 1
        starts: NDArray[np.int64] = np.round(np.linspace(0, max(n - side, 0), count)).astype(int)
        return starts

    def means(self, plane: Floats) -> Floats:
        """Return the mean of each tile, shape (down, across)."""
        sums = cv2.integral(plane.astype(np.float64))
        low, high = self.tops, self.tops + self.height
        left, right = self.lefts, self.lefts + self.width
        inside = sums[high][:, right] - sums[low][:, right] - sums[high][:, left]
        means: Floats = (inside + sums[low][:, left]) / (self.height * self.width)
        return means

    def spread(self, per_tile: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the pixels that lie in any of the chosen tiles."""
        inside = np.zeros(shape, bool)
        for down, across in np.argwhere(per_tile):
            top, left = self.tops[down], self.lefts[across]
            inside[top : top + self.height, left : left + self.width] = True
        return inside


def _alike(a: _Canvas, b: _Canvas) -> float:
    """Return the correlation of tiles that half of all detail exceeds."""
    tiles = _Tiles(a.clipped.shape)
    fine = [c.pixels[..., 0] - _blurred(c.pixels[..., 0], DETAIL_PX) for c in (a, b)]
    of_a, of_b = (np.maximum(tiles.means(plane * plane), 0) for plane in fine)
    correlation = tiles.means(fine[0] * fine[1]) / np.sqrt((of_a + NO_DETAIL) * (of_b + NO_DETAIL))
    order = np.argsort(correlation, axis=None)
    amount = np.cumsum(np.sqrt(np.maximum(of_a, of_b)).ravel()[order])
    return float(correlation.ravel()[order[np.searchsorted(amount, amount[-1] / 2)]])


def _judged(found: _Difference, alike: float) -> Framing:
    """Weigh every tile against the usual tile, and outline what stands out."""
    tiles = _Tiles(found.luma.shape)
    slope = _slope(found.fitted)
    correlation = _correlations(tiles, found.luma, found.fitted)
    off = np.maximum(1 - correlation, 0)
    luma_usual = _usual(tiles, found.luma_left, slope)
    chroma_usual = _usual(tiles, found.chroma_left, found.chroma_slope)
    beyond = np.maximum.reduce(
        [
            _rms(tiles, found.luma_left) / _at(luma_usual, tiles, slope, LUMA_FLOOR) / LUMA_LIMIT,
            _rms(tiles, found.chroma_left)
            / _at(chroma_usual, tiles, found.chroma_slope, CHROMA_FLOOR)
            / CHROMA_LIMIT,
            off / (np.quantile(off, USUAL) + DETAIL_FLOOR) / DETAIL_LIMIT,
        ]
    )
    outside = np.maximum(
        np.abs(found.luma_left) / (luma_usual * (slope + 1) + LUMA_FLOOR) / LUMA_LIMIT,
        found.chroma_left / (chroma_usual * (found.chroma_slope + 1) + CHROMA_FLOOR) / CHROMA_LIMIT,
    )
    area, largest, where = _outlined(outside, tiles.spread(beyond > 1, outside.shape))
    return Framing(
        alike=round(alike, 4),
        worst_tile=round(float(beyond.max()), 4),
        edited_area=area,
        largest_edit=largest,
        where=where,
    )


def _rms(tiles: _Tiles, plane: Floats) -> Floats:
    return np.sqrt(np.maximum(tiles.means(plane * plane), 0))


def _usual(tiles: _Tiles, left: Floats, slope: Floats) -> float:
    """Return what noise, sharpening and a shift leave in most tiles, for each step of slope."""
    return float(np.quantile(_rms(tiles, left) / (_rms(tiles, slope) + 1), USUAL))


def _at(usual: float, tiles: _Tiles, slope: Floats, floor: float) -> Floats:
    return usual * (_rms(tiles, slope) + 1) + floor


def _correlations(tiles: _Tiles, a: Floats, b: Floats) -> Floats:
    """Return the correlation of each tile; two tiles without detail correlate fully."""
    mean_a, mean_b = tiles.means(a), tiles.means(b)
    a_a = np.maximum(tiles.means(a * a) - mean_a**2, 0) + FLAT_VARIANCE
    b_b = np.maximum(tiles.means(b * b) - mean_b**2, 0) + FLAT_VARIANCE
    correlations: Floats = (tiles.means(a * b) - mean_a * mean_b + FLAT_VARIANCE) / np.sqrt(
        a_a * b_b
    )
    return correlations


def _outlined(outside: Floats, chosen: NDArray[np.bool_]) -> tuple[float, float, tuple[float, ...]]:
    """Return the area that differs, the largest connected part of it, and the box around that."""
    height, width = outside.shape
    mask = ((_blurred(outside.astype(np.float32), 2.0) > 0.5) & chosen).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return 0.0, 0.0, ()
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, wide, high, area = (int(value) for value in stats[largest])
    box = (left / width, top / height, (left + wide) / width, (top + high) / height)
    return (
        round(float(mask.mean()), 4),
        round(area / mask.size, 4),
        tuple(round(value, 4) for value in box),
    )

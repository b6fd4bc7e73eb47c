"""Two canvases -> what is left between them once what was done to the whole is fitted away.

Tone, colour, sharpness and fall-off are fitted. Each is fitted to the other, and the way that
leaves less is taken: what was clipped, blurred or turned grey can be told one way only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Floats, Pixels
from dedup_nb.compare.second_look.residuals import median, medians

Mask = NDArray[np.bool_]

SOFT_PX = 0.7  # standard deviation: what is finer is coding and resampling
SOFTER_PX = 1.0, 2.0  # further blurs, from which sharper and softer copies are mixed
SAMPLES = 4000  # pixels that a fit looks at
ROUNDS, TRIMMED = 3, 0.8  # rounds of a fit, and the share of samples it keeps
FINE = 16  # steps per grey level at which a tone curve is looked up
PARTS = 24  # of equally many samples: corners of a tone curve
STEEPEST = 3.0  # slope of a tone curve beyond its ends
# A tone curve is fitted if more than this is left, in grey levels, and taken if it leaves less than
# this share of it.
UNTOUCHED, CURVED = 0.6, 0.8
STEADY = 1e-6
CLIPPED = 4, 251  # levels up to and from which on a channel is clipped
EVEN = 2.0  # slope, in grey levels per pixel, up to which errors count alike
LEAST_OFF = 1e-3


class Planes:
    """Slightly blurred luma, Cr and Cb around 0, of one canvas.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB.
    """

    def __init__(self, pixels: Pixels) -> None:
        planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        planes = cv2.GaussianBlur(planes, (0, 0), SOFT_PX)
        self.luma, red, blue = cv2.split(planes)
        self.chroma = [red - 128, blue - 128]

    @cached_property
    def softer(self) -> list[Floats]:
        """Luma, twice softer."""
        return [cv2.GaussianBlur(self.luma, (0, 0), px) for px in SOFTER_PX]

    @cached_property
    def slope(self) -> Floats:
        """Slope of the luma, grey levels per pixel."""
        return steepness([self.luma])

    @cached_property
    def softer_chroma(self) -> list[Floats]:
        """Chroma, softer."""
        return [cv2.GaussianBlur(plane, (0, 0), SOFTER_PX[-1]) for plane in self.chroma]


@dataclass(frozen=True)
class Left:
    """One canvas, the other one as fitted to it, and their chroma.

    Attributes
    ----------
    to, fitted : ndarray of float32, shape (height, width)
        Luma.
    chroma : ndarray of float32, shape (height, width)
        By how much chroma is off, after a fit.
    coloured : ndarray of float32, shape (height, width)
        Slope of the chroma of `to`.
    clipped : ndarray of float32, shape (height, width)
        Share of pixels around where a channel of either has no more room, 0 to 1.
    """

    to: Floats
    fitted: Floats
    chroma: Floats
    coloured: Floats
    clipped: Floats


def left(a: Pixels, b: Pixels, shown: Mask) -> Left:
    """Fit one canvas to the other.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3)
        RGB.
    shown : ndarray of bool, shape (height, width)
        Where both show.
    """
    x, y = Planes(a), Planes(b)
    places = np.flatnonzero(shown)
    places = places[:: max(len(places) // SAMPLES, 1)]
    fits = [_Fit(y, x, places), _Fit(x, y, places)]
    if min(fit.off for fit in fits) > UNTOUCHED:
        for fit in fits:
            fit.bend()
    best = min(fits, key=lambda fit: fit.off / fit.spread)
    chroma, coloured = _chroma(x, y, places[::2])
    return Left(best.to.luma, best.whole(), chroma, coloured, _clipped(a, b))


class _Fit:
    """The luma of one canvas told from another, by a weighted sum of what it is made of.

    Attributes
    ----------
    off : float
        Grey levels that are left at the median sample.
    spread : float
        Standard deviation of the target, in grey levels, and a few more.
    """

    def __init__(self, by: Planes, to: Planes, places: NDArray[np.int64]) -> None:
        self.by, self.to, self.places = by, to, places
        self.target = _at(to.luma, places)
        self.weight = 1 / (EVEN + _at(by.slope, places))
        self.spread = float(self.target.std()) + 8
        self.curve: tuple[Floats, Floats] | None = None
        self.weights, self.off = self._solved(None)

    def bend(self) -> None:
        """Fit a tone curve too, if that leaves clearly less."""
        curve = _curve(_at(self.by.luma, self.places), self.target)
        if curve is None:
            return
        weights, off = self._solved(curve)
        if off < CURVED * self.off:
            self.curve, self.weights, self.off = curve, weights, off

    def _solved(self, curve: tuple[Floats, Floats] | None) -> tuple[Floats, float]:
        height, width = self.by.luma.shape
        v, u = np.divmod(self.places, width)
        tones = [_at(plane, self.places) for plane in (self.by.luma, *self.by.softer)]
        if curve is not None:
            tones = [np.interp(plane, *curve) for plane in tones]
        chroma = [_at(plane, self.places) for plane in self.by.chroma]
        u, v = u / width * 2 - 1, v / height * 2 - 1
        gains = [tones[0] * shape for shape in (u, v, u * u + v * v)]
        falls = [np.ones_like(u), u, v, u * u, v * v, u * v]
        terms = np.stack([*tones, *_halos(tones), *chroma, *gains, *falls], axis=1)
        weights = _solved(terms, self.target, self.weight)
        return weights, median(np.abs(self.target - _times(terms, weights)))

    def whole(self) -> Floats:
        """Return the fitted luma of the whole canvas."""
        height, width = self.by.luma.shape
        u = np.arange(width, dtype=np.float32)[None] / width * 2 - 1
        v = np.arange(height, dtype=np.float32)[:, None] / height * 2 - 1
        tones = [self.by.luma, *self.by.softer]
        if self.curve is not None:
            table = np.interp(np.arange(256 * FINE + 1) / FINE, *self.curve).astype(np.float32)
            tones = [
                table[(plane * FINE).clip(0, len(table) - 1).astype(np.int32)] for plane in tones
            ]
        w = self.weights.astype(np.float32)
        planes = [*tones, *_halos(tones), *self.by.chroma]
        gain, fall = w[len(planes) :][:3], w[len(planes) + 3 :]
        whole = (gain[0] * u + gain[2] * u * u) + (gain[1] * v + gain[2] * v * v)
        whole *= tones[0]
        whole += fall[0] + fall[1] * u + fall[3] * u * u
        whole += (fall[2] + fall[5] * u) * v + fall[4] * v * v
        for weight, plane in zip(w, planes, strict=False):
            whole += weight * plane
        clipped: Floats = np.clip(whole, 0, 255)
        return clipped


def _halos(tones: Sequence[Floats]) -> list[Floats]:
    """Return what sharpening does that no filter does: it clips, more so where it is bright."""
    halo = tones[0] - tones[-1]
    return [np.abs(halo), halo * tones[-1] / 256]


def steepness(planes: Sequence[Floats]) -> Floats:
    """Return the slope of some planes together, in grey levels per pixel."""
    squares = np.zeros_like(planes[0])
    for plane in planes:
        for along in ((1, 0), (0, 1)):
            squares += cv2.Sobel(plane, cv2.CV_32F, *along, scale=1 / 8) ** 2
    slope: Floats = np.sqrt(squares)
    return slope


def _at(plane: Floats, places: NDArray[np.int64]) -> Floats:
    return plane.ravel()[places].astype(np.float64)


def _solved(terms: Floats, target: Floats, weight: Floats) -> Floats:
    """Return weights that an edited part does not bend; errors count for less where it is steep."""
    kept = np.ones(len(target), bool)
    terms, target = terms * weight[:, None], target * weight
    scale = np.sqrt((terms * terms).mean(axis=0)) + 1e-9
    terms = terms / scale
    steady = STEADY * len(target) * np.eye(terms.shape[1])
    for _ in range(ROUNDS):
        some = terms[kept]
        squares = cv2.mulTransposed(some, aTa=True)  # one thread: the same sum every time
        product = cv2.gemm(some, target[kept][:, None], 1, None, 0, flags=cv2.GEMM_1_T)
        weights = np.linalg.solve(squares + steady, product)[:, 0]
        off = np.abs(target - _times(terms, weights))
        last = int(TRIMMED * (len(off) - 1))
        kept = off <= max(float(np.partition(off, last)[last]), LEAST_OFF)
    solved: Floats = weights / scale
    return solved


def _times(terms: Floats, weights: Floats) -> Floats:
    """Return the product on one thread, so that its sums are always the same."""
    product: Floats = cv2.gemm(terms, weights[:, None], 1, None, 0)[:, 0]
    return product


def _curve(by: Floats, to: Floats) -> tuple[Floats, Floats] | None:
    """Return the corners of the rising curve that best takes one tone to the other."""
    x, y = medians(by, to, min(PARTS, len(by)))
    x, first = np.unique(x, return_index=True)
    if len(x) < 3:
        return None
    y = y[first]
    y = (np.maximum.accumulate(y) + np.minimum.accumulate(y[::-1])[::-1]) / 2
    steps = np.clip(np.diff(y)[[0, -1]] / np.diff(x)[[0, -1]], 0, STEEPEST)
    ends = y[0] - steps[0] * (x[0] + 1), y[-1] + steps[1] * (256 - x[-1])
    return np.r_[-1, x, 256], np.r_[ends[0], y, ends[1]]


def _clipped(a: Pixels, b: Pixels) -> Floats:
    """Return the share of pixels around where a channel of either has no more room."""
    most, least = cv2.max(a, b), cv2.min(a, b)
    ends = cv2.max(*cv2.split(most)[:2]), cv2.min(*cv2.split(least)[:2])
    high, low = cv2.max(ends[0], most[..., 2]), cv2.min(ends[1], least[..., 2])
    clipped = ((high >= CLIPPED[1]) | (low <= CLIPPED[0])).astype(np.float32)
    share: Floats = cv2.GaussianBlur(clipped, (0, 0), SOFTER_PX[-1])
    return share


def _chroma(x: Planes, y: Planes, places: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return by how much chroma is off, the more colourful one fitted to the other; its slope."""
    spread = [sum(float(_at(p, places).std()) for p in one.chroma) for one in (x, y)]
    to, by = (x, y) if spread[0] <= spread[1] else (y, x)
    planes = [*by.chroma, *by.softer_chroma, by.luma, np.ones_like(by.luma)]
    samples = np.stack([_at(plane, places) for plane in planes], axis=1)
    squares, slope = np.zeros_like(by.luma), steepness(to.chroma)
    weight = 1 / (EVEN + _at(slope, places))
    for plane in to.chroma:
        weights = _solved(samples, _at(plane, places), weight)
        off = plane.copy()
        for share, term in zip(weights, planes, strict=True):
            off -= np.float32(share) * term
        squares += off * off
    return np.sqrt(squares), slope

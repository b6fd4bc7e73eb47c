"""Two pictures of one framing -> whether they are renders of one picture, and local edits.

Works on pixels only. Changes of the whole picture (tone, colour, sharpness, noise) are fitted away
or cancel, so that even a small local edit shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Mask = NDArray[np.bool_]

CANVAS_PX = 256  # long side of the canvas on which two pictures are compared
TILES = 8  # number of tiles along the long side; tiles overlap by half
ALIKE = 0.75  # lowest correlation of detail for two renders of one picture
DETAIL_PX = 8.0  # anything coarser counts as light and tone, not detail
MOST_USUAL, STEADY = 2.0, 0.3  # cap on the usual tile: factor on the median, plus a constant
USUAL = 0.75  # share of tiles that show only noise, even in an edited picture
# Largest value of a tile that noise and re-encoding cause, in units of the usual tile:
LUMA_LIMIT, CHROMA_LIMIT, DETAIL_LIMIT = 4.1, 2.55, 8.5
LUMA_FLOOR, CHROMA_FLOOR, DETAIL_FLOOR = 1.5, 1.2, 0.02  # grey levels, grey levels, 1 - NCC
FINE_TONE = 8  # steps per grey level at which a tone curve is evaluated
UNTOUCHED = 2.0  # grey levels by which nine tenths of the pixels may differ before any fit
LEAST_SAMPLES = 5  # smallest number of samples in a range of grey for a corner of the tone curve
FLAT_VARIANCE = 16.0  # below this variance a tile has no light and shade to correlate
NO_DETAIL = 4.0  # variance of a tile's detail that noise alone causes
CLIPPED = (4, 251)

Box = tuple[float, ...]


@dataclass(frozen=True)
class Framing:
    """The differences of two renders of one framing; areas are shares of the picture, 0 to 1.

    Attributes
    ----------
    alike : float
        Median correlation of their detail, -1 to 1. Below `ALIKE` they are different pictures, or
        have too little detail to decide.
    worst_tile : float
        Difference of the worst tile relative to the usual tile of this pair, so that noise and
        global filters cancel. Above 1 it is a local edit.
    edited_area : float
        Area of local differences; 0 if no tile stands out.
    largest_edit : float
        Area of the largest connected difference.
    where : (left, top, right, bottom)
        Box around that difference, each 0 to 1; empty if there is none.
    toned, tinted : float
        Global change of tone and of colour, in grey levels.
    """

    alike: float
    worst_tile: float
    edited_area: float
    largest_edit: float
    where: Box = ()
    toned: float = 0.0
    tinted: float = 0.0

    @property
    def same(self) -> bool:
        """Whether both show the same picture without any local edit."""
        return self.alike >= ALIKE and self.worst_tile <= 1


def same_framing(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Framing:
    """Compare two pictures of the same framing, and find local edits.

    Both are resized to a common size; their sizes may differ, and their aspect ratios by a few
    percent. Global differences of tone, colour, light fall-off and sharpness are fitted away; the
    rest is compared tile by tile with the usual tile of the pair.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (height, width, 3)
        Upright RGB pictures; a long side of about `CANVAS_PX` is enough.

    Returns
    -------
    Framing
        Independent of the order of `a` and `b`.

    Raises
    ------
    ValueError
        If an array is not an 8-bit RGB picture.
    """
    for picture in (a, b):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"not an 8-bit RGB picture: {picture.dtype} {picture.shape}")
    size = _common_size(a, b)
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (a, b)]
    small.sort(key=lambda pixels: pixels.tobytes())  # makes the result independent of the order
    everywhere = np.ones(small[0].shape[:2], bool)
    return Difference(small[0], small[1], everywhere).judged()


def _common_size(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height of the canvas, no larger than the smaller picture."""
    long = max(min(CANVAS_PX, max(a.shape[:2]), max(b.shape[:2])), 16)
    aspect = np.sqrt(a.shape[1] / a.shape[0] * b.shape[1] / b.shape[0])
    width, height = (long, long / aspect) if aspect >= 1 else (long * aspect, long)
    return max(round(width), 16), max(round(height), 16)


class _Canvas:
    """Slightly blurred luma, Cr and Cb around 0, and where a channel is clipped (0 to 1)."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        planes = blurred(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32), 0.8)
        self.luma, cr, cb = cv2.split(planes)
        self.chroma = [cr - 128, cb - 128]

    @cached_property
    def clipped(self) -> Floats:
        low, high = CLIPPED
        red, green, blue = cv2.split(self.pixels)
        most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        return blurred(((most >= high) | (least <= low)).astype(np.float32), 0.8)

    @cached_property
    def softer(self) -> list[Floats]:
        """Luma at three degrees of sharpness."""
        return [self.luma, blurred(self.luma, 1.2), blurred(self.luma, 2.5)]

    @property
    def detail(self) -> Floats:
        detail: Floats = self.luma - _coarse(self.luma, DETAIL_PX)
        return detail


def blurred(plane: Floats, sigma: float) -> Floats:
    """Return a plane blurred by a Gaussian.

    Parameters
    ----------
    plane : ndarray of float32, shape (height, width)
    sigma : float
        Standard deviation, in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    soft: Floats = cv2.GaussianBlur(plane, (0, 0), sigma)
    return soft


def _coarse(plane: Floats, sigma: float) -> Floats:
    """Return a plane blurred by many pixels, computed at a quarter of its size for speed."""
    height, width = plane.shape
    small = cv2.resize(plane, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
    wide: Floats = cv2.resize(blurred(small, sigma / 4), (width, height))
    return wide


class Difference:
    """Two pictures on one canvas, one fitted to the other, and the remaining difference.

    Each is fitted to the other, and the direction with the smaller remainder is kept: a clipped
    picture can be predicted from the unclipped one, and a grey picture from a coloured one, but not
    the reverse.
    """

    def __init__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], mask: Mask) -> None:
        self.a, self.b, self.mask = _Canvas(a), _Canvas(b), mask
        self.tiles = Tiles(mask)
        self.alike, self.detailed = _alike(self.a, self.b, self.tiles)

    def judged(self) -> Framing:
        """Fit one to the other, compare every tile with the usual one, and outline local edits."""
        self._fit()
        left, steep = self._rms(self.left), self._rms(self.slope) + 1
        luma_usual = _usual(left / steep)
        self.step = float(np.quantile(left / steep, 0.9))
        luma = left / (luma_usual * steep + LUMA_FLOOR)
        left, steep = self._rms(self.chroma_left), self._rms(self.chroma_slope) + 1
        chroma_usual = _usual(left / steep)
        chroma = left / (chroma_usual * steep + CHROMA_FLOOR)
        off = np.maximum(1 - self._correlations(), 0)
        detail = off / (np.quantile(off, USUAL) + DETAIL_FLOOR)
        beyond = np.maximum.reduce(
            [luma / LUMA_LIMIT, chroma / CHROMA_LIMIT, detail / DETAIL_LIMIT]
        )
        worst = float(beyond.max())
        self.edited = np.zeros_like(self.mask)
        if worst > 1:
            outside = np.maximum(
                np.abs(self.left) / (luma_usual * (self.slope + 1) + LUMA_FLOOR) / LUMA_LIMIT,
                self.chroma_left
                / (chroma_usual * (self.chroma_slope + 1) + CHROMA_FLOOR)
                / CHROMA_LIMIT,
            )
            self.edited = (blurred(outside.astype(np.float32), 2.0) > 0.5) & self.mask
            self.edited &= self.tiles.spread(beyond > 1)
        area, largest, where = _outlined(self.edited, self.mask)
        return Framing(
            alike=round(self.alike, 4),
            worst_tile=round(worst, 4),
            edited_area=area,
            largest_edit=largest,
            where=where,
            toned=round(self.toned, 1),
            tinted=round(self.tinted, 1),
        )

    def _fit(self) -> None:
        mask = self.mask
        thin = np.zeros_like(mask)
        thin[2::4, 2::4] = True
        self.thin = np.flatnonzero(mask & thin)
        if len(self.thin) < 200:
            self.thin = np.flatnonzero(mask)
        self._fit_luma()
        self.left = self.luma - self.fitted
        self.slope = slope([self.fitted])
        self._fit_chroma()

    def _fit_luma(self) -> None:
        a, b = self.a, self.b
        apart = np.abs(self._thinned(a.luma) - self._thinned(b.luma))
        self.luma, self.fitted, self.toned = a.luma, b.luma, float(np.median(apart))
        if np.quantile(apart, 0.9) > UNTOUCHED:
            fits = (_LumaFit(b, a, self.thin), _LumaFit(a, b, self.thin))
            best = min(fits, key=lambda fit: fit.left_over)
            if best.off < self.toned:  # a global change of tone
                self.luma, self.fitted = best.to.luma, best.whole()

    def _thinned(self, plane: Floats) -> Floats:
        thinned: Floats = plane.ravel()[self.thin]
        return thinned

    def _fit_chroma(self) -> None:
        a, b = self.a, self.b
        spread = [sum(float(self._thinned(p).std()) for p in c.chroma) for c in (a, b)]
        to, by = (a, b) if spread[0] <= spread[1] else (b, a)
        target, plain = (_columns(map(self._thinned, c.chroma)) for c in (to, by))
        apart = np.linalg.norm(target - plain, axis=1)
        fitted, self.tinted = by.chroma, float(np.median(apart))
        if np.quantile(apart, 0.9) > UNTOUCHED:
            planes = [*by.chroma, by.luma, to.luma, np.ones_like(to.luma)]
            x = _columns(map(self._thinned, planes))
            weights = _fit(x, target)
            if np.median(np.linalg.norm(target - _times(x, weights), axis=1)) < self.tinted:
                fitted = [_weighed(planes, w) for w in weights.T]  # a global change of colour
        off = cv2.magnitude(to.chroma[0] - fitted[0], to.chroma[1] - fitted[1])
        doubt = np.maximum(a.clipped, b.clipped)  # clipping distorts colours
        self.chroma_left = off * np.sqrt(1 - 0.85 * doubt)
        self.chroma_slope = slope(fitted)

    def _rms(self, plane: Floats) -> Floats:
        return np.sqrt(np.maximum(self.tiles.means(plane * plane), 0))

    def _correlations(self) -> Floats:
        """Return the correlation of each tile; two flat tiles have correlation 1."""
        means, x, y = self.tiles.means, self.luma, self.fitted
        mean_x, mean_y = means(x), means(y)
        of_x = np.maximum(means(x * x) - mean_x**2, 0) + FLAT_VARIANCE
        of_y = np.maximum(means(y * y) - mean_y**2, 0) + FLAT_VARIANCE
        both = means(x * y) - mean_x * mean_y + FLAT_VARIANCE
        correlations: Floats = both / np.sqrt(of_x * of_y)
        return correlations


def _usual(steps: Floats) -> float:
    """Return the difference per slope that noise, sharpening and a shift leave in most tiles."""
    # a large edit may touch more than a quarter of the tiles, but rarely half of them
    return float(min(np.quantile(steps, USUAL), MOST_USUAL * np.median(steps) + STEADY))


def _alike(a: _Canvas, b: _Canvas, tiles: Tiles) -> tuple[float, float]:
    """Return the detail-weighted median correlation, and the share of tiles with detail."""
    x, y = a.detail, b.detail
    of_x, of_y = (np.maximum(tiles.means(plane * plane), 0) for plane in (x, y))
    correlation = tiles.means(x * y) / np.sqrt((of_x + NO_DETAIL) * (of_y + NO_DETAIL))
    half = quantile(correlation, np.sqrt(np.maximum(of_x, of_y)), 0.5)
    return half, float(np.mean(np.minimum(of_x, of_y) > NO_DETAIL))


class _LumaFit:
    """The luma of one picture predicted from another: fits tone, light fall-off and sharpness.

    Attributes
    ----------
    off : float
        Remaining difference at the median pixel, in grey levels.
    left_over : float
        The same, relative to the spread of the target.
    """

    def __init__(self, by: _Canvas, to: _Canvas, thin: NDArray[np.int64]) -> None:
        self.by, self.to = by, to
        target = to.luma.ravel()[thin].astype(np.float64)
        self.curve = _tone_curve(by.luma.ravel()[thin], to.luma.ravel()[thin])
        tones = [np.interp(plane.ravel()[thin], *self.curve) for plane in by.softer]
        v, u = (plane.ravel()[thin] for plane in _places(to.luma.shape))
        terms = _columns(self._terms(tones, [c.ravel()[thin] for c in by.chroma], u, v))
        weights = _fit(terms, target[:, None])
        self.weights = weights[:, 0]
        self.off = float(np.median(np.abs(target - _times(terms, weights)[:, 0])))
        self.left_over = self.off / (float(target.std()) + 8)

    @staticmethod
    def _terms(
        tones: Sequence[Floats], chroma: Sequence[Floats], u: Floats, v: Floats
    ) -> Iterator[Floats]:
        tone = tones[0]
        yield from tones
        yield from (np.ones_like(tone), u, v, u * u, v * v, u * v)
        yield from (tone * u, tone * v, tone * (u * u + v * v))
        yield from chroma

    def whole(self) -> Floats:
        """Return the fitted luma of the whole canvas."""
        steps = np.arange(256 * FINE_TONE, dtype=np.float32) / FINE_TONE
        curve = np.interp(steps, *self.curve).astype(np.float32)
        tones = [
            curve[(plane * FINE_TONE).clip(0, len(curve) - 1).astype(np.int32)]
            for plane in self.by.softer
        ]
        v, u = _places(self.by.luma.shape)
        return _weighed(self._terms(tones, self.by.chroma, u, v), self.weights)


@lru_cache(maxsize=8)
def _places(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the vertical and horizontal position of each pixel, -1 to 1."""
    v, u = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    return np.repeat(v[:, None], shape[1], 1), np.repeat(u[None], shape[0], 0)


def _columns(columns: Iterable[Floats]) -> Floats:
    return np.stack(list(columns), axis=-1).astype(np.float64)


def _weighed(planes: Iterable[Floats], weights: Floats) -> Floats:
    products = (np.float32(weight) * plane for plane, weight in zip(planes, weights, strict=True))
    whole: Floats = next(products)
    for product in products:
        whole += product
    return whole


def _times(x: Floats, weights: Floats) -> Floats:
    """Return the product on one thread; more threads cost more than they save here."""
    product: Floats = cv2.gemm(x, weights, 1, None, 0)
    return product


def _fit(x: Floats, y: Floats) -> Floats:
    """Return the weights that best fit x to y, robust against an edited part of the picture.

    Sums run in a fixed order, so that the number of threads does not change the result.
    """
    scale = np.sqrt((x * x).mean(axis=0)) + 1e-9
    x, n = x / scale, x.shape[1]
    both = np.column_stack([x, y])
    inside = np.ones(len(x), bool)
    for _ in range(3):
        squares = cv2.mulTransposed(both[inside], aTa=True)
        steady = squares[:n, :n] + 1e-9 * len(x) * np.eye(n)  # regularise nearly equal planes
        weights = np.linalg.solve(steady, squares[:n, n:])
        off = np.linalg.norm(y - _times(x, weights), axis=1)
        inside = off <= max(float(np.quantile(off, 0.8)), 1e-3)
    fitted: Floats = weights / scale[:, None]
    return fitted


def _tone_curve(by: Floats, to: Floats) -> tuple[Floats, Floats]:
    """Return the corners of the rising curve that best maps `by` to `to`."""
    level = np.clip(by / 8, 0, 31).astype(np.uint8)
    counts = np.bincount(level, minlength=32)
    ends = np.cumsum(counts)
    middles = (ends - counts // 2 - 1)[counts >= LEAST_SAMPLES]
    if not len(middles):
        level, middles = np.zeros_like(level), np.array([len(by) // 2])
    x, y = (values[np.lexsort((values, level))][middles] for values in (by, to))
    return x, (np.maximum.accumulate(y) + np.minimum.accumulate(y[::-1])[::-1]) / 2


def slope(planes: Sequence[Floats]) -> Floats:
    """Return the combined gradient magnitude of the planes, in grey levels per pixel.

    Parameters
    ----------
    planes : sequence of ndarray of float32, shape (height, width)
        Planes of one size, such as luma and chroma, in grey levels.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Root of the summed squares of all Sobel gradients.
    """
    squares = np.zeros_like(planes[0])
    for plane in planes:
        for along in ((1, 0), (0, 1)):
            squares += cv2.Sobel(plane, cv2.CV_32F, *along, scale=1 / 8) ** 2
    slope: Floats = np.sqrt(squares)
    return slope


def quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the weighted quantile: the value below which a share of all weight lies.

    Parameters
    ----------
    values, weights : ndarray of float, of one shape
    share : float
        From 0 to 1.

    Returns
    -------
    float
        0 where there are no values.
    """
    order = np.argsort(values, axis=None, kind="stable")
    amount = np.cumsum(weights.ravel()[order])
    place = int(np.searchsorted(amount, amount[-1] * share)) if len(order) else 0
    return float(values.ravel()[order[min(place, len(order) - 1)]]) if len(order) else 0.0


class Tiles:
    """Overlapping square tiles over the masked part of a canvas."""

    def __init__(self, mask: Mask) -> None:
        self.shape = mask.shape
        side = max(round(max(mask.shape) / TILES), 4)
        self.height, self.width = (min(side, n) for n in mask.shape)
        self.tops, self.lefts = (self._starts(n, side) for n in mask.shape)
        self.weight = mask.astype(np.float32)
        self.whole = bool(mask.all())
        self.chosen = np.ones((len(self.tops), len(self.lefts)), bool)
        self.covered = self._sums(self.weight)
        self.chosen = self.covered >= min(0.5, float(self.covered.max())) * (1 - 1e-6)

    @staticmethod
    def _starts(n: int, side: int) -> NDArray[np.int64]:
        count = max(round((n - side) / (side / 2)), 0) + 1
        starts: NDArray[np.int64] = np.round(np.linspace(0, max(n - side, 0), count)).astype(int)
        return starts

    def _sums(self, plane: Floats) -> Floats:
        sums = cv2.integral(plane, sdepth=cv2.CV_64F)
        low, high = self.tops, self.tops + self.height
        left, right = self.lefts, self.lefts + self.width
        inside = sums[high][:, right] - sums[low][:, right] - sums[high][:, left]
        means: Floats = (inside + sums[low][:, left]) / (self.height * self.width)
        return means

    def means(self, plane: Floats) -> Floats:
        """Return the mean of each tile that is mostly inside the mask, shape (n,)."""
        sums = self._sums(plane if self.whole else plane * self.weight)
        return np.asarray(sums[self.chosen] / self.covered[self.chosen])

    def central(self) -> Mask:
        """Return which of these tiles lie in the central half of the canvas, in both directions."""
        height, width = self.shape
        across = np.abs(2 * self.lefts + self.width - width) <= width / 2
        down = np.abs(2 * self.tops + self.height - height) <= height / 2
        central: Mask = (down[:, None] & across)[self.chosen]
        return central

    def spread(self, marked: Mask) -> Mask:
        """Return the pixels inside any of the marked tiles."""
        inside = np.zeros(self.shape, bool)
        for down, across in np.argwhere(self.chosen)[marked]:
            top, left = self.tops[down], self.lefts[across]
            inside[top : top + self.height, left : left + self.width] = True
        return inside


def _outlined(edited: Mask, mask: Mask) -> tuple[float, float, Box]:
    """Return the differing area, its largest connected part, and the box around that part."""
    height, width = edited.shape
    whole = np.count_nonzero(mask)
    count, _, stats, _ = cv2.connectedComponentsWithStats(edited.astype(np.uint8))
    if count < 2:
        return 0.0, 0.0, ()
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, wide, high, area = (int(value) for value in stats[largest])
    box = (left / width, top / height, (left + wide) / width, (top + high) / height)
    every = int(np.count_nonzero(edited)) / int(whole)
    return round(every, 4), round(area / int(whole), 4), tuple(round(value, 4) for value in box)

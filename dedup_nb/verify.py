"""Two pictures -> are they the same one, how, and where they differ.

Pixels in, a verdict out: no file is known here. `same_framing` compares two renders of one
picture tile by tile, so that a local edit shows however small its share of the whole is.
`same_picture` first lays one picture over the other by their features, and judges what both show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb import features
from dedup_nb.features import Alignment, Features

Floats = NDArray[Any]
Mask = NDArray[np.bool_]

CANVAS_PX = 256  # long side at which two pictures are compared
TILES = 8  # along the long side; they overlap by half
ALIKE = 0.75  # correlation of detail from which on two renders can be one picture
DETAIL_PX = 8.0  # what is coarser than that is light and tone, not detail
MOST_USUAL, STEADY = 2.0, 0.3  # times the median tile, and levels a step of slope more
USUAL = 0.75  # the share of tiles that show no more than noise, even in an edited picture
# What noise and re-encoding bring the worst tile to at most, in units of the usual tile:
LUMA_LIMIT, CHROMA_LIMIT, DETAIL_LIMIT = 4.1, 2.55, 8.5
LUMA_FLOOR, CHROMA_FLOOR, DETAIL_FLOOR = 1.5, 1.2, 0.02  # grey levels, grey levels, 1 - NCC
FINE_TONE = 8  # steps of a grey level in which a tone curve is read
UNTOUCHED = 2.0  # grey levels that nine tenths of all pixels may differ without any fit
LEAST_SAMPLES = 5  # of one range of grey for a corner of the tone curve
FLAT_VARIANCE = 16.0  # tiles below it have no light and shade to correlate
NO_DETAIL = 4.0  # variance of a tile's detail that noise alone brings
CLIPPED = (4, 251)

Box = tuple[float, ...]


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
    toned, tinted : float
        How much tone and colour as a whole had to be changed, grey levels.
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
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (a, b)]
    small.sort(key=lambda pixels: pixels.tobytes())  # the same whichever comes first
    everywhere = np.ones(small[0].shape[:2], bool)
    return _Difference(_Canvas(small[0]), _Canvas(small[1]), everywhere).judged()


def _common_size(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height of the canvas: no larger than the smaller of both pictures."""
    long = max(min(CANVAS_PX, max(a.shape[:2]), max(b.shape[:2])), 16)
    aspect = np.sqrt(a.shape[1] / a.shape[0] * b.shape[1] / b.shape[0])
    width, height = (long, long / aspect) if aspect >= 1 else (long * aspect, long)
    return max(round(width), 16), max(round(height), 16)


class _Canvas:
    """Luma, Cr and Cb around 0, a little blurred, and where a channel is clipped (0 to 1)."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        planes = _blurred(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32), 0.8)
        self.luma, cr, cb = cv2.split(planes)
        self.chroma = [cr - 128, cb - 128]

    @cached_property
    def clipped(self) -> Floats:
        low, high = CLIPPED
        red, green, blue = cv2.split(self.pixels)
        most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        return _blurred(((most >= high) | (least <= low)).astype(np.float32), 0.8)

    @cached_property
    def softer(self) -> list[Floats]:
        """Luma in three degrees of sharpness."""
        return [self.luma, _blurred(self.luma, 1.2), _blurred(self.luma, 2.5)]

    @property
    def detail(self) -> Floats:
        detail: Floats = self.luma - _coarse(self.luma, DETAIL_PX)
        return detail


def _blurred(plane: Floats, sigma: float) -> Floats:
    soft: Floats = cv2.GaussianBlur(plane, (0, 0), sigma)
    return soft


def _coarse(plane: Floats, sigma: float) -> Floats:
    """Return a plane blurred by many pixels, at a quarter of the size meanwhile."""
    height, width = plane.shape
    small = cv2.resize(plane, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
    wide: Floats = cv2.resize(_blurred(small, sigma / 4), (width, height))
    return wide


class _Difference:
    """Two pictures on one canvas, one fitted to the other, and what is left.

    Each is fitted to the other, and the direction that leaves less is kept: a clipped picture can
    be told from the unclipped one, not the other way round; and the colours of a grey picture from
    those of a coloured one.
    """

    def __init__(self, a: _Canvas, b: _Canvas, mask: Mask) -> None:
        self.a, self.b, self.mask = a, b, mask
        self.tiles = _Tiles(mask)
        self.alike, detailed = _alike(a, b, self.tiles)
        self.faint = detailed < DETAILED and self.alike < ALIKE_RAMP[1]  # skies, fog, out of focus
        thin = np.zeros_like(mask)
        thin[2::4, 2::4] = True
        self.thin = np.flatnonzero(mask & thin)
        if len(self.thin) < 200:
            self.thin = np.flatnonzero(mask)
        self._fit_luma()
        self.left = self.luma - self.fitted
        self.slope = _slope([self.fitted])
        self._fit_chroma()

    def _fit_luma(self) -> None:
        a, b = self.a, self.b
        apart = np.abs(self._thinned(a.luma) - self._thinned(b.luma))
        self.luma, self.fitted, self.toned = a.luma, b.luma, float(np.median(apart))
        if np.quantile(apart, 0.9) > UNTOUCHED:
            fits = (_LumaFit(b, a, self.thin), _LumaFit(a, b, self.thin))
            best = min(fits, key=lambda fit: fit.left_over)
            if best.off < self.toned:  # something was done to the picture as a whole
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
                fitted = [_weighed(planes, w) for w in weights.T]  # its colours were changed
        off = cv2.magnitude(to.chroma[0] - fitted[0], to.chroma[1] - fitted[1])
        doubt = np.maximum(a.clipped, b.clipped)  # clipping distorts colours
        self.chroma_left = off * np.sqrt(1 - 0.7 * doubt)
        self.chroma_slope = _slope(fitted)

    def judged(self) -> Framing:
        """Weigh every tile against the usual tile, and outline what stands out."""
        luma_usual = self._usual(self.left, self.slope)
        chroma_usual = self._usual(self.chroma_left, self.chroma_slope)
        self.step = float(np.quantile(self._rms(self.left) / (self._rms(self.slope) + 1), 0.9))
        off = np.maximum(1 - self._correlations(), 0)
        luma = self._rms(self.left) / (luma_usual * (self._rms(self.slope) + 1) + LUMA_FLOOR)
        chroma = self._rms(self.chroma_left) / (
            chroma_usual * (self._rms(self.chroma_slope) + 1) + CHROMA_FLOOR
        )
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
            self.edited = (_blurred(outside.astype(np.float32), 2.0) > 0.5) & self.mask
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

    def _rms(self, plane: Floats) -> Floats:
        return np.sqrt(np.maximum(self.tiles.means(plane * plane), 0))

    def _usual(self, left: Floats, slope: Floats) -> float:
        """Return what noise, sharpening and a shift leave in most tiles, for a step of slope."""
        steps = self._rms(left) / (self._rms(slope) + 1)
        # a large edit may reach more tiles than a quarter, but hardly half of them
        return float(min(np.quantile(steps, USUAL), MOST_USUAL * np.median(steps) + STEADY))

    def _correlations(self) -> Floats:
        """Return the correlation of each tile; two tiles without light and shade agree fully."""
        means, x, y = self.tiles.means, self.luma, self.fitted
        mean_x, mean_y = means(x), means(y)
        of_x = np.maximum(means(x * x) - mean_x**2, 0) + FLAT_VARIANCE
        of_y = np.maximum(means(y * y) - mean_y**2, 0) + FLAT_VARIANCE
        both = means(x * y) - mean_x * mean_y + FLAT_VARIANCE
        correlations: Floats = both / np.sqrt(of_x * of_y)
        return correlations


def _alike(a: _Canvas, b: _Canvas, tiles: _Tiles) -> tuple[float, float]:
    """Return the correlation of tiles that half of all detail exceeds, and how many have any."""
    x, y = a.detail, b.detail
    of_x, of_y = (np.maximum(tiles.means(plane * plane), 0) for plane in (x, y))
    correlation = tiles.means(x * y) / np.sqrt((of_x + NO_DETAIL) * (of_y + NO_DETAIL))
    alike = _quantile(correlation, np.sqrt(np.maximum(of_x, of_y)), 0.5)
    return alike, float(np.mean(np.minimum(of_x, of_y) > NO_DETAIL))


class _LumaFit:
    """The luma of one picture from that of another: tone, light fall-off and sharpness fitted.

    Attributes
    ----------
    off : float
        What it leaves at the median pixel, grey levels.
    left_over : float
        The same in units of what there was to tell.
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
    """Return how far down and how far across each pixel lies, -1 to 1."""
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
    """Return their product by one thread: many would cost more than they bring."""
    product: Floats = cv2.gemm(x, weights, 1, None, 0)
    return product


def _fit(x: Floats, y: Floats) -> Floats:
    """Return the weights that bring x nearest to y, whatever an edited part of the picture is.

    Sums run in a fixed order, so that the number of threads changes nothing.
    """
    scale = np.sqrt((x * x).mean(axis=0)) + 1e-9
    x, n = x / scale, x.shape[1]
    both = np.column_stack([x, y])
    inside = np.ones(len(x), bool)
    for _ in range(3):
        squares = cv2.mulTransposed(both[inside], aTa=True)
        steady = squares[:n, :n] + 1e-9 * len(x) * np.eye(n)  # where planes are alike
        weights = np.linalg.solve(steady, squares[:n, n:])
        off = np.linalg.norm(y - _times(x, weights), axis=1)
        inside = off <= max(float(np.quantile(off, 0.8)), 1e-3)
    found: Floats = weights / scale[:, None]
    return found


def _tone_curve(by: Floats, to: Floats) -> tuple[Floats, Floats]:
    """Return the rising curve, as its corners, that brings `by` nearest to `to`."""
    level = np.clip(by / 8, 0, 31).astype(np.uint8)
    counts = np.bincount(level, minlength=32)
    ends = np.cumsum(counts)
    middles = (ends - counts // 2 - 1)[counts >= LEAST_SAMPLES]
    if not len(middles):
        level, middles = np.zeros_like(level), np.array([len(by) // 2])
    x, y = (values[np.lexsort((values, level))][middles] for values in (by, to))
    return x, (np.maximum.accumulate(y) + np.minimum.accumulate(y[::-1])[::-1]) / 2


def _slope(planes: Sequence[Floats]) -> Floats:
    """Return how steep planes are together at each pixel, grey levels a pixel."""
    squares = np.zeros_like(planes[0])
    for plane in planes:
        for along in ((1, 0), (0, 1)):
            squares += cv2.Sobel(plane, cv2.CV_32F, *along, scale=1 / 8) ** 2
    slope: Floats = np.sqrt(squares)
    return slope


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the value below which a share of all weight lies."""
    order = np.argsort(values, axis=None, kind="stable")
    amount = np.cumsum(weights.ravel()[order])
    place = int(np.searchsorted(amount, amount[-1] * share)) if len(order) else 0
    return float(values.ravel()[order[min(place, len(order) - 1)]]) if len(order) else 0.0


class _Tiles:
    """Overlapping square tiles over the part of a canvas that counts."""

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
        """Return the mean of each tile that lies mostly inside, shape (n,)."""
        sums = self._sums(plane if self.whole else plane * self.weight)
        return np.asarray(sums[self.chosen] / self.covered[self.chosen])

    def central(self) -> Mask:
        """Return which of these tiles lie in the middle of the canvas, half as wide and high."""
        height, width = self.shape
        across = np.abs(2 * self.lefts + self.width - width) <= width / 2
        down = np.abs(2 * self.tops + self.height - height) <= height / 2
        central: Mask = (down[:, None] & across)[self.chosen]
        return central

    def spread(self, marked: Mask) -> Mask:
        """Return the pixels that lie in any of the marked tiles."""
        inside = np.zeros(self.shape, bool)
        for down, across in np.argwhere(self.chosen)[marked]:
            top, left = self.tops[down], self.lefts[across]
            inside[top : top + self.height, left : left + self.width] = True
        return inside


def _outlined(edited: Mask, mask: Mask) -> tuple[float, float, Box]:
    """Return the area that differs, the largest connected part of it, and the box around that."""
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


# -- any two pictures ----------------------------------------------------------------------------

SAME = 0.85  # score from which on two pictures are the same one
MARK, MARK_MARGIN = 0.02, 0.06  # shares: how large a watermark is, how far from an edge it lies
LEAST_OVERLAP_PX = 256  # pixels of the canvas that both have to show
ALIKE_RAMP = (0.4, 0.8)  # of the detail's correlation: no score, full score
MOTION_RAMP = (2.2, 0.7)  # pixels that nine tenths of the detail moved at most
INSIDE_RAMP = (0.6, 0.92)  # of the detail of the smaller picture that the other has
WHOLE = 0.97  # of a picture's area: what lacks less is not cropped
BARE = 0.15  # of the slopes in the picture: what has less around it is a border
MOVED_RAMP = (0.6, 0.35)  # share of a local edit that motion explains
STILL = 0.25  # pixels that are no motion
SHADE_PX = 64  # long side at which light and shade is compared
SHADE_BAND = 0.6, 3.0  # pixels of it: finer is noise, coarser is light and tone
NO_SHADE = 0.07  # variance that noise alone brings there
SHADED = 0.5  # correlation from which on a tile agrees
LEAST_CENTRAL = 0.3  # share of the tiles in the middle that agree, where the ground may be empty
EMPTY, EVEN = 1.0, 4.0  # variance of an empty ground, grey levels by which it may differ
AGREEING_RAMP = (0.5, 0.75)  # share of tiles that agree: no score, full score
SHADE_RAMP = (0.6, 0.85)  # of the correlation of light and shade, where there is no detail
DETAILED = 0.4  # share of tiles that have detail, below which a picture may be faint
TURNED, TONED, TINTED, RESIZED = 0.7, 12.0, 6.0, 0.02  # degrees, grey levels, grey levels, share
PLAIN_ASPECT, PLAIN_SCORE, PLAIN_TILE = 0.12, 0.95, 0.8

Size = tuple[int, int]


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures are the same one, and what was done to it.

    Attributes
    ----------
    score : float
        0 to 1; from `SAME` on they are the same picture.
    kinds : tuple of str
        What was done: `mirrored`, `rotated`, `cropped`, `bordered`, `edited`, `recoloured`,
        `resized`, or only `re-encoded`; empty where they are two pictures.
    crop : str
        `a` or `b`: the one that shows only a part of the other; empty for neither.
    overlap : float
        Share of the larger picture that both show.
    edited_area, largest_edit, worst_tile, where
        See `Framing`; of what both show.
    scale, rotation : float
        How much longer the second one's pixels are counted than the first one's, and the degrees
        by which it is turned.
    """

    score: float
    kinds: tuple[str, ...] = ()
    crop: str = ""
    overlap: float = 0.0
    edited_area: float = 0.0
    largest_edit: float = 0.0
    worst_tile: float = 0.0
    where: Box = ()
    scale: float = 1.0
    rotation: float = 0.0

    @property
    def same(self) -> bool:
        """Whether both are the same picture, edited perhaps."""
        return self.score >= SAME

    @property
    def unedited(self) -> bool:
        """Whether no more than a small mark was put on it, near an edge: a watermark, a date.

        A small edit elsewhere may be what the picture is about: a smile, closed eyes.
        """
        if not self.edited_area:
            return True
        left, top, right, bottom = self.where
        from_edge = min(left, top, 1 - right, 1 - bottom)
        return from_edge <= MARK_MARGIN and self.edited_area <= MARK


def same_picture(a: Features, b: Features, sizes: tuple[Size, Size] | None = None) -> Verdict:
    """Lay one picture over the other, and judge what both show.

    Parameters
    ----------
    a, b : Features
        See `features.unpack`.
    sizes : (width, height) of both, optional
        Of the files, in pixels; of the features by default.
    """
    way = features.align(a, b)
    if way is None:
        return Verdict(0.0)
    view = _View.over(a.pixels, b.pixels, way.matrix)
    if view is None:
        return Verdict(0.0)
    inside = (_share_inside(a, b, way.matrix), _share_inside(b, a, _inverse(way.matrix)))
    crop = ""
    if min(view.shares) < WHOLE:  # the one of which less is shared has a border, or is whole
        if view.shares[1] < view.shares[0]:
            crop = "" if _is_bare_outside(b.pixels, a.pixels, way.matrix) else "a"
        else:
            crop = "" if _is_bare_outside(a.pixels, b.pixels, _inverse(way.matrix)) else "b"
    own = (a.size, b.size)
    found = _Difference(_Canvas(view.pixels[0]), _Canvas(view.pixels[1]), view.mask)
    return _verdict(found, found.judged(), view, way, inside, crop, sizes or own, own)[0]


def plain_verdict(
    a: NDArray[np.uint8], b: NDArray[np.uint8], sizes: tuple[Size, Size] | None = None
) -> Verdict | None:
    """Return the verdict on two small RGB pictures if they plainly have one framing, else None.

    They agree but for local edits, and nothing moved; no feature is needed.
    """
    own = ((a.shape[1], a.shape[0]), (b.shape[1], b.shape[0]))
    matrix = np.array([[own[1][0] / own[0][0], 0, 0], [0, own[1][1] / own[0][1], 0]], np.float64)
    matrix[:, 2] = (np.diag(matrix[:, :2]) - 1) / 2  # pixels are counted from their middles
    aspects = [width / height for width, height in sizes or own]
    if abs(np.log(aspects[0] / aspects[1])) > PLAIN_ASPECT:
        return None
    view = _View.over(a, b, matrix)
    if view is None:
        return None
    canvases = [_Canvas(pixels) for pixels in view.pixels]
    if _alike(canvases[0], canvases[1], _Tiles(view.mask))[0] < ALIKE:
        return None  # most that have another framing are told at once
    found = _Difference(canvases[0], canvases[1], view.mask)
    framing = found.judged()
    way = Alignment(matrix, 0, False)
    verdict, moved = _verdict(found, framing, view, way, (1.0, 1.0), "", sizes or own, own)
    plain = framing.worst_tile <= PLAIN_TILE and verdict.score >= PLAIN_SCORE
    return verdict if plain or moved <= STILL else None


def _inverse(matrix: Floats) -> Floats:
    inverse: Floats = cv2.invertAffineTransform(matrix)
    return inverse


def _share_inside(one: Features, other: Features, matrix: Floats) -> float:
    """Return the share of one picture's features that lie inside the other."""
    if not len(one.places):
        return 1.0
    x, y = matrix[:, :2] @ one.places.T + matrix[:, 2:]
    width, height = other.size
    inside = (x >= -1) & (y >= -1) & (x <= width) & (y <= height)
    return float(np.count_nonzero(inside) / len(inside))


@dataclass(frozen=True)
class _View:
    """What two pictures both show, on one canvas, at the resolution of the coarser one."""

    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    mask: Mask
    shares: tuple[float, float]  # of each picture's own area

    @classmethod
    def over(cls, a: NDArray[np.uint8], b: NDArray[np.uint8], matrix: Floats) -> _View | None:
        """Warp both to a canvas; None where they share too little."""
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if scale < 1:  # the canvas is the coarser picture's
            turned = cls.over(b, a, _inverse(matrix))
            return turned and cls(turned.pixels[::-1], turned.mask, turned.shares[::-1])
        corners = _corners(b) @ _inverse(matrix)[:, :2].T + _inverse(matrix)[:, 2]
        area, polygon = cv2.intersectConvexConvex(
            _corners(a).astype(np.float32), cv2.convexHull(corners.astype(np.float32))[:, 0]
        )
        if area < LEAST_OVERLAP_PX:
            return None
        low, high = polygon.reshape(-1, 2).min(0), polygon.reshape(-1, 2).max(0)
        extent = high - low
        step = max(1.0, float(extent.max()) / CANVAS_PX)
        size = (max(round(extent[0] / step), 16), max(round(extent[1] / step), 16))
        steps = extent / size
        to_a = np.array([[steps[0], 0, 0], [0, steps[1], 0]], np.float64)
        to_a[:, 2] = low + (steps - 1) / 2
        to_b = np.column_stack([matrix[:, :2] @ to_a[:, :2], matrix @ [*to_a[:, 2], 1]])
        mask = _inside(to_a, size, a) & _inside(to_b, size, b)
        if np.count_nonzero(mask) < LEAST_OVERLAP_PX:
            return None
        pixels = (_warped(a, to_a, size, step), _warped(b, to_b, size, step * scale))
        shares = (area / _area(a), area * scale**2 / _area(b))
        return cls(pixels, mask, (min(shares[0], 1.0), min(shares[1], 1.0)))


def _corners(picture: NDArray[np.uint8]) -> Floats:
    """Return the outer corners, in coordinates whose whole numbers are the pixels' middles."""
    height, width = picture.shape[:2]
    right, bottom = width - 0.5, height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def _area(picture: NDArray[np.uint8]) -> float:
    return float(picture.shape[0] * picture.shape[1])


def _inside(matrix: Floats, size: Size, picture: NDArray[np.uint8]) -> Mask:
    """Return where a canvas shows a picture, its very edge left out."""
    x, y = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]
    matrix = matrix.astype(np.float32)
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    edge = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    height, width = picture.shape[:2]
    inside: Mask = (u >= edge) & (v >= edge) & (u <= width - 1 - edge) & (v <= height - 1 - edge)
    return inside


def _warped(
    picture: NDArray[np.uint8], matrix: Floats, size: Size, step: float
) -> NDArray[np.uint8]:
    """Return a picture on the canvas; `step` is how many of its pixels one of the canvas spans."""
    if size == picture.shape[1::-1] and np.allclose(matrix, np.eye(2, 3)):
        return picture
    if step > 1.05:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * float(np.sqrt(step**2 - 1)))
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return warped


def _verdict(
    found: _Difference,
    framing: Framing,
    view: _View,
    way: Alignment,
    inside: tuple[float, float],
    crop: str,
    sizes: tuple[Size, Size],
    own: tuple[Size, Size],
) -> tuple[Verdict, float]:
    """Return the verdict, and how many pixels of the canvas the detail moved."""
    moved, explained = _motion(found)
    shade, agreeing = _shading(found)
    agreeing *= max(view.shares)
    alike = _ramp(framing.alike, *ALIKE_RAMP)
    if found.faint:
        alike = max(alike, _ramp(shade, *SHADE_RAMP))
    score = (
        alike
        * _ramp(agreeing, *AGREEING_RAMP)
        * _ramp(moved, *MOTION_RAMP)
        * _ramp(explained, *MOVED_RAMP)
        * _ramp(max(inside), *INSIDE_RAMP)
    )
    zooms = [real[0] / small[0] for real, small in zip(sizes, own, strict=True)]
    scale = way.scale * zooms[1] / zooms[0]
    kinds = _kinds(view, way, framing, crop, scale)
    verdict = Verdict(
        score=round(score, 4),
        kinds=kinds if score >= SAME else (),
        crop=crop,
        overlap=round(min(view.shares), 4),
        edited_area=framing.edited_area,
        largest_edit=framing.largest_edit,
        worst_tile=framing.worst_tile,
        where=framing.where,
        scale=round(scale, 4),
        rotation=round(way.turn, 1),
    )
    return verdict, moved


def _kinds(
    view: _View, way: Alignment, framing: Framing, crop: str, scale: float
) -> tuple[str, ...]:
    happened = {
        "mirrored": way.mirrored,
        "rotated": abs(way.turn) > TURNED,
        "cropped": bool(crop),
        "bordered": not crop and min(view.shares) < WHOLE,
        "edited": framing.worst_tile > 1 and framing.edited_area > 0,
        "recoloured": framing.toned > TONED or framing.tinted > TINTED,
        "resized": abs(scale - 1) > RESIZED,
    }
    return tuple(kind for kind, did in happened.items() if did) or ("re-encoded",)


def _ramp(value: float, none: float, full: float) -> float:
    return float(np.clip((value - none) / (full - none), 0, 1))


def _shading(found: _Difference) -> tuple[float, float]:
    """Return how alike light and shade is, coarser than noise, and on how much of the picture.

    A caption bar, a frame or a logo that two pictures share has all the detail that a sky has
    not, and agrees fully: what is the same picture agrees nearly everywhere. Only what lies in
    the middle may have an empty ground around it.

    Returns
    -------
    alike : float
        Correlation of the median tile, -1 to 1.
    agreeing : float
        Share of tiles that correlate.
    """
    height, width = found.mask.shape
    step = max(max(height, width) / SHADE_PX, 1.0)
    size = (max(round(width / step), 4), max(round(height / step), 4))

    def small(plane: Floats) -> Floats:
        reduced: Floats = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return reduced

    mask = small(found.mask.astype(np.float32)) > 0.5
    tiles = _Tiles(mask if mask.any() else ~mask)
    planes = [small(canvas.luma) for canvas in (found.a, found.b)]
    fine, coarse = SHADE_BAND
    x, y = (_blurred(plane, fine) - _blurred(plane, coarse) for plane in planes)
    of_x, of_y = (np.maximum(tiles.means(plane * plane), 0) + NO_SHADE for plane in (x, y))
    correlation = tiles.means(x * y) / np.sqrt(of_x * of_y)
    agreeing, alike = correlation >= SHADED, float(np.median(correlation))
    if np.mean(agreeing) < 1 and np.mean(agreeing[tiles.central()]) >= LEAST_CENTRAL:
        apart = [planes[0] - planes[1]]
        apart += [small(p - q) for p, q in zip(found.a.chroma, found.b.chroma, strict=True)]
        even = np.max([np.abs(tiles.means(plane)) for plane in apart], axis=0) <= EVEN
        agreeing = agreeing[~even | (np.maximum(of_x, of_y) > EMPTY) | agreeing]
    return alike, float(np.mean(agreeing))


def _motion(found: _Difference) -> tuple[float, float]:
    """Return how far detail moved where both agree, and how much of an edit motion explains.

    The frames of a burst agree but for small motions everywhere, or but for what moved; a copy
    does not move at all, and what was edited into it came from nowhere near. That a caption can
    be undone by moving what is beside it over it says nothing: it must come about so, too.

    Returns
    -------
    moved : float
        Pixels that nine tenths of the detail moved at most, or half of a faint picture.
    explained : float
        Share of the difference in the edited part that moving pixels brings about, and undoes.
    """
    edited = found.edited
    if not edited.any() and not found.faint and found.step <= STILL:
        return found.step, 0.0  # what is left is too little for anything to have moved
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    x, y = (
        np.clip(plane * found.mask, 0, 255).astype(np.uint8) for plane in (found.luma, found.fitted)
    )
    shift = flow.calc(x, y, None)
    if found.faint:
        far = _drift(found, flow)
    else:
        agreeing = (found.mask & ~edited).astype(np.uint8)
        detail = found.slope * cv2.erode(agreeing, np.ones((9, 9), np.uint8))
        detail, moved = detail[::2, ::2], np.linalg.norm(shift[::2, ::2], axis=-1)
        far = _quantile(moved[detail > 2], detail[detail > 2], 0.9)
    if not edited.any():
        return far, 0.0
    left = [
        _unexplained(found.luma, found.fitted, shift, edited),
        _unexplained(found.fitted, found.luma, flow.calc(y, x, None), edited),
    ]
    return far, 1 - max(left) / max(float((found.left[edited] ** 2).sum()), 1e-6)


def _drift(found: _Difference, flow: Any) -> float:
    """Return how far half of a faint picture moved, in pixels: the clouds in a sky."""
    x, y = (features.stretch(canvas.luma) for canvas in (found.a, found.b))
    moved = np.linalg.norm(flow.calc(x, y, None), axis=-1)
    mask = cv2.resize(found.mask.astype(np.uint8), x.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return float(np.median(moved[mask > 0]) * found.mask.shape[1] / x.shape[1])


def _unexplained(to: Floats, by: Floats, shift: Floats, where: Mask) -> float:
    """Return the squares that are left there of a plane once another is moved over it."""
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in where.shape[::-1]))
    moved = cv2.remap(by, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR)
    return float(((to - moved)[where] ** 2).sum())


def _is_bare_outside(outer: NDArray[np.uint8], inner: NDArray[np.uint8], matrix: Floats) -> bool:
    """Tell whether what a picture has beyond the other is a border; `matrix`: inner -> outer."""
    corners = _corners(inner) @ matrix[:, :2].T + matrix[:, 2]
    both = np.zeros(outer.shape[:2], np.uint8)
    cv2.fillConvexPoly(both, np.round(corners).astype(np.int32), 1)
    slope = _slope([_blurred(cv2.cvtColor(outer, cv2.COLOR_RGB2GRAY).astype(np.float32), 0.8)])
    outside = cv2.dilate(both, np.ones((7, 7), np.uint8)) == 0
    inside = cv2.erode(both, np.ones((7, 7), np.uint8)) > 0
    if not outside.any() or not inside.any():
        return True
    return float(slope[outside].mean()) < BARE * float(slope[inside].mean())

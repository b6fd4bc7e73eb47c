"""Two canvases -> by how much tiles lie off each other, and what that explains of what is left.

Within a tile, what is left between two canvases is compared with the slopes: a small shift leaves
slope times shift (Lucas and Kanade, 1981). Noise and re-encoding follow no slope, so a shift of a
tenth of a pixel shows, and an edit is told from motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Floats

Mask = NDArray[np.bool_]

CELLS, LEAST_CELL_PX = 42, 8  # cells along the long side, and their least size; 2 x 2 are a tile
STEADY = 1.0  # squared slope that a tile without detail seems to have
LEAST_SHOWN = 0.5  # share of a tile that both must show
ROUNDS = 4
OFF, OFF_PX = 2.5, 0.03  # a tile moved by itself if it is this many times farther off, plus pixels
FEW_TILES = 16  # with fewer, only a shift of the whole is told


@dataclass(frozen=True)
class Tiles:
    """Sums of the tiles of two canvases, shape (rows, columns); overlapping by half.

    Attributes
    ----------
    xx, xy, yy : ndarray of float32
        Mean products of the slopes across and down.
    x, y : ndarray of float32
        Mean products of slope and what is left.
    left : ndarray of float32
        Mean square of what is left.
    shown : ndarray of bool
        Which tiles both show.
    """

    xx: Floats
    xy: Floats
    yy: Floats
    x: Floats
    y: Floats
    left: Floats
    shown: Mask

    @property
    def slope(self) -> Floats:
        """Root mean square of the slope."""
        slope: Floats = np.sqrt(np.maximum(self.xx + self.yy, 0) * self.shown)
        return slope

    def shifts(self) -> Floats:
        """Return the shift of each tile in pixels, shape (rows, columns, 2)."""
        xx, yy = self.xx + STEADY, self.yy + STEADY
        det = xx * yy - self.xy**2
        across = (yy * self.x - self.xy * self.y) / det
        down = (xx * self.y - self.xy * self.x) / det
        return np.stack([across, down], axis=-1)

    def without(self, weights: Floats) -> Tiles:
        """Return the tiles as they would be without a smooth shift of the whole."""
        shapes = _shapes(*self.left.shape)[..., : len(weights)]
        across, down = np.moveaxis(shapes @ weights, -1, 0)
        x = self.x - self.xx * across - self.xy * down
        y = self.y - self.xy * across - self.yy * down
        left = self.left - across * (self.x + x) - down * (self.y + y)
        return replace(self, x=x, y=y, left=np.maximum(left, 0))

    def explained(self) -> Floats:
        """Return the part of `left` that the shift of each tile explains."""
        shifts = self.shifts()
        part = shifts[..., 0] * self.x + shifts[..., 1] * self.y
        explained: Floats = np.clip(part, 0, self.left) * self.shown
        return explained


def tiles(to: Floats, by: Floats, shown: Mask) -> Tiles:
    """Return the sums of tiles.

    Parameters
    ----------
    to, by : ndarray of float32, shape (height, width)
        Luma; what is left is `to - by`.
    shown : ndarray of bool, shape (height, width)
    """
    inside = shown.astype(np.float32)
    left, mean = (to - by) * inside, (to + by) * (0.5 * inside)
    across = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)
    edge = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    across *= edge
    down *= edge
    planes = across * across, across * down, down * down, across * left, down * left, left * left
    first, second = cv2.merge(planes[:3]), cv2.merge((*planes[3:], inside))
    xx, xy, yy = cv2.split(_tiled(first))
    x, y, squares, share = cv2.split(_tiled(second))
    return Tiles(xx, xy, yy, x, y, squares, share > LEAST_SHOWN)


def grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of cells on a canvas; there is one tile less each way."""
    side = max(max(shape[:2]) / CELLS, LEAST_CELL_PX)
    rows, columns = (max(round(n / side), 2) for n in shape[:2])
    return rows, columns


def _tiled(planes: Floats) -> Floats:
    cells = cv2.resize(planes, grid(planes.shape)[::-1], interpolation=cv2.INTER_AREA)
    wide = cells[1:] + cells[:-1]
    tiled: Floats = (wide[:, 1:] + wide[:, :-1]) / 4
    return tiled


def drift(of: Tiles) -> Floats:
    """Return the smooth shift of the whole, as weights of `_shapes`, shape (n, 2).

    Parts that moved by themselves do not bend it. It is not motion but an alignment that was not
    quite met: a lens, a perspective, a rounded size.
    """
    shapes = _shapes(*of.left.shape)
    if np.count_nonzero(of.shown) < FEW_TILES:
        shapes = shapes[..., :1]
    count, own, slope = shapes.shape[-1], of.shifts(), of.slope.ravel()
    middle = np.array([_median(own[..., k].ravel(), slope) for k in (0, 1)])
    kept = _near(own - middle, of, slope)
    flat = shapes.reshape(-1, count)
    for _ in range(ROUNDS):
        a, b, c = (
            _products(flat, flat * (plane * kept).reshape(-1, 1)) for plane in (of.xx, of.xy, of.yy)
        )
        squares = np.block([[a, b], [b, c]])
        product = np.concatenate(
            [_products(flat, (plane * kept).reshape(-1, 1))[:, 0] for plane in (of.x, of.y)]
        )
        steady = 1e-3 * np.trace(squares) / len(squares) + 1e-9
        weights = np.linalg.solve(squares + steady * np.eye(2 * count), product)
        weights = weights.reshape(2, count).T
        kept = _near(own - shapes @ weights, of, slope)
    return np.asarray(weights)


def _products(a: Floats, b: Floats) -> Floats:
    """Return the products of columns on one thread, so that their sums are always the same."""
    sums: Floats = cv2.gemm(a, b.astype(np.float64), 1, None, 0, flags=cv2.GEMM_1_T)
    return sums


def _near(off: Floats, of: Tiles, slope: Floats) -> Floats:
    """Return 1 for tiles that are not much farther off than usual, else 0."""
    far = np.linalg.norm(off, axis=-1)
    near: Floats = of.shown * (far <= OFF * _median(far.ravel(), slope) + OFF_PX).astype(np.float64)
    return near


def field(weights: Floats, shape: tuple[int, ...]) -> Floats:
    """Return a smooth shift for each pixel, in pixels, shape (height, width, 2)."""
    rows, columns = (n - 1 for n in grid(shape))
    height, width = shape[:2]
    # tiles lie where four cells meet
    v = _places(height, rows)[:, None]
    u = _places(width, columns)[None]
    terms = _terms(u, v)[: len(weights)]
    planes = [
        sum(np.float32(w) * t for w, t in zip(weights[:, k], terms, strict=True)) for k in (0, 1)
    ]
    return np.stack([np.broadcast_to(plane, (height, width)) for plane in planes], axis=-1)


def moved(plane: Floats, by: Floats) -> Floats:
    """Return a canvas whose pixels are taken from `by`, shape (height, width, 2), pixels away."""
    height, width = plane.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + by[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + by[..., 1]
    taken: Floats = cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return taken


def _shapes(rows: int, columns: int) -> Floats:
    """Return the smooth shapes at each tile, shape (rows, columns, n)."""
    u, v = np.linspace(-1, 1, columns)[None], np.linspace(-1, 1, rows)[:, None]
    return np.stack([np.broadcast_to(t, (rows, columns)) for t in _terms(u, v)], axis=-1)


def _terms(u: Floats, v: Floats) -> list[Floats]:
    """Return what a shift, a perspective and a lens are made of."""
    round_ = u * u + v * v
    return [np.ones_like(u * v), u, v, u * u, u * v, v * v, u * round_, v * round_]


def _places(size: int, count: int) -> Floats:
    """Return where pixels lie between the first (-1) and the last (1) of some tiles."""
    step = size / (count + 1)
    places = (np.arange(size, dtype=np.float32) + 0.5 - step) / step
    return (places / max(count - 1, 1) * 2 - 1).astype(np.float32)


def _median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    place = int(np.searchsorted(total, total[-1] / 2))
    return float(values[order[min(place, len(order) - 1)]])

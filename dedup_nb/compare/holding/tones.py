"""Two aligned pictures -> whether tone or colour was changed, in the whole or in a part.

Both are averaged to a small canvas, where re-encoding leaves hardly a trace.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import Aligned, Floats, Picture

CANVAS_PX = 128  # long side
SMOOTH_PX, PART_PX = 1.2, 2.5  # standard deviations of the blurs, for the whole and for parts
TONE, TINT = 2.0, 1.6  # grey levels by which light and colour differ beyond re-encoding
GREY_TONE = 7.5  # grey levels; a black-and-white version is mixed from the channels differently
GREY_SHARE, COLOURED = 0.15, 2.0  # share of the other's chroma, and grey levels of chroma
PART, PART_LIGHT, PART_SHARE = 4.5, 10.0, 0.004  # grey levels, and share of the area
LEAST_CELLS = 64
STEADY = 1e-10  # a flat picture has no curve
MARGIN_PX = 2  # pixels of the canvas at the edges, where a border may shine in
DITHER_PX, CALM, DITHER = 384, 6.0, 0.8  # long side; steepest plain place; grey levels apart there
SAME, TONED, RECOLOURED, FINE_GREY, COARSE_GREY = "same", "tone", "part", "fine grey", "coarse grey"


def compared(aligned: Aligned, apart: NDArray[np.bool_] | None = None) -> str:
    """Return `SAME`, `TONED`, `RECOLOURED`, or which of the two has no colour of its own.

    Parameters
    ----------
    aligned : Aligned
    apart : ndarray of bool, shape (height, width), optional
        Where marks differ, on any canvas of the fine one; not looked at.
    """
    x, y, shown = _canvases(aligned, CANVAS_PX)
    if apart is not None and apart.any():
        small = cv2.resize(
            apart.astype(np.float32), shown.shape[::-1], interpolation=cv2.INTER_AREA
        )
        shown &= cv2.dilate((small > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    return _judged(x, y, shown) if np.count_nonzero(shown) >= LEAST_CELLS else SAME


def _canvases(aligned: Aligned, long_px: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return luma and chroma of both on a small canvas, blurred, and where both show."""
    size, to_fine, to_coarse = geometry.canvas_of(aligned, long_px)
    shown = geometry.visible(to_coarse, size, aligned.coarse.size)
    margin = np.ones((2 * MARGIN_PX + 1, 2 * MARGIN_PX + 1), np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), margin, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    shown = inner > 0
    x = _canvas(aligned.fine, to_fine, size)
    return x, _canvas(aligned.coarse, to_coarse, size), shown


def is_dithered(aligned: Aligned) -> bool:
    """Return whether one has another tone in places that are plain, as few colours force it to.

    A drawing of few colours and its JPEG have the same tones.
    """
    x, y, shown = _canvases(aligned, DITHER_PX)
    slopes = [cv2.morphologyEx(p, cv2.MORPH_GRADIENT, np.ones((3, 3))).max(axis=2) for p in (x, y)]
    calm = shown & (np.minimum(*slopes) < CALM)
    if np.count_nonzero(calm) < LEAST_CELLS:
        return True
    return _rms((x - y)[calm]) > DITHER


def _canvas(picture: Picture, matrix: Floats, size: tuple[int, int]) -> Floats:
    small = geometry.canvas(picture, matrix, size)
    planes: Floats = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32) - 128
    smooth: Floats = cv2.GaussianBlur(planes, (0, 0), SMOOTH_PX)
    return smooth


def _judged(x: Floats, y: Floats, shown: NDArray[np.bool_]) -> str:
    a, b = (plane[shown].astype(np.float64) for plane in (x, y))
    curves = [_curve(p) for p in (a, b)]
    own = [_rms(p[:, 1:] - _fitted(c, p[:, 1:])) for c, p in zip(curves, (a, b), strict=True)]
    light = min(
        _rms(np.sort(a[:, 0]) - np.sort(b[:, 0])),
        _rms(_fitted(curves[0], b[:, :1]) - a[:, :1]),
        _rms(_fitted(curves[1], a[:, :1]) - b[:, :1]),
    )
    if min(own) < GREY_SHARE * max(own) and max(own) > COLOURED:
        if light >= GREY_TONE:
            return TONED
        return COARSE_GREY if own[1] < own[0] else FINE_GREY
    wide = [np.column_stack([p, np.ones(len(p))]) for p in (a, b)]
    tint = min(_rms((_fitted(w, q) - p)[:, 1:]) for w, p, q in ((wide[0], a, b), (wide[1], b, a)))
    if light > TONE or tint > TINT:
        return TONED
    apart = np.where(shown[..., None], y - x, 0)
    apart -= np.where(shown[..., None], np.median(apart[shown], axis=0), 0).astype(np.float32)
    apart = cv2.GaussianBlur(apart, (0, 0), PART_PX)
    chroma = np.linalg.norm(apart[..., 1:], axis=-1)[shown]
    if np.quantile(chroma, 1 - PART_SHARE) > PART:
        return RECOLOURED
    if np.quantile(np.abs(apart[..., 0][shown]), 1 - PART_SHARE) > PART_LIGHT:
        return RECOLOURED
    return SAME


def _rms(values: Floats) -> float:
    values = values.reshape(len(values), -1)
    return float(np.sqrt((values**2).sum(axis=-1).mean()))


def _curve(planes: Floats) -> Floats:
    """Return the powers of luma that a smooth curve is fitted with."""
    light = planes[:, 0] / 128
    return np.stack([light**n for n in range(4)], axis=1)


def _fitted(terms: Floats, wanted: Floats) -> Floats:
    squares = cv2.mulTransposed(terms, aTa=True)  # one thread: the same sums every time
    product = cv2.gemm(terms, np.ascontiguousarray(wanted), 1, None, 0, flags=cv2.GEMM_1_T)
    steady = STEADY * np.trace(squares) * np.eye(len(squares))
    fit: Floats = terms @ np.linalg.solve(squares + steady, product)
    return fit

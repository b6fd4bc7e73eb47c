"""What is left between two canvases -> how far it stands out of the noise of the pair.

Noise, coding and resampling leave more where a picture is steep, and nearly as much everywhere
else that is as steep. What is left is averaged over some pixels, where coding leaves hardly a
trace, and compared with what is usual at that slope, and with a few grey levels at least.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Floats

Mask = NDArray[np.bool_]

STEEPNESSES = 10  # ranges of slope, of equally many pixels
THIN = 4  # every fourth pixel each way tells what is usual
STEPS = 16  # per grey level of slope, at which the usual is looked up
BEYOND = 4.0  # times the steepest range: what is steeper counts as this steep
EVERYWHERE = 0.5  # share of the usual that counts as usual everywhere: coding is uneven
DEVIATION = 0.6745  # median of what lies off, in standard deviations


def standing_out(left: Floats, slope: Floats, shown: Mask, over_px: float, least: float) -> Floats:
    """Return by how many times its usual size what is left stands out, shape (height, width).

    Parameters
    ----------
    left : ndarray of float32, shape (height, width)
        What is left, in grey levels.
    slope : ndarray of float32, shape (height, width)
        Grey levels per pixel.
    shown : ndarray of bool, shape (height, width)
    over_px : float
        Standard deviation of the average, in pixels.
    least : float
        Grey levels that are usual anywhere.
    """
    inside = shown.astype(np.float32)
    firm = np.abs(cv2.GaussianBlur(left * inside, (0, 0), over_px))
    steep = cv2.GaussianBlur(slope, (0, 0), over_px)
    usual = _usual(firm, steep, shown)
    floor = least + EVERYWHERE * median(usual[::2, ::2][shown[::2, ::2]])
    out: Floats = firm / (usual + np.float32(floor)) * inside
    return out


def median(values: Floats) -> float:
    """Return the median of some values, the lower one of the middle two; 0 of none."""
    if not len(values):
        return 0.0
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def medians(x: Floats, y: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the medians of x, and those of y, in ranges of x with equally many values.

    Parameters
    ----------
    x, y : ndarray of float, shape (n,)
        At least `count` values.
    count : int
        Ranges.

    Returns
    -------
    medians of x, medians of y : ndarray of float, shape (count,)
    """
    each = len(x) // count
    order = np.argsort(x, kind="stable")[(len(x) - each * count) // 2 :][: each * count]
    middle = (each - 1) // 2
    of_x = x[order].reshape(count, each)[:, middle]
    return of_x, np.partition(y[order].reshape(count, each), middle, axis=1)[:, middle]


def _usual(firm: Floats, steep: Floats, shown: Mask) -> Floats:
    """Return what is usually left at each pixel's slope."""
    some = shown[::THIN, ::THIN]
    x, y = steep[::THIN, ::THIN][some], firm[::THIN, ::THIN][some]
    if len(x) < STEEPNESSES:
        return np.zeros_like(firm)
    slopes, usual = medians(x, y, STEEPNESSES)
    usual = np.maximum.accumulate(usual) / DEVIATION
    far = max(float(slopes[-1]), 1e-3)
    corners = [*slopes, far * BEYOND], [*usual, float(usual[-1]) * BEYOND]
    count = int(far * BEYOND * STEPS) + 2
    table = np.interp(np.arange(count) / STEPS, *corners).astype(np.float32)
    found: Floats = table[np.minimum(steep * np.float32(STEPS), count - 1).astype(np.int32)]
    return found

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
    floor = least + EVERYWHERE * float(np.median(usual[shown]))
    out: Floats = firm / (usual + np.float32(floor)) * inside
    return out


def _usual(firm: Floats, steep: Floats, shown: Mask) -> Floats:
    """Return what is usually left at each pixel's slope."""
    some = shown[::THIN, ::THIN]
    x, y = steep[::THIN, ::THIN][some], firm[::THIN, ::THIN][some]
    if len(x) < STEEPNESSES:
        return np.zeros_like(firm)
    parts = np.array_split(np.argsort(x, kind="stable"), STEEPNESSES)
    slopes = np.array([np.median(x[part]) for part in parts])
    usual = np.maximum.accumulate([np.median(y[part]) for part in parts]) / DEVIATION
    far = max(float(slopes[-1]), 1e-3)
    corners = [*slopes, far * BEYOND], [*usual, float(usual[-1]) * BEYOND]
    count = int(far * BEYOND * STEPS) + 2
    table = np.interp(np.arange(count) / STEPS, *corners).astype(np.float32)
    found: Floats = table[np.minimum(steep * np.float32(STEPS), count - 1).astype(np.int32)]
    return found

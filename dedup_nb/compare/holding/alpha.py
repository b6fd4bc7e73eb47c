"""Two aligned pictures -> which of them lacks the transparency of the other.

Transparency means something where the picture looks different over white than over black. An opaque
picture equals a transparent one over at most one ground.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import Aligned, Floats, Picture

CANVAS_PX = 192  # long side
DIFFERENT, SHARE = 24, 0.001  # grey levels, and share of the area from which on they differ
OPAQUE = 250  # least alpha of a pixel that counts as opaque
CORE = 3  # pixels of the canvas: a thinner difference is the seam of a resize


def lacking(aligned: Aligned) -> tuple[bool, bool]:
    """Return whether the fine and the coarse one lack transparency that the other has."""
    see_through = [_means_something(p) for p in (aligned.fine, aligned.coarse)]
    if not any(see_through):
        return False, False
    differ = any(_differ(aligned, ground) for ground in (0, 255))
    return differ and see_through[1], differ and see_through[0]


def _means_something(picture: Picture) -> bool:
    if picture.alpha is None:
        return False
    share: float = float(np.mean(picture.alpha[::2, ::2] < OPAQUE))
    return share > SHARE / 4


def _differ(aligned: Aligned, ground: int) -> bool:
    size, to_fine, to_coarse = geometry.canvas_of(aligned, CANVAS_PX)
    shown = geometry.visible(to_coarse, size, aligned.coarse.size)
    canvases = [
        geometry.canvas(picture, matrix, size, ground)
        for picture, matrix in ((aligned.fine, to_fine), (aligned.coarse, to_coarse))
    ]
    return bool(np.mean(_apart(*canvases)[shown] > DIFFERENT) > SHARE) if shown.any() else False


def _apart(x: geometry.Pixels, y: geometry.Pixels) -> Floats:
    """Return by how much two canvases differ, where a shift of a pixel does not explain it."""
    reach = np.ones((CORE, CORE), np.uint8)
    least = [
        np.maximum(cv2.subtract(p, cv2.dilate(q, reach)), cv2.subtract(cv2.erode(q, reach), p)).max(
            axis=2
        )
        for p, q in ((x, y), (y, x))
    ]
    return np.asarray(np.maximum(*least))

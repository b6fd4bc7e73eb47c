"""Two pictures and the map between them -> a finer map, how much differs, and words for both.

The map of a verdict is exact to about a pixel of the thumbnails, which is many pixels of a camera's
picture; here both are aligned at full size, as `holding` does it.
"""

from __future__ import annotations

import cv2
import numpy as np

from dedup_nb.compare.beside.kept import KEPT, Size
from dedup_nb.compare.beside.tiles import apart_on
from dedup_nb.compare.holding import aligning
from dedup_nb.compare.holding.geometry import (
    Floats,
    Picture,
    chained,
    inverse,
    scale_of,
    spread,
)
from dedup_nb.pictures.engines.tasks import Item

CANVAS_PX = 2048  # longest side of the canvas on which differences are counted
TRIED_PX = 768  # on which two maps are compared
GRAIN = 12  # levels; smaller differences are those of JPEG and of resampling
BLUR = 0.8  # of differences in pixels, before they are counted: the noise of JPEG cancels
LEAST_PX = 32  # a shorter side has too little to align
NEAR_PX, NEAR_DEGREES, NEAR_SCALE = 0.5, 0.05, 0.001  # smaller changes are not told

Box = tuple[float, float, float, float]


def placed(item: Item) -> Item:
    """Align two pictures at full size, and count how much of them differs; a task.

    Parameters
    ----------
    item : Item
        Blocks: two absolute paths. Facts: `sha256`, two digests; `matrix`, six numbers; `aligned`,
        whether the map is known from features, and not only a guess by the sizes.

    Returns
    -------
    Item
        Facts: `matrix`; `sizes`; `differing`, the share of the pixels that both show, 0 to 1.
    """
    a, b = (
        KEPT.whole(path, sha) for path, sha in zip(item.blocks, item.facts["sha256"], strict=True)
    )
    matrix = np.reshape(np.array(item.facts["matrix"], np.float64), (2, 3))
    if item.facts["aligned"]:
        matrix = finer(a, b, matrix)
    apart, shown = _apart(a, b, matrix, CANVAS_PX)
    apart = cv2.GaussianBlur(apart, (0, 0), BLUR)
    facts = {
        "matrix": [round(float(value), 6) for value in matrix.ravel()],
        "sizes": [a.size, b.size],
        "differing": float(np.mean(apart[shown] > GRAIN)) if shown.any() else 1.0,
    }
    KEPT.tidy()
    return Item(facts)


def finer(a: Picture, b: Picture, matrix: Floats) -> Floats:
    """Return the map from one picture to the other, improved to a fraction of a pixel.

    The rough map is returned where the improved one is no better.
    """
    if min(*a.size, *b.size) < LEAST_PX:
        return matrix
    turned, upright = aligning.upright(b.pixels, matrix)
    turn = chained(inverse(matrix), upright)  # from b to b turned
    aligned = aligning.align(a.pixels, np.ascontiguousarray(turned), upright)
    fine = inverse(aligned.matrix) if aligned.swapped else aligned.matrix
    better = chained(fine, inverse(turn))
    return better if _off(a, b, better) <= _off(a, b, matrix) else matrix


def _off(a: Picture, b: Picture, matrix: Floats) -> float:
    """Return by how many levels two pictures differ on average."""
    apart, shown = _apart(a, b, matrix, TRIED_PX)
    return float(apart[shown].mean()) if shown.any() else np.inf


def _apart(a: Picture, b: Picture, matrix: Floats, long_px: int) -> tuple[Floats, Floats]:
    """Return how far two pictures lie apart, on a canvas no finer than the coarser one."""
    step = max(max(a.size) / long_px, 1 / scale_of(matrix), 1.0)
    size = max(round(a.size[0] / step), 1), max(round(a.size[1] / step), 1)
    place = spread(a.size[0] / size[0], a.size[1] / size[1])
    return apart_on(a, b, place, chained(place, matrix), size)


# -- in the kernel: no pixels --------------------------------------------------------------------


def plain_map(size: Size, other: Size) -> Floats:
    """Return the map that only stretches one picture to the size of another."""
    x, y = other[0] / size[0], other[1] / size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]], np.float64)


def words(matrix: Floats, size: Size, other: Size) -> str:
    """Return how a second picture was aligned to the first: `shifted by 3 px, scaled by 0.5`.

    Parameters
    ----------
    matrix : ndarray of float64, shape (2, 3)
        From the first picture to the second, at full size.
    size, other : (width, height)
        Of both.
    """
    parts = []
    across = matrix[:, 0]
    if np.linalg.det(matrix[:, :2]) < 0:
        parts.append("mirrored")
        across = -across
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    if abs(angle) > NEAR_DEGREES:
        parts.append(f"rotated by {angle:.4g}°" if abs(angle) < 1 else f"rotated by {angle:.3g}°")
    parts += _shift(matrix, size, other)
    scale = scale_of(matrix)
    if abs(scale - 1) > NEAR_SCALE:
        parts.append(
            f"scaled by {scale:.3f}".rstrip("0") if scale > 0.1 else f"scaled by {scale:.3g}"
        )
    return ", ".join(parts) or "pixel by pixel"


def _shift(matrix: Floats, size: Size, other: Size) -> list[str]:
    """Return by how many of its pixels the second picture lies off, if not by its size alone.

    The corner of the second picture that is the first one's upper left, however it was turned.
    """
    corners = np.array(
        [[x, y] for x in (-0.5, other[0] - 0.5) for y in (-0.5, other[1] - 0.5)], np.float64
    )
    back = inverse(matrix)
    places = corners @ back[:, :2].T + back[:, 2] + 0.5  # of the corners, in the first picture
    x, y = places[np.argmin(np.abs(places).sum(axis=1))] * scale_of(matrix)
    told = [
        f"{abs(value):.2g} px {way}" if abs(value) < 10 else f"{abs(value):.0f} px {way}"
        for value, way in ((float(x), "across"), (float(y), "down"))
        if abs(value) > NEAR_PX
    ]
    return [f"shifted by {' and '.join(told)}"] if told else []

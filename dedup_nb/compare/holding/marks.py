"""Two aligned pictures -> marks, captions, numbers and missing parts that only one of them has.

A mark covers what is under it, so the clean picture holds more. Two different marks, such as ticket
numbers, are two pictures; so are a numbered and a blank form, where the mark is the content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding import geometry
from dedup_nb.compare.holding.geometry import Aligned, Floats, Pixels

CANVAS_PX = 1024  # long side
LEAST_LEVELS = 16  # grey levels beyond what a shift of a pixel explains
NOISE_SHARE, NOISE_TIMES, NOISE_PLUS = 0.97, 2.5, 6  # see `_threshold`
LEAST_AREA, PEAK = 8, 1.5  # pixels of the canvas; times the threshold
NEAR_PX = 9  # differences nearer than this are one mark
MEAN_PX, MEAN_LEVELS = 2.0, 6.0  # sharpening and blur change detail, but no local mean
EVERYWHERE = 0.2  # share of cells with differences from which on they are no marks
CELL_PX = 16
EDGE_LEVELS = 8  # grey levels by which an edge is one picture's own
TWO_SIDED = 0.2  # share of the edges that the picture with fewer of them has
EVEN_SHARE = 0.9
# A flat ground: exact where it was drawn, or light and without colour; the rest may be other signs.
DRAWN, DRAWN_SHARE = 1, 0.75  # grey levels off the usual tone, and share of the pixels
EVEN, PAPER_SHARE, PAPER, PAPER_TINT = 8, 0.6, 200, 30
UNDER_PX, RING_PX = 3, 7  # pixels of the canvas: the ground of a difference, and what is around
COVER_EVEN, COVER_TIMES = 6.0, 2.0  # grey levels; times as uneven what it covers is
COVER_STEP = 12  # grey levels by which a cover differs from what lies around it


@dataclass(frozen=True)
class Marks:
    """What local differences mean.

    Attributes
    ----------
    both : bool
        Whether both have marks of their own, or the mark is the content.
    fine, coarse : bool
        Whether that picture has a part covered or missing.
    where : ndarray of bool, shape (height, width)
        Canvas of the fine one, where they differ.
    """

    both: bool
    fine: bool
    coarse: bool
    where: NDArray[np.bool_]


def found(aligned: Aligned) -> Marks:
    """Return the marks that one picture has and the other has not."""
    size, to_fine, to_coarse = geometry.canvas_of(aligned, CANVAS_PX)
    shown = geometry.visible(to_coarse, size, aligned.coarse.size)
    shown = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    x = geometry.canvas(aligned.fine, to_fine, size)
    y = geometry.canvas(aligned.coarse, to_coarse, size)
    differ = _differing(
        cv2.cvtColor(x, cv2.COLOR_RGB2YCrCb), cv2.cvtColor(y, cv2.COLOR_RGB2YCrCb), shown
    )
    both = fine = coarse = False
    for cluster in _clusters(differ):
        meaning = _meaning(x, y, differ, shown, cluster)
        both |= meaning == "both"
        fine |= meaning == "fine"
        coarse |= meaning == "coarse"
    return Marks(both or (fine and coarse), fine, coarse, differ)


def _own(x: Pixels, y: Pixels) -> Pixels:
    """Return by how much a picture leaves the range of the other within a pixel around."""
    reach = np.ones((3, 3), np.uint8)
    above, below = cv2.subtract(x, cv2.dilate(y, reach)), cv2.subtract(cv2.erode(y, reach), x)
    return _weighed(cv2.max(above, below))


def _weighed(planes: Pixels) -> Pixels:
    """Return the largest of luma and half of each chroma, which JPEG keeps more coarsely."""
    light, red, blue = cv2.split(planes)
    largest: Pixels = cv2.max(light, cv2.max(red, blue) >> 1)
    return largest


def _threshold(own: Pixels) -> float:
    """Return the grey levels that coding or sharpness do not explain."""
    usual = float(np.quantile(own, NOISE_SHARE))
    return max(LEAST_LEVELS, NOISE_TIMES * usual + NOISE_PLUS)


def _differing(x: Pixels, y: Pixels, shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where two canvases differ locally."""
    own = np.maximum(_own(x, y), _own(y, x))
    own[~shown] = 0
    if not shown.any() or int(own.max()) <= LEAST_LEVELS:
        return np.zeros(own.shape, bool)
    limit = _threshold(own[::2, ::2])
    means = [cv2.GaussianBlur(p, (0, 0), MEAN_PX) for p in (x, y)]
    own[_weighed(cv2.absdiff(*means)) < MEAN_LEVELS] = 0
    joined = cv2.dilate((own > limit).astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    areas = np.bincount(labels[own > limit], minlength=count)
    kept = np.bincount(labels[own > PEAK * limit], minlength=count) > 0
    kept &= areas >= LEAST_AREA
    kept[0] = False
    where: NDArray[np.bool_] = kept[labels]
    cells = cv2.resize(
        where.astype(np.float32),
        (max(where.shape[1] // CELL_PX, 1), max(where.shape[0] // CELL_PX, 1)),
        interpolation=cv2.INTER_AREA,
    )
    return where if np.mean(cells > 0) < EVERYWHERE else np.zeros_like(where)


def _clusters(differ: NDArray[np.bool_]) -> list[Any]:
    """Return the slices and masks of differences that lie together."""
    if not differ.any():
        return []
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * NEAR_PX + 1, 2 * NEAR_PX + 1))
    wide = cv2.dilate(differ.astype(np.uint8), reach)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
    clusters = []
    for label in range(1, count):
        left, top, width, height = (int(v) for v in stats[label, :4])
        box = slice(top, top + height), slice(left, left + width)
        clusters.append((box, labels[box] == label))
    return clusters


def _meaning(
    x: Pixels, y: Pixels, differ: NDArray[np.bool_], shown: NDArray[np.bool_], cluster: Any
) -> str:
    """Return who has a mark or a hole: `both`, `fine` or `coarse`."""
    box, mask = cluster
    core = differ[box] & mask
    around = cv2.dilate(core.astype(np.uint8), np.ones((RING_PX, RING_PX), np.uint8)) > 0
    around &= ~(cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & shown[box]
    p, q = x[box], y[box]
    steep = [_slopes(p), _slopes(q)]
    wide = cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    inner = cv2.erode(core.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    rim = wide & ~inner
    own = [
        float(np.maximum(steep[k][rim] - steep[1 - k][rim] - EDGE_LEVELS, 0).sum()) for k in (0, 1)
    ]
    for k, (one, other) in enumerate(((p, q), (q, p))):
        if _is_cover(one, other, inner, around):
            return ("fine", "coarse")[k]
    if min(own) >= TWO_SIDED * max(sum(own), 1e-6):
        return "both"
    marked = int(own[1] > own[0])
    clean = (q, p)[marked]
    under = cv2.dilate(core.astype(np.uint8), np.ones((UNDER_PX, UNDER_PX), np.uint8)) > 0
    if _is_paper(clean, under & shown[box]):
        return "both"
    return ("fine", "coarse")[marked]


def _slopes(rgb: Pixels) -> Floats:
    reach = np.ones((3, 3), np.uint8)
    red, green, blue = cv2.split(cv2.morphologyEx(rgb, cv2.MORPH_GRADIENT, reach))
    slopes: Floats = cv2.max(red, cv2.max(green, blue)).astype(np.float32)
    return slopes


def _is_cover(
    one: Pixels, other: Pixels, inner: NDArray[np.bool_], around: NDArray[np.bool_]
) -> bool:
    """Return whether a picture is flat where they differ, unlike the other and what is around."""
    if np.count_nonzero(inner) < LEAST_AREA * 4 or not around.any():
        return False
    tone = np.median(one[inner], axis=0)
    uneven = [_unevenness(rgb[inner]) for rgb in (one, other)]
    if uneven[0] > COVER_EVEN or uneven[1] < COVER_TIMES * uneven[0] + COVER_EVEN:
        return False
    return float(np.abs(tone - np.median(one[around], axis=0)).max()) > COVER_STEP


def _unevenness(colours: Pixels) -> float:
    """Return by how many grey levels nine tenths of some pixels lie off their usual tone."""
    off = np.abs(colours.astype(np.int16) - np.median(colours, axis=0)).max(axis=1)
    return float(np.quantile(off, EVEN_SHARE))


def _is_paper(clean: Pixels, mask: NDArray[np.bool_]) -> bool:
    """Return whether the ground under a mark is flat, as paper or a drawn plate is."""
    ground = clean[mask].astype(np.int16)
    tone = np.median(ground, axis=0)
    off = np.abs(ground - tone).max(axis=1)
    if float(np.mean(off <= DRAWN)) >= DRAWN_SHARE:
        return True
    light = float(tone.min()) >= PAPER and float(np.ptp(tone)) <= PAPER_TINT
    return light and float(np.mean(off <= EVEN)) >= PAPER_SHARE

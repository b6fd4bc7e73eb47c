"""Two aligned pictures of different sizes -> whether the larger one has more than enlarging gives.

Any common way of enlarging leaves traces above the highest frequency of the smaller picture; the
smaller one explains them. What it does not explain is detail or noise. The other way round, what
taking pixels without averaging folds into the smaller one, the larger one explains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from dedup_nb.compare.holding import geometry, rings
from dedup_nb.compare.holding.geometry import Aligned, Floats, Picture
from dedup_nb.compare.holding.rings import Compared

MOST_RATIO, ENOUGH = 2.5, 2.2  # a picture that is finer is reduced to this times the coarser first
CHANCE = 5.0  # frequencies of a ring that two more filters explain by chance
REPEAT_PX, REPEAT_STEPS, REPEATED = 640, 12, 0.45  # side; lines at a time; steps in a repeat
KERNELS = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_NEAREST)


def reduced(aligned: Aligned) -> tuple[Compared | None, float]:
    """Compare two pictures at the size of the coarse one.

    A picture reduced by taking pixels, without averaging, has its finer detail folded in. What
    such a reduction explains of the coarse one, the fine one holds.

    Returns
    -------
    compared : Compared or None
    alias : float
        Power in the coarse one that only folding explains: it was reduced from the fine one.
    """
    grey, back = aligned.fine.reduced_grey(aligned.ratio)
    small = geometry.of_grey(grey)
    to_fine = geometry.inverse(aligned.matrix)
    to_small = geometry.chained(to_fine, geometry.inverse(back))
    got = rings.compared(aligned.coarse, small, to_small)
    if got is None:
        return None, 0.0
    side = geometry.tile_side(aligned.coarse.grey.shape)
    most, usual, _ = rings.corners(aligned.coarse, to_small, small)
    kept, alias = [], 0.0
    for shared, corners in ((got.most, most), (got.usual, usual)):
        if not corners:
            kept.append(shared)
            continue
        ways = [(small, to_small, cv2.INTER_CUBIC)]
        ways += [(aligned.fine, to_fine, how) for how in (cv2.INTER_LINEAR, cv2.INTER_NEAREST)]
        x = np.stack([_tile(aligned.coarse.grey, corner, side) for corner in corners])
        several = np.stack(
            [
                np.stack([geometry.cut(p.grey, to, corner, side, how) for corner in corners])
                for p, to, how in ways
            ]
        )
        plain = rings.unexplained(x, several[:1])[1].mean(axis=0)
        left = rings.unexplained(x, several)[1].mean(axis=0)
        kept.append(replace(shared, fine_left=np.minimum(shared.fine_left, left)))
        by_chance = plain * np.minimum(CHANCE / np.maximum(rings.frequencies(side), 1), 1)
        alias = max(alias, float(((plain - left - by_chance) * rings.AREAS).sum()))
    return replace(got, most=kept[0], usual=kept[1]).turned(), alias


def _tile(grey: geometry.Pixels, corner: tuple[int, int], side: int) -> Floats:
    top, left = corner
    return grey[top : top + side, left : left + side].astype(np.float32)


@dataclass(frozen=True)
class Beyond:
    """What the fine one has above the highest frequency of the coarse one.

    Attributes
    ----------
    power, left : ndarray, shape (`RINGS`,)
        Power of the fine one in the tiles with most to see, and what enlarging the coarse one in
        any common way does not explain.
    flat_power, flat_left : ndarray, shape (`RINGS`,)
        The same in flat patches.
    coarse : ndarray, shape (`RINGS`,)
        Power of the coarse one, enlarged.
    end : float
        Highest frequency of the coarse one on the grid of the fine one.
    reduced : bool
        Whether the fine one was reduced first.
    """

    power: Floats
    left: Floats
    flat_power: Floats
    flat_left: Floats
    coarse: Floats
    end: float
    reduced: bool


def beyond(aligned: Aligned) -> Beyond | None:
    """Return what the fine one has above the highest frequency of the coarse one."""
    fine, matrix, reduced = aligned.fine, aligned.matrix, False
    if aligned.ratio > MOST_RATIO:
        small, back = fine.reduced_grey(aligned.ratio / ENOUGH)
        fine, matrix, reduced = geometry.of_grey(small), geometry.chained(back, matrix), True
    most, usual, flat = rings.corners(fine, matrix, aligned.coarse)
    if not most:
        return None
    side = geometry.tile_side(fine.grey.shape)
    x, several = _enlarged(fine, aligned.coarse, matrix, most + usual, side)
    power, left = (p.mean(axis=0) for p in rings.unexplained(x, several))
    coarse = rings.summed(np.abs(rings.spectra(several[0])) ** 2, side).mean(axis=0)
    flat_power = flat_left = np.zeros(rings.RINGS)
    if flat:
        patches = rings.unexplained(*_enlarged(fine, aligned.coarse, matrix, flat, rings.PATCH))
        flat_power, flat_left = (np.median(p, axis=0) for p in patches)
    end = 0.5 * geometry.scale_of(matrix)
    return Beyond(power, left, flat_power, flat_left, coarse, end, reduced)


def repeats(aligned: Aligned) -> bool:
    """Return whether the fine one repeats rows and columns, as nearest-neighbour enlarging does."""
    grey = aligned.fine.grey
    top, left = (max((side - REPEAT_PX) // 2, 0) for side in grey.shape)
    part = grey[top : top + REPEAT_PX, left : left + REPEAT_PX].astype(np.int16)
    repeated = int(0.9 * REPEAT_STEPS * (1 - 1 / aligned.ratio))
    changing = int(0.9 * REPEAT_STEPS / aligned.ratio)
    for axis in (0, 1):
        steps = np.abs(np.diff(part, axis=axis)).mean(axis=1 - axis)
        steps = steps[: len(steps) // REPEAT_STEPS * REPEAT_STEPS].reshape(-1, REPEAT_STEPS)
        steps = np.sort(steps, axis=1)  # of neighbours, since a picture is busier in places
        low, high = steps[:, : max(repeated, 1)], steps[:, -max(changing, 1) :]
        if not len(steps) or low.mean() > REPEATED * high.mean():
            return False
    return True


def _enlarged(
    fine: Picture, coarse: Picture, matrix: Floats, corners: list[Any], side: int
) -> tuple[Floats, Floats]:
    """Return tiles of the fine one, and of the coarse one enlarged in several ways."""
    x = np.stack([_tile(fine.grey, corner, side) for corner in corners])
    several = np.stack(
        [
            np.stack([geometry.cut(coarse.grey, matrix, corner, side, how) for corner in corners])
            for how in KERNELS
        ]
    )
    return x, several

"""Two aligned pictures -> a copy, or why it is none, and where they differ.

What was done to the whole is fitted away, an alignment that was not quite met as well. What is
left is a copy's noise, or it moved (a burst), or it stands out of the noise (an edit).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Aligned, Floats, Pixels, scale_of
from dedup_nb.compare.look_words import EDITED, MOVED, Look
from dedup_nb.compare.second_look import canvas, closer, fitting, motion, outlines, residuals
from dedup_nb.compare.second_look.canvas import Canvas

Mask = NDArray[np.bool_]

LEAST_SHOWN = 200  # pixels of the canvas that both must show
# The alignment: pixels of the canvas by which it may be off, from which on it is improved.
ROUNDS, MOST_OFF_PX, OFF_PX, WELL_PX = 3, 4.0, 0.05, 0.15
FINE_OFF_PX, SLIGHT_PX = 0.12, 0.5
# A tile moved if its shift is this many pixels and explains this share of what is left.
STILL_PX, EXPLAINED, LEAST_EXPLAINED, NOISE = 0.1, 0.4, 0.2, 0.05
# Tiles that lie together, and the share of all that is left that the tiles explain; or so many.
MOVED_TILES, MOVED_SHARE, MANY_TILES = 6, 0.05, 14
MOTION, WIDE = 0.3, 40  # share and tiles from which on motion makes the difference, not an edit
# What stands out: standard deviation of the average in pixels, least usual grey levels, and how
# many times the usual a copy may leave.
FINE, COARSE, COLOUR = (1.2, 0.35, 8.0), (3.0, 0.25, 7.5), (2.0, 0.6, 6.3)
CLIPPED = 3.0  # more than that, where channels are clipped: what was clipped cannot be fitted
# A coarse JPEG drops faint tints and detail in some blocks and keeps them in others: grey levels of
# colour and of luma for each unit of coarseness beyond that of quality 75.
CODED, CODED_LUMA, FINE_CODING = 0.75, 0.15, 0.5
OUTLINED = 0.5  # share of the limit up to which the outline of an edit reaches
# Largest area of a mark, and distances from an edge of a mark and of a line of text, as shares;
# how many times longer than high such a line is.
MARK = 0.025, (0.02, 0.07), 2.2
ONE_TONE = 0.6  # share by which a channel of a mark is either lighter or darker than what it covers


# Where a large picture is looked at closer, coding and sharpening show more: times the limits, and
# pixels by which a tile may lie off.
CLOSER = 1.6, 0.3


@dataclass(frozen=True)
class Measures:
    """How far a pair is from a copy.

    Attributes
    ----------
    tiles : Tiles
        Without the drift of the whole.
    standing_out : ndarray of float32, shape (height, width)
        What is left, as a multiple of what a copy may leave; above 1 it is an edit.
    """

    tiles: motion.Tiles
    standing_out: Floats


def look(
    aligned: Aligned, covered: bool = False, coarseness: tuple[float, float] = (0.0, 0.0)
) -> Look:
    """Return whether two pictures are copies, or what makes them differ.

    Parameters
    ----------
    aligned : Aligned
    covered : bool
        Whether one bears a mark that the other has not; then one near an edge is not an edit.
    coarseness : pair of float
        Quantisation of the files of a and b; see `holding.judging.Saved`.
    """
    whole = canvas.shared(aligned)
    measured = None if whole is None else measures(whole, max(coarseness))
    if whole is None or measured is None:
        return Look()
    found, marks = _judged(aligned, whole, measured, covered)
    if found.kind:
        return found
    looks = [found]
    for part in closer.canvases(aligned, whole, measured.standing_out, marks):
        measured = measures(part, max(coarseness))
        if measured is None:
            continue
        one, _ = _judged(aligned, part, measured, False, *CLOSER)
        share = _shown(part) / _shown(whole)
        looks.append(replace(one, area=round(min(one.area * share, 1.0), 5)))
        if one.kind:
            break
    return max(looks, key=lambda one: one.score)


def _shown(shared: Canvas) -> float:
    """Return the area that a canvas shows, in pixels of the fine picture."""
    return float(np.count_nonzero(shared.shown)) * scale_of(shared.to_fine) ** 2


def _judged(
    aligned: Aligned,
    shared: Canvas,
    measured: Measures,
    covered: bool,
    limit: float = 1.0,
    still_px: float = STILL_PX,
) -> tuple[Look, Mask]:
    """Return what one canvas shows, and the marks on it that are no edits.

    Scores are multiples of `limit`; what lies off by less than `still_px` did not move.
    """
    to_a = shared.to_coarse if aligned.swapped else shared.to_fine
    size = (aligned.coarse if aligned.swapped else aligned.fine).size
    edited = outlines.parts(measured.standing_out / limit, OUTLINED)
    moved = _moved(measured.tiles, still_px)
    marks = np.zeros_like(edited)
    if covered:
        marks = outlines.marks(edited, *MARK)
        marks = outlines.of_one_tone(marks, shared.fine, shared.coarse, ONE_TONE)
        edited &= ~marks
        moved = moved & ~outlines.touched(marks, moved.shape)
    most, moving = outlines.largest(moved)
    share = _share(measured.tiles, moved)
    motion_score = max(min(most / MOVED_TILES, share / MOVED_SHARE), most / MANY_TILES) / limit
    edit_score = float((measured.standing_out * edited).max()) / limit
    score = max(motion_score, edit_score)
    if score <= 1:
        return Look(score=round(score, 3)), marks
    little = edit_score > 1 and share < MOTION and most < WIDE
    kind = EDITED if motion_score <= 1 or little else MOVED
    where = edited | outlines.spread(moving, edited.shape) if kind == MOVED else edited
    shown = np.count_nonzero(shared.shown)
    look = Look(
        kind,
        where=outlines.boxes(where, to_a, size),
        score=round(min(score, 1e6), 3),
        area=round(min(int(np.count_nonzero(where)) / int(shown), 1.0), 4),
    )
    return look, marks


def measures(shared: Canvas, coarseness: float = 0.0) -> Measures | None:
    """Return how far a pair is from a copy, or None if too little is shown."""
    x, y, shown = _settled(shared.fine, shared.coarse, shared.shown)
    if np.count_nonzero(shown) < LEAST_SHOWN:
        return None
    found = fitting.left(x, y, shown)
    to, fitted = found.to, found.fitted
    tiles = motion.tiles(to, fitted, shown)
    drift = motion.drift(tiles)
    off = _most(motion.field(drift, shown.shape))
    if FINE_OFF_PX < off <= MOST_OFF_PX:
        fitted = motion.moved(fitted, motion.field(drift, shown.shape))
        tiles = motion.tiles(to, fitted, shown)
        drift = motion.drift(tiles)
        off = _most(motion.field(drift, shown.shape))
    if off < SLIGHT_PX:
        tiles = tiles.without(drift)
    slope = fitting.steepness([(to + fitted) / 2])
    coarse = max(coarseness - FINE_CODING, 0)
    limits = (
        (to - fitted, slope, FINE, CODED_LUMA * coarse),
        (to - fitted, slope, COARSE, CODED_LUMA * coarse),
        (found.chroma, slope + found.coloured, COLOUR, CODED * coarse),
    )
    room = 1 + CLIPPED * found.clipped
    out = np.zeros_like(to)
    for left, steep, (over_px, least, most), coded in limits:
        one = residuals.standing_out(left, steep, shown, over_px, least + coded)
        np.maximum(out, one / (np.float32(most) * room), out=out)
    return Measures(tiles, out)


def _settled(x: Pixels, y: Pixels, shown: Mask) -> tuple[Pixels, Pixels, Mask]:
    """Move the second canvas onto the first where the alignment is smoothly off."""
    half = max(shown.shape[1] // 2, 8), max(shown.shape[0] // 2, 8)

    def small(pixels: Pixels) -> Floats:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        reduced = cv2.resize(grey, half, interpolation=cv2.INTER_AREA).astype(np.float32)
        blurred: Floats = cv2.GaussianBlur(reduced, (0, 0), fitting.SOFT_PX)
        return blurred

    inside = cv2.resize(shown.astype(np.float32), half, interpolation=cv2.INTER_AREA) > 0.99
    if np.count_nonzero(inside) < LEAST_SHOWN:
        return x, y, shown
    a, b = small(x), small(y)
    (mean_a, std_a), (mean_b, std_b) = ((p[inside].mean(), p[inside].std() + 1) for p in (a, b))
    b = (b - mean_b) * (std_a / std_b) + mean_a
    by, now = np.zeros((*a.shape, 2), np.float32), b
    for _ in range(ROUNDS):
        step = motion.field(motion.drift(motion.tiles(a, now, inside)), a.shape)
        if not OFF_PX < _most(step) <= MOST_OFF_PX:
            break
        by = by + step
        now = motion.moved(b, by)
        if _most(step) < WELL_PX:
            break
    if not by.any():
        return x, y, shown
    by = cv2.resize(by, shown.shape[::-1]) * 2
    reach = np.ones((2 * int(np.ceil(_most(by))) + 1,) * 2, np.uint8)
    inner = cv2.erode(shown.astype(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return x, np.asarray(motion.moved(y, by)), inner > 0


def _most(by: Floats) -> float:
    return float(np.abs(by).max())


def _moved(tiles: motion.Tiles, still_px: float = STILL_PX) -> Mask:
    """Return the tiles whose own shift explains what is left in them."""
    far = np.linalg.norm(tiles.shifts(), axis=-1)
    explained = tiles.explained()
    share = explained / (tiles.left - explained + NOISE)
    moved: Mask = (far > still_px) & (share > EXPLAINED) & (explained > LEAST_EXPLAINED)
    return moved & tiles.shown


def _share(tiles: motion.Tiles, moved: Mask) -> float:
    """Return the share of all that is left that the motion of some tiles explains."""
    whole = float((tiles.left * tiles.shown).sum())
    return float((tiles.explained() * moved).sum()) / max(whole, 1e-6)

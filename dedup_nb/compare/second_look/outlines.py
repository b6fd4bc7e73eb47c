"""Where two canvases differ -> parts, and boxes around them in shares of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedup_nb.compare.holding.geometry import Floats, Pixels
from dedup_nb.compare.look_words import MOST_BOXES, Box

Mask = NDArray[np.bool_]

NEAR_PX, WORDS_PX = 7, 17  # parts nearer than this are one; words nearer than this are one line


def largest(marked: Mask) -> tuple[int, Mask]:
    """Return how many marked tiles lie together at most, and the groups half as large at least."""
    count, labels = cv2.connectedComponents(marked.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)
    sizes[0] = 0
    most = int(sizes.max())
    return most, (sizes >= max(most / 2, 1))[labels]


def parts(standing_out: Floats, share: float) -> Mask:
    """Return the parts that stand out, together with what is around them.

    Parameters
    ----------
    standing_out : ndarray of float32, shape (height, width)
        Parts that nowhere exceed 1 are no edit.
    share : float
        A part reaches as far as this, from 0 to 1.
    """
    if not float(standing_out.max(initial=0)) > 1:
        return np.zeros(standing_out.shape, np.bool_)
    labels, count = _labels(standing_out > share)
    edited = np.zeros(count, np.bool_)
    edited[labels[standing_out > 1]] = True
    edited[0] = False
    found: Mask = edited[labels] & (standing_out > share)
    return found


def marks(edited: Mask, most: float, margins: tuple[float, float], longer: float) -> Mask:
    """Return the parts that are marks at an edge or lines of text near one, such as a date.

    Parameters
    ----------
    edited : ndarray of bool, shape (height, width)
    most : float
        Largest area of each, as a share.
    margins : pair of float
        Largest distance from an edge, as a share of the side; of a mark, and of a line of text.
    longer : float
        How many times longer than high a line of text is at least.
    """
    height, width = edited.shape
    labels, count = _labels(edited, WORDS_PX)
    areas = np.bincount(labels[edited], minlength=count)
    found = np.zeros(count, np.bool_)
    for label in range(1, count):
        left, top, right, bottom = _box(edited & (labels == label))
        sides = sorted((right - left, bottom - top))
        inner = min(left / width, top / height, 1 - right / width, 1 - bottom / height)
        margin = margins[int(sides[1] >= longer * sides[0])]
        found[label] = inner <= margin and areas[label] <= most * edited.size
    return edited & found[labels]


def of_one_tone(where: Mask, a: Pixels, b: Pixels, least: float) -> Mask:
    """Return the parts that are lighter or darker in some channel, as writing is of one tone.

    Parameters
    ----------
    where : ndarray of bool, shape (height, width)
    a, b : ndarray of uint8, shape (height, width, 3)
    least : float
        From 0, as much lighter as darker, to 1, all lighter or all darker.
    """
    labels, count = _labels(where, WORDS_PX)
    inside, kept = labels[where], np.zeros(count, np.bool_)
    for levels in (np.subtract(a[where], b[where], dtype=np.float64)).T:
        balance = np.abs(np.bincount(inside, levels, count))
        kept |= balance > least * np.bincount(inside, np.abs(levels), count)
    found: Mask = where & kept[labels]
    return found


def touched(where: Mask, shape: tuple[int, ...]) -> Mask:
    """Return the tiles that some pixels lie in, shape (rows, columns)."""
    cells = (shape[1] + 1, shape[0] + 1)
    share = cv2.resize(where.astype(np.float32), cells, interpolation=cv2.INTER_AREA)
    wide = share[1:] + share[:-1]
    return np.asarray(wide[:, 1:] + wide[:, :-1] > 0)


def spread(tiles: Mask, shape: tuple[int, ...]) -> Mask:
    """Return the pixels of marked tiles."""
    cells = np.zeros((tiles.shape[0] + 1, tiles.shape[1] + 1), np.uint8)
    for down in (0, 1):
        for across in (0, 1):
            cells[down : down + tiles.shape[0], across : across + tiles.shape[1]] |= tiles
    wide = cv2.resize(cells, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(wide > 0)


def boxes(where: Mask, matrix: Floats, size: tuple[int, int]) -> tuple[Box, ...]:
    """Return boxes around the largest parts, as shares of a picture; largest first.

    Parameters
    ----------
    where : ndarray of bool, shape (height, width)
        On a canvas.
    matrix : ndarray of float64, shape (2, 3)
        Map from the canvas to the picture.
    size : (width, height)
        Of the picture in pixels.
    """
    labels, count = _labels(where)
    areas = np.bincount(labels[where], minlength=count)
    areas[0] = 0
    order = [int(k) for k in np.argsort(-areas, kind="stable")[:MOST_BOXES] if areas[k]]
    return tuple(_mapped(_box(where & (labels == k)), matrix, size) for k in order)


def _mapped(box: tuple[int, int, int, int], matrix: Floats, size: tuple[int, int]) -> Box:
    left, top, right, bottom = (value - 0.5 for value in box)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    there = (corners @ matrix[:, :2].T + matrix[:, 2] + 0.5) / size
    low, high = np.clip(there.min(0), 0, 1), np.clip(there.max(0), 0, 1)
    left, top, right, bottom = (round(float(v), 4) for v in (*low, *high))
    return left, top, right, bottom


def _box(mask: Mask) -> tuple[int, int, int, int]:
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def _labels(where: Mask, near_px: int = NEAR_PX) -> tuple[NDArray[np.int32], int]:
    """Return labels of parts; parts that nearly touch are one."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (near_px, near_px))
    count, labels = cv2.connectedComponents(cv2.dilate(where.astype(np.uint8), reach))
    return np.asarray(labels), int(count)

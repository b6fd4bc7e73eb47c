"""The features of a picture -> short codes with which a million pictures are searched.

The features that come first (see `features.extract`) are told in one handedness, so that a feature
and its mirror image have one code; reduced to their main directions; and assigned to a cell of the
index. What that takes was learnt once (`benchmarks/learn_local.py`) and is part of the package, so
a code depends on its picture alone: not on the library, on other pictures, or on what was indexed
before. All of it is exact in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from dedup_nb.pictures import features

KEPT = 100  # features of a picture that are searched
WIDTH = 32  # values of a code
HALF = WIDTH // 2  # a cell is a centre of the even values and one of the odd ones
CENTRES = 128  # of each half
CELLS = CENTRES**2
DENSITY = 6  # a feature's reach is its distance to so many-th nearest cell
NEAR = 0.5  # a match is nearer than this share of the reach
DEPTH = 16  # centres of each half that are combined to find the nearest cells
BASIS = Path(__file__).with_name("basis.npz")

ENTRY = np.dtype(
    [("value", "u1", WIDTH), ("x", "<u2"), ("y", "<u2"), ("cell", "<u2"), ("reach", "<u2")]
)
TURNED = 2**15  # bit of `cell`: the feature was told mirrored
REACH_STEP = 16  # unit of a stored reach


@dataclass(frozen=True)
class Basis:
    """What was learnt once.

    Attributes
    ----------
    hand : ndarray of int8, shape (128,)
        A descriptor whose product with it is negative is told mirrored.
    directions : ndarray of int8, shape (128, WIDTH)
        Main directions of descriptors.
    centre : ndarray of int64, shape (WIDTH,)
        Added to the products.
    shrink : int
        By which they are divided.
    halves : tuple of two ndarrays of uint8, shape (CENTRES, HALF)
        The centres of the even and of the odd values.
    """

    hand: NDArray[np.int8]
    directions: NDArray[np.int8]
    centre: NDArray[np.int64]
    shrink: int
    halves: tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class Coded:
    """The codes of many pictures, one after another.

    Attributes
    ----------
    starts : ndarray of int64, shape (n + 1,)
        Where the features of each picture start and end.
    values : ndarray of uint8, shape (m, WIDTH)
    places : ndarray of float32, shape (m, 2)
        x and y in pixels of the thumbnail.
    turned : ndarray of bool, shape (m,)
        Which features were told mirrored.
    cells, reaches : ndarray of uint16, shape (m,)
    """

    starts: NDArray[np.int64]
    values: NDArray[np.uint8]
    places: NDArray[np.float32]
    turned: NDArray[np.bool_]
    cells: NDArray[np.uint16]
    reaches: NDArray[np.uint16]


@cache
def basis() -> Basis:
    """Return what was learnt once."""
    with np.load(BASIS) as kept:
        return Basis(
            kept["hand"], kept["directions"], kept["centre"], int(kept["shrink"]),
            (kept["even"], kept["odd"]),
        )  # fmt: skip


def in_one_hand(
    descriptors: NDArray[np.uint8], hand: NDArray[np.int8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return descriptors, mirrored where that is how they are told, and which ones are."""
    # products of whole numbers below 2**24 are exact in float32, in any order
    turned: NDArray[np.bool_] = descriptors.astype(np.float32) @ hand.astype(np.float32) < 0
    told = descriptors.copy()
    told[turned] = told[turned][:, features.MIRRORED]
    return told, turned


def reduced(told: NDArray[np.uint8], learnt: Basis) -> NDArray[np.uint8]:
    """Return the values of descriptors in one handedness, shape (n, WIDTH)."""
    products = told.astype(np.float32) @ learnt.directions.astype(np.float32)
    whole = (products.astype(np.int64) + learnt.centre) // learnt.shrink
    values: NDArray[np.uint8] = np.clip(whole, 0, 255).astype(np.uint8)
    return values


def encode(places: NDArray[Any], descriptors: NDArray[np.uint8]) -> bytes:
    """Return the codes of a picture as they are stored.

    Parameters
    ----------
    places : ndarray of uint16, shape (n, 2)
        x and y in 1/`features.FINE` pixels of the thumbnail.
    descriptors : ndarray of uint8, shape (n, 128)
        Those worth asking for first.
    """
    learnt, count = basis(), min(len(places), KEPT)
    told, turned = in_one_hand(descriptors[:count], learnt.hand)
    made = np.zeros(count, ENTRY)
    made["value"] = reduced(told, learnt)
    made["x"], made["y"] = places[:count, 0], places[:count, 1]
    cells, reaches = np.zeros(count, np.int64), np.zeros(count, np.int64)
    _place(np.ascontiguousarray(made["value"]), *learnt.halves, cells, reaches)
    made["cell"] = cells + TURNED * turned
    made["reach"] = np.minimum(reaches // REACH_STEP, 2**16 - 1)
    return made.tobytes()


def sound(values: Sequence[bytes]) -> list[bool]:
    """Return which stored values are whole numbers of codes of at most `KEPT` features."""
    return [len(v) % ENTRY.itemsize == 0 and len(v) <= KEPT * ENTRY.itemsize for v in values]


def decoded(stored: Sequence[bytes]) -> Coded:
    """Return stored codes as arrays."""
    rows = np.frombuffer(b"".join(stored), ENTRY)
    counts = [len(value) // ENTRY.itemsize for value in stored]
    places = np.stack([rows["x"], rows["y"]], axis=1) / np.float32(features.FINE)
    cells = rows["cell"].astype(np.uint16)
    return Coded(
        np.concatenate([[0], np.cumsum(np.array(counts, np.int64))]).astype(np.int64),
        np.ascontiguousarray(rows["value"]),
        places.astype(np.float32),
        cells >= TURNED,
        np.asarray(cells % TURNED % CELLS, np.uint16),
        np.ascontiguousarray(rows["reach"]).astype(np.uint16),
    )


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def limit(reach):  # type: ignore[no-untyped-def]
    """Return the squared distance below which a feature of this stored reach matches."""
    return np.int64(reach) * REACH_STEP * NEAR


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _near_centres(value, start, centres, best, distances):  # type: ignore[no-untyped-def]
    """Find the nearest centres of every second value, nearest first; ties by number."""
    count = 0
    for centre in range(len(centres)):
        total = np.int64(0)
        for place in range(HALF):
            step = np.int64(value[2 * place + start]) - np.int64(centres[centre, place])
            total += step * step
        if count == DEPTH and distances[DEPTH - 1] <= total:
            continue
        k = min(count, DEPTH - 1)
        while k > 0 and distances[k - 1] > total:
            distances[k], best[k] = distances[k - 1], best[k - 1]
            k -= 1
        distances[k], best[k] = total, centre
        count = min(count + 1, DEPTH)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def nearest_cells(value, one, other, cells):  # type: ignore[no-untyped-def]
    """Fill `cells` with the nearest cells, at most `DEPTH`; return the distance to the last."""
    a, b = np.empty(DEPTH, np.int64), np.empty(DEPTH, np.int64)
    da, db = np.empty(DEPTH, np.int64), np.empty(DEPTH, np.int64)
    _near_centres(value, 0, one, a, da)
    _near_centres(value, 1, other, b, db)
    along = np.zeros(DEPTH, np.int64)  # for each of `a`, which of `b` comes next
    last = np.int64(0)
    for place in range(len(cells)):
        pick, least = -1, np.int64(2**62)
        for k in range(DEPTH):
            if along[k] < DEPTH and da[k] + db[along[k]] < least:
                pick, least = k, da[k] + db[along[k]]
            if along[k] == 0:
                break
        cells[place] = a[pick] * CENTRES + b[along[pick]]
        along[pick] += 1
        last = least
    return last


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _place(values, one, other, cells, reaches):  # type: ignore[no-untyped-def]
    near = np.empty(DENSITY, np.int64)
    for k in range(len(values)):
        reaches[k] = nearest_cells(values[k], one, other, near)
        cells[k] = near[0]

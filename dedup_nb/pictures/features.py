"""A picture -> SIFT features; the features of two pictures -> how to align them.

Works on pixels only. SIFT features (Lowe, 2004), compared as RootSIFT (Arandjelović and Zisserman,
2012), survive crops, borders, rotation, mirroring, resizing and changes of tone. They only align
two pictures; `verify` then compares the pixels. Skies, fog and pictures out of focus have almost no
features; stretching their contrast gives some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

KIND = "sift 5"  # store kind of features; increase the number when they change
FOUND_PX = 224  # long side at which features are detected
POINTS = 250
FIRST = 100  # features that tell most come first: half are the largest, half the strongest others
CONTRAST, EDGE = 0.02, 12.0  # SIFT thresholds: keep faint points, reject edges
FEW_POINTS = 100  # a picture with fewer is faint and is also searched with stretched contrast
FAINT_PX = 128  # long side of the stretched picture
FAINT_BAND = 1.0, 12.0  # pixels at that size: finer is noise, coarser is light and tone
FAINT_STEP, FAINT_STRETCH = 0.7, 45.0  # grey levels: noise; typical shade after stretching
POINT_BYTES = 4 + 128  # stored size of a feature: its position and its descriptor
FINE = 64  # stored positions have this many steps per pixel
RATIO = 0.87  # largest ratio of the distances to the best and the second-best match
LEAST_POINTS, SURE_POINTS = 8, 20
MOST_STRETCH, MOST_SCALE = 1.35, 10.0
NEAR_PX = 3.0

cv2.setNumThreads(1)  # the caller runs several at once; one thread also keeps results the same

# Mirroring reverses the rows of a descriptor's 4x4 cells and the order of its 8 directions.
MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True)
class Features:
    """A small picture and its features.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB thumbnail in which the features were detected.
    places : ndarray of float64, shape (n, 2)
        x and y of the features, in pixels of `pixels`.
    descriptors : ndarray of uint8, shape (n, 128)
        RootSIFT descriptors.
    """

    pixels: NDArray[np.uint8]
    places: Floats
    descriptors: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def stretched(self) -> Features:
        """A faint picture with the additional features of its stretched contrast."""
        grey = cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)
        places, descriptors = _found(stretch(grey.astype(np.float32)), grey)
        return Features(
            self.pixels,
            np.concatenate([self.places, places]),
            np.concatenate([self.descriptors, descriptors]),
        )


@dataclass(frozen=True)
class Alignment:
    """How the first of two pictures maps to the second.

    Attributes
    ----------
    matrix : ndarray of float64, shape (2, 3)
        Affine map from x, y of the first to x, y of the second, in pixels.
    points : ndarray of float64, shape (n, 2)
        x and y, in the first picture, of the features that agree with the map.
    mirrored : bool
        Whether one of them is mirrored.
    """

    matrix: Floats
    points: Floats
    mirrored: bool

    @property
    def scale(self) -> float:
        """Length of one pixel of the first picture, in pixels of the second."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def turn(self) -> float:
        """Clockwise rotation of the first in degrees, -180 to 180, after undoing mirroring."""
        across = self.matrix[:, 0] * (-1 if self.mirrored else 1)
        return float(np.degrees(np.arctan2(across[1], across[0])))


def extract(pixels: NDArray[np.uint8]) -> bytes:
    """Detect the features of a small RGB picture and return them as stored bytes.

    See `sift`. Stored as positions in 1/`FINE` pixels and 128 bytes for each point. The `FIRST`
    points are those that a search among many pictures uses.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)

    Returns
    -------
    bytes
        `POINT_BYTES` for each point.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    places, descriptors = _found(_reduced(grey, FOUND_PX), grey)
    fine = np.clip(np.round(places * FINE), 0, 65535).astype("<u2")
    return fine.tobytes() + descriptors.tobytes()


def sound(values: Sequence[bytes]) -> list[bool]:
    """Return which stored values are whole numbers of features."""
    return [len(value) % POINT_BYTES == 0 for value in values]


def unpack(kept: bytes, pixels: NDArray[np.uint8]) -> Features:
    """Return the picture with the features that `extract` packed.

    Parameters
    ----------
    kept : bytes
        What `extract` returned.
    pixels : ndarray of uint8, shape (height, width, 3)
        The picture it was made of.
    """
    places, descriptors = packed(kept)
    return Features(pixels, places / FINE, descriptors)


def packed(kept: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return the positions in 1/`FINE` pixels and the descriptors that `extract` packed."""
    count = len(kept) // POINT_BYTES
    places = np.frombuffer(kept, "<u2", 2 * count).reshape(count, 2)
    return places, np.frombuffer(kept, np.uint8, offset=4 * count).reshape(-1, 128)


def stretch(grey: Floats) -> NDArray[np.uint8]:
    """Return a grey picture of at most `FAINT_PX` with stretched light and shade.

    Parameters
    ----------
    grey : ndarray of float32, shape (height, width)
        Grey levels, 0 to 255.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Local contrast, with the long side reduced to at most `FAINT_PX`.
    """
    shade = _reduced(grey, FAINT_PX)
    fine, coarse = (cv2.GaussianBlur(shade, (0, 0), sigma) for sigma in FAINT_BAND)
    shade = fine - coarse
    usual = np.sqrt(cv2.GaussianBlur(shade * shade, (0, 0), FAINT_BAND[1]))
    seen = shade / (usual + FAINT_STEP) * FAINT_STRETCH + 128
    whole: NDArray[np.uint8] = np.clip(seen, 0, 255).astype(np.uint8)
    return whole


def _reduced(grey: NDArray[Any], side: int) -> NDArray[Any]:
    height, width = grey.shape
    smaller = min(side / max(width, height), 1.0)
    size = (max(round(width * smaller), 1), max(round(height * smaller), 1))
    reduced: NDArray[Any] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return reduced


def _found(small: NDArray[np.uint8], whole: NDArray[np.uint8]) -> tuple[Floats, NDArray[np.uint8]]:
    """Detect features in a reduced picture; return positions in the whole one and descriptors."""
    from dedup_nb.pictures import sift  # compiled by numba

    found = sift.find(small, POINTS, FIRST, CONTRAST, EDGE)
    steps = np.array(whole.shape[::-1]) / small.shape[::-1]
    return (found.places + 0.5) * steps - 0.5, found.descriptors


def align(a: Features, b: Features) -> Alignment | None:
    """Return the alignment of `a` to `b` by RANSAC, or None if too few features agree."""
    if min(len(a.places), len(b.places)) < FEW_POINTS:
        a, b = a.stretched, b.stretched
    plain = _aligned(a, b, b.descriptors, mirrored=False)
    if plain and len(plain.points) >= SURE_POINTS:
        return plain
    turned = _aligned(a, b, b.descriptors[:, MIRRORED], mirrored=True)
    ways = [way for way in (plain, turned) if way]
    return max(ways, key=lambda way: len(way.points)) if ways else None


def _aligned(
    a: Features, b: Features, descriptors: NDArray[np.uint8], *, mirrored: bool
) -> Alignment | None:
    first, second = _matches(a.descriptors, descriptors)
    if len(first) < LEAST_POINTS:
        return None
    x, y = a.places[first], b.places[second]
    matrix, _ = cv2.estimateAffine2D(  # its random numbers are the same for each call
        x, y, method=cv2.RANSAC, ransacReprojThreshold=NEAR_PX, maxIters=1000, confidence=0.995,
        refineIters=0,
    )  # fmt: skip
    if matrix is None:
        return None
    ones = np.column_stack([x, np.ones(len(x))])
    for near in (NEAR_PX, NEAR_PX * 2 / 3):
        off = np.linalg.norm(ones @ matrix.T - y, axis=1)
        weights = np.exp(-((off / near) ** 2)) * (off < 1.5 * near)
        if np.count_nonzero(weights) < LEAST_POINTS:
            return None
        root = np.sqrt(weights)[:, None]
        matrix = np.linalg.lstsq(ones * root, y * root, rcond=None)[0].T
    off = np.linalg.norm(ones @ matrix.T - y, axis=1)
    points = x[off < NEAR_PX]
    return Alignment(matrix, points, mirrored) if _plausible(matrix, points, mirrored) else None


def _plausible(matrix: Floats, points: Floats, mirrored: bool) -> bool:
    long, short = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(
        len(points) >= LEAST_POINTS
        and 1 / MOST_SCALE < short <= long < MOST_SCALE
        and long / short < MOST_STRETCH
        and (np.linalg.det(matrix[:, :2]) < 0) == mirrored
    )


def _matches(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of descriptors that are mutual best matches, clear ones on either side.

    The same whichever comes first.
    """
    nothing = np.zeros(0, np.int64)
    if len(a) < 2 or len(b) < 2:
        return nothing, nothing
    x, y = a.astype(np.float32), b.astype(np.float32)
    apart = cv2.gemm(x, y, -2, None, 0, flags=cv2.GEMM_2_T)
    apart += (x * x).sum(1)[:, None]
    apart += (y * y).sum(1)
    best = apart.argmin(1)
    first = np.flatnonzero(apart.argmin(0)[best] == np.arange(len(a)))
    second = best[first]
    nearest = apart[first, second]
    apart[first, second] = np.inf
    clear = nearest < RATIO**2 * np.maximum(apart[first].min(1), apart[:, second].min(0))
    return first[clear], second[clear]

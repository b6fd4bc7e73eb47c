"""A picture -> SIFT features; two pictures' features -> how one lies over the other.

Pixels in, numbers out: no file is known here. Features survive crops, borders, turns, mirrors,
other sizes and tones; what is found by them is only where to look, `verify` judges the pixels.
Skies, fog and what is out of focus have next to none as they are, and some once their faint light
and shade is stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

FOUND_PX = 224  # long side at which features are looked for
POINTS = 400
CONTRAST, EDGE = 0.02, 12.0  # of SIFT: faint points are welcome, edges are not
FEW_POINTS = 100  # a picture that has fewer is faint: it is looked at once more, stretched
FAINT_PX = 128  # long side at which that is done
FAINT_BAND = 1.0, 12.0  # pixels of it: finer is noise, coarser is light and tone
FAINT_STEP, FAINT_STRETCH = 0.7, 45.0  # grey levels that are noise; grey levels of usual shade then
OFFSET_PX = 0.25  # OpenCV 5 puts its key points that far right of and below the true place
POINT_BYTES = 4 + 128  # of a feature that is kept: its place and its descriptor
FINE = 64  # steps of a pixel in which places are kept
RATIO = 0.87  # of the distances to the best and the second match
LEAST_POINTS, SURE_POINTS = 8, 20
MOST_STRETCH, MOST_SCALE = 1.35, 10.0
NEAR_PX = 3.0

cv2.setNumThreads(1)  # whoever calls decides how much runs at once; and results stay the same

# A mirror turns the rows of a descriptor's 4x4 cells round and its 8 directions the other way.
MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True)
class Features:
    """A small picture and its features.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB, a thumbnail; nothing is found in it that is finer.
    places : ndarray of float64, shape (n, 2)
        x and y of the features, in pixels of `pixels`.
    descriptors : ndarray of uint8, shape (n, 128)
        RootSIFT.
    """

    pixels: NDArray[np.uint8]
    places: Floats
    descriptors: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Alignment:
    """How the first of two pictures lies over the second.

    Attributes
    ----------
    matrix : ndarray of float64, shape (2, 3)
        Takes x, y of the first to x, y of the second.
    points : ndarray of float64, shape (n, 2)
        x and y, in the first, of the features that agree with it.
    mirrored : bool
        Whether one is mirrored.
    """

    matrix: Floats
    points: Floats
    mirrored: bool

    @property
    def scale(self) -> float:
        """How many pixels of the second one pixel of the first is long."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def turn(self) -> float:
        """Degrees by which the first was turned clockwise, -180 to 180, its mirroring undone."""
        across = self.matrix[:, 0] * (-1 if self.mirrored else 1)
        return float(np.degrees(np.arctan2(across[1], across[0])))


def extract(pixels: NDArray[np.uint8]) -> bytes:
    """Return the features of a small RGB picture, to be kept."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    places, descriptors = _found(_reduced(grey, FOUND_PX), grey)
    fine = np.clip(np.round(places * FINE), 0, 65535).astype("<u2")
    return fine.tobytes() + descriptors.tobytes()


def unpack(kept: bytes, pixels: NDArray[np.uint8]) -> Features:
    """Return the picture with what `extract` packed of it."""
    count = len(kept) // POINT_BYTES
    places = np.frombuffer(kept, "<u2", 2 * count).reshape(count, 2) / FINE
    return Features(
        pixels, places, np.frombuffer(kept, np.uint8, offset=4 * count).reshape(-1, 128)
    )


def stretched(picture: Features) -> Features:
    """Return a faint picture with those features, too, that its light and shade has once seen."""
    grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)
    places, descriptors = _found(stretch(grey.astype(np.float32)), grey)
    return Features(
        picture.pixels,
        np.concatenate([picture.places, places]),
        np.concatenate([picture.descriptors, descriptors]),
    )


def stretch(grey: Floats) -> NDArray[np.uint8]:
    """Return faint light and shade as a picture of at most `FAINT_PX` in which it is seen."""
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
    """Return places, in pixels of the whole picture, and descriptors of a small one's features."""
    sift = cv2.SIFT.create(nfeatures=POINTS, contrastThreshold=CONTRAST, edgeThreshold=EDGE)
    found, descriptors = sift.detectAndCompute(small, None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.uint8)
    descriptors = descriptors[:POINTS]
    places = np.array([point.pt for point in found[:POINTS]]) - OFFSET_PX
    steps = np.array(whole.shape[::-1]) / small.shape[::-1]
    shares = descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-6)
    roots = np.clip(np.round(np.sqrt(shares) * 512), 0, 255).astype(np.uint8)
    return (places + 0.5) * steps - 0.5, roots


def align(a: Features, b: Features) -> Alignment | None:
    """Return how `a` lies over `b`, or None where too few features agree on any way."""
    if min(len(a.places), len(b.places)) < FEW_POINTS:
        a, b = stretched(a), stretched(b)
    plain = _aligned(a, b, b.descriptors, mirrored=False)
    if plain and len(plain.points) >= SURE_POINTS:
        return plain
    turned = _aligned(a, b, b.descriptors[:, MIRRORED], mirrored=True)
    found = [way for way in (plain, turned) if way]
    return max(found, key=lambda way: len(way.points)) if found else None


def _aligned(
    a: Features, b: Features, descriptors: NDArray[np.uint8], *, mirrored: bool
) -> Alignment | None:
    first, second = _matches(a.descriptors, descriptors)
    if len(first) < LEAST_POINTS:
        return None
    x, y = a.places[first], b.places[second]
    matrix, _ = cv2.estimateAffine2D(  # its random numbers begin anew at each call
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
    """Return the places of descriptors that are each other's best match, by a clear margin."""
    nothing = np.zeros(0, np.int64)
    if len(a) < 2 or len(b) < 2:
        return nothing, nothing
    x, y = a.astype(np.float32), b.astype(np.float32)
    apart = cv2.gemm(x, y, -2, None, 0, flags=cv2.GEMM_2_T)
    apart += (x * x).sum(1)[:, None]
    apart += (y * y).sum(1)
    rows, best = np.arange(len(a)), apart.argmin(1)
    mutual = apart.argmin(0)[best] == rows
    nearest = apart[rows, best]
    apart[rows, best] = np.inf
    chosen = np.flatnonzero(mutual & (nearest < RATIO**2 * apart.min(1)))
    return chosen, best[chosen]

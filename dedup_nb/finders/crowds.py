"""Images that are near very many others -> the few of them that the rest is compared with.

Re-saves of one picture by the thousand are near each other without being copies of one file. If all
their pairs were kept, nothing else would fit; so each is compared with a few leaders instead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

CROWD = 2_000  # neighbours from which on an image belongs to a crowd
LEADERS = 16  # leaders that an image of a crowd is compared with
MOST_LEADERS = 2_048  # in all crowds together


def best_first(crowded: Indices, order: Callable[[], Indices] | None) -> Indices:
    """Return the images of a crowd in keeper order, or as they are without one."""
    return crowded if order is None else crowded[np.argsort(order()[crowded], kind="stable")]


def leading(
    crowded: Indices, near: Callable[[Indices, Indices], NDArray[np.bool_]]
) -> tuple[Indices, int]:
    """Return the pairs of a crowd with its leaders, and how many leaders each image has at most.

    The first image leads all that are near it; then the first that has fewer than `LEADERS`
    leaders, and so on.

    Parameters
    ----------
    crowded : ndarray of int64, shape (n,)
        Images of the crowd, best first where that matters.
    near : callable
        Returns whether pairs of images are near.

    Returns
    -------
    ends : ndarray of int64, shape (n_pairs, 2)
        Pairs, the smaller first.
    leaders : int
    """
    led = np.zeros(len(crowded), np.int64)
    parts = [np.zeros((0, 2), np.int64)]
    at = 0
    for _ in range(MOST_LEADERS):
        while at < len(crowded) and led[at] >= LEADERS:
            at += 1
        if at == len(crowded):
            break
        leader = np.full(len(crowded), crowded[at])
        beside = near(leader, crowded) & (crowded != crowded[at])
        led[beside] += 1
        led[at] = LEADERS
        ends = np.stack([leader[beside], crowded[beside]], axis=1)
        parts.append(np.sort(ends, axis=1))
    return np.concatenate(parts), LEADERS

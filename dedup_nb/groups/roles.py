"""The roles of an image in a group, and two sets of roles -> which became less careful."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NONE, KEEPER, STAGE, REVIEW, PROTECTED = range(5)
ROLES = ("", "keeper", "stage", "review", "protected")

Indices = NDArray[np.int64]
Roles = NDArray[np.int8]


def loosened(before: Roles, after: Roles) -> Indices:
    """Return the images whose role became less careful: staged now, but not before.

    Every role except `stage` leaves the image in place, so no other change can lose a picture.

    Parameters
    ----------
    before, after : ndarray of int8, shape (n,)
        Positions in `ROLES`.

    Returns
    -------
    ndarray of int64, shape (m,)
        Positions of the images.
    """
    return np.flatnonzero((after == STAGE) & (before != STAGE))

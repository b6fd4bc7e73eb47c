"""The roles that an image of a group can have, and which of them is more careful than another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NONE, KEEPER, STAGE, REVIEW, PROTECTED = range(5)
ROLES = ("", "keeper", "stage", "review", "protected")

Indices = NDArray[np.int64]
Roles = NDArray[np.int8]


def loosened(before: Roles, after: Roles) -> Indices:
    """Return the images whose role became less careful: proposed for staging, and were not before.

    Every role but `stage` leaves the image where it is, so no other change can cost a picture.
    """
    return np.flatnonzero((after == STAGE) & (before != STAGE))

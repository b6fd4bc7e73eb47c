"""The parameter `invariance` -> how many of the eight orientations of a picture count."""

from __future__ import annotations

# (transposed, columns reversed, rows reversed), applied in this order; upright comes first.
ORIENTATIONS = [(t, x, y) for t in (False, True) for y in (False, True) for x in (False, True)]

# value of the parameter `invariance` -> number of orientations that count
INVARIANCES = {"none": 1, "mirror": 2, "rotate": 8}


def count(invariance: str) -> int:
    """Return the number of orientations that a value of `invariance` stands for.

    Raises
    ------
    ValueError
        If the value is unknown.
    """
    if invariance not in INVARIANCES:
        raise ValueError(f"invariance {invariance} is not known; use {', '.join(INVARIANCES)}")
    return INVARIANCES[invariance]

"""The eight ways to turn and mirror a picture, and how many of them count."""

from __future__ import annotations

# transposed?, then columns reversed?, then rows reversed? The upright picture comes first.
ORIENTATIONS = [(t, x, y) for t in (False, True) for y in (False, True) for x in (False, True)]

# word of the parameter `invariance` -> how many orientations count
INVARIANCES = {"none": 1, "mirror": 2, "rotate": 8}


def count(invariance: str) -> int:
    """Return how many orientations a word of the parameter `invariance` means.

    Raises
    ------
    ValueError
        If the word is unknown.
    """
    if invariance not in INVARIANCES:
        raise ValueError(f"invariance {invariance} is not known; use {', '.join(INVARIANCES)}")
    return INVARIANCES[invariance]

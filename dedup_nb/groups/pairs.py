"""The pairs (`i < j` and one measure) that every finder returns: their limit and their bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

MAX_PAIRS = 20_000_000  # for more pairs a tighter bound is used, or the call is refused

BOUND = "bound"  # key of `DataFrame.attrs`
WAY_OUT = "raise max_pairs, choose a tighter bound, or start with only_folders"


def tell_bound(pairs: pd.DataFrame, asked: float, used: float, reason: str) -> None:
    """Note with a table of pairs that it does not hold all pairs down to the bound asked for.

    Parameters
    ----------
    pairs : DataFrame
        The table.
    asked, used : float
        Bound asked for, and bound down to which the pairs are complete (apart from the images that
        `reason` names), in the unit of the measure.
    reason : str
        Why, and what to do.
    """
    pairs.attrs[BOUND] = {"asked": asked, "used": used, "reason": reason}


def bound_of(pairs: pd.DataFrame) -> Mapping[str, Any] | None:
    """Return `asked`, `used` and `reason` if a table of pairs is not complete, else None."""
    told: Mapping[str, Any] | None = pairs.attrs.get(BOUND)
    return told


def too_many(count: int, max_pairs: int, asked: float, used: float) -> str:
    """Return the reason of a bound that was tightened for all pairs."""
    what = f"{used:g}" if used >= 0 else "none"
    return (
        f"{count:,} pairs lie within {asked:g}, more than max_pairs {max_pairs:,}; "
        f"the pairs are complete up to {what}; {WAY_OUT}"
    )


def crowd(images: int, leaders: int) -> str:
    """Return the reason why some images were not compared with all that are near them."""
    return (
        f"{images:,} images are near so many others that not all of their pairs fit max_pairs; "
        f"among themselves they were compared with the best {leaders:,} of them only; all other "
        f"pairs are complete; {WAY_OUT}"
    )

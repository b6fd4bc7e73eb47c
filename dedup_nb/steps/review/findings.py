"""What one results folder says: pairs with their states, in rows of the current catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

UNUSABLE_COLUMNS = ["input", "path", "reason"]
# the states of a pair in a result, strongest first; all but the last mean that it is near
STATES = ["stage", "protected", "review", "near", "beyond"]


@dataclass(frozen=True)
class Unit:
    """Images that an earlier plan moves together, such as a set."""

    bundle: str
    staging: str
    keepers: Mapping[int, int]  # catalogue row -> row of its keeper
    shared: Sequence[Mapping[str, str]] = ()  # rows of companions that move with the whole unit


@dataclass
class Finding:
    """The content of one results folder, in rows of the current catalogue.

    Attributes
    ----------
    pairs : DataFrame
        Columns `i, j` (`i < j`), `value`, `state` (of `STATES`) and `reason`; each pair once.
    protected, keepers : set of int
        Rows that it protects, and rows that it keeps.
    one_way : set of (member, keeper)
        Pairs in which the member shows only a part of the keeper, or the keeper in a frame, so
        that the keeper must not be staged for the member.
    barred : set of (member, keeper)
        Pairs in which the keeper would be a screenshot or a collage of the member.
    compared : set of (member, keeper)
        Other pairs that were compared by their pixels, in the direction that was proposed.
    unusable : list of (path, reason)
        Images that are ignored because they have changed.
    """

    name: str
    folder: Path
    words: str = ""  # what found the pairs, in a sentence; the name if empty
    measure: str = ""
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    protected: set[int] = field(default_factory=set)
    keepers: set[int] = field(default_factory=set)
    one_way: set[tuple[int, int]] = field(default_factory=set)
    barred: set[tuple[int, int]] = field(default_factory=set)
    compared: set[tuple[int, int]] = field(default_factory=set)
    units: list[Unit] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows of pairs as a table."""
    made = pd.DataFrame(rows, columns=["i", "j", "value", "state", "reason"])
    return made.astype({"i": "int64", "j": "int64", "value": "float64"})


def once(pairs: pd.DataFrame, ends: list[str]) -> pd.DataFrame:
    """Return each pair once, in its strongest state."""
    strength = pairs["state"].map(STATES.index).to_numpy(np.int64)
    ordered = pairs.iloc[np.lexsort((strength, pairs["j"], pairs["i"]))]
    return ordered.drop_duplicates(ends).reset_index(drop=True)

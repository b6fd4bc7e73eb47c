"""The measures of a pair, one entry each: name, unit, help.

To add a measure, add an entry to `MEASURES`; the name is the column of its table of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What tells how near two images are.

    Attributes
    ----------
    name : str
        Column of the table of pairs, with the unit at its end where it has one.
    unit : str
        Unit for people, in the plural; "" where the name says it all.
    help : str
        What it counts, in one sentence.
    for_czkawka : bool
        Whether groups by it are written in Czkawka's shape too, which knows this measure alone.
    """

    name: str
    unit: str
    help: str
    for_czkawka: bool = False


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("hamming_bits", "bits", "bits that differ between two hashes", for_czkawka=True),
        Measure("gap_s", "s", "seconds between two images"),
        Measure("cosine", "", "cosine similarity of two embeddings"),
        Measure("inputs", "inputs", "finders that hold a pair near"),
    )
}

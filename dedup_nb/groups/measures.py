"""The registry of measures: name -> unit, help and wording.

To add a measure, add an entry to `MEASURES`; its name is the column in its table of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One measure of how near two images are.

    Attributes
    ----------
    name : str
        Column in the table of pairs, ending in the unit if there is one.
    unit : str
        Unit for display, in the plural; "" if the name needs none.
    help : str
        What it measures, in one sentence.
    for_czkawka : bool
        Whether groups by it are also written in Czkawka's format, which has only this measure.
    most : float
        The measure of an image to itself, if larger values mean more alike.
    relation : str
        Words after the value and its unit in reasons: `3 bits apart`.
    """

    name: str
    unit: str
    help: str
    for_czkawka: bool = False
    relation: str = "apart"
    most: float = 1.0

    def apart(self, value: float) -> str:
        """Describe a value in words: `3 bits apart`, `1 bit apart`, `cosine 0.9213`."""
        if not self.unit:
            return f"{self.name} {number(value)}"
        unit = self.unit.removesuffix("s") if value == 1 and len(self.unit) > 1 else self.unit
        return f"{value:g} {unit} {self.relation}".rstrip()


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("hamming_bits", "bits", "bits that differ between two hashes", for_czkawka=True),
        Measure("gap_s", "s", "seconds between two images"),
        Measure("cosine", "", "cosine similarity of two embeddings"),
        Measure(
            "matches",
            "matches",
            "local features that agree on how one picture lies over the other",
            relation="",
            most=24,
        ),
        Measure("inputs", "inputs", "finders that propose a pair", relation=""),
    )
}


def apart(measure: str, value: float) -> str:
    """Describe a value of any measure in words; see `Measure.apart`."""
    return (MEASURES.get(measure) or Measure(measure, "", "")).apart(value)


def to_itself(measure: str, *, similarity: bool) -> float:
    """Return the measure of an image to itself: 0 for distances."""
    if not similarity:
        return 0.0
    return MEASURES[measure].most if measure in MEASURES else 1.0


def number(value: float) -> str:
    """Format a number without a needless fraction: 3, 0.9213."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"

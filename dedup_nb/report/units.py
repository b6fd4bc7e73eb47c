"""Numbers -> text with units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dedup_nb.groups.measures import MEASURES


def value_text(member: Mapping[str, Any]) -> str:
    """Return a member's measure to its keeper as text: `3 bits`, `cosine 0.9213`."""
    value = member["value"]
    if member["role"] == "keeper" or value is None or math.isnan(value):
        return ""
    return with_unit(value, member["measure"])


def with_unit(value: float, measure: str) -> str:
    """Return a measure with its unit: `3 bits`, `1 bit`, `4.25 s`, `cosine 0.9213`."""
    if measure in MEASURES and (unit := MEASURES[measure].unit):
        return f"{value:g} {unit.removesuffix('s') if value == 1 and len(unit) > 1 else unit}"
    return f"{measure} {value:.4f}"

"""What the value of each parameter has to be, beyond its type: one entry each.

Words come from the registries of what they name, so that a new hash or keeper word is allowed as
soon as it is there. To bound a new parameter, add an entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dedup_nb.finders.embeddings import EMBEDDERS
from dedup_nb.finders.metrics import METRICS
from dedup_nb.finders.phash import HASH_BITS, HASHES
from dedup_nb.finders.time_window import MODES
from dedup_nb.groups.keepers import KEEPER_WORDS
from dedup_nb.pictures.orientations import INVARIANCES

INFINITE = float("inf")


@dataclass(frozen=True)
class Words:
    """One of some words or numbers; of a list, each item is."""

    words: Iterable[Any]

    def refusal(self, value: Any) -> str:
        """Say what is wrong with a value, or nothing."""
        allowed = list(self.words)
        for word in value if isinstance(value, list) else [value]:
            if word not in allowed:
                return f"to {word}; choose one of {', '.join(map(str, allowed))}"
        return ""


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both allowed."""

    low: float
    high: float = INFINITE

    def refusal(self, value: Any) -> str:
        """Say what is wrong with a value, or nothing."""
        if self.low <= value <= self.high:
            return ""
        most = f"to {self.high:g}" if self.high < INFINITE else "upwards"
        return f"to {value}; it goes from {self.low:g} {most}"


@dataclass(frozen=True)
class Form:
    """A text of a certain form, of which `examples` are some."""

    pattern: str
    examples: str

    def refusal(self, value: Any) -> str:
        """Say what is wrong with a value, or nothing."""
        matches = re.fullmatch(self.pattern, value)
        return "" if matches else f"to {value}; choose one of {self.examples}"


ALLOWED: Mapping[str, Words | Range | Form] = {
    "hash": Words(HASHES),
    "hash_bits": Words(HASH_BITS),
    "invariance": Words(INVARIANCES),
    "mode": Words(MODES),
    "stamp_source": Words(("name", "exif")),
    "embedder": Words(EMBEDDERS),
    "candidates": Words(("embedding", "phash", "clusters")),
    "metric": Words(METRICS),
    "include": Words(("reviewed", "all")),
    "keeper_order": Words(KEEPER_WORDS),
    "device": Form(r"auto|cpu|mps|cuda(:\d+)?", "auto, cpu, cuda, cuda:1, mps"),
    "limit": Range(1),
    "max_pixels": Range(1, 1e12),
    "max_distance": Range(0, 256),
    "ceiling": Range(0, 256),
    "confirm_distance": Range(0, 256),
    "min_inputs": Range(1, 100),
    "seconds": Range(0, 86_400),
    "min_cosine": Range(-1, 1),
    "floor": Range(-1, 1),
    "k": Range(1, 10_000),
    "max_edited_area": Range(0, 1),
    "min_cluster_size": Range(2, 1_000_000),
    "min_samples": Range(1, 1_000_000),
    "max_pairs": Range(1, 2_000_000_000),
}

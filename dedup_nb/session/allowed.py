"""The allowed values of each parameter, beyond its type: one entry each.

Words come from the registries, so a new hash or keeper word is allowed as soon as it is
registered. To limit a new parameter, add an entry.
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
from dedup_nb.library.naming import reading
from dedup_nb.library.naming.presets import PRESETS
from dedup_nb.library.tables import short
from dedup_nb.pictures.engines import ENGINES
from dedup_nb.pictures.orientations import INVARIANCES

INFINITE = float("inf")


@dataclass(frozen=True)
class Words:
    """One of a few words or numbers; in a list, every item must be one of them."""

    words: Iterable[Any]

    def refusal(self, value: Any) -> str:
        """Return what is wrong with a value, or an empty string."""
        allowed = list(self.words)
        for word in value if isinstance(value, list) else [value]:
            if word not in allowed:
                return f"to {short(str(word))}; choose one of {', '.join(map(str, allowed))}"
        return ""


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both inclusive."""

    low: float
    high: float = INFINITE

    def refusal(self, value: Any) -> str:
        """Return what is wrong with a value, or an empty string."""
        if self.low <= value <= self.high:
            return ""
        if self.high == INFINITE:
            return f"to {short(str(value))}; it must be at least {self.low:g}"
        return f"to {short(str(value))}; it must be from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Form:
    """Text that matches a pattern; `examples` lists some valid values."""

    pattern: str
    examples: str

    def refusal(self, value: Any) -> str:
        """Return what is wrong with a value, or an empty string."""
        matches = re.fullmatch(self.pattern, value)
        return "" if matches else f"to {short(value)}; choose one of {self.examples}"


@dataclass(frozen=True)
class Patterns(Words):
    """Name patterns: presets, and templates with parts in braces."""

    def refusal(self, value: Any) -> str:
        """Return what is wrong with a list of patterns, or an empty string."""
        return reading.refusal(value)


ALLOWED: Mapping[str, Words | Range | Form] = {
    "names": Patterns((reading.AUTO, *PRESETS)),
    "hash": Words(HASHES),
    "hash_bits": Words(HASH_BITS),
    "invariance": Words(INVARIANCES),
    "mode": Words(MODES),
    "stamp_source": Words(("auto", "name", "exif")),
    "embedder": Words(EMBEDDERS),
    "candidates": Words(("embedding", "phash", "clusters")),
    "metric": Words(METRICS),
    "include": Words(("reviewed", "all")),
    "keeper_order": Words(KEEPER_WORDS),
    "engine": Words(ENGINES),
    "scheduler": Form(
        r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}",
        "the addresses tcp://HOST:PORT and tls://HOST:PORT",
    ),
    "device": Form(r"auto|cpu|mps|cuda(:\d+)?", "auto, cpu, cuda, cuda:1, mps"),
    "limit": Range(1),
    "jobs": Range(1, 64),
    "max_pixels": Range(1, 1e12),
    "max_distance": Range(0, 256),
    "ceiling": Range(0, 256),
    "confirm_distance": Range(0, 256),
    "min_inputs": Range(1, 100),
    "burst_seconds": Range(0, 3_600),
    "seconds": Range(0, 86_400),
    "min_cosine": Range(-1, 1),
    "min_matches": Range(4, 24),
    "floor": Range(-1, 1),
    "k": Range(1, 10_000),
    "max_edited_area": Range(0, 1),
    "min_cluster_size": Range(2, 1_000_000),
    "min_samples": Range(1, 1_000_000),
    "max_wrong": Range(0, 0.99),
    "target_precision": Range(0.5, 0.9999),
    "sample": Range(1, 100_000),
    "seed": Range(0, 2**31),
    "max_pairs": Range(1, 2_000_000_000),
}

"""Images for a person who compares them: true pixels, aligned, with what differs."""

from __future__ import annotations

from dedup_nb.compare.beside.pairs import Beside, Pair

__all__ = ["Beside", "Pair"]

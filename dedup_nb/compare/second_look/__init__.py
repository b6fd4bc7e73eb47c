"""Two aligned pictures that a first look calls the same -> a copy, or why it is none."""

from __future__ import annotations

from dedup_nb.compare.second_look.judging import look

__all__ = ["look"]

"""Two pictures that show the same thing -> what each holds in its pixels that the other lacks."""

from __future__ import annotations

from dedup_nb.compare.holding.judging import Holding, Saved, holding
from dedup_nb.compare.holding.words import LACKS, Lack

__all__ = ["LACKS", "Holding", "Lack", "Saved", "holding"]

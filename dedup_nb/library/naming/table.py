"""A catalogue and the patterns of a profile -> which pattern reads how many names."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd

from dedup_nb.library import tables
from dedup_nb.library.naming.presets import PRESETS, STAGES
from dedup_nb.library.naming.reading import Naming

NONE = "(none)"
MOST_EXAMPLES = 3
COLUMNS = ["pattern", "images", "with_time", "with_stage", "examples", "reads"]
UNREAD = ["path", "why"]
WHY = {
    "absent": "no pattern fits",
    "invalid": "its digits are no date or time that exists",
}


class Patterns:
    """How the names of a catalogue are read.

    Parameters
    ----------
    naming : Naming
        The patterns of the profile.
    catalogue : DataFrame
        Columns `path, stamp, stage`.
    """

    def __init__(self, naming: Naming, catalogue: pd.DataFrame) -> None:
        self.naming = naming
        self._rows: dict[str, list[tuple[str, bool, bool]]] = defaultdict(list)
        self._unread: list[tuple[str, str]] = []
        columns = (catalogue[name] for name in ("path", "stamp", "stage"))
        for path, stamp, stage in zip(*columns, strict=True):
            reading = naming.read(path)
            pattern = reading.pattern or (STAGES if stage else "")
            self._rows[pattern].append((path, bool(stamp), bool(stage)))
            if not pattern:
                why = WHY.get(reading.stamp_problem, reading.stamp_problem)
                self._unread.append((path, why))

    def describe(self) -> str:
        """Return `1,204 of 1,310 names are read by a pattern; 106 are not`."""
        unread = len(self._unread)
        total = sum(map(len, self._rows.values()))
        return f"{total - unread:,} of {total:,} names are read by a pattern; {unread:,} are not"

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by the pattern that reads their names, in order; `(none)` comes last."""
        order = [each for each in self.naming.patterns if each in self._rows]
        last = [""] if "" in self._rows else []
        return {pattern or NONE: len(self._rows[pattern]) for pattern in order + last}

    @property
    def table(self) -> pd.DataFrame:
        """One row for each pattern that reads a name, in their order; the unread ones come last."""
        rows = [self._row("" if pattern == NONE else pattern) for pattern in self.counts]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _row(self, pattern: str) -> dict[str, Any]:
        rows = self._rows[pattern]
        step = max(1, len(rows) // MOST_EXAMPLES)
        shown = [tables.shown(path) for path, _, _ in rows[::step][:MOST_EXAMPLES]]
        help = PRESETS[pattern].help if pattern in PRESETS else "a template of the profile"
        return {
            "pattern": pattern or NONE,
            "images": len(rows),
            "with_time": sum(stamp for _, stamp, _ in rows),
            "with_stage": sum(stage for _, _, stage in rows),
            "examples": " | ".join(shown),
            "reads": help if pattern else "",
        }

    @property
    def unread(self) -> pd.DataFrame:
        """Every image whose name no pattern reads, with the reason."""
        return pd.DataFrame(self._unread, columns=UNREAD, dtype=object)

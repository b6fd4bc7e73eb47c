"""Inputs, plans and decisions of `80_review` -> sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library import tables
from dedup_nb.library.quantities import count
from dedup_nb.session import runs
from dedup_nb.steps.review import sources
from dedup_nb.steps.review.findings import Finding

WHAT = {"mark": "mark", "not_duplicate": "not duplicates", "reviewed": "reviewed"}
DECISION_COLUMNS = ["when", "decision", "images", "notebook", "group"]


def describe(findings: Sequence[Finding]) -> str:
    """Return one line per merged run, and one per input with what it proposes."""
    lines = [f"Merging {runs.told(home)}." for home in sources.runs_of(findings)]
    for finding in findings:
        states = finding.pairs["state"].value_counts()
        lines.append(
            f"{finding.name} proposes {count(states.get('stage', 0), 'pair')} and leaves "
            f"{states.get('review', 0):,} for review, with {count(len(finding.unusable), 'image')} "
            f"ignored ({finding.folder})"
        )
    return tables.shown("\n".join(lines))


class Taken:
    """Counts how many images would be staged from each root, stage and day of a catalogue."""

    def __init__(self, catalogue: pd.DataFrame) -> None:
        self._bytes = catalogue["bytes"].to_numpy()
        named = {
            "root": catalogue["root"],
            "stage": catalogue["stage"].replace("", "no stage"),
            "day": catalogue["stamp"].str[:10].replace("", "no stamp"),
        }
        self._codes = {by: pd.factorize(names, sort=True) for by, names in named.items()}

    def table(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        """Return what would be staged.

        Parameters
        ----------
        rows : ndarray of int64
            Rows of the catalogue that would be staged.

        Returns
        -------
        DataFrame
            Columns `by` (root, stage, day), `what`, `images` that move, `of` all, and `MB` freed.
        """
        return pd.concat([self._by(by, rows) for by in self._codes], ignore_index=True)

    def _by(self, by: str, rows: NDArray[np.int64]) -> pd.DataFrame:
        codes, names = self._codes[by]
        n = len(names)
        images = np.bincount(codes[rows], minlength=n)
        sizes = np.bincount(codes[rows], weights=self._bytes[rows], minlength=n)
        some = np.flatnonzero(images)
        return pd.DataFrame(
            {
                "by": by,
                "what": [tables.shown(str(name)) for name in names[some]],
                "images": images[some],
                "of": np.bincount(codes, minlength=n)[some],
                "MB": (sizes[some] / 1e6).round(2),
            }
        )


def remembered(decisions: Decisions, first: int | None = None) -> pd.DataFrame:
    """Return every decision in force as a table, newest first; or only the first of them."""
    rows = [told(record) for record in decisions.listed()[::-1][:first]]
    return pd.DataFrame(rows, columns=DECISION_COLUMNS, dtype=object)


def told(record: Mapping[str, Any]) -> list[str]:
    """Return when a decision was made, what it is, its images, notebook and group, as texts."""
    what = WHAT[record["what"]]
    if record["what"] == "mark":
        what, paths = f"{what}: {record['mark']}", [record["path"]]
    else:
        paths = record.get("paths", [])
    when = str(record.get("when", ""))[:16].replace("T", " ")
    cells = [when, what, _few(paths), str(record.get("finder", "")), str(record.get("group", ""))]
    return [tables.shown(text) for text in cells]


def _few(paths: Iterable[str]) -> str:
    every = list(paths)
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more

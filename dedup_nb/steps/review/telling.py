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
from dedup_nb.session.workbench import Workbench
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


def taken(run: Workbench, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Return how many images would be staged from each root, stage and day.

    Parameters
    ----------
    run : Workbench
        The current run, for its catalogue.
    rows : ndarray of int64
        Rows of the catalogue that would be staged.

    Returns
    -------
    DataFrame
        Columns `by` (root, stage, day), `what`, `images` that move, `of` all, and `MB` freed.
    """
    known = pd.DataFrame(
        {
            "bytes": run.catalogue["bytes"],
            "root": run.catalogue["root"],
            "stage": run.catalogue["stage"].replace("", "no stage"),
            "day": run.catalogue["stamp"].str[:10].replace("", "no stamp"),
        }
    )
    staged = known.iloc[rows]
    parts = [_taken_by(by, known, staged) for by in ("root", "stage", "day")]
    return pd.concat(parts, ignore_index=True)


def _taken_by(by: str, known: pd.DataFrame, staged: pd.DataFrame) -> pd.DataFrame:
    grouped = staged.groupby(by)["bytes"].agg(["size", "sum"])
    there = known[by].value_counts()
    return pd.DataFrame(
        {
            "by": by,
            "what": [tables.shown(str(name)) for name in grouped.index],
            "images": grouped["size"].to_numpy(),
            "of": there.reindex(grouped.index).to_numpy(),
            "MB": (grouped["sum"].to_numpy() / 1e6).round(2),
        }
    )


def remembered(decisions: Decisions) -> pd.DataFrame:
    """Return every decision in force as a table, newest first."""
    rows = [told(record) for record in reversed(decisions.listed())]
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

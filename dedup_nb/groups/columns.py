"""Rows of groups -> the columns of `groups.csv`, one entry each, in order.

To add a column, add an entry to `COLUMNS`: its name, its type and how to compute its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb.groups.bursts import KIND
from dedup_nb.groups.checks import Judgement
from dedup_nb.groups.cut import Cut
from dedup_nb.groups.images import Images, identifier
from dedup_nb.groups.roles import ROLES, Indices


@dataclass(frozen=True)
class Row:
    """One image of a group, with everything that the columns need."""

    k: int
    cut: Cut
    images: Images
    components: Indices
    measure: str
    reason: str
    judgement: Judgement | None
    record: Mapping[str, Any]
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of `groups.csv`: name, help, how to compute its value, and type."""

    name: str
    help: str
    value: Callable[[Row], Any]
    dtype: str = "object"


def _of_record(name: str, help: str, dtype: str = "object") -> Column:
    return Column(name, help, lambda row: row.record[name], dtype)


def _kind(row: Row) -> str:
    judged = row.judgement
    is_frame = bool(row.images.bursts.why(row.k, int(row.cut.keepers[row.k])))
    if is_frame and not (judged and judged.equal):
        return KIND
    return judged.kind if judged else ""


COLUMNS = [
    Column(
        "group_id",
        "id of the group, from its keeper's path",
        lambda row: identifier("g", row.images.paths[int(row.cut.centres[row.k])]),
    ),
    Column("path", "the image, relative to the library", lambda row: row.images.paths[row.k]),
    Column("role", "keeper, stage, review or protected", lambda row: ROLES[row.cut.roles[row.k]]),
    Column(
        "keeper",
        "path of the image that is kept for it",
        lambda row: row.images.paths[int(row.cut.keepers[row.k])],
    ),
    Column("measure", "name of the measure, with its unit", lambda row: row.measure),
    Column("value", "the measure to the keeper", lambda row: row.cut.values[row.k], "float64"),
    Column("reason", "why the image has its role", lambda row: row.reason),
    _of_record("root", "the root it is in"),
    _of_record("stage", "name of its stage"),
    _of_record("series", "id of its series"),
    _of_record("width", "as shown, in pixels", "int64"),
    _of_record("height", "as shown, in pixels", "int64"),
    _of_record("bytes", "size of the file", "int64"),
    _of_record("mtime", "when the file was last changed, UTC"),
    Column(
        "component_id",
        "id of the connected component, which may chain",
        lambda row: identifier("c", row.images.paths[int(row.components[row.k])]),
    ),
    Column(
        "kind",
        "how the picture was changed, if the pixels were compared; burst: a frame of one burst",
        lambda row: _kind(row),
    ),
    Column(
        "score",
        "confidence that both show the same picture, 0 to 1",
        lambda row: row.judgement.score if row.judgement else np.nan,
        "float64",
    ),
    Column(
        "lacks",
        "what the keeper lacks of this image, separated by ;",
        lambda row: ";".join(row.lacks),
    ),
]
NAMES = [column.name for column in COLUMNS]
EXTRA = [_of_record("sha256", "digest of the file")]  # in memory, not in the file


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows of `groups.csv` as a DataFrame with the column types."""
    return pd.DataFrame(
        {
            column.name: pd.Series([column.value(row) for row in rows], dtype=column.dtype)
            for column in (*COLUMNS, *EXTRA)
        }
    )

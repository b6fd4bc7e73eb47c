"""A catalogue and candidates -> small samples of pictures, as groups for a `Sheet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb import groups
from dedup_nb.report.units import with_unit


def plain_member(row: Any) -> dict[str, Any]:
    """Return an image of the catalogue as a member for a sheet, without a group."""
    return {
        "path": row.path,
        "role": "",
        "value": None,
        "measure": "",
        "reason": "",
        "badges": [row.stage.partition("_")[0]] if row.stage else [],
        "width": row.width,
        "height": row.height,
        "bytes": row.bytes,
    }


def plain_members(catalogue: pd.DataFrame, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return images of the catalogue as members for a sheet, without a group."""
    return [plain_member(row) for row in catalogue.iloc[list(rows)].itertuples()]


def of_roots(catalogue: pd.DataFrame, each: int = 8) -> list[dict[str, Any]]:
    """Return the first images of each root as a group for a sheet."""
    shown = []
    for root, part in catalogue.groupby("root", sort=False):
        first = part[part["status"] == "ok"].head(each)
        members = [plain_member(row) for row in first.itertuples()]
        place = "the library" if root == "." else root
        shown.append({"title": f"first of {len(part):,} in {place}", "members": members})
    return shown


def nearest_threshold(
    catalogue: pd.DataFrame, candidates: groups.Candidates, threshold: float, count: int = 12
) -> list[dict[str, Any]]:
    """Return the pairs whose measure is nearest to a threshold, for a sheet."""
    pairs = candidates.pairs
    away = np.abs(pairs[candidates.measure].to_numpy(np.float64) - threshold)
    chosen = pairs.iloc[np.argsort(away, kind="stable")[:count]]
    shown = chosen.sort_values([candidates.measure, "i", "j"])
    return [
        {
            "title": with_unit(value, candidates.measure),
            "members": plain_members(catalogue, [int(i), int(j)]),
        }
        for i, j, value in shown.itertuples(index=False, name=None)
    ]


def neighbours(
    catalogue: pd.DataFrame, nearest: pd.DataFrame, count: int = 6, each: int = 7
) -> list[dict[str, Any]]:
    """Return some images, each with its nearest neighbours, for a sheet.

    Parameters
    ----------
    catalogue : DataFrame
        The catalogue of the run.
    nearest : DataFrame
        Columns `i, rank, j` and the measure; see `index.nearest`.
    count, each : int
        Number of images, spread evenly over the catalogue, and of neighbours of each.
    """
    measure = str(nearest.columns[3])
    every = nearest["i"].unique()
    if not len(every):
        return []
    some = every[np.linspace(0, len(every) - 1, min(count, len(every))).astype(int)]
    shown = []
    for i, part in nearest[nearest["i"].isin(some) & (nearest["rank"] <= each)].groupby("i"):
        values = ", ".join(f"{v:g}" if v > 1 else f"{v:.3f}" for v in part[measure])
        members = plain_members(catalogue, [int(i), *part["j"].tolist()])
        shown.append(
            {
                "title": f"the first image and its nearest neighbours, {measure} {values}",
                "members": members,
            }
        )
    return shown


def thresholds(candidates: groups.Candidates, wanted: Sequence[float]) -> pd.DataFrame:
    """Return what each threshold would give: pairs, groups, images to stage, megabytes."""
    sign = candidates.sign
    values = np.sort(sign * candidates.pairs[candidates.measure].to_numpy(np.float64))
    rows = []
    for threshold in wanted:
        totals = candidates.cut(threshold).totals
        rows.append(
            {
                "threshold": threshold,
                "pairs": int(np.searchsorted(values, sign * threshold, side="right")),
                "groups": totals["groups"],
                "images to stage": totals["images"],
                "MB freed": round(totals["bytes"] / 1e6, 1),
                "to review": totals["review"],
            }
        )
    return pd.DataFrame(rows)

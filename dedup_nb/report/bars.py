"""Images and their bytes -> bars that show where the bytes are, drawn by the page itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from dedup_nb.library import tables
from dedup_nb.library.quantities import count, size_text

MOST = 8  # bars of one chart
MOST_TIMES = 18  # months or years of one chart
ENOUGH = 0.75  # share of the bytes that the bars of a chart should show


class Bar(NamedTuple):
    """One bar: what it counts, its length as a share of the longest, and its figures."""

    label: str
    share: float
    text: str
    rest: bool = False


class Bars(NamedTuple):
    """One chart: a title and its bars."""

    title: str
    bars: list[Bar]


def by_value(title: str, values: Sequence[str], freed: Sequence[int], empty: str) -> Bars:
    """Return the bytes by a value, most first; the smallest are put together.

    Parameters
    ----------
    title : str
        What the values are.
    values, freed : sequence
        Value and bytes of each image.
    empty : str
        Name of the empty value.
    """
    return _bars(title, _sums(values, freed, empty))


def by_month(title: str, months: Sequence[str], freed: Sequence[int], empty: str) -> Bars:
    """Return the bytes by month, `2025-07`, in order; by year if there are too many months."""
    if len(set(months)) > MOST_TIMES:
        title, months = title.replace("month", "year", 1), [month[:4] for month in months]
    return _bars(title, _sums(months, freed, empty).sort_index(), MOST_TIMES)


def by_folder(title: str, paths: Sequence[str], freed: Sequence[int]) -> Bars:
    """Return the bytes by folder, to the depth at which few folders still hold most of them."""
    folders = [path.split("/")[:-1] for path in paths]
    deepest = max(map(len, folders), default=1)
    sums = _sums([], [], "")
    for depth in range(max(1, deepest), 0, -1):
        named = ["/".join(parts[:depth]) for parts in folders]
        sums = _sums(named, freed, "(no folder)")
        if sums["bytes"].head(MOST).sum() >= ENOUGH * sums["bytes"].sum():
            break
    return _bars(title, sums)


def _sums(values: Sequence[str], freed: Sequence[int], empty: str) -> pd.DataFrame:
    """Return `bytes` and `images` by value, most bytes first."""
    frame = pd.DataFrame(
        {
            "value": pd.Series([value or empty for value in values], dtype=object),
            "bytes": pd.Series(list(freed), dtype="int64"),
        }
    )
    sums = frame.groupby("value")["bytes"].agg(["sum", "size"])
    sums.columns = pd.Index(["bytes", "images"])
    order = sums.reset_index().sort_values(["bytes", "value"], ascending=[False, True])
    return order.set_index("value")


def _bars(title: str, sums: pd.DataFrame, most: int = MOST) -> Bars:
    shown, rest = (sums, sums[:0]) if len(sums) <= most else (sums[: most - 1], sums[most - 1 :])
    longest = max([*shown["bytes"], int(rest["bytes"].sum()), 1])
    bars = [
        _bar(tables.shown(str(name)), size, images, longest)
        for name, size, images in shown[["bytes", "images"]].itertuples(name=None)
    ]
    if len(rest):
        others = f"{len(rest):,} others"
        bars.append(_bar(others, rest["bytes"].sum(), rest["images"].sum(), longest, rest=True))
    return Bars(title, bars)


def _bar(label: str, size: int, images: int, longest: int, *, rest: bool = False) -> Bar:
    text = f"{size_text(int(size))}, {count(int(images), 'image')}"
    return Bar(label, round(100 * int(size) / longest, 1), text, rest)

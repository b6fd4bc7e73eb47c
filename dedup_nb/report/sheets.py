"""Groups and tables -> static HTML for notebooks and reports, readable offline."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from dedup_nb.library import tables
from dedup_nb.library.quantities import size_text
from dedup_nb.pictures import images
from dedup_nb.report.charts import data_uri
from dedup_nb.report.links import NO_LINKS, Links
from dedup_nb.report.units import value_text

PICTURE_PX = 160
MEMBERS_SHOWN = 200  # of one group
ROWS_SHOWN = 60  # of a table in a notebook
LINE_END = "\N{LINE SEPARATOR}"  # no cell holds one after `splitlines`

# A group for galleries and sheets: id, title, members. With `columns`, its members fill rows of
# that length, the kept set first; None marks a missing image.
View = Mapping[str, Any]
Thumbnail = Callable[[str], bytes | None]


class Sheet:
    """Groups with their pictures as static HTML, readable offline in saved notebooks.

    `folded` shows only how many there are, until that is clicked.
    """

    def __init__(
        self,
        groups: Sequence[View],
        thumbnail: Thumbnail,
        limit: int = 12,
        empty: str = "There are no groups at this threshold.",
        folded: bool = False,
    ) -> None:
        self.shown = [with_pictures(group, thumbnail) for group in list(groups)[:limit]]
        self.folded = folded and len(self.shown) > 0
        left = len(groups) - len(self.shown)
        self.more = f"{left:,} more groups are not shown." if left else ""
        if not len(groups):
            self.more = empty

    def _repr_html_(self) -> str:
        template = templates().get_template("sheet.html")
        return str(template.render(groups=self.shown, more=self.more, folded=self.folded))

    def __repr__(self) -> str:
        return f"{len(self.shown)} groups shown. {self.more}"


@cache
def templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).with_name("templates"))
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)


def with_pictures(group: View, thumbnail: Thumbnail, links: Links = NO_LINKS) -> dict[str, Any]:
    """Return a group as its template needs it; with links, its pictures enlarge."""
    columns = group.get("columns") or 0
    shown = group["members"] if columns else group["members"][:MEMBERS_SHOWN]
    pictures = [thumbnail(member["path"]) if member else None for member in shown]
    figures = [
        _figure(member, jpeg, links) if member else None
        for member, jpeg in zip(shown, pictures, strict=True)
    ]
    if columns:
        figures = _with_differences(figures, pictures, columns)
    return {
        "id": group.get("id", ""),
        "title": tables.shown(group["title"]),
        "count": sum(member is not None for member in group["members"]),
        "columns": columns,
        "members": figures,
        "more": more_members(len(group["members"]) - len(shown)),
    }


def more_members(count: int) -> str:
    """Return a sentence about the members of a group that are not shown."""
    return f"{count:,} more images of this group are listed in groups.csv." if count else ""


def _figure(member: Mapping[str, Any], jpeg: bytes | None, links: Links) -> dict[str, Any]:
    return {
        "picture": small(jpeg),
        "href": links.of(member["path"]),
        "role": member["role"],
        "value": value_text(member),
        "name": tables.shown(member["path"]),
        "size": f"{member['width']}×{member['height']}, {size_text(member['bytes'])}",
        "badges": [tables.shown(badge) for badge in member["badges"]],
        "reason": tables.shown(member["reason"]),
    }


@lru_cache(512)  # a live page shows the same pictures again and again
def small(jpeg: bytes | None) -> str:
    """Return a thumbnail as a smaller picture that a page can hold; empty if there is none."""
    return data_uri(images.smaller(jpeg, PICTURE_PX), "image/jpeg") if jpeg else ""


def _with_differences(
    figures: Sequence[Any], pictures: Sequence[bytes | None], columns: int
) -> list[Any]:
    """Put a row of difference images, compared with the first row, below each other row."""
    shown = list(figures[:columns])
    for start in range(columns, len(figures), columns):
        shown += figures[start : start + columns]
        for kept, other in zip(pictures, pictures[start : start + columns], strict=False):
            apart = images.difference(kept, other) if kept and other else None
            shown.append({"difference": True, "picture": small(apart)})
    return shown


class Table:
    """A table as static HTML: texts are escaped and not cut off, numbers are right-aligned."""

    def __init__(self, frame: pd.DataFrame, rows: int = ROWS_SHOWN) -> None:
        self.frame, self.rows = frame, rows

    def _repr_html_(self) -> str:
        places = enumerate(self.frame.dtypes, 1)
        right = [place for place, kind in places if pd.api.types.is_numeric_dtype(kind)]
        template = templates().get_template("table.html")
        more = len(self.frame) - self.rows
        return str(
            template.render(
                table=table_html(self.frame.head(self.rows)),
                name="-".join(map(str, right)),
                numbers=right,
                more=f"{more:,} more rows are not shown." if more > 0 else "",
            )
        )

    def __repr__(self) -> str:
        return repr(self.frame.map(cell_text))


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table at which any column but the first, the threshold, changes."""
    results = table.iloc[:, 1:]
    return table[(results != results.shift()).any(axis=1)].reset_index(drop=True)


def table_html(frame: pd.DataFrame) -> str:
    """Return a table as HTML with every text escaped, none cut off, and line ends as line ends."""
    with pd.option_context("display.max_colwidth", None):
        made = frame.map(cell_text).map(_in_one_line).to_html(index=False, escape=True, border=0)
    return str(made).replace(LINE_END, "<br>")


def _in_one_line(cell: Any) -> Any:
    """Return a cell with its line ends marked, since pandas would write them as `\\n`."""
    return LINE_END.join(cell.splitlines()) if isinstance(cell, str) else cell


def cell_text(cell: Any) -> Any:
    if isinstance(cell, float) and math.isnan(cell):
        return ""
    return tables.shown(cell) if isinstance(cell, str) else cell


def figure_text(cell: Any) -> Any:
    """Return a cell of a report: numbers with thousands separators and at most four decimals."""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, numbers.Integral):
        return f"{int(cell):,}"
    if isinstance(cell, numbers.Real) and not math.isnan(cell):
        text = f"{float(cell):,.4f}"
        return text.rstrip("0").rstrip(".")
    return cell_text(cell)


def freed_by(table: pd.DataFrame, depth: int | None = None) -> pd.DataFrame:
    """Return the images and megabytes that staging would free by folder, largest first.

    Parameters
    ----------
    table : DataFrame
        Rows of `groups.csv`; with a column `freed`, hard links count once.
    depth : int, optional
        Number of leading folders to count by; full paths by default.
    """
    counted = "freed" if "freed" in table else "bytes"
    staged = table[table["role"] == "stage"]
    folders = ["/".join(path.split("/")[:-1][:depth]) or "." for path in staged["path"]]
    frame = pd.DataFrame(
        {"folder": pd.Series(folders, dtype=object), "bytes": list(staged[counted])}
    )
    freed = frame.groupby("folder")["bytes"].agg(["size", "sum"]).reset_index()
    freed.columns = pd.Index(["folder", "images", "bytes"])
    freed["MB"] = (freed.pop("bytes") / 1e6).round(2)
    result = freed.sort_values(["MB", "folder"], ascending=[False, True], ignore_index=True)
    result["folder"] = [tables.shown(folder) for folder in result["folder"]]
    return result

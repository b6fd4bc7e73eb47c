"""Results -> CSV, Markdown and HTML with pictures, to be read offline.

Whatever is written here is new; nothing is overwritten. HTML is escaped by its templates.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from dedup_nb import images, tables

GROUPS_A_PAGE = 100
GROUPS_WITH_PICTURES = 2_000  # in one report; groups.csv always lists all
PICTURE_PX = 160
ROWS_SHOWN = 60  # of a table in a notebook
LINEAR = 10  # pairs in a histogram's bar up to which it grows evenly, and beyond tenfold a step

ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#!"})  # in Markdown

UNITS = {
    "hamming_bits": "bits",
    "gap_s": "s",
    "inputs": "inputs",
}  # of measures whose values have one

# A group as galleries and sheets show it: id, title, members. With `columns` its members lie in
# rows of as many, the kept set first, a missing place being None.
View = Mapping[str, Any]
Thumbnail = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Chart:
    """A drawn chart, which Jupyter shows as it is and reports take in."""

    png: bytes
    alt: str

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}

    @property
    def src(self) -> str:
        return data_uri(self.png, "image/png")


def data_uri(data: bytes, media_type: str) -> str:
    """Return bytes as an address that needs no file and no network."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def histogram(
    values: Sequence[float],
    mark: float,
    unit: str,
    *,
    bins: Sequence[float] | None = None,
    what: str = "distance",
    counted: str = "pairs",
    label: str = "",
) -> Chart:
    """Draw how many pairs lie at each value, with the threshold drawn on it.

    Parameters
    ----------
    values : sequence of float
        The measure of each pair.
    mark : float
        Threshold.
    unit : str
        Unit of both, for the axis.
    bins : sequence of float, optional
        Edges; one bin for each whole number by default.
    what, counted : str
        Name of the measure, and of what is counted, for the axes.
    label : str, optional
        What stands at the threshold; "threshold 8, inclusive" by default.
    """
    label = label or f"threshold {mark:g}, inclusive"
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    top = max([*values, mark, 1]) if len(values) else max(mark, 1)
    edges = np.arange(0, math.ceil(top) + 2) - 0.5 if bins is None else np.asarray(bins)
    counts, _ = np.histogram(np.asarray(values, float), edges)
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color="#4878a8", edgecolor="white")
    edge = mark + 0.5 if bins is None else mark
    axes.axvline(edge, color="#c04a00", linestyle="--")
    axes.annotate(
        f" {label} ",
        (edge, 0.97),
        xycoords=("data", "axes fraction"),
        va="top",
        ha="left" if edge < (edges[0] + edges[-1]) / 2 else "right",
        color="#c04a00",
    )
    axes.set(xlabel=f"{what} ({unit})", ylabel=counted)
    axes.xaxis.set_major_locator(MaxNLocator(integer=bins is None))
    if max(counts) > 10 * LINEAR:  # exact copies are many, and the valley is seen all the same
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_ylim(0, max(counts) * 3)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    else:
        axes.set_ylim(0, max(1, *counts) * 1.2)  # room for the label
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return _chart(figure, f"Histogram of {len(values)} {counted} by {unit}; {label}.")


def similarities(values: Sequence[float], mark: float, counted: str = "pairs") -> Chart:
    """Draw how many pairs lie at each cosine similarity; see `histogram`."""
    low = min([*values, mark])
    edges = np.linspace(math.floor(low * 50) / 50, 1.0, 61)
    return histogram(values, mark, "cosine", bins=list(edges), what="similarity", counted=counted)


def curve(
    thresholds: Sequence[float], columns: Mapping[str, Sequence[float]], mark: float, unit: str
) -> Chart:
    """Draw what each threshold would give, one small panel a column, the threshold marked."""
    columns = dict(columns)  # a table will do as well
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(columns)))
    whole = all(t == int(t) for t in thresholds)
    for axes, (name, values) in zip(panels, columns.items(), strict=True):
        axes.step(thresholds, values, where="post", color="#4878a8")
        axes.plot(thresholds, values, ".", color="#4878a8")
        axes.axvline(mark, color="#c04a00", linestyle="--")
        axes.set(xlabel=f"threshold ({unit})", title=name)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=whole, min_n_ticks=1))
    return _chart(figure, f"{', '.join(columns)} against the threshold; now {mark:g} {unit}.")


def _chart(figure: Figure, alt: str) -> Chart:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return Chart(buffer.getvalue(), alt)


class Sheet:
    """Groups with their pictures as plain HTML: shows in notebooks, saved or not, and offline."""

    def __init__(
        self,
        groups: Sequence[View],
        thumbnail: Thumbnail,
        limit: int = 12,
        empty: str = "There are no groups at this threshold.",
    ) -> None:
        self.shown = [_with_pictures(group, thumbnail) for group in list(groups)[:limit]]
        left = len(groups) - len(self.shown)
        self.more = f"{left:,} more groups are not shown here." if left else ""
        if not len(groups):
            self.more = empty

    def _repr_html_(self) -> str:
        template = _templates().get_template("sheet.html")
        return str(template.render(groups=self.shown, more=self.more))

    def __repr__(self) -> str:
        return f"{len(self.shown)} groups shown. {self.more}"


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).with_name("templates"))
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)


def _with_pictures(group: View, thumbnail: Thumbnail) -> dict[str, Any]:
    columns = group.get("columns") or 0
    pictures = [thumbnail(member["path"]) if member else None for member in group["members"]]
    figures = [
        _figure(member, jpeg) if member else None
        for member, jpeg in zip(group["members"], pictures, strict=True)
    ]
    if columns:
        figures = _with_differences(figures, pictures, columns)
    return {
        "title": tables.shown(group["title"]),
        "count": sum(member is not None for member in group["members"]),
        "columns": columns,
        "members": figures,
    }


def _figure(member: Mapping[str, Any], jpeg: bytes | None) -> dict[str, Any]:
    return {
        "picture": _small(jpeg),
        "role": member["role"],
        "value": value_text(member),
        "name": tables.shown(member["path"]),
        "size": f"{member['width']}×{member['height']}, {size_text(member['bytes'])}",
        "badges": [tables.shown(badge) for badge in member["badges"]],
        "reason": tables.shown(member["reason"]),
    }


def _small(jpeg: bytes | None) -> str:
    return data_uri(images.smaller(jpeg, PICTURE_PX), "image/jpeg") if jpeg else ""


def _with_differences(
    figures: Sequence[Any], pictures: Sequence[bytes | None], columns: int
) -> list[Any]:
    """Put below each row, but the first, a row of what differs from the first."""
    shown = list(figures[:columns])
    for start in range(columns, len(figures), columns):
        shown += figures[start : start + columns]
        for kept, other in zip(pictures, pictures[start : start + columns], strict=False):
            apart = images.difference(kept, other) if kept and other else None
            shown.append({"difference": True, "picture": _small(apart)})
    return shown


def value_text(member: Mapping[str, Any]) -> str:
    """Return a member's measure to its keeper for people: `3 bits`, `cosine 0.9213`."""
    value = member["value"]
    if member["role"] == "keeper" or value is None or math.isnan(value):
        return ""
    return with_unit(value, member["measure"])


def with_unit(value: float, measure: str) -> str:
    """Return a measure with its unit: `3 bits`, `1 bit`, `4.25 s`, `cosine 0.9213`."""
    if measure in UNITS:
        unit = UNITS[measure]
        return f"{value:g} {unit.removesuffix('s') if value == 1 and len(unit) > 1 else unit}"
    return f"{measure} {value:.4f}"


def size_text(size: float) -> str:
    """Return bytes for people: `1.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def freed_by(table: pd.DataFrame, depth: int | None = None) -> pd.DataFrame:
    """Return images and megabytes that staging frees by folder, the biggest win first.

    Parameters
    ----------
    table : DataFrame
        Rows of `groups.csv`.
    depth : int, optional
        Count by this many leading folders; whole folders by default.
    """
    staged = table[table["role"] == "stage"]
    folders = ["/".join(path.split("/")[:-1][:depth]) or "." for path in staged["path"]]
    frame = pd.DataFrame(
        {"folder": pd.Series(folders, dtype=object), "bytes": list(staged["bytes"])}
    )
    freed = frame.groupby("folder")["bytes"].agg(["size", "sum"]).reset_index()
    freed.columns = pd.Index(["folder", "images", "bytes"])
    freed["MB"] = (freed.pop("bytes") / 1e6).round(2)
    result = freed.sort_values(["MB", "folder"], ascending=[False, True], ignore_index=True)
    result["folder"] = [tables.shown(folder) for folder in result["folder"]]
    return result


def write_groups(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Write `groups.csv`; whole values without a fraction, others with four places."""

    def value(number: float) -> str:
        if math.isnan(number):
            return ""
        return f"{number:.0f}" if number.is_integer() else f"{number:.4f}"

    cells = {name: table[name].tolist() for name in columns}
    cells |= {name: list(map(value, cells[name])) for name in ("value", "score") if name in cells}
    tables.write_columns(path, cells)


def write_json(path: Path, value: Any) -> None:
    """Write a new JSON file that people can read."""
    with open(path, "x", encoding="utf-8") as file:
        json.dump(value, file, indent=2, default=str)
        file.write("\n")


def write_html(
    folder: Path,
    *,
    title: str,
    lead: str,
    facts: Sequence[tuple[str, Any]],
    notes: Sequence[str] = (),
    charts: Sequence[Chart] = (),
    frames: Mapping[str, pd.DataFrame] | None = None,
    groups: Sequence[View] = (),
    thumbnail: Thumbnail = lambda path: None,
    order: str = "",
) -> Path:
    """Write `report.html` (and `report-2.html` and so on) with pictures inside.

    Returns
    -------
    Path
        The first page.
    """
    template = _templates().get_template("report.html")
    pages = max(1, math.ceil(len(groups) / GROUPS_A_PAGE))
    for page in range(1, pages + 1):
        part = groups[(page - 1) * GROUPS_A_PAGE : page * GROUPS_A_PAGE]
        text = template.render(
            title=title,
            lead=tables.shown(lead),
            facts=facts,
            notes=[tables.shown(note) for note in notes],
            charts=charts,
            tables=[_table(name, frame) for name, frame in (frames or {}).items()],
            groups=[_with_pictures(group, thumbnail) for group in part],
            order=order,
            page=page,
            pages=pages if groups else 0,
        )
        name = "report.html" if page == 1 else f"report-{page}.html"
        with open(folder / name, "x", encoding="utf-8") as file:
            file.write(text)
    return folder / "report.html"


def _table(title: str, frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "title": title,
        "columns": list(frame.columns),
        "rows": [[_cell(cell) for cell in row] for row in frame.itertuples(index=False)],
    }


class Table:
    """A table as plain HTML: names are safe to show and whole, numbers lie on the right."""

    def __init__(self, frame: pd.DataFrame, rows: int = ROWS_SHOWN) -> None:
        self.frame, self.rows = frame, rows

    def _repr_html_(self) -> str:
        places = enumerate(self.frame.dtypes, 1)
        numbers = [place for place, kind in places if pd.api.types.is_numeric_dtype(kind)]
        template = _templates().get_template("table.html")
        more = len(self.frame) - self.rows
        return str(
            template.render(
                table=table_html(self.frame.head(self.rows)),
                name="-".join(map(str, numbers)),
                numbers=numbers,
                more=f"{more:,} more rows are not shown here." if more > 0 else "",
            )
        )

    def __repr__(self) -> str:
        return repr(self.frame.map(_cell))


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of thresholds, its first column, at which anything changes."""
    told = table.iloc[:, 1:]
    return table[(told != told.shift()).any(axis=1)].reset_index(drop=True)


def table_html(frame: pd.DataFrame) -> str:
    """Return a table as HTML; every text in it is escaped, and none is cut off."""
    with pd.option_context("display.max_colwidth", None):
        return str(frame.map(_cell).to_html(index=False, escape=True, border=0))


def _cell(cell: Any) -> Any:
    if isinstance(cell, float) and math.isnan(cell):
        return ""
    return tables.shown(cell) if isinstance(cell, str) else cell


def write_markdown(
    path: Path,
    *,
    title: str,
    lead: str,
    facts: Sequence[tuple[str, Any]],
    notes: Sequence[str] = (),
    frames: Mapping[str, pd.DataFrame] | None = None,
    groups: Sequence[View] = (),
    order: str = "",
) -> None:
    """Write the report as Markdown: what the HTML says, without pictures."""
    lines = [f"# {title}", "", markdown_text(lead), ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", *[f"> {markdown_text(note)}" for note in notes], ""]
    for name, frame in (frames or {}).items():
        lines += [f"## {name}", "", *_markdown_rows(list(frame.columns), frame.values.tolist()), ""]
    if groups:
        lines += ["## Groups", "", *([order, ""] if order else [])]
    for group in groups:
        lines += [f"### {markdown_text(group['title'])}", ""]
        rows = [
            [m["role"], m["path"], value_text(m), size_text(m["bytes"]), m["reason"]]
            for m in group["members"]
            if m
        ]
        lines += [*_markdown_rows(["role", "path", "to keeper", "size", "why"], rows), ""]
    with open(path, "x", encoding="utf-8") as file:
        file.write("\n".join(lines))


def _markdown_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return head + [
        f"| {' | '.join(markdown_text(str(_cell(cell))) for cell in row)} |" for row in rows
    ]


def markdown_text(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return " ".join(tables.shown(text).split()).translate(ESCAPED)


def utc_stamp(now: datetime | None = None) -> str:
    """Return a UTC time that names a folder: `20250705T215218Z`."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def write_index(
    path: Path,
    *,
    title: str,
    lead: str,
    notebooks: Sequence[Mapping[str, Any]],
    wins: Sequence[Mapping[str, Any]],
    next_steps: Sequence[str],
) -> None:
    """Write `index.html`: which notebooks ran, and where the biggest wins are."""
    text = (
        _templates()
        .get_template("index.html")
        .render(
            title=title, lead=tables.shown(lead), notebooks=notebooks, wins=wins, next=next_steps
        )
    )
    path.write_text(text, encoding="utf-8")

"""Results -> CSV, Markdown and HTML with pictures that can be read offline.

Nothing is overwritten. The templates escape HTML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.library import files, tables
from dedup_nb.library.quantities import size_text
from dedup_nb.report.charts import Chart
from dedup_nb.report.links import NO_LINKS, Links
from dedup_nb.report.sheets import (
    MEMBERS_SHOWN,
    Thumbnail,
    View,
    cell_text,
    figure_text,
    more_members,
    templates,
    with_pictures,
)
from dedup_nb.report.units import value_text

COLUMNS = ["role", "path", "value to keeper", "size", "reason"]
GROUPS_A_PAGE = 100
GROUPS_WITH_PICTURES = 2_000  # in one report; groups.csv lists all groups

ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#!"})  # in Markdown


def write_groups(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Write `groups.csv`: whole numbers without a fraction, others with four decimals."""

    def value(number: float) -> str:
        if math.isnan(number):
            return ""
        return f"{number:.0f}" if number.is_integer() else f"{number:.4f}"

    cells = {name: table[name].tolist() for name in columns}
    cells |= {name: list(map(value, cells[name])) for name in ("value", "score") if name in cells}
    tables.write_columns(path, cells)


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
    empty: str = "",
    links: Links = NO_LINKS,
    around: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write `report.html` (and `report-2.html` and so on) with pictures inside.

    Parameters
    ----------
    folder : Path
        Where to write; the other parameters are what the report says.
    empty : str
        What to do if there are no groups.
    links : Links
        Addresses of the pictures.
    around : sequence of (address, text)
        Other pages of the run.

    Returns
    -------
    Path
        The first page.
    """
    template = templates().get_template("report.html")
    pages = max(1, math.ceil(len(groups) / GROUPS_A_PAGE))
    shown_tables = [
        _table(f"table-{number}", name, frame, links)
        for number, (name, frame) in enumerate((frames or {}).items(), 1)
    ]
    for page in range(1, pages + 1):
        part = groups[(page - 1) * GROUPS_A_PAGE : page * GROUPS_A_PAGE]
        text = template.render(
            title=title,
            lead=tables.shown(lead),
            facts=facts,
            notes=[tables.shown(note) for note in notes],
            charts=charts,
            tables=shown_tables,
            groups=[with_pictures(group, thumbnail, links) for group in part],
            order=order,
            empty=empty,
            around=around,
            page=page,
            pages=pages if groups else 0,
        )
        name = "report.html" if page == 1 else f"report-{page}.html"
        files.write_text(folder / name, text)
    return folder / "report.html"


def _table(place: str, title: str, frame: pd.DataFrame, links: Links) -> dict[str, Any]:
    rows = [
        [{"text": figure_text(cell), "href": links.of_cell(cell)} for cell in row]
        for row in frame.itertuples(index=False)
    ]
    numbers = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    columns = [
        {"name": name, "number": number} for name, number in zip(frame, numbers, strict=True)
    ]
    return {"id": place, "title": title, "columns": columns, "rows": rows}


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
    empty: str = "",
) -> None:
    """Write the report as Markdown: the content of the HTML without pictures."""
    lines = [f"# {title}", "", markdown_text(lead), ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", *[f"> {markdown_text(note)}" for note in notes], ""]
    for name, frame in (frames or {}).items():
        lines += [f"## {name}", "", *_markdown_rows(list(frame.columns), frame.values.tolist()), ""]
    if groups:
        lines += ["## Groups", "", *([order, ""] if order else [])]
    elif empty:
        lines += ["## Groups", "", markdown_text(empty), ""]
    for group in groups:
        lines += [f"### {markdown_text(group['title'])}", ""]
        rows = [
            [m["role"], m["path"], value_text(m), size_text(m["bytes"]), m["reason"]]
            for m in group["members"]
            if m
        ]
        more = len(rows) - MEMBERS_SHOWN
        listed = _markdown_rows(COLUMNS, rows[:MEMBERS_SHOWN])
        lines += [*listed, "", *([more_members(more), ""] if more > 0 else [])]
    files.write_text(path, "\n".join(lines))


def _markdown_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return head + [
        f"| {' | '.join(markdown_text(str(cell_text(cell))) for cell in row)} |" for row in rows
    ]


def replace_note(folder: Path, start: str, note: str) -> None:
    """Replace the note that begins with some words in the report of a folder, if it has one."""
    path = folder / "report.md"
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        lines = text.split("\n")
        own = [k for k, line in enumerate(lines) if line.startswith(f"> {markdown_text(start)}")]
        for k in own[:1]:
            lines[k] = f"> {markdown_text(note)}"
        files.replace_text(path, "\n".join(lines))
    path = folder / "report.html"
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        before, tag, after = text.partition(f">{escape(start)}")
        if tag:
            rest = after[after.index("<") :]
            files.replace_text(path, f"{before}>{escape(tables.shown(note))}{rest}")


def markdown_text(text: str) -> str:
    """Return text escaped for Markdown, on one line."""
    return " ".join(tables.shown(text).split()).translate(ESCAPED)


def write_index(path: Path, **content: Any) -> None:
    """Write `index.html`, the front page of a run; see its template for the content."""
    text = templates().get_template("index.html").render(content)
    files.replace_text(path, text)

"""Measures and thresholds -> charts that Jupyter shows and reports take in."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

LINEAR = 10  # pairs in a histogram's bar up to which it grows evenly, and beyond tenfold a step


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

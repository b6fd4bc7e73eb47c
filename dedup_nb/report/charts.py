"""Measures and thresholds -> charts for notebooks and reports."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

# Matplotlib reads a file of settings in the current folder, which could make it run LaTeX.
DEFAULTS = {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
LINEAR = 10  # counts up to which the y axis is linear; above, it is logarithmic


@dataclass(frozen=True)
class Chart:
    """A chart as PNG, displayed by Jupyter and embedded in reports."""

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
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@matplotlib.rc_context(DEFAULTS)
def histogram(
    values: Sequence[float],
    mark: float,
    unit: str,
    *,
    bins: Sequence[float] | None = None,
    what: str = "Hamming distance",
    counted: str = "pairs",
    label: str = "",
) -> Chart:
    """Draw a histogram of a measure with the threshold marked.

    Parameters
    ----------
    values : sequence of float
        The measure of each pair.
    mark : float
        Threshold, inclusive.
    unit : str
        Unit of the measure, for the axis.
    bins : sequence of float, optional
        Bin edges; by default one bin per whole number.
    what, counted : str
        Names of the measure and of what is counted, for the axes.
    label : str, optional
        Label of the threshold; "threshold 8, inclusive" by default.
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
    axes.set(xlabel=f"{what} ({unit})" if unit else what, ylabel=f"number of {counted}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=bins is None))
    if max(counts) > 10 * LINEAR:  # many exact copies must not hide the valley
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_ylim(0, max(counts) * 3)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    else:
        axes.set_ylim(0, max(1, *counts) * 1.2)  # room for the label
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return _chart(figure, f"Histogram of {len(values):,} {counted} by {what}; {label}.")


def similarities(values: Sequence[float], mark: float, counted: str = "pairs") -> Chart:
    """Draw a histogram of cosine similarities; see `histogram`."""
    low = min([*values, mark])
    edges = np.linspace(math.floor(low * 50) / 50, 1.0, 61)
    return histogram(values, mark, "", bins=list(edges), what="cosine similarity", counted=counted)


def of_similarity(values: Sequence[float], mark: float, name: str) -> Chart:
    """Draw a histogram of a measure that rises with likeness: cosines, or a count of something.

    Parameters
    ----------
    values : sequence of float
        The measure of each pair.
    mark : float
        Threshold, inclusive.
    name : str
        The measure: `cosine`, or what is counted.
    """
    if name == "cosine":
        return similarities(values, mark)
    label = f"threshold {mark:g}, inclusive"
    return histogram(values, mark - 1, "", what=f"number of {name}", label=label)


@matplotlib.rc_context(DEFAULTS)
def curve(
    thresholds: Sequence[float], columns: Mapping[str, Sequence[float]], mark: float, unit: str
) -> Chart:
    """Draw what each threshold would give, one panel per column, with the threshold marked."""
    columns = dict(columns)  # a DataFrame works too
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
    return _chart(figure, f"{', '.join(columns)} by threshold, currently {mark:g} {unit}.")


def _chart(figure: Figure, alt: str) -> Chart:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return Chart(buffer.getvalue(), alt)

"""Measures and thresholds -> charts for notebooks and reports."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # matplotlib takes half a second to import; most processes draw nothing
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

STYLE = {"font.size": 11.5, "axes.spines.top": False, "axes.spines.right": False}
LINEAR = 10  # counts up to which the y axis is linear; above, it is logarithmic


@contextmanager
def defaults() -> Iterator[None]:
    """Draw with the settings of matplotlib itself and our style; also a decorator.

    Matplotlib reads a file of settings in the current folder, which could make it run LaTeX.
    """
    import matplotlib

    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(own | STYLE):
        yield


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


@defaults()
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
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, StrMethodFormatter

    label = label or f"threshold {mark:g}, inclusive"
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.subplots()
    top = max([*values, mark, 1]) if len(values) else max(mark, 1)
    edges = np.arange(0, math.ceil(top) + 2) - 0.5 if bins is None else np.asarray(bins)
    counts, _ = np.histogram(np.asarray(values, float), edges)
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color="#4878a8", edgecolor="white")
    edge = mark + 0.5 if bins is None else mark
    first, last = min(edges[0], edge), max(edges[-1], edge)
    axes.set_xlim(first, last + (last - first) * 0.01)  # a threshold at the end stays in sight
    axes.axvline(edge, color="#c04a00", linestyle="--")
    axes.annotate(
        f" {label} ",
        (edge, 0.97),
        xycoords=("data", "axes fraction"),
        va="top",
        ha="left" if edge < (first + last) / 2 else "right",
        color="#c04a00",
    )
    if not counts.any():
        axes.text(0.5, 0.5, f"no {counted}", ha="center", va="center", transform=axes.transAxes)
    axes.set_xlabel(f"{what} ({unit})" if unit else what)
    axes.xaxis.set_major_locator(_ticks(whole=bins is None, most=12))
    if max(counts) > 10 * LINEAR:  # many exact copies must not hide the valley
        axes.set_ylabel(f"number of {counted}\n(log above {LINEAR})")
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_ylim(0, max(counts) * 5)  # room for the label
        powers = range(1, 1 + math.ceil(math.log10(max(counts))))
        axes.yaxis.set_major_locator(FixedLocator([0, *(10**power for power in powers)]))
    else:
        axes.set_ylabel(f"number of {counted}")
        axes.set_ylim(0, max(1, *counts) * 1.35)
        axes.yaxis.set_major_locator(_ticks(whole=True, most=6))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return _chart(figure, f"Histogram of {len(values):,} {counted} by {what}; {label}.")


def _ticks(*, whole: bool, most: int) -> MaxNLocator:
    """Return at most so many ticks at round numbers, such as 0, 10, 20 rather than 0, 8, 16."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=most, integer=whole, steps=[1, 2, 5, 10], min_n_ticks=1)


def similarities(values: Sequence[float], mark: float, counted: str = "pairs") -> Chart:
    """Draw a histogram of cosine similarities; see `histogram`."""
    low = min([*values, mark])
    edges = np.linspace(math.floor(low * 50) / 50, 1.0, 61)
    return histogram(
        values, mark, "", bins=list(edges), what="cosine similarity (1: alike)", counted=counted
    )


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


@defaults()
def curve(
    thresholds: Sequence[float], columns: Mapping[str, Sequence[float]], mark: float, unit: str
) -> Chart:
    """Draw what each threshold would give, one panel per column, with the threshold marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    columns = dict(columns)  # a DataFrame works too
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(columns)))
    whole = all(t == int(t) for t in thresholds)
    for axes, (name, values) in zip(panels, columns.items(), strict=True):
        axes.step(thresholds, values, where="post", color="#4878a8")
        axes.plot(thresholds, values, ".", color="#4878a8")
        axes.axvline(mark, color="#c04a00", linestyle="--")
        axes.set_xlabel(f"threshold ({unit})" if unit else "threshold")
        axes.set_title(name, fontsize="medium")
        axes.set_ylim(0, max([*values, 1]) * 1.1)  # a step at the top is not cut off
        axes.xaxis.set_major_locator(_ticks(whole=whole, most=6))
        axes.yaxis.set_major_locator(_ticks(whole=False, most=5))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    return _chart(figure, f"{', '.join(columns)} by threshold, currently {mark:g} {unit}.")


def _chart(figure: Figure, alt: str) -> Chart:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return Chart(buffer.getvalue(), alt)

"""Estimates by threshold -> one chart: precision and recall, and wrong removals, with intervals."""

from __future__ import annotations

import io

import pandas as pd

from dedup_nb import report
from dedup_nb.report.charts import defaults

BLUE, GREEN, RED, ORANGE = "#2b6ca3", "#3f8f4f", "#b03030", "#c04a00"


@defaults()
def chart(
    table: pd.DataFrame,
    unit: str,
    threshold: float,
    found: float | None,
    precision: float,
    *,
    answers: int,
    reverse: bool = False,
) -> report.Chart:
    """Draw precision and recall by threshold, and how many wrong images go, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        See `Estimates.table`.
    unit : str
        Unit of the measure, for the axes.
    threshold, found : float
        The current threshold, and the loosest that reaches `precision` with confidence.
    answers : int
        Number of answers so far, for the title: the chart is not drawn after each.
    reverse : bool
        Whether a larger measure means more alike; strict is on the left either way.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = table["threshold"]
    for name, colour, sign in (("precision", BLUE, "o"), ("recall", GREEN, "s")):
        left.fill_between(at, table[f"{name}_low"], table[f"{name}_high"], color=colour, alpha=0.15)
        left.plot(at, table[name], sign + "-", color=colour, label=name, markersize=3.5)
    left.axhline(precision, color=BLUE, linestyle=":", linewidth=1)
    left.set(xlabel=f"threshold ({unit})", title=f"precision and recall, {answers:,} answers")
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    left.set_ylim(0, 1.03)
    right.fill_between(at, table["wrong_low"], table["wrong_high"], color=RED, alpha=0.15)
    right.plot(at, table["wrong"], "o-", color=RED, markersize=3.5)
    right.set(xlabel=f"threshold ({unit})", title="wrong removals expected")
    right.set_ylim(0, max(1.0, float(table["wrong_high"].max()) * 1.05))
    for axes in (left, right):
        axes.axvline(threshold, color=ORANGE, linestyle="--", label=f"now {threshold:g}")
        if found is not None:
            axes.axvline(found, color="#444", linestyle="-.", label=f"shown {found:g}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=bool((at == at.round()).all())))
        if reverse:
            axes.invert_xaxis()
    left.legend(loc="lower left", fontsize=8, framealpha=0.9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return report.Chart(buffer.getvalue(), _said(table.iloc[(at - threshold).abs().argmin()]))


def _said(row: pd.Series[float]) -> str:
    """Return what the chart shows at one threshold, for those who do not see it."""
    text = "Precision, recall and wrong removals by threshold, with intervals of 95 %."
    if pd.isna(row["precision"]):
        return f"{text} Nothing is answered yet."
    return (
        f"{text} At {row['threshold']:g}: precision {row['precision']:.1%}, recall "
        f"{row['recall']:.1%}, {row['wrong']:.1f} wrong removals ({row['wrong_low']:.1f} to "
        f"{row['wrong_high']:.1f})."
    )

"""A finder's pairs and your answers -> tables, a chart, a threshold, and the widget that asks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from dedup_nb import report
from dedup_nb.groups.labels import Label, Pair
from dedup_nb.groups.measures import MEASURES, number
from dedup_nb.library import tables
from dedup_nb.library.acceptance.warranty import LIMITS, RIGHT, WRONG
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count
from dedup_nb.report import samples
from dedup_nb.session import parameters
from dedup_nb.session.results import Results
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.calibrate import reading
from dedup_nb.steps.calibrate.charting import chart
from dedup_nb.steps.calibrate.drawing import Indices
from dedup_nb.steps.calibrate.estimates import Estimates, Threshold, answers_for
from dedup_nb.steps.calibrate.reading import Input
from dedup_nb.widgets.buttons import button
from dedup_nb.widgets.labelling import Asked, Labelling
from dedup_nb.widgets.labelling.labelling import FALLBACK
from dedup_nb.widgets.tuning import present

QUESTION = "Do both show the same picture, so that one of them may go?"
CHART_EVERY = 20  # answers
SHEET_PAIRS = 24
METHOD = (
    "Each answer stands for as many pairs as its stratum has for each answer (Horvitz-Thompson). "
    "Intervals: gamma (Fay and Feuer 1997), 95 %, with an allowance for one slip in 50 answers."
)


class Calibration:
    """The pairs of one finder, those that chance draws, and what the answers say.

    Parameters
    ----------
    run : Workbench
        The current run.
    taken : Input
        The pairs; see `reading.read`.
    sample, seed : int
        How many pairs are asked about, and which chance.
    target : float
        Precision that a threshold should reach, 0 to 1.

    Attributes
    ----------
    design : str
        The way of drawing; only answers given under it count.
    drawn : ndarray of int64
        The pairs that are asked about, in the order of asking.
    """

    def __init__(self, run: Workbench, taken: Input, sample: int, seed: int, target: float) -> None:
        self.run, self.taken, self.target, self.wanted = run, taken, target, sample
        population = taken.population
        self.design = population.design(seed)
        self.allotted = population.allotted(sample, taken.sign * taken.threshold)
        self.drawn: Indices = population.drawn(self.design, self.allotted)

    @property
    def labels(self) -> Mapping[Pair, Label]:
        """The answers that count."""
        return self.run.labels.of(self.design)

    @property
    def answered(self) -> list[int]:
        """The drawn pairs that are answered; one answer may be about a content at several paths."""
        labels, contents = self.labels, self.taken.population.contents
        return [k for k in self.drawn.tolist() if Pair(*contents[k]) in labels]

    @property
    def estimates(self) -> Estimates:
        """What the answers so far say about each threshold."""
        labels, answered = self.labels, self.answered
        contents = self.taken.population.contents
        same = [labels[Pair(*contents[k])].answer == RIGHT for k in answered]
        return Estimates(
            self.taken.population,
            self.taken.thresholds,
            np.array(answered, np.int64),
            np.array(same, np.bool_),
        )

    def describe(self) -> str:
        """Return how many pairs are asked about and how likely each was drawn."""
        sizes = self.taken.population.sizes
        chances = (self.allotted / np.maximum(sizes, 1))[self.allotted > 0]
        if not len(chances):
            return "There is nothing to ask about: every pair is two copies of one content."
        return (
            f"{count(len(self.drawn), 'pair')} of {sizes.sum():,} drawn by chance; a pair was "
            f"drawn with a probability of {chances.min():.2f} to {chances.max():.2f}, higher near "
            f"{self.taken.name} {number(self.taken.threshold)}. {len(self.answered):,} answered."
        )

    @cached_property
    def current(self) -> Threshold:
        """The threshold of the results."""
        return next(t for t in self.taken.thresholds if t.value == self.taken.threshold)

    def told(self, estimates: Estimates | None = None) -> str:
        """Return what the answers say at the current threshold, and how many are left."""
        made = estimates or self.estimates
        n = len(made.answered)
        wrong = made.number(~made.same, self.current.removed)
        removed = int(np.count_nonzero(self.current.removed))
        most = max(removed, 1)
        if not n or np.isnan(wrong.estimate):
            return f"{n:,} of {len(self.drawn):,} answered; nothing is known yet."
        return (
            f"{n:,} of {len(self.drawn):,} answered. At {self.taken.name} "
            f"{number(self.taken.threshold)}: {removed:,} go, precision "
            f"{1 - wrong.estimate / most:.1%} ({1 - wrong.high / most:.1%} to "
            f"{1 - wrong.low / most:.1%}), {wrong.estimate:.1f} wrong removals expected "
            f"({wrong.low:.1f} to {wrong.high:.1f})."
        )

    def advice(self, estimates: Estimates) -> str:
        """Return the loosest threshold that reaches the target, or what it takes to show one."""
        found = estimates.loosest(self.target)
        if found is not None:
            return (
                f"{self.taken.name} {number(found.value)} is the loosest threshold shown to reach "
                f"a precision of {self.target:.2%} with 95 % confidence."
            )
        left = len(self.drawn) - len(estimates.answered)
        could = [t for t in self.taken.thresholds if estimates.could_show(t, self.target)]
        if could:
            return (
                f"No threshold is shown to reach a precision of {self.target:.2%}: too many pairs "
                "were called different. Use a lower target_precision, or a stricter ceiling."
            )
        if left:
            return (
                f"No threshold is shown to reach a precision of {self.target:.2%} yet; "
                f"{count(left, 'pair')} of the sample are not answered."
            )
        asked = int(np.count_nonzero(self.current.removed & ~self.taken.population.equal))
        removed = int(np.count_nonzero(self.current.removed))
        inside = self.current.removed[self.drawn]
        share = max(float(inside.mean()) if len(inside) else 0.0, 1 / max(len(self.drawn), 1))
        needed = answers_for(self.target, removed, asked)
        return (
            f"{len(self.drawn):,} answers can show a precision of at most "
            f"{estimates.most_precision(self.current):.2%} here; for {self.target:.2%}, set sample "
            f"to about {int(np.ceil(needed / share)):,}."
        )

    def chart(self, estimates: Estimates) -> report.Chart:
        """Draw precision, recall and wrong removals by threshold."""
        measure = MEASURES[self.taken.population.measure]
        found = estimates.loosest(self.target)
        return chart(
            estimates.table(),
            measure.unit or measure.name,
            self.taken.threshold,
            found.value if found else None,
            self.target,
            answers=len(self.answered),
            reverse=self.taken.sign < 0,
        )

    # -- results ---------------------------------------------------------------------------------

    def asked_table(self) -> pd.DataFrame:
        """Return the drawn pairs with their probability and answers, as in `asked.csv`."""
        labels, population = self.labels, self.taken.population
        paths = self.run.catalogue["path"].to_numpy(object)
        ends = self.taken.pairs[["i", "j"]].to_numpy(np.int64)
        rows = []
        for k in self.drawn.tolist():
            stratum = int(population.strata[k])
            label = labels.get(Pair(*population.contents[k]))
            rows.append(
                {
                    "first": paths[ends[k, 0]],
                    "second": paths[ends[k, 1]],
                    population.measure: self.taken.pairs[population.measure].iloc[k],
                    "removed": bool(self.current.removed[k]),
                    "probability": self.allotted[stratum] / population.sizes[stratum],
                    "answer": label.answer if label else "",
                    "when": label.when if label else "",
                }
            )
        return pd.DataFrame(rows)

    def save(self) -> Path:
        """Write tables, summary and report into the run folder; return the folder."""
        made = self.estimates
        table, asked = made.table(), self.asked_table()
        found, says = made.loosest(self.target), self.told(made)
        left = len(self.drawn) - len(made.answered)
        shown = table.round(4)
        return self.run.save_results(
            Results(
                title=f"{self.run.notebook}: {self.taken.name} of {self.taken.finder}",
                lead=f"Nothing was moved. {self.taken.folder}. Library: {self.run.library}",
                facts=[
                    ("pairs answered", f"{len(made.answered):,}"),
                    ("pairs left to answer", f"{left:,}"),
                    ("called different", f"{int(np.count_nonzero(~made.same)):,}"),
                    ("threshold shown", number(found.value) if found else "none"),
                ],
                summary={
                    "says": says,
                    "finder": self.taken.finder,
                    "name": self.taken.name,
                    "now": self.taken.threshold,
                    "target_precision": self.target,
                    "threshold_shown": found.value if found else None,
                    "advice": self.advice(made),
                    "design": self.design,
                    "answered": len(made.answered),
                    "left": left,
                    "confidence": 0.95,
                },
                tables={
                    "thresholds": (list(table.columns), table.to_dict("records")),
                    "asked": (list(asked.columns), asked.to_dict("records")),
                },
                charts=[self.chart(made)] if len(table) else [],
                notes=[says, self.advice(made), METHOD, LIMITS],
                frames={"By threshold": shown},
            )
        )

    def wrong_pairs(self) -> list[dict[str, Any]]:
        """Return the pairs that were called different although one of them goes, for a sheet."""
        contents, labels = self.taken.population.contents, self.labels
        ends = self.taken.pairs[["i", "j"]].to_numpy(np.int64)
        called = [
            k
            for k in self.drawn.tolist()
            if self.current.removed[k]
            and Pair(*contents[k]) in labels
            and labels[Pair(*contents[k])].answer == WRONG
        ]
        return [
            {
                "title": f"you called these different; {self.taken.name} lets one of them go",
                "members": samples.plain_members(self.run.catalogue, ends[k].tolist()),
            }
            for k in called[:SHEET_PAIRS]
        ]

    # -- asking ----------------------------------------------------------------------------------

    def asked(self) -> list[Asked]:
        """Return the drawn pairs as the widget asks about them."""
        population = self.taken.population
        table = self.run.catalogue
        ends = self.taken.pairs[["i", "j"]].to_numpy(np.int64)
        made = []
        for k in self.drawn.tolist():
            rows = sorted(ends[k].tolist(), key=lambda row: table["sha256"].iat[row])
            paths = [table["path"].iat[row] for row in rows]
            made.append(
                Asked(
                    (paths[0], paths[1]),
                    Pair(*population.contents[k]),
                    (self.run.sizes[paths[0]], self.run.sizes[paths[1]]),
                )
            )
        return made


class Asking:
    """The questions of a calibration, with the chart and buttons that save and write a threshold.

    Attributes
    ----------
    asking : Labelling
        The questions.
    """

    def __init__(self, made: Calibration) -> None:
        self.made = made
        self.said, self.shown = ipywidgets.HTML(), ipywidgets.Image(format="png")
        self.write = button("write threshold to the profile", "pencil", self._write)
        self.save = button("save these results", "download", self._save)
        self.draw = button("draw the chart", "line-chart", self._draw)
        self.asking = Labelling(
            made.asked(),
            labels=made.run.labels,
            design=made.design,
            question=QUESTION,
            sides=("one", "the other"),
            told=made.told,
            thumbnail=made.run.thumbnail,
            beside=made.run.beside,
            finder=made.taken.finder,
            finished="All pairs of this sample are answered.",
        )
        self.asking.on_answer(self._answered)
        bar = ipywidgets.HBox(
            [self.write, self.save, self.draw], layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        limits = ipywidgets.HTML(f"<small>{escape(LIMITS)}</small>")
        self.box = ipywidgets.VBox([bar, self.said, self.asking, self.shown, limits])
        self._draw()

    def _answered(self) -> None:
        done = len(self.made.answered)
        if done % CHART_EVERY == 0 or done >= len(self.made.drawn):
            self._draw()

    def _draw(self) -> None:
        estimates = self.made.estimates
        if self.made.taken.thresholds:
            drawn = self.made.chart(estimates)
            self.shown.value, self.shown.alt = drawn.png, drawn.alt
        self._say(self.made.advice(estimates))

    def _save(self) -> None:
        self._say(f"saved in {self.made.save()}: thresholds.csv, asked.csv, report.html")

    def _write(self) -> None:
        taken = self.made.taken
        found = self.made.estimates.loosest(self.made.target)
        profile = self.made.run.values.get("profile")
        if found is None:
            self._say(f"not written: {self.made.advice(self.made.estimates)}")
            return
        value = int(found.value) if float(found.value).is_integer() else found.value
        text = f"{taken.name}: {value}"
        if not profile:
            self._say(
                f"this notebook was opened without a profile; set {text} under {taken.finder}: in "
                "your profile"
            )
            return
        try:
            parameters.write_value(Path(profile), taken.finder, taken.name, value)
        except (ValueError, OSError) as error:
            self._say(f"not written: {error}")
            return
        self._say(f"wrote {text} to {profile}")

    def _say(self, text: str) -> None:
        self.said.value = escape(tables.shown(text))


def draw(run: Workbench, inputs: list[str], sample: int, seed: int, target: float) -> Calibration:
    """Read a finder's pairs and draw those that are asked about; see `Calibration`."""
    return Calibration(run, reading.read(run, inputs), sample, seed, target)


def ask(made: Calibration, *, interactive: bool = True) -> Asking | None:
    """Show the questions; when `interactive` is false, say what is missing."""
    if interactive:
        asking = Asking(made)
        present(asking.box, f"{FALLBACK}; the tables above use the answers given so far")
        return asking
    left = len(made.drawn) - len(made.answered)
    print(made.told())
    print(made.advice(made.estimates))
    if left > 0:
        lab = command("lab", "--run", made.run.folder)
        print(f"{count(left, 'pair')} are not answered; to go on, open 70_calibrate: {lab}")
    return None

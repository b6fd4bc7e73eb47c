"""A threshold slider above the review gallery, with buttons that save the results."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from IPython.display import display

from dedup_nb import groups, report
from dedup_nb.compare.holding import words
from dedup_nb.groups.measures import MEASURES
from dedup_nb.library import tables
from dedup_nb.session import parameters
from dedup_nb.session.workbench import Workbench
from dedup_nb.widgets.arriving import Arriving
from dedup_nb.widgets.buttons import button
from dedup_nb.widgets.following import Follower
from dedup_nb.widgets.gallery import FALLBACK, Changed, Gallery, SavedFilters
from dedup_nb.widgets.place import Place

Chart = Callable[[groups.Candidates, float], report.Chart]
Warn = Callable[[float], str]

PAIRS_SHOWN = 12  # most pairs shown that joined or left
REST_S = 1.0  # after this long the slider is at rest, and changes count from there


def _histogram(candidates: groups.Candidates, threshold: float) -> report.Chart:
    if candidates.sign < 0:
        values = candidates.pairs[candidates.measure]
        return report.of_similarity(values, threshold, candidates.measure)
    unit = MEASURES[candidates.measure].unit
    return report.histogram(candidates.pairs[candidates.measure], threshold, unit)


def slider(name: str, value: float, low: float, high: float, step: float) -> ipywidgets.Widget:
    """Return a slider named after its parameter."""
    whole = isinstance(step, int)
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return kind(
        value=max(low, min(value, high)),
        min=low,
        max=high,
        step=step,
        description=name,
        continuous_update=True,
        layout=ipywidgets.Layout(width="28rem"),
        style={"description_width": "initial"},
        **({} if whole else {"readout_format": ".4f"}),
    )


def present(widget: ipywidgets.Widget, instead: str = FALLBACK, html: str = "") -> None:
    """Display a widget, or a sentence, or `html`, where widgets cannot be loaded."""
    bundle = dict(widget._repr_mimebundle_())
    bundle |= {"text/plain": instead, "text/html": html or f"<p>{escape(instead)}</p>"}
    display(bundle, raw=True)


class Changes:
    """The pairs that joined or left since the slider was last at rest, nearest first.

    Parameters
    ----------
    candidates : Candidates
        Pairs and rules.
    threshold : float
        Position of the slider.
    """

    def __init__(self, candidates: groups.Candidates, threshold: float) -> None:
        self.candidates = candidates
        pairs = candidates.pairs
        self.ends = [pairs[end].to_numpy(np.int64) for end in ("i", "j")]
        self.distances = candidates.sign * pairs[candidates.measure].to_numpy(np.float64)
        self.order = np.argsort(self.distances, kind="stable")
        self.values = self.distances[self.order]
        self.rested, self.now, self.moved = threshold, threshold, time.monotonic()

    def move(self, threshold: float) -> Changed:
        """Move the slider; return the pairs that joined or left."""
        if time.monotonic() - self.moved > REST_S:
            self.rested = self.now
        self.now, self.moved = threshold, time.monotonic()
        sign = self.candidates.sign
        low, high = sorted([sign * self.rested, sign * threshold])
        start, stop = np.searchsorted(self.values, [low, high], side="right").tolist()
        joined = sign * threshold >= sign * self.rested
        near = range(stop - 1, start - 1, -1) if joined else range(start, stop)
        pairs = [self._pair(int(self.order[k])) for k in near[:PAIRS_SHOWN]]
        return Changed(joined, stop - start, pairs, self.candidates.measure)

    def _pair(self, k: int) -> tuple[tuple[str, str], tuple[str, str], float]:
        made, images = self.candidates, self.candidates.images
        a, b = ((images.paths[end[k]], images.digests[end[k]]) for end in self.ends)
        return a, b, float(made.sign * self.distances[k])


class Tuner:
    """Tune a threshold on live pictures; every mark is saved at once.

    Parameters
    ----------
    run : Workbench
        The current run.
    candidates : Candidates
        Pairs computed up to a loose bound; moving the slider does not recompute them.
    name : str
        Name of the threshold parameter; the slider starts at its value.
    low, high, step : float
        Range and step of the slider, both ends inclusive.
    value : float, optional
        Initial value; that of the parameter by default.
    chart : callable, optional
        Candidates and a threshold -> chart saved with the results.
    warn : callable, optional
        Threshold -> warning shown below the slider, or "".

    Attributes
    ----------
    slider, gallery : widget
        The widgets; their values can be read and set.
    sliders : list of widget
        The slider of the threshold and those of other tuned parameters.
    """

    def __init__(
        self,
        run: Workbench,
        candidates: groups.Candidates,
        name: str,
        *,
        low: float,
        high: float,
        step: float = 1,
        value: float | None = None,
        chart: Chart | None = None,
        warn: Warn | None = None,
    ) -> None:
        self.run, self.candidates, self.name = run, candidates, name
        start = run.values[name] if value is None else value
        self._start = start
        self.slider = slider(name, start, low, high, step)
        self.sliders = [self.slider]
        self.said, self.warned = ipywidgets.HTML(), ipywidgets.HTML()
        self.further: list[ipywidgets.Widget] = []  # shown between the buttons and the gallery
        self.chart, self.warn = chart or _histogram, warn or (lambda threshold: "")
        self._warn()
        self.candidates.decide(self._marks(), run.live_decisions.answers())
        self.cut = candidates.cut(self.slider.value)
        self.changes = Changes(candidates, self.slider.value)
        _ = candidates.images.row_of_id  # computed now, not while the slider is dragged
        self.place = Place(run, candidates, self._say)
        self.gallery = Gallery(
            run.views(candidates, self.cut),
            thumbnail=run.thumbnail,
            decisions=run.live_decisions,
            finder=run.notebook,
            totals=self._totals,
            beside=run.beside,
            facts=run.facts_of,
            tells_changes=True,
            view=self.place.begin(self.cut),
            filters=SavedFilters(run.answers / "filters.json"),
            lacking=self._lacking,
        )
        self.place.follow(self.gallery)
        self._say(self.place.told(self.gallery))
        self.gallery.on_mark(lambda record: self._decided())
        self.follower = Follower(run.live_decisions, self._decided, self.gallery.lock)
        self.slider.observe(lambda change: self._moved(), "value")
        self.buttons = [
            button("save this threshold's results", "download", self._save),
            button("write threshold to the profile", "pencil", self._write),
        ]

    def show(self) -> None:
        """Display slider, buttons and gallery below the cell, and scroll to them."""
        top = ipywidgets.HBox(
            [*self.sliders, *self.buttons], layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        shown = [Arriving(), top, self.warned, self.said, *self.further, self.gallery]
        present(ipywidgets.VBox(shown))
        self.follower.start()

    def _totals(self) -> dict[str, int]:
        """Return the sums above the gallery."""
        return self.cut.totals

    def _marks(self) -> list[str | None]:
        images = self.candidates.images  # the very same lists, whose places are remembered
        return self.run.live_decisions.marks_for(images.paths, images.digests)

    def _decided(self) -> None:
        with self.gallery.lock:  # marks and the slider may use two threads
            self.candidates.decide(self._marks(), self.run.live_decisions.answers())
            self.follower.seen()
            self._cut_again()

    def _catch_up(self) -> bool:
        """Show decisions made elsewhere that were not seen yet; return whether there were any."""
        return self.follower.look()

    def _lacking(self, path: str, keeper: str) -> list[str]:
        """Return what another image lacks of one, as it is shown; empty if one is not known."""
        rows = self.candidates.images.row_of_id
        k, other = (rows.get(groups.identifier("g", each)) for each in (path, keeper))
        lacks = () if k is None or other is None else self.candidates.lacking(k, other)
        return [words.shown(word).removeprefix("lacks ") for word in lacks]

    def _warn(self) -> None:
        text = self.warn(self.slider.value)
        self.warned.value = f"<b>{escape(text)}</b>" if text else ""

    def _moved(self) -> None:
        with self.gallery.lock:
            self._cut_again(self.changes.move(self.slider.value))

    def _cut_again(self, changed: Changed | None = None) -> None:
        self._warn()
        with self.gallery.lock:
            self.cut = self.candidates.cut(self.slider.value)
            self.gallery.show(self.run.views(self.candidates, self.cut), changed)

    def _save(self) -> None:
        self._say("saving …")
        with self.gallery.lock:  # decisions made elsewhere wait until it is written
            charts = [self.chart(self.candidates, self.slider.value)]
            folder = self.run.save(
                self.candidates, self.slider.value, name=self.name, charts=charts, anew=True
            )
        more = (
            "; 90_stage offers this manifest first, and 80_review reads it if its inputs name the "
            "folder"
        )
        files = "groups.csv, manifest.csv, report.html"
        self._say(f"saved in {folder}: {files}{more if self._is_merged else ''}")

    @property
    def _is_merged(self) -> bool:
        """Whether `80_review` merges the results; it leaves clusters out."""
        return self.candidates.needs_keeper

    def _write(self) -> None:
        profile = self.run.values.get("profile")
        values = ", ".join(f"{each.description}: {each.value}" for each in self.sliders)
        if not profile:
            self._say(
                "this notebook was opened without a profile; "
                f"set {values} under {self.run.notebook}: in your profile"
            )
            return
        try:
            for each in self.sliders:
                name, value = each.description, each.value
                parameters.write_value(Path(profile), self.run.notebook, name, value)
        except (ValueError, OSError) as error:
            self._say(f"not written: {error}")
            return
        before = ", ".join(f"{each.description} {self._began(each)}" for each in self.sliders)
        merged = (
            ", and 80_review merges its results; to have the new value here too, save this "
            "threshold's results and name their folder in inputs of 80_review"
        )
        self._say(
            f"wrote {values} to {profile}; {self.run.notebook} uses it in new runs. "
            f"This run keeps {before}{merged if self._is_merged else ''}"
        )

    def _began(self, slider: ipywidgets.Widget) -> Any:
        """Return the value that a parameter has in this run."""
        value = self.run.values.get(slider.description)
        return self._start if value is None else value

    def _say(self, text: str) -> None:
        self.said.value = escape(tables.shown(text))


def tune(
    run: Workbench,
    candidates: groups.Candidates,
    name: str,
    *,
    low: float = 0,
    high: float,
    step: float = 1,
    value: float | None = None,
    chart: Chart | None = None,
    warn: Warn | None = None,
    interactive: bool = True,
) -> Tuner | None:
    """Show a `Tuner`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    tuner = Tuner(
        run, candidates, name, low=low, high=high, step=step, value=value, chart=chart, warn=warn
    )
    tuner.show()
    return tuner

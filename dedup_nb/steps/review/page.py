"""The merged groups -> everything that `80_review` shows of its plan, from one cut.

In JupyterLab all parts are widgets that follow your decisions, so that tables, sheet, counts and
button always agree. Headless, they are static and show the decisions of the run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

from dedup_nb import report
from dedup_nb.library import tables
from dedup_nb.library.quantities import count, size_text
from dedup_nb.session import runs
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.review.merging import Merged
from dedup_nb.steps.review.telling import Taken, remembered
from dedup_nb.widgets.tuning import present

ROWS = 20  # of the tables, the first
REST_S = 0.4  # after a decision, until the page is made again


class Live:
    """A part of the page, which Jupyter shows by displaying it."""

    def __init__(self, make: Callable[[], Any], live: bool) -> None:
        self.make = make
        self.widget = ipywidgets.HTML() if live else None
        self.paint()

    def paint(self) -> None:
        """Make the part again."""
        self.made = self.make()
        if self.widget is not None:
            self.widget.value = html_of(self.made)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.widget is None:
            display(self.made)
        else:
            begun = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            when = (
                f"<p><small>As of {begun}; run this notebook for the decisions of now.</small></p>"
            )
            present(self.widget, html=when + html_of(self.made))


def html_of(made: Any) -> str:
    """Return a text, a table or a sheet as HTML that looks as an output of a cell does."""
    if isinstance(made, pd.DataFrame):
        made = report.Table(made, rows=ROWS)
    is_text = isinstance(made, str)
    inside = f"<p>{escape(tables.shown(made))}</p>" if is_text else made._repr_html_()
    return f'<div class="jp-RenderedHTMLCommon">{inside}</div>'


class Page:
    """What `80_review` shows of the plan.

    Parameters
    ----------
    run : Workbench
        The current run.
    merged : Merged
        The merged groups.
    include : str
        `reviewed` or `all`; see `Merged.planned`.
    min_inputs : int
        How many inputs must find a pair near.
    interactive : bool
        Whether the parts follow your decisions from now on.

    Attributes
    ----------
    include, min_inputs
        As given, or as last set by `show`.
    plan, cut
        The plan that the page shows, and its groups.
    saved : Path or None
        Folder of the plan that was saved last.
    """

    def __init__(
        self, run: Workbench, merged: Merged, include: str, min_inputs: int, *, interactive: bool
    ) -> None:
        self.run, self.merged, self.interactive = run, merged, interactive
        self.include, self.min_inputs = include, min_inputs
        self.lock = threading.RLock()
        self.decisions_used = run.live_decisions if interactive else run.decisions
        self.counted = Taken(run.catalogue)
        self._thumbnail = lru_cache(512)(run.thumbnail)  # the sheet is made again and again
        self.saved: Path | None = None
        self._saved_ways: set[tuple[str, str]] = set()
        self._parts: dict[str, Live] = {}  # by name: a cell that runs again makes its part again
        self._further: dict[str, Callable[[], None]] = {}
        self._gallery_decided: Callable[[], None] | None = None
        self._timer: threading.Timer | None = None
        if interactive:
            self.decide()
        self._cut()

    # -- the plan --------------------------------------------------------------------------------

    def decide(self) -> None:
        """Apply the decisions of now to the merged groups."""
        said = self.decisions_used
        self.merged.decide(self.run.marks(said), said.answers())

    def _cut(self) -> None:
        self.plan = self.merged.planned(self.include, self.decisions_used)
        self.cut = self.plan.cut(self.min_inputs)

    def show(self, include: str, min_inputs: int) -> None:
        """Show another plan, or the same after a decision, once nothing changed for a moment."""
        self.include, self.min_inputs = include, min_inputs
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(REST_S, self._paint_or_say)
        self._timer.daemon = True
        self._timer.start()

    def _paint_or_say(self) -> None:
        """Make all parts again; where that fails, none may go on showing an earlier plan."""
        try:
            self.paint()
        except (OSError, ValueError, RuntimeError) as error:
            why = f"This cannot be shown ({error}); run the notebook again."
            for part in self._parts.values():
                if part.widget is not None:
                    part.widget.value = html_of(why)

    def paint(self) -> None:
        """Make all parts again, from one cut."""
        with self.lock:
            self._cut()
            for part in self._parts.values():
                part.paint()
            for act in self._further.values():
                act()

    def follow(self, name: str, act: Callable[[], None]) -> None:
        """Call `act` whenever the page was made again, in place of an earlier one of that name."""
        self._further[name] = act

    def decided(self) -> None:
        """Show the plan with the decisions of now, in the gallery too if there is one."""
        if self._gallery_decided is not None:
            self._gallery_decided()
            return
        with self.lock:
            self.decide()
        self.paint()

    def join(self, lock: threading.RLock, decided: Callable[[], None]) -> None:
        """Take the lock of a gallery, and what makes it show the decisions of now."""
        self.lock, self._gallery_decided = lock, decided

    # -- its parts -------------------------------------------------------------------------------

    def _part(self, name: str, make: Callable[[], Any]) -> Live:
        self._parts[name] = Live(make, self.interactive)
        return self._parts[name]

    def agreement(self) -> Live:
        """Return the first images with their keepers, and what each input says about the pair."""
        return self._part("agreement", lambda: report.Table(self.plan.agreement(self.cut, ROWS)))

    def taken(self) -> Live:
        """Return what the plan takes from each root, stage and day."""
        return self._part("taken", lambda: self.counted.table(self.cut.staged()))

    def sheet(self) -> Live:
        """Return the first groups with their pictures."""
        return self._part(
            "sheet",
            lambda: report.Sheet(
                self.run.foremost(self.plan, self.cut),
                self._thumbnail,
                folded=self.interactive,
            ),
        )

    def decisions(self) -> Live:
        """Return the table of the decisions in force."""
        return self._part(
            "decisions", lambda: remembered(self.decisions_used, ROWS if self.interactive else None)
        )

    def standing(self, saved: Path) -> Live:
        """Return a sentence on the plan, and whether it is the one that was saved in `saved`."""
        self.note_saved(saved)
        return self._part("standing", self._standing)

    def note_saved(self, saved: Path) -> None:
        """Note the folder of the plan that was saved last, in `saved` or by the button below it."""
        later = [each for each in sorted(saved.glob("saved-*")) if runs.is_complete(each)]
        saved = [saved, *later][-1]
        rows = tables.read_csv(saved / "groups.csv")
        self._saved_ways = {(row["path"], row["keeper"]) for row in rows if row["role"] == "stage"}
        self.saved = saved

    @property
    def counts(self) -> str:
        """What the plan would do, in words: `6 images, 221 kB`."""
        totals = self.cut.totals
        return f"{count(totals['images'], 'image')}, {size_text(totals['bytes'])}"

    def _standing(self) -> str:
        waiting = self.cut.totals["review"]
        plan = f"The plan stages {self.counts}; {waiting:,} left for your review"
        if not self.interactive or self.saved is None:
            return f"{plan}."
        paths, keepers = self.plan.images.paths, self.cut.keepers
        ways = {(paths[k], paths[int(keepers[k])]) for k in self.cut.staged().tolist()}
        where = self.saved / "manifest.csv"
        if ways == self._saved_ways:
            return f"{plan}. It is saved in {where}."
        return (
            f"{plan}. It is not saved yet: preview and write it below. {where} is an earlier plan, "
            f"with {count(len(self._saved_ways), 'image')}."
        )

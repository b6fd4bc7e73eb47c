"""Widgets of `80_review`: merged groups, a preview of the plan, and past decisions to revoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from dedup_nb.library.hints import command
from dedup_nb.steps.review.page import Page, html_of
from dedup_nb.steps.review.telling import describe, told
from dedup_nb.widgets import tuning
from dedup_nb.widgets.buttons import button
from dedup_nb.widgets.gallery import Changed

__all__ = ["Page", "Reviewer", "Revoker", "describe", "review", "revoker"]

ROWS_A_PAGE = 20
PREVIEW_FIRST = "write this plan: preview it first"


class Reviewer(tuning.Tuner):
    """The gallery of the merged groups; a plan must be previewed before it can be written.

    Parameters
    ----------
    page : Page
        Shows the plan; follows the gallery, the slider and `include`.

    Attributes
    ----------
    include : widget
        `reviewed` writes what you accepted or marked, `all` everything that is proposed.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.include = ipywidgets.Dropdown(
            options=[("what I reviewed", "reviewed"), ("everything proposed", "all")],
            value=page.include,
            description="include",
            layout=ipywidgets.Layout(width="16rem"),
        )
        self.told = ipywidgets.HTML(layout=ipywidgets.Layout(max_height="18rem", overflow="auto"))
        high = max(2, len(page.merged.findings))
        super().__init__(page.run, page.merged, "min_inputs", low=1, high=high)
        page.join(self.gallery.lock, self._decided)
        page.follow("gallery", self.gallery.sum_up)
        self.look = button("preview the plan", "list", self._look)
        self.write = button("write this plan", "check", self._save)
        self.buttons = [self.include, self.look, self.write]
        self.further = [self.told]
        self.include.observe(lambda change: self._unsettle(), "value")
        self._unsettle()

    def _totals(self) -> dict[str, int]:
        """Return the groups that are shown, and what the plan would move of them."""
        return {**self.page.cut.totals, "groups": self.cut.totals["groups"]}

    def _unsettle(self) -> None:
        """Show the plan as it is now, and require a new preview of it."""
        self.write.disabled = True
        self.write.description = PREVIEW_FIRST
        self.told.value = ""
        self.page.show(self.include.value, self.slider.value)

    def _cut_again(self, changed: Changed | None = None) -> None:
        super()._cut_again(changed)
        self._unsettle()

    def _look(self) -> None:
        with self.gallery.lock:
            self._catch_up()
            self.page.paint()
            cut, counts = self.page.cut, self.page.counts
            self.told.value = html_of(self.page.counted.table(cut.staged()))
            self.write.description = f"write this plan: {counts}"
            self.write.disabled = False
        self._say(
            f"this plan would stage {counts}, {cut.totals['review']:,} left for your review; "
            "the table shows where they are from; nothing is written yet"
        )

    def _save(self) -> None:
        with self.gallery.lock:
            if self._catch_up():
                self._say("decisions were made elsewhere since the preview; look at the plan again")
                return
            self._say("writing …")
            plan, threshold = self.page.plan, self.page.min_inputs
            folder = self.run.save(plan, threshold, name=self.name, anew=True)
            self.page.note_saved(folder)
            self.page.paint()
        self.write.disabled = True
        self.write.description = PREVIEW_FIRST
        stage = command("stage", folder / "manifest.csv")
        self._say(f"written; to stage it, open 90_stage or run: {stage}")


def review(page: Page) -> Reviewer | None:
    """Show a `Reviewer`, or nothing if the page is not interactive."""
    if not page.interactive:
        return None
    reviewer = Reviewer(page)
    reviewer.show()
    return reviewer


# ---------------------------------------------------------------- decisions


class Revoker:
    """Every decision in force with a button that revokes it, a page at a time.

    Parameters
    ----------
    page : Page
        Shows the plan; follows every revocation.

    Attributes
    ----------
    sought : widget
        Text to search; only matching decisions are shown.
    rows : widget
        The rows on display, each with a button and a text.
    """

    def __init__(self, page: Page) -> None:
        self.decisions, self.plan, self.page = page.decisions_used, page, 0
        self._shown: list[dict[str, Any]] = []
        self._rows: list[ipywidgets.HBox] = []
        layout = ipywidgets.Layout(width="20rem")
        self.sought = ipywidgets.Text(
            description="find", placeholder="part of a file name", layout=layout
        )
        self.sought.observe(lambda change: self._turn(-self.page), "value")
        self.back = _small("‹", "newer decisions", lambda: self._turn(-1))
        self.on = _small("›", "older decisions", lambda: self._turn(1))
        self.again = _small("refresh", "read the decisions again", self._decided)
        self.undo = _small("undo", "undo the last decision or revocation", self._undo)
        self.said, self.rows = ipywidgets.HTML(), ipywidgets.VBox()
        bar = [self.sought, self.back, self.on, self.again, self.undo]
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        self.box = ipywidgets.VBox([ipywidgets.HBox(bar, layout=wrap), self.said, self.rows])
        self._turn(0)
        page.follow("revoker", lambda: self._turn(0))

    def _turn(self, pages: int) -> None:
        listed = self.decisions.listed()[::-1]
        if text := self.sought.value.casefold():
            listed = [record for record in listed if text in " ".join(told(record)).casefold()]
        last = max(0, (len(listed) - 1) // ROWS_A_PAGE)
        self.page = min(max(0, self.page + pages), last)
        self._shown = listed[self.page * ROWS_A_PAGE : (self.page + 1) * ROWS_A_PAGE]
        self.rows.children = [self._row(k, told(record)) for k, record in enumerate(self._shown)]
        self.back.disabled, self.on.disabled = self.page == 0, self.page == last
        self.undo.disabled = self.decisions.last is None
        self.said.value = f"{len(listed):,} decisions, page {self.page + 1} of {last + 1}"

    def _row(self, k: int, cells: Sequence[str]) -> ipywidgets.HBox:
        """Return row `k` of the page; rows are made once and used again."""
        if k == len(self._rows):
            button = _small("revoke", "", lambda: self._revoke(self._shown[k]))
            text = ipywidgets.Label()  # shows text only
            self._rows.append(ipywidgets.HBox([button, text]))
        when, what, images, finder, _ = cells
        button, text = self._rows[k].children
        button.tooltip = f"revoke {what} {images}"
        text.value = f"{when} · {what} · {images} · {finder}"
        return self._rows[k]

    def _revoke(self, record: Mapping[str, Any]) -> None:
        self.decisions.revoke(record)
        self._decided()

    def _undo(self) -> None:
        self.decisions.undo()
        self._decided()

    def _decided(self) -> None:
        self._turn(0)
        self.plan.decided()


def _small(text: str, label: str, act: Any) -> ipywidgets.Button:
    button = ipywidgets.Button(
        description=text,
        tooltip=label,
        layout=ipywidgets.Layout(width="auto", flex="0 0 auto"),
    )
    button.on_click(lambda _: act())
    return button


def revoker(page: Page) -> Revoker | None:
    """Show a `Revoker`, or nothing if the page is not interactive."""
    if not page.interactive:
        return None
    made = Revoker(page)
    tuning.present(
        made.box,
        "revoking needs a live Jupyter kernel with widgets; the table above lists the decisions",
    )
    return made

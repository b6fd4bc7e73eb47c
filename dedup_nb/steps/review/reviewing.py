"""Widgets and tables of `80_review`: merged groups, a preview of the plan, past decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ipywidgets
import pandas as pd

from dedup_nb import report
from dedup_nb.groups.decisions import Decisions
from dedup_nb.library import tables
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count
from dedup_nb.session import runs
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.review import sources
from dedup_nb.steps.review.findings import Finding
from dedup_nb.steps.review.merging import Merged
from dedup_nb.widgets import tuning
from dedup_nb.widgets.gallery import Changed

WHAT = {"mark": "mark", "not_duplicate": "not duplicates", "reviewed": "reviewed"}
DECISION_COLUMNS = ["when", "decision", "images", "notebook", "group"]
ROWS_A_PAGE = 20


def describe(findings: Sequence[Finding]) -> str:
    """Return one line per merged run, and one per input with what it proposes."""
    lines = [f"Merging {runs.told(home)}." for home in sources.runs_of(findings)]
    for finding in findings:
        states = finding.pairs["state"].value_counts()
        lines.append(
            f"{finding.name} proposes {count(states.get('stage', 0), 'pair')} and leaves "
            f"{states.get('review', 0):,} for review, with {count(len(finding.unusable), 'image')} "
            f"ignored ({finding.folder})"
        )
    return tables.shown("\n".join(lines))


def taken(run: Workbench, table: pd.DataFrame) -> pd.DataFrame:
    """Return how many images would be staged from each root, stage and day.

    Parameters
    ----------
    run : Workbench
        The current run, for its catalogue.
    table : DataFrame
        Rows of `groups.csv`.

    Returns
    -------
    DataFrame
        Columns `by` (root, stage, day), `what`, `images` that move, `of` all, and `MB` freed.
    """
    known = pd.DataFrame(
        {
            "path": run.catalogue["path"],
            "bytes": run.catalogue["bytes"],
            "root": run.catalogue["root"],
            "stage": run.catalogue["stage"].replace("", "no stage"),
            "day": run.catalogue["stamp"].str[:10].replace("", "no stamp"),
        }
    )
    staged = known[known["path"].isin(table["path"][table["role"] == "stage"])]
    parts = [_taken_by(by, known, staged) for by in ("root", "stage", "day")]
    return pd.concat(parts, ignore_index=True)


def _taken_by(by: str, known: pd.DataFrame, staged: pd.DataFrame) -> pd.DataFrame:
    grouped = staged.groupby(by)["bytes"].agg(["size", "sum"])
    there = known[by].value_counts()
    return pd.DataFrame(
        {
            "by": by,
            "what": [tables.shown(str(name)) for name in grouped.index],
            "images": grouped["size"].to_numpy(),
            "of": there.reindex(grouped.index).to_numpy(),
            "MB": (grouped["sum"].to_numpy() / 1e6).round(2),
        }
    )


class Reviewer(tuning.Tuner):
    """The gallery of the merged groups; a plan must be previewed before it can be written.

    Attributes
    ----------
    include : widget
        `reviewed` writes what you accepted or marked, `all` everything that is proposed.
    """

    def __init__(self, run: Workbench, merged: Merged, include: str) -> None:
        self.include = ipywidgets.Dropdown(
            options=[("what I reviewed", "reviewed"), ("everything proposed", "all")],
            value=include,
            description="include",
            layout=ipywidgets.Layout(width="16rem"),
        )
        self.told = ipywidgets.HTML(layout=ipywidgets.Layout(max_height="18rem", overflow="auto"))
        high = max(2, len(merged.findings))
        super().__init__(run, merged, "min_inputs", low=1, high=high)
        self.look = self._button("preview the plan", self._look, "list")
        self.write = self._button("write this plan", self._save, "check")
        self.buttons = [self.include, self.look, self.write]
        self.further = [self.told]
        self.include.observe(lambda change: self._unsettle(), "value")
        self._unsettle()

    def _unsettle(self) -> None:
        """Require a new preview, because the plan differs from the one on display."""
        self.write.disabled = True
        self.write.description = "write this plan"
        self.told.value = ""

    def _cut_again(self, changed: Changed | None = None) -> None:
        super()._cut_again(changed)
        self._unsettle()

    def _plan(self) -> Merged:
        made = self.candidates
        assert isinstance(made, Merged)
        return made.planned(self.include.value, self.run.live_decisions)

    def _look(self) -> None:
        with self.gallery.lock:
            plan = self._plan()
            table = plan.table(plan.cut(self.slider.value))
        staged = table[table["role"] == "stage"]
        waiting = int((table["role"] == "review").sum())
        self.told.value = report.table_html(taken(self.run, table))
        images, size = count(len(staged), "image"), report.size_text(staged["bytes"].sum())
        self.write.description = f"write this plan: {images}, {size}"
        self.write.disabled = False
        self._say(
            f"this plan would stage {images}, {waiting:,} left for your review; "
            "the table shows where they are from; nothing is written yet"
        )

    def _save(self) -> None:
        self._say("writing …")
        with self.gallery.lock:
            plan, threshold = self._plan(), self.slider.value
            folder = self.run.save(plan, threshold, name=self.name, anew=True)
        self.write.disabled = True
        stage = command("stage", folder / "manifest.csv")
        self._say(f"written; to stage it, open 90_stage or run: {stage}")


def review(
    run: Workbench, merged: Merged, include: str, *, interactive: bool = True
) -> Reviewer | None:
    """Show a `Reviewer`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    reviewer = Reviewer(run, merged, include)
    reviewer.show()
    return reviewer


# ---------------------------------------------------------------- decisions


def remembered(decisions: Decisions) -> pd.DataFrame:
    """Return every decision in force as a table, newest first."""
    rows = [_told(record) for record in reversed(decisions.listed())]
    return pd.DataFrame(rows, columns=DECISION_COLUMNS, dtype=object)


def _told(record: Mapping[str, Any]) -> list[str]:
    what = WHAT[record["what"]]
    if record["what"] == "mark":
        what, paths = f"{what}: {record['mark']}", [record["path"]]
    else:
        paths = record.get("paths", [])
    when = str(record.get("when", ""))[:16].replace("T", " ")
    cells = [when, what, _few(paths), str(record.get("finder", "")), str(record.get("group", ""))]
    return [tables.shown(text) for text in cells]


def _few(paths: Iterable[str]) -> str:
    every = list(paths)
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more


class Revoker:
    """Every decision in force with a button that revokes it, a page at a time.

    Attributes
    ----------
    sought : widget
        Text to search; only matching decisions are shown.
    rows : widget
        The rows on display, each with a button and a text.
    """

    def __init__(self, run: Workbench) -> None:
        self.run, self.page = run, 0
        layout = ipywidgets.Layout(width="20rem")
        self.sought = ipywidgets.Text(
            description="find", placeholder="part of a file name", layout=layout
        )
        self.sought.observe(lambda change: self._turn(-self.page), "value")
        self.back = _small("‹", "newer decisions", lambda: self._turn(-1))
        self.on = _small("›", "older decisions", lambda: self._turn(1))
        self.again = _small("refresh", "read the decisions again", lambda: self._turn(0))
        self.undo = _small("undo", "undo the last decision or revocation", self._undo)
        self.said, self.rows = ipywidgets.HTML(), ipywidgets.VBox()
        bar = [self.sought, self.back, self.on, self.again, self.undo]
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        self.box = ipywidgets.VBox([ipywidgets.HBox(bar, layout=wrap), self.said, self.rows])
        self._turn(0)

    def _turn(self, pages: int) -> None:
        listed = [(record, _told(record)) for record in reversed(self.run.live_decisions.listed())]
        text = self.sought.value.casefold()
        chosen = [entry for entry in listed if text in " ".join(entry[1]).casefold()]
        last = max(0, (len(chosen) - 1) // ROWS_A_PAGE)
        self.page = min(max(0, self.page + pages), last)
        shown = chosen[self.page * ROWS_A_PAGE : (self.page + 1) * ROWS_A_PAGE]
        self.rows.children = [self._row(record, cells) for record, cells in shown]
        self.back.disabled, self.on.disabled = self.page == 0, self.page == last
        self.undo.disabled = self.run.live_decisions.last is None
        self.said.value = f"{len(chosen):,} decisions, page {self.page + 1} of {last + 1}"

    def _row(self, record: Mapping[str, Any], cells: Sequence[str]) -> ipywidgets.HBox:
        button = _small("revoke", f"revoke {cells[1]} {cells[2]}", lambda: self._revoke(record))
        when, what, images, finder, _ = cells
        text = ipywidgets.Label(f"{when} · {what} · {images} · {finder}")  # a Label shows text only
        return ipywidgets.HBox([button, text])

    def _revoke(self, record: Mapping[str, Any]) -> None:
        self.run.live_decisions.revoke(record)
        self._turn(0)

    def _undo(self) -> None:
        self.run.live_decisions.undo()
        self._turn(0)


def _small(text: str, label: str, act: Any) -> ipywidgets.Button:
    button = ipywidgets.Button(
        description=text,
        tooltip=label,
        layout=ipywidgets.Layout(width="auto", flex="0 0 auto"),
    )
    button.on_click(lambda _: act())
    return button


def revoker(run: Workbench, *, interactive: bool = True) -> Revoker | None:
    """Show a `Revoker`, or nothing when `interactive` is false."""
    if not interactive:
        return None
    made = Revoker(run)
    tuning.present(
        made.box,
        "revoking needs a live Jupyter kernel with widgets; the table above lists the decisions",
    )
    return made

"""What lies in the review folders -> pictures beside what was kept, and buttons to take it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets
from IPython.display import display

from dedup_nb import report, staging
from dedup_nb.library import tables
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count
from dedup_nb.session.workbench import Workbench
from dedup_nb.staging import telling
from dedup_nb.staging.ledger import Intent, State, read_ledger
from dedup_nb.staging.library import Library
from dedup_nb.steps.stage.moving import BatchView, Confirm
from dedup_nb.widgets.tuning import present

GROUPS_A_PAGE = 12
NOTHING = "Nothing is staged."
ALL = ""  # the choice of all batches


def staged(run: Workbench) -> dict[str, list[Intent]]:
    """Return the bundles that are staged, by batch, the latest first."""
    with Library(run.library) as opened:
        batches = read_ledger(opened).batches
    intents = {
        name: [intent for intent in batch.intents.values() if intent.state is State.STAGED]
        for name, batch in batches.items()
    }
    return {name: intents[name] for name in sorted(intents, reverse=True) if intents[name]}


def look(run: Workbench, *, interactive: bool) -> TakingBack | None:
    """Show what is staged and buttons to take it back; without widgets, the latest batch."""
    if interactive:
        taking = TakingBack(run)
        taking.show()
        return taking
    batches = staged(run)
    name = next(iter(batches), None)
    shown = batches[name] if name else []
    print(BatchView(run, name, shown).describe())
    display(_sheet(run, name, shown))
    return None


def beside(taking: TakingBack | None, confirm: object) -> None:
    """Show the same buttons beside the one that stages, and let each know of the other.

    What that one stages appears here, and can be staged again once it was taken back.
    """
    if taking is not None and isinstance(confirm, Confirm):
        confirm.then, taking.then = taking.refresh, confirm.again
        taking.show()


def _sheet(run: Workbench, batch: str | None, intents: Sequence[Intent]) -> report.Sheet:
    view = BatchView(run, batch, intents)
    return report.Sheet(view.views, view.thumbnail, limit=GROUPS_A_PAGE, empty=NOTHING)


def _size(intents: Sequence[Intent]) -> str:
    left = [file for intent in intents for file in intent.left]
    size = report.size_text(sum(file.size for file in left))
    return f"{count(len(intents), 'bundle')}, {count(len(left), 'file')}, {size}"


def _groups(intents: Sequence[Intent]) -> list[list[Intent]]:
    """Return the bundles that are shown together."""
    groups: dict[str, list[Intent]] = {}
    for intent in intents:
        groups.setdefault(intent.group or intent.bundle, []).append(intent)
    return list(groups.values())


class TakingBack:
    """Pages of what is staged, and buttons that move a batch, or all, back to where it was.

    Attributes
    ----------
    batch, page : widget
        The batch that is looked at, and the page of it.
    back, back_all, yes, no : widget
        Buttons: the first two ask, `yes` moves.
    sheet, asked, said : widget
        The pictures, the question and the result.
    then : callable
        Called after something was taken back.
    """

    def __init__(self, run: Workbench) -> None:
        self.run = run
        self.then: Callable[[], None] = lambda: None
        wide = ipywidgets.Layout(width="auto")
        self.batch = ipywidgets.Dropdown(description="batch", layout={"width": "36rem"})
        self.page = ipywidgets.BoundedIntText(
            min=1, max=1, value=1, description="page", layout={"width": "9rem"}
        )
        self.pages = ipywidgets.HTML()
        self.back = ipywidgets.Button(
            description="Take this batch back …", icon="undo", layout=wide
        )
        self.back_all = ipywidgets.Button(description="Take all back …", icon="undo", layout=wide)
        self.yes = ipywidgets.Button(button_style="warning", layout=wide)
        self.no = ipywidgets.Button(description="Leave it staged", layout=wide)
        self.bar = ipywidgets.IntProgress(max=1, layout={"visibility": "hidden"})
        self.sheet, self.asked, self.said = (ipywidgets.HTML() for _ in range(3))
        self.wanted: str | None = None
        self.batch.observe(lambda _: self._turn_to(1), "value")
        self.page.observe(lambda _: self._paint(), "value")
        self.back.on_click(lambda _: self.ask(self.batch.value))
        self.back_all.on_click(lambda _: self.ask(ALL))
        self.yes.on_click(lambda _: self.take_back())
        self.no.on_click(lambda _: self._ask_nothing())
        self.question = ipywidgets.VBox([self.asked, ipywidgets.HBox([self.yes, self.no])])
        self.box = ipywidgets.VBox()
        self.refresh()

    def show(self) -> None:
        """Display the pictures and buttons; more than once shows the same ones."""
        back = command("restore", "--library", self.run.library)
        instead = f"the buttons need a live Jupyter kernel; to take all back, run: {back}"
        present(self.box, instead)

    def refresh(self) -> None:
        """Read again what is staged, and show the latest batch."""
        self.batches = staged(self.run)
        self._ask_nothing()
        self.batch.options = [
            (f"{name}: {_size(intents)}", name) for name, intents in self.batches.items()
        ]
        self.back_all.description = f"Take all {len(self.batches)} batches back …"
        row = ipywidgets.Layout(flex_flow="row wrap")
        buttons = [self.back, self.back_all] if len(self.batches) > 1 else [self.back]
        chosen = ipywidgets.HBox([self.batch, self.page, self.pages], layout=row)
        shown = [chosen, ipywidgets.HBox([*buttons, self.bar], layout=row), self.question]
        self.box.children = [*(shown if self.batches else []), self.said, self.sheet]
        self.batch.value = next(iter(self.batches), None)
        self._turn_to(1)

    def ask(self, batch: str) -> None:
        """Say what taking back would move, and ask."""
        self.wanted = batch
        chosen = self._chosen(batch)
        what = f"batch {batch}" if batch else f"all {len(self.batches)} batches"
        self.asked.value = escape(
            f"This moves {_size(chosen)}, of {what}, back to where they were before. Nothing is "
            "overwritten: what has another file in its place by now stays staged."
        )
        self.yes.description = f"Yes, move {count(len(chosen), 'bundle')} back"
        self.question.layout.display = ""

    def take_back(self) -> None:
        """Move back what was asked about."""
        if self.wanted is None:
            return
        batch = self.wanted or None
        self.yes.disabled = self.no.disabled = True
        self.bar.layout.visibility = "visible"
        try:
            result = staging.restore(self.run.library, batch, progress=self._show)
            lines = [*telling.restored_lines(result), *telling.refusal_lines(result.refused)]
        except staging.StagingError as error:
            lines = [str(error)]
        self.yes.disabled = self.no.disabled = False
        self.bar.layout.visibility = "hidden"
        self.said.value = "<br>".join(escape(tables.shown(line)) for line in lines)
        self.refresh()
        self.then()

    def _chosen(self, batch: str) -> list[Intent]:
        if batch:
            return self.batches[batch]
        return [intent for intents in self.batches.values() for intent in intents]

    def _ask_nothing(self) -> None:
        self.wanted = None
        self.question.layout.display = "none"

    def _turn_to(self, page: int) -> None:
        self._ask_nothing()
        groups = _groups(self.batches.get(self.batch.value, []))
        self.page.max = max(1, -(-len(groups) // GROUPS_A_PAGE))
        if self.page.value == page:
            self._paint()
        else:
            self.page.value = page

    def _paint(self) -> None:
        groups = _groups(self.batches.get(self.batch.value, []))
        start = (self.page.value - 1) * GROUPS_A_PAGE
        part = groups[start : start + GROUPS_A_PAGE]
        self.pages.value = f"groups {start + 1:,} to {start + len(part):,} of {len(groups):,}"
        intents = [intent for group in part for intent in group]
        html = _sheet(self.run, self.batch.value, intents)._repr_html_()
        self.sheet.value = f'<div class="jp-RenderedHTMLCommon">{html}</div>'

    def _show(self, done: int, total: int) -> Any:
        self.bar.max, self.bar.value = max(total, 1), done

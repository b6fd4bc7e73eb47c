"""The manifests of a notebook -> a widget that asks about an acceptance sample of one of them."""

from __future__ import annotations

from html import escape
from pathlib import Path

import ipywidgets

from dedup_nb.library import tables
from dedup_nb.library.acceptance import warranty
from dedup_nb.library.acceptance.drawing import Going
from dedup_nb.library.acceptance.warranty import LIMITS, percent
from dedup_nb.library.hints import command
from dedup_nb.session import acceptance
from dedup_nb.session.acceptance import WISHED, Acceptance, pair_of
from dedup_nb.session.workbench import Workbench
from dedup_nb.staging import StagingError
from dedup_nb.widgets.buttons import button
from dedup_nb.widgets.labelling.labelling import FALLBACK, Asked, Labelling
from dedup_nb.widgets.tuning import present

WISHES = (0.05, 0.02, 0.01, 0.005, 0.001)
QUESTION = "May the right picture go, because the left one stays?"
EMPTY = "Nothing to ask: the plan removes no image, or each is byte for byte what is kept."


class Warranting:
    """Asks about the acceptance sample of a manifest and writes its warranty.

    Attributes
    ----------
    manifest, wish : widget
        The plan, and the share of wrong images that its sample is sized for.
    asking : Labelling
        The questions; they are displayed once you begin.
    sample : Acceptance or None
        The sample on display.
    """

    def __init__(self, run: Workbench) -> None:
        self.run = run
        self.sample: Acceptance | None = None
        self.manifest = ipywidgets.Dropdown(
            description="plan", layout=ipywidgets.Layout(width="28rem")
        )
        self.wish = ipywidgets.Dropdown(
            options=[(f"at most {percent(share)} wrong", share) for share in WISHES],
            value=WISHED,
            description="show",
            layout=ipywidgets.Layout(width="18rem"),
        )
        self.begin = button("answer the sample", "check-square-o", self.ask)
        self.again = button("look for plans again", "refresh", self.look)
        self.done = button("write it into the report", "check", self.write)
        self.said = ipywidgets.HTML()
        self.asking = Labelling(
            [],
            labels=run.labels,
            design="",
            question=QUESTION,
            sides=("stays", "goes"),
            told=self._told,
            thumbnail=run.thumbnail,
            beside=run.beside,
            finder=run.notebook,
            empty=EMPTY,
        )
        self.asking.on_answer(self._answered)
        self.manifest.observe(lambda change: self.open(), "value")
        self.wish.observe(lambda change: self._ask(), "value")
        bar = ipywidgets.HBox(
            [self.manifest, self.wish, self.begin, self.again, self.done],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        self.box = ipywidgets.VBox([bar, self.said])
        self.look()

    def ask(self) -> None:
        """Display the questions."""
        limits = ipywidgets.HTML(f"<small>{escape(LIMITS)}</small>")
        self.box.children = [*self.box.children[:2], self.asking, limits]

    def look(self) -> None:
        """List the manifests of this notebook, the newest first, and open the first."""
        own = self.run.folder
        found = acceptance.manifests_of(self.run)
        options = [(str((folder / "manifest.csv").relative_to(own)), folder) for folder in found]
        self.manifest.options = options
        self.manifest.value = options[0][1] if options else None
        self.open()

    def open(self) -> None:
        """Draw the sample of the chosen manifest, and show what was answered before."""
        folder: Path | None = self.manifest.value
        self.sample = None
        try:
            self.sample = Acceptance(self.run, folder) if folder else None
            self._say(self._told() or "this notebook has written no plan yet")
        except StagingError as error:
            self._say(str(error))
        self.asking.design = self.sample.design if self.sample else ""
        self._ask()
        if self.sample and not self.sample.order:
            self.write()

    def write(self) -> None:
        """Write `warranty.json`, and what it says into `summary.json` and the report."""
        if self.sample is None:
            return
        try:
            made = self.sample.write()
        except (OSError, ValueError) as error:
            self._say(f"not written: {error}")
            return
        path = self.sample.folder / warranty.NAME
        self._say(f"{path}: {made.says()}" if path.exists() else self.sample.told(self.wish.value))

    def _told(self) -> str:
        return self.sample.told(self.wish.value) if self.sample else ""

    def _answered(self) -> None:
        """Keep the file up to date; the report once the sample is complete."""
        if self.sample is None:
            return
        try:
            made = self.sample.write_file()
        except OSError as error:  # the answer itself is on disk
            self._say(f"the answer is saved, but {warranty.NAME} is not written: {error}")
            return
        needed = self.sample.needed(self.wish.value, made)
        if needed is not None and len(made.sample) >= needed:
            self.write()
        elif needed is not None and needed > len(self.asking.asked):
            self._ask(further=True)

    def _ask(self, *, further: bool = False) -> None:
        """Ask about as many images as the wish needs, in the order of drawing."""
        sample = self.sample
        if sample is None:
            self.asking.show([], finished="", empty=EMPTY)
            return
        n = sample.asked(self.wish.value)
        asked = [self._asked(going) for going in sample.order[:n]]
        if further:
            self.asking.extend(asked)
        else:
            self.asking.show(asked, finished="The sample is complete; its warranty is written.")

    def _asked(self, going: Going) -> Asked:
        return Asked(
            (going.keeper, going.path),
            pair_of(going),
            (self._size(going.keeper), self._size(going.path)),
        )

    def _size(self, path: str) -> tuple[int, int]:
        return self.run.sizes.get(path, (0, 0))

    def _say(self, text: str) -> None:
        self.said.value = escape(tables.shown(text))


def warrant(run: Workbench, *, interactive: bool = True) -> Warranting | None:
    """Show a `Warranting`; when `interactive` is false, write and print what the answers say."""
    if interactive:
        made = Warranting(run)
        present(made.box, f"{FALLBACK}; until then a plan has no warranty")
        return made
    for folder in acceptance.manifests_of(run):
        sample = Acceptance(run, folder)
        so_far = sample.write()
        print(f"{tables.shown(str(folder / 'manifest.csv'))}: {sample.told(WISHED)}")
        if not so_far.sample and sample.order:
            print(f"To answer, open {run.notebook}: {command('lab', '--run', run.folder)}")
    return None

"""A button that runs the finders of a run folder in a process of their own, with progress."""

from __future__ import annotations

import contextvars
import re
import signal
import subprocess
import sys
import threading
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import display, update_display

from dedup_nb.library import safe_path, tables
from dedup_nb.library.hints import command
from dedup_nb.library.quantities import count
from dedup_nb.steps.opening.page import Opened, missing
from dedup_nb.widgets.arriving import Arriving
from dedup_nb.widgets.tuning import present

PAGE = "dedup-nb-opening"  # display id of the page
STEP = re.compile(r"\[(\d+)/(\d+)\] (.*)")


def show(opened: Opened) -> None:
    """Display the page; `Runner` brings it up to date."""
    display(opened, display_id=PAGE)


def offer(opened: Opened, *, interactive: bool) -> Runner | None:
    """Show a button that runs the finders which have no results yet, or print how to run them."""
    left = missing(opened.folder)
    if not left:
        print("Every finder of this run has results.")
        return None
    if opened.content["profile"] is None:
        print("This run has no profile: open a finder and run all its cells.")
        return None
    runner = Runner(opened, left)
    again = f"to run {count(len(left), 'notebook')}, type: {command(*runner.words)}"
    if not interactive:
        print(again)
        return None
    present(runner.box, f"the button needs a live Jupyter kernel; {again}")
    return runner


class Runner:
    """A button that runs notebooks headlessly in the run folder, and tells how far they are.

    Parameters
    ----------
    opened : Opened
        The run.
    names : list of str
        The notebooks.

    Attributes
    ----------
    go, halt, bar, said : widget
        Buttons, the notebooks done, and what is done now.
    words : list
        The words of the command that does the same.
    """

    def __init__(self, opened: Opened, names: list[str]) -> None:
        self.opened, self.names = opened, names
        self.process: subprocess.Popen[str] | None = None
        wide = ipywidgets.Layout(width="auto")
        self.go = ipywidgets.Button(
            description=f"Run all finders here ({count(len(names), 'notebook')})",
            button_style="primary",
            icon="play",
            layout=wide,
        )
        self.halt = ipywidgets.Button(description="Stop", icon="stop", layout=wide, disabled=True)
        self.bar = ipywidgets.IntProgress(max=len(names), layout={"visibility": "hidden"})
        self.said = ipywidgets.HTML()
        self.go.on_click(lambda _: self.press())
        self.halt.on_click(lambda _: self.stop())
        row = ipywidgets.HBox([self.go, self.halt, self.bar])
        self.box = ipywidgets.VBox([Arriving(), row, self.said])

    @property
    def words(self) -> list[str | Path]:
        folder, profile = self.opened.folder, Path(self.opened.content["profile"])
        only = [word for name in self.names for word in ("--only", name)]
        return ["run", profile, "--resume", folder, *only]

    def press(self) -> None:
        """Start; what has results then is left alone."""
        self.go.disabled, self.halt.disabled = True, False
        self.bar.layout.visibility = "visible"
        self._say("starting …")
        words = [sys.executable, "-P", "-m", "dedup_nb", *map(str, self.words)]
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=safe_path.environment(),
            start_new_session=True,
        )
        context = contextvars.copy_context()  # of this cell, so that its outputs are updated
        threading.Thread(target=context.run, args=(self._follow,), daemon=True).start()

    def stop(self) -> None:
        """Interrupt; notebooks that are done keep their results."""
        if self.process is not None and self.process.poll() is None:
            self._say("stopping …")
            self.process.send_signal(signal.SIGINT)

    def _follow(self) -> None:
        process: Any = self.process
        step, last = "", ""
        for line in process.stdout:
            if match := STEP.match(line):
                step = match[3].strip()
                self.bar.value = int(match[1]) - 1
            last = line.strip() or last
            self._say(step if match else f"{step} {last}")
            if match and "done (" in step:
                self._refresh()
        status = process.wait()
        self.halt.disabled = True
        self.bar.value = self.bar.max if status == 0 else self.bar.value
        left = missing(self.opened.folder)
        self.names = left or self.names
        self.go.disabled = not left
        self.go.description = f"Run all finders here ({count(len(left), 'notebook')})"
        self._say(
            "all finders have run; the page below shows what they found" if not left else last
        )
        self._refresh()

    def _refresh(self) -> None:
        update_display(Opened(self.opened.folder), display_id=PAGE)

    def _say(self, text: str) -> None:
        self.said.value = escape(tables.shown(text))

"""A manifest and your answers about a sample of it -> `warranty.json`, summary and report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from dedup_nb import staging
from dedup_nb.groups.labels import Pair
from dedup_nb.library import files
from dedup_nb.library.acceptance import bounds, warranty
from dedup_nb.library.acceptance.drawing import Going
from dedup_nb.library.acceptance.warranty import Answered, Warranty, percent
from dedup_nb.report import pages
from dedup_nb.session import runs
from dedup_nb.session.results import NO_WARRANTY, WARRANTY
from dedup_nb.session.run import Run

WISHED = 0.01  # share of wrong images that a sample is sized for


class Acceptance:
    """The acceptance sample of one manifest.

    Parameters
    ----------
    run : Run
        The current run, for its labels.
    folder : Path
        Results folder with `manifest.csv`.

    Attributes
    ----------
    order : list of Going
        The images that are asked about, in the order of drawing.
    images : int
        All images that the manifest removes.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        plan = staging.read_manifest(folder / "manifest.csv")
        self.manifest = plan.sha256
        self.images, self.order = staging.images_of_plan(plan)
        self.design = design_of(plan.sha256)

    @property
    def warranty(self) -> Warranty:
        """What the answers say: those from the beginning of the order on, without gaps."""
        known = self.run.labels.of(self.design)
        pairs = ((going, known.get(pair_of(going))) for going in self.order)
        sample = tuple(
            Answered(going, label.answer, label.when)
            for going, label in takewhile(lambda each: each[1] is not None, pairs)
            if label is not None
        )
        latest = max((each.when for each in sample), default="")
        return Warranty(self.manifest, self.images, len(self.order), sample, latest)

    def needed(self, share: float, made: Warranty | None = None) -> int | None:
        """Return how many answers show that at most a share is wrong, if no more are called wrong.

        None if too many have been called wrong for that.
        """
        wrong = (made or self.warranty).wrong
        return bounds.answers_needed(len(self.order), most_of(share, self.images), wrong)

    def asked(self, share: float) -> int:
        """Return about how many images to ask.

        Where too many were called wrong, as many as it would take if none were: leaving out what
        was called wrong then makes a plan that is known to be better.
        """
        made = self.warranty
        needed = self.needed(share, made)
        if needed is None:
            most = most_of(share, self.images)
            needed = bounds.answers_needed(len(self.order), most) or 0
        return max(needed, len(made.sample))

    def told(self, share: float) -> str:
        """Return what the answers say so far, and how many more it takes."""
        made = self.warranty
        needed, n = self.needed(share, made), len(made.sample)
        if not self.images:
            return "This plan removes no image."
        if needed is None:
            return (
                f"{made.says()} Too many are wrong for {percent(share)}: leave out what you called "
                "wrong and write another plan, or wish for less."
            )
        if n >= needed:
            return made.says()
        if not n:
            return (
                f"No warranty yet: nobody has looked at a sample of its {self.images:,} images. If "
                f"{needed:,} drawn by chance are right, at most {percent(share)} are wrong, with "
                "95 % confidence."
            )
        return (
            f"{n:,} of {needed:,} answered, which show at most {percent(share)} if no more are "
            f"wrong. So far: at most {made.bound:,} of {self.images:,} ({percent(made.share)}) are "
            f"wrong, with 95 % confidence; you called {made.wrong:,} wrong."
        )

    def write(self) -> Warranty:
        """Write `warranty.json`, and what it says into `summary.json` and the report.

        Raises
        ------
        OSError
            If one of them cannot be written.
        """
        made = self.write_file()
        note = f"{WARRANTY}{made.says()}" if self._is_made(made) else NO_WARRANTY
        pages.replace_note(self.folder, WARRANTY, note)
        path = self.folder / "summary.json"
        if path.is_file():
            summary = runs.summary(self.folder) | {
                "warranty": summed(made) if self._is_made(made) else None
            }
            files.replace_text(path, json.dumps(summary, indent=2, default=str) + "\n")
        return made

    def write_file(self) -> Warranty:
        """Write `warranty.json` alone; nothing without an answer, unless none is needed."""
        made = self.warranty
        if self._is_made(made):
            warranty.write(self.folder / warranty.NAME, made)
        else:
            (self.folder / warranty.NAME).unlink(missing_ok=True)  # every answer was taken back
        return made

    def _is_made(self, made: Warranty) -> bool:
        return bool(made.sample) or (bool(self.images) and not self.order)


def most_of(share: float, images: int) -> int:
    """Return the most images that are a share of all, rounded down."""
    return int(share * images + 1e-9)


def design_of(manifest: str) -> str:
    """Return the design of the sample of a manifest, given its SHA-256."""
    return f"plan {manifest}"


def pair_of(going: Going) -> Pair:
    """Return what is asked about an image: the content that stays, and its own."""
    return Pair(going.keeper_sha256, going.sha256)


def summed(made: Warranty) -> dict[str, Any]:
    """Return what `summary.json` says of a warranty."""
    content = made.as_json()
    names = ("says", "bound", "share", "confidence", "answers", "wrong", "unsure", "when")
    return {name: content[name] for name in names}


def renew(run: Run, folder: Path) -> None:
    """Write the warranty of results that were just written, if their manifest was answered before.

    The same library and parameters give the same manifest, so answers outlast its folder.
    """
    path = folder / "manifest.csv"
    if path.is_file() and run.labels.of(design_of(_digest(path))):
        Acceptance(run, folder).write()


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifests_of(run: Run) -> Sequence[Path]:
    """Return the results folders of this notebook in this run that have a manifest, newest first.

    Damaged and unfinished ones are left out.
    """
    own = run.folder / run.notebook
    folders = [*sorted(own.glob("saved-*"), reverse=True), own]
    return [f for f in folders if (f / "manifest.csv").is_file() and runs.is_complete(f)]

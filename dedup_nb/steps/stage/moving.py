"""Tables, pictures and buttons of `90_stage` and `95_approve`: plans and staged batches."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

from dedup_nb import report, staging
from dedup_nb.library import files, formats, quantities, tables
from dedup_nb.library.hints import command
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures import measures
from dedup_nb.pictures.store import Facts, FileKey
from dedup_nb.session import notebooks, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.staging import telling
from dedup_nb.staging.ledger import Intent, State, read_ledger
from dedup_nb.staging.library import Library
from dedup_nb.widgets.tuning import present

OTHERS_LISTED = 8
DECODED_AGAIN = 300  # images, more than a sheet shows
REFUSAL_COLUMNS = ["bundle", "code", "message", "todo"]


def open_plan(run: Workbench, manifest: str | None) -> PlanView:
    """Read a manifest and check it against the disk without moving anything.

    Parameters
    ----------
    run : Workbench
        The current run.
    manifest : str, optional
        Path of a `manifest.csv`; by default the latest of this run, or else of this profile.

    Raises
    ------
    WrongInput
        If a manifest is missing or cannot be read as one.
    """
    path, *others = [Path(manifest)] if manifest else manifests(run)
    try:
        plan = staging.read_manifest(path)
        refused = staging.check(plan, run.library, run.roots, progress=Ticker("bundles checked:"))
    except staging.StagingError as error:
        raise WrongInput(str(error)) from error
    return PlanView(run, path, plan, refused, others)


def manifests(run: Workbench) -> list[Path]:
    """Return the manifests of this run folder, or else of its neighbours, latest first.

    Reviewed manifests (written by `80_review` or saved with a button) come before those of finders,
    and manifests that move nothing come last. Manifests of clusters are left out: they have to be
    named explicitly.

    Raises
    ------
    WrongInput
        If the manifest is missing.
    """
    for folder in (run.folder, run.folder.parent):
        depth = "*/" if folder == run.folder else "*/*/"
        plans = [
            p
            for tail in ("manifest.csv", "saved-*/manifest.csv")
            for p in folder.glob(depth + tail)
            if not _of_clusters(p)
        ]
        if plans:
            return sorted(plans, key=_chosen_and_new, reverse=True)
    raise WrongInput(f"no manifest.csv below {run.folder.parent}; run 10_phash, or set manifest")


def _of_clusters(path: Path) -> bool:
    try:
        return bool(runs.summary(path.parent).get("staging") == "_clusters")
    except ValueError as error:
        print(f"{path} is left out: {error}")
        return True


def _chosen_and_new(path: Path) -> tuple[bool, bool, int, str]:
    with open(path, "rb") as file:
        moves = len(file.readlines(2**16)) > 1  # a row below the header
    chosen = path.parent.name.startswith("saved-") or notebooks.REVIEW in path.parts[-3:]
    return moves, chosen, path.stat().st_mtime_ns, str(path)


class PlanView:
    """A plan, checked against the disk, as tables and pictures."""

    def __init__(
        self,
        run: Workbench,
        path: Path,
        plan: staging.Plan,
        refused: Sequence[staging.Refusal],
        others: Sequence[Path] = (),
    ) -> None:
        self.run, self.path, self.plan, self.others = run, path, plan, others
        rows = [[tables.shown(str(getattr(r, c))) for c in REFUSAL_COLUMNS] for r in refused]
        self.refusals = pd.DataFrame(rows, columns=REFUSAL_COLUMNS)

    def describe(self) -> str:
        """Return one line about the plan, followed by the other available plans."""
        plan = self.plan
        lines = [
            f"{self.path}: {quantities.count(len(plan.bundles), 'bundle')}, "
            f"{quantities.count(plan.files, 'file')}, "
            f"{report.size_text(plan.n_bytes)}; {len(self.refusals):,} would be refused",
            staging.of_plan(plan)[1] or "no warranty: nobody has answered its acceptance sample",
        ]
        if self._decided_since:
            lines.append(
                "you decided more after this plan was written; if that should count, write the "
                "plan anew in 80_review"
            )
        if self.others:
            lines.append("Other plans; to use one, set the parameter manifest:")
            lines += [f"  {path}" for path in self.others[:OTHERS_LISTED]]
        return tables.shown("\n".join(lines))

    @property
    def _decided_since(self) -> bool:
        """Whether a decision about the library is younger than the plan."""
        decisions = self.run.live_decisions.path
        try:
            return bool(decisions and decisions.stat().st_mtime_ns > self.path.stat().st_mtime_ns)
        except OSError:  # nothing was ever decided
            return False

    @cached_property
    def by_folder(self) -> pd.DataFrame:
        """Files and megabytes that would move, by folder, largest first."""
        rows = [row for bundle in self.plan.bundles.values() for row in bundle.rows]
        frame = pd.DataFrame(
            {
                "folder": [tables.shown(os.path.dirname(row.src)) or "." for row in rows],
                "bytes": [row.size for row in rows],
            }
        )
        moved = frame.groupby("folder")["bytes"].agg(["size", "sum"]).reset_index()
        moved.columns = pd.Index(["folder", "files", "MB"])
        moved["MB"] = (moved["MB"] / 1e6).round(2)
        return moved.sort_values(["MB", "folder"], ascending=[False, True], ignore_index=True)

    @cached_property
    def views(self) -> list[dict[str, Any]]:
        """Groups for a sheet: the images that stay, then those that would move."""
        groups: dict[str, dict[str, dict[str, Any]]] = {}
        for bundle in self.plan.bundles.values():
            members = groups.setdefault(bundle.group or bundle.bundle, {})
            for row in bundle.rows:
                if not _is_picture(row.src, self._facts.get(row.sha256)):
                    continue
                reason = f"{quantities.count(len(bundle.rows), 'file')}; {bundle.reason}"
                if row.keeper:
                    keeper = self._member(row.keeper, row.keeper_sha256, "keeper", "stays")
                    members.setdefault(row.keeper, keeper)
                members[row.src] = self._member(row.src, row.sha256, "stage", reason)
        return [_view(members, "to stage") for members in groups.values() if members]

    def _member(self, path: str, sha256: str, role: str, reason: str) -> dict[str, Any]:
        return _member(self.run, self._facts.get(sha256), path, path, role, reason)

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        rows = [row for bundle in self.plan.bundles.values() for row in bundle.rows]
        pairs = [((r.keeper_sha256, r.keeper), (r.sha256, r.src)) for r in rows]
        return known(self.run, dict(itertools.chain.from_iterable(pairs)))

    @cached_property
    def digests(self) -> dict[str, str]:
        """Path -> sha256 of every file that moves or stays."""
        rows = [row for bundle in self.plan.bundles.values() for row in bundle.rows]
        return {r.keeper: r.keeper_sha256 for r in rows} | {r.src: r.sha256 for r in rows}

    def thumbnail(self, path: str) -> bytes | None:
        """Return the cached thumbnail of an image of the plan, or None."""
        return self.run.store.thumbnail(self.digests.get(path, ""))


def known(run: Workbench, places: Mapping[str, str]) -> dict[str, Facts]:
    """Return the facts about contents, by sha256.

    If the cache was deleted, the first images are decoded again.

    Parameters
    ----------
    run : Workbench
        The current run.
    places : mapping of str to str
        sha256 -> current path of a file with this content, relative to the library.
    """
    facts = run.store.facts(places)
    lost = [p for sha256, p in places.items() if sha256 not in facts and _is_picture(p, None)]
    keys = [key for place in lost[:DECODED_AGAIN] if (key := FileKey.of(run.library, place))]
    if not keys:
        return facts
    measures.measure_files(run.library, keys, run.store, (), progress=Ticker("decoded"))
    return run.store.facts(places)


def _is_picture(path: str, facts: Facts | None) -> bool:
    """Return whether a file is an image, by its content or, if unknown, by its name."""
    return facts is not None or formats.suffix(os.path.basename(path)) in formats.IMAGE_SUFFIXES


def _member(
    run: Workbench, facts: Facts | None, path: str, place: str, role: str, reason: str
) -> dict[str, Any]:
    """Return an image as a member for a sheet; `place` is its current path."""
    try:
        size = os.stat(run.library / place, follow_symlinks=False).st_size
    except OSError:  # gone; staging itself reports it
        size = 0
    return {
        "path": path,
        "role": role,
        "value": None,
        "measure": "",
        "reason": reason,
        "badges": [],
        "width": facts.width if facts else 0,
        "height": facts.height if facts else 0,
        "bytes": size,
    }


def _view(members: Mapping[str, dict[str, Any]], what: str) -> dict[str, Any]:
    """Return a group for a sheet, images that stay first."""
    going = sum(member["role"] == "stage" for member in members.values())
    first = sorted(members.values(), key=lambda member: member["role"] != "keeper")
    stays = len(members) - going
    return {"title": f"{stays} stay{'s' if stays == 1 else ''}, {going} {what}", "members": first}


def apply(
    run: Workbench, plan: PlanView, *, apply: bool, interactive: bool
) -> staging.Result | Confirm | None:
    """Move the plan if `apply` is true; else show a button for it, or the command to use."""
    if apply:
        result, lines = move(run, plan)
        print("\n".join(map(tables.shown, lines)))
        return result
    if interactive:
        confirm = Confirm(run, plan)
        stage = command("stage", plan.path, "--library", run.library)
        present(
            confirm.box,
            f"the button needs a live Jupyter kernel; to move the plan, run: {stage}",
        )
        return confirm
    print("Nothing was moved, because apply is false. To move the plan, run:")
    print(command("stage", plan.path, "--library", run.library))
    return None


def move(
    run: Workbench, plan: PlanView, progress: staging.Progress | None = None
) -> tuple[staging.Result, list[str]]:
    """Stage a plan; return the result, and lines that say what was done and refused.

    The lines are also saved in the run folder.

    Raises
    ------
    StagingError
        Before anything moves: if the input is wrong, the library is locked, a decision is needed,
        or the manifest has changed since it was shown.
    """
    fresh = staging.read_manifest(plan.path)
    if fresh.sha256 != plan.plan.sha256:
        raise staging.StagingError(
            f"{plan.path} has changed since it was shown here; nothing was moved; "
            "run the cells again and check it once more"
        )
    result = staging.stage(
        fresh, run.library, run.roots, progress=progress or Ticker("bundles staged:")
    )
    lines = list(telling.result_lines(result))
    lines += telling.refusal_lines([*result.recovered.conflicts, *result.refused])
    folder = run.folder / run.notebook
    if (folder / "summary.json").exists():
        folder = runs.new_folder(folder, prefix="saved-")
    files.write_json(
        folder / "summary.json", {"says": lines[0], "batch": result.batch, "lines": lines}
    )
    return result, lines


class Confirm:
    """A button that stages the plan, a progress bar, and the result.

    Attributes
    ----------
    result : staging.Result or None
        Set after the button is pressed.
    then : callable
        Called after it was.
    """

    def __init__(self, run: Workbench, plan: PlanView) -> None:
        self.run, self.plan = run, plan
        self.result: staging.Result | None = None
        self.then: Callable[[], None] = lambda: None
        count = len(plan.plan.bundles) - len(plan.refusals)
        size = report.size_text(plan.plan.n_bytes)
        self.button = ipywidgets.Button(
            description=f"Stage {quantities.count(count, 'bundle')} ({size})",
            button_style="warning",
            icon="folder-open",
            disabled=count == 0,
            layout=ipywidgets.Layout(width="auto"),
        )
        self.bar = ipywidgets.IntProgress(max=max(count, 1), layout={"visibility": "hidden"})
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.press())
        self.box = ipywidgets.VBox([ipywidgets.HBox([self.button, self.bar]), self.said])

    def press(self) -> None:
        """Move the plan; pressing again is safe, since staged bundles stay staged."""
        self.button.disabled = True
        self.bar.layout.visibility = "visible"
        try:
            self.result, lines = move(self.run, self.plan, self._show)
            undo = command("restore", "--library", self.run.library)
            lines.append(f"To undo, take the batch back below, or run: {undo}")
        except staging.StagingError as error:
            lines = [str(error)]
            self.button.disabled = False
        self.said.value = _html(lines)
        self.then()

    def again(self) -> None:
        """Let the plan be staged once more, after it was taken back."""
        if self.result is not None:
            self.result, self.said.value, self.button.disabled = None, "", False
            self.bar.layout.visibility = "hidden"

    def _show(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = total, done


def _html(lines: Sequence[str]) -> str:
    return "<br>".join(escape(tables.shown(line)) for line in lines)


# ---------------------------------------------------------------- what is staged


def standing(run: Workbench) -> str:
    """Return what is staged since when, what is unfinished, and what was moved by hand."""
    return tables.shown("\n".join(telling.status_lines(staging.status(run.library))))


def offer_recovery(run: Workbench, *, interactive: bool) -> None:
    """Show a button that moves unfinished bundles back, if there are any."""
    if interactive and staging.status(run.library).unfinished:
        recover = command("recover", "--library", run.library)
        present(
            Recovery(run).box,
            f"the button needs a live Jupyter kernel; to move them back, run: {recover}",
        )


class Recovery:
    """A button that moves back what a killed command left half moved."""

    def __init__(self, run: Workbench) -> None:
        self.run = run
        unfinished = quantities.count(staging.status(run.library).unfinished, "unfinished bundle")
        self.button = ipywidgets.Button(
            description=f"Move {unfinished} back",
            icon="life-ring",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.press())
        self.box = ipywidgets.VBox([self.button, self.said])

    def press(self) -> None:
        """Recover and show the result."""
        try:
            result = staging.recover(self.run.library)
            refused = [*result.lost, *result.conflicts, *result.unfinished]
            lines = [*telling.recovered_lines(result), *telling.refusal_lines(refused)]
        except staging.StagingError as error:
            lines = [str(error)]
        self.said.value = _html(lines)


def open_batch(run: Workbench, batch: str | None) -> BatchView:
    """Return a staged batch, the latest by default.

    Raises
    ------
    WrongInput
        If there is no such batch.
    """
    with Library(run.library) as opened:
        batches = read_ledger(opened).batches
    staged = {
        name: [intent for intent in each.intents.values() if intent.state is State.STAGED]
        for name, each in batches.items()
    }
    if batch is None:
        batch = max((name for name, intents in staged.items() if intents), default=None)
    if batch is not None and batch not in staged:
        raise WrongInput(f"batch {batch} does not exist; the table above lists what is staged")
    return BatchView(run, batch, staged.get(batch, []) if batch else [])


class BatchView:
    """A staged batch as tables and pictures."""

    def __init__(self, run: Workbench, batch: str | None, intents: Sequence[Intent]) -> None:
        self.run, self.batch, self.intents = run, batch, intents
        files = [file for intent in intents for file in intent.left]
        keepers = [keeper for intent in intents for keeper in intent.keepers]
        self.digests = {k.path: k.sha256 for k in keepers} | {f.src: f.sha256 for f in files}
        places = [(k.sha256, k.path) for k in keepers] + [(f.sha256, f.dst) for f in files]
        self.facts = known(run, dict(places))
        self.files, self.n_bytes = len(files), sum(file.size for file in files)

    def describe(self) -> str:
        """Return one line about the batch: bundles, files, size; and what its warranty says."""
        if self.batch is None:
            return "nothing is staged"
        size = report.size_text(self.n_bytes)
        line = f"{self.batch}: {len(self.intents):,} bundles, {self.files:,} files, {size}"
        try:
            says = staging.warranted(self.run.library, self.batch)
        except staging.StagingError as error:
            says = str(error)
        return f"{line}\nWarranty: {says}" if says else f"{line}\nWarranty: none"

    @cached_property
    def views(self) -> list[dict[str, Any]]:
        """Groups for a sheet: the images that stayed, then the staged ones."""
        groups: dict[str, dict[str, dict[str, Any]]] = {}
        for intent in self.intents:
            members = groups.setdefault(intent.group or intent.bundle, {})
            for keeper in intent.keepers:
                facts = self.facts.get(keeper.sha256)
                kept = _member(self.run, facts, keeper.path, keeper.path, "keeper", "stays")
                members.setdefault(keeper.path, kept)
            for file in intent.left:
                facts = self.facts.get(file.sha256)
                if _is_picture(file.src, facts):
                    reason = f"staged {intent.time}; {intent.reason}"
                    staged = _member(self.run, facts, file.src, file.dst, "stage", reason)
                    members[file.src] = staged
        return [_view(members, "staged") for members in groups.values() if members]

    def thumbnail(self, path: str) -> bytes | None:
        """Return the cached thumbnail of an image of the batch, or None."""
        return self.run.store.thumbnail(self.digests.get(path, ""))


def approve(
    run: Workbench,
    batch: BatchView,
    approve_batch: str | None,
    token: str | None,
    max_wrong: float | None = None,
    *,
    interactive: bool,
) -> Consent | None:
    """Approve with a batch and token; else show the approval box, or print what is needed.

    Nothing is approved unless both parameters are given or the phrase is typed.

    Raises
    ------
    WrongInput
        If only one of the two is given, or the token does not match what is staged now.
    """
    if (approve_batch is None) != (token is None) and not interactive:
        raise WrongInput("to approve, set both approve_batch and token; nothing was changed")
    if approve_batch is not None and token is not None:
        try:
            result = staging.approve(
                run.library,
                approve_batch,
                token,
                max_wrong=max_wrong,
                progress=Ticker("bundles approved:"),
            )
        except staging.StagingError as error:
            raise WrongInput(str(error)) from error
        lines = [*telling.approved_lines(result), *telling.refusal_lines(result.refused)]
        print(tables.shown("\n".join(lines)))
        return None
    if interactive and batch.batch is not None:
        consent = Consent(run, batch, max_wrong)
        approve = command("approve", batch.batch, "--library", run.library)
        present(
            consent.box,
            f"the box needs a live Jupyter kernel; to approve, run: {approve}",
        )
        return consent
    if batch.batch is not None:
        asked = staging.approval_token(run.library, batch.batch)
        print(
            "Nothing was approved. After looking through the batch, approve headlessly with both:"
        )
        print(f"  -p approve_batch {batch.batch} -p token {asked}")
    return None


class Consent:
    """A box that asks for the phrase, and buttons to approve or restore the batch."""

    def __init__(self, run: Workbench, batch: BatchView, max_wrong: float | None = None) -> None:
        self.run, self.batch, self.max_wrong = run, str(batch.batch), max_wrong
        phrase = staging.approval_phrase(run.library, self.batch)
        self.typed = ipywidgets.Text(
            placeholder=phrase,
            description="type",
            continuous_update=False,
            layout=ipywidgets.Layout(width="32rem"),
        )
        self.approve = ipywidgets.Button(
            description=f"Move {batch.files:,} files to the trash",
            button_style="danger",
            icon="trash",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.restore = ipywidgets.Button(
            description=f"Restore all {len(batch.intents):,} bundles",
            icon="undo",
            layout=ipywidgets.Layout(width="auto"),
        )
        asked = f"To approve {escape(self.batch)}, type <code>{escape(phrase)}</code>"
        self.said = ipywidgets.HTML(asked)
        self.bar = ipywidgets.IntProgress(max=1, layout={"visibility": "hidden"})
        self.approve.on_click(lambda _: self._do(self._approved))
        self.restore.on_click(lambda _: self._do(self._restored))
        buttons = ipywidgets.HBox([self.approve, self.restore, self.bar])
        self.box = ipywidgets.VBox([self.typed, buttons, self.said])

    def _do(self, act: Callable[[], list[str]]) -> None:
        self.approve.disabled = self.restore.disabled = True
        self.bar.layout.visibility = "visible"
        try:
            lines = act()
        except staging.StagingError as error:
            lines = [str(error)]
            self.approve.disabled = self.restore.disabled = False
        self.said.value = _html(lines)

    def _approved(self) -> list[str]:
        result = staging.approve(
            self.run.library,
            self.batch,
            phrase=self.typed.value,
            max_wrong=self.max_wrong,
            progress=self._show,
        )
        return [*telling.approved_lines(result), *telling.refusal_lines(result.refused)]

    def _restored(self) -> list[str]:
        result = staging.restore(self.run.library, self.batch, progress=self._show)
        return [*telling.restored_lines(result), *telling.refusal_lines(result.refused)]

    def _show(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = total, done

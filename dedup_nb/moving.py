"""A manifest as `90_stage` shows it: what moves, what stays, what is refused; and the button."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

import ipywidgets
import pandas as pd
from IPython.display import display

from dedup_nb import report, runs, staging, tables, telling
from dedup_nb.workbench import Run, Ticker

REFUSAL_COLUMNS = ["bundle", "code", "message", "todo"]


def open_plan(run: Run, manifest: str | None) -> PlanView:
    """Read a manifest and compare it with the disk; nothing is moved.

    Parameters
    ----------
    run : Run
        The run at work.
    manifest : str, optional
        Path of a `manifest.csv`; the newest of this run, or of this profile, by default.

    Raises
    ------
    ValueError
        If there is none, or it is no manifest.
    """
    path = Path(manifest) if manifest else newest_manifest(run)
    try:
        plan = staging.read_manifest(path)
        refused = staging.check(plan, run.library, run.roots, progress=Ticker("checked"))
    except staging.StagingError as error:
        raise ValueError(str(error)) from error
    return PlanView(run, path, plan, refused)


def newest_manifest(run: Run) -> Path:
    """Return the manifest written last in this run folder, else in its neighbours.

    Raises
    ------
    ValueError
        If there is none.
    """
    for folder in (run.folder, run.folder.parent):
        depth = "*/" if folder == run.folder else "*/*/"
        found = [
            p
            for tail in ("manifest.csv", "saved-*/manifest.csv")
            for p in folder.glob(depth + tail)
        ]
        if found:
            return max(found, key=lambda path: (path.stat().st_mtime_ns, str(path)))
    raise ValueError(f"no manifest.csv below {run.folder.parent}; run 10_phash, or set manifest")


class PlanView:
    """A plan, compared with the disk, as tables and pictures."""

    def __init__(
        self, run: Run, path: Path, plan: staging.Plan, refused: Sequence[staging.Refusal]
    ) -> None:
        self.run, self.path, self.plan = run, path, plan
        rows = [[tables.shown(str(getattr(r, c))) for c in REFUSAL_COLUMNS] for r in refused]
        self.refusals = pd.DataFrame(rows, columns=REFUSAL_COLUMNS)

    def describe(self) -> str:
        """Say in one line what the plan would do."""
        plan = self.plan
        return (
            f"{self.path}: {len(plan.bundles):,} bundles, {plan.files:,} files, "
            f"{report.size_text(plan.n_bytes)}; {len(self.refusals):,} would be refused"
        )

    @cached_property
    def by_folder(self) -> pd.DataFrame:
        """Files and megabytes that move, by folder, the most first."""
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
        """Groups for a sheet: what stays first, then what goes."""
        groups: dict[str, dict[str, dict[str, Any]]] = {}
        for bundle in self.plan.bundles.values():
            members = groups.setdefault(bundle.group or bundle.bundle, {})
            for row in bundle.rows:
                facts = self._facts.get(row.sha256)
                if facts is None:  # a companion
                    continue
                reason = f"{telling.count(len(bundle.rows), 'file')} of it; {bundle.reason}"
                if row.keeper:
                    keeper = self._member(row.keeper, row.keeper_sha256, "keeper", "stays")
                    members.setdefault(row.keeper, keeper)
                members[row.src] = self._member(row.src, row.sha256, "stage", reason)
        return [
            {"title": self._title(members), "members": _keepers_first(members)}
            for members in groups.values()
            if members
        ]

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        rows = [row for bundle in self.plan.bundles.values() for row in bundle.rows]
        digests = {row.sha256 for row in rows} | {row.keeper_sha256 for row in rows}
        return self.run.store.facts(digests)

    def _member(self, path: str, sha256: str, role: str, reason: str) -> dict[str, Any]:
        facts = self._facts.get(sha256)
        return {
            "path": path,
            "role": role,
            "value": None,
            "measure": "",
            "reason": reason,
            "badges": [],
            "width": facts.width if facts else 0,
            "height": facts.height if facts else 0,
            "bytes": self._size(path),
        }

    def _size(self, path: str) -> int:
        try:
            return os.stat(self.run.library / path, follow_symlinks=False).st_size
        except OSError:  # gone since; the check above has refused its bundle
            return 0

    @staticmethod
    def _title(members: Mapping[str, Mapping[str, Any]]) -> str:
        going = sum(member["role"] == "stage" for member in members.values())
        return f"{len(members) - going} stays, {going} to be staged"

    @cached_property
    def digests(self) -> dict[str, str]:
        """The sha256 of every file that moves or stays, by path."""
        rows = [row for bundle in self.plan.bundles.values() for row in bundle.rows]
        return {r.keeper: r.keeper_sha256 for r in rows} | {r.src: r.sha256 for r in rows}

    def thumbnail(self, path: str) -> bytes | None:
        """Return the picture of an image of the plan, from the cache, or None."""
        return self.run.store.thumbnail(self.digests.get(path, ""))


def _keepers_first(members: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(members.values(), key=lambda member: member["role"] != "keeper")


def apply(
    run: Run, plan: PlanView, *, apply: bool, interactive: bool
) -> staging.Result | Confirm | None:
    """Move the plan if `apply`; else show a button that does, or say that nothing was moved."""
    if apply:
        result, lines = move(run, plan)
        print("\n".join(map(tables.shown, lines)))
        return result
    if interactive:
        confirm = Confirm(run, plan)
        display(confirm.box)
        return confirm
    print("Nothing was moved: apply is false. To move it:")
    print(f"dedup-nb stage {quote(str(plan.path))} --library {quote(str(run.library))}")
    return None


def move(
    run: Run, plan: PlanView, progress: staging.Progress | None = None
) -> tuple[staging.Result, list[str]]:
    """Stage a plan; return what was done and, in words, what was done and refused and why.

    The words are kept in the run folder too.

    Raises
    ------
    StagingError
        Before anything moved: wrong input, a person is needed, or locked.
    """
    fresh = staging.read_manifest(plan.path)
    result = staging.stage(fresh, run.library, run.roots, progress=progress or Ticker("staged"))
    lines = list(telling.result_lines(result))
    lines += telling.refusal_lines([*result.recovered.conflicts, *result.refused])
    folder = run.folder / run.notebook
    if (folder / "summary.json").exists():
        folder = runs.new_folder(folder, prefix="saved-")
    report.write_json(
        folder / "summary.json", {"says": lines[0], "batch": result.batch, "lines": lines}
    )
    return result, lines


class Confirm:
    """A button that names what it will move, a progress bar, and what came of it.

    Attributes
    ----------
    result : staging.Result or None
        Set once it was pressed.
    """

    def __init__(self, run: Run, plan: PlanView) -> None:
        self.run, self.plan = run, plan
        self.result: staging.Result | None = None
        count = len(plan.plan.bundles) - len(plan.refusals)
        self.button = ipywidgets.Button(
            description=f"Stage {count:,} bundles ({report.size_text(plan.plan.n_bytes)})",
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
        """Move the plan; safe to press again: what is staged already stays so."""
        self.button.disabled = True
        self.bar.layout.visibility = "visible"
        try:
            self.result, lines = move(self.run, self.plan, self._show)
            lines.append(f"Take it back: dedup-nb restore --library {quote(str(self.run.library))}")
        except staging.StagingError as error:
            lines = [str(error)]
            self.button.disabled = False
        self.said.value = "<br>".join(escape(tables.shown(line)) for line in lines)

    def _show(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = total, done
